"""What answers are built from: topics and articles, their index, search, citations and pages."""
