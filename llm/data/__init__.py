"""Training data for the shipped adapter: built from the library's topics and from rows written by hand."""
