"""What is urgent and what may be said. No Django, no torch: rules that a clinician can read."""
