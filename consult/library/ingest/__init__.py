"""Readers of other publishers' files, and what puts their records into the library."""
