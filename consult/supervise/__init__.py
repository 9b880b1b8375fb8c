"""The parts of the supervisor: one file a subject. Nothing here imports Django, torch or the product's rooms."""
