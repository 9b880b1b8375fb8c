"""Files that people bring: photos and PDFs. What they are, whether they are safe to keep, and the words in them.

``kinds`` looks at bytes and parses nothing. Everything that parses runs in a child process of its own with hard
limits: ``sandbox`` is the parent's side, ``python -m consult.documents`` the child's. Knows nothing of Django,
patients, models or the network.
"""
