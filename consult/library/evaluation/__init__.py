"""Measuring search: sets in BEIR form, metrics, and the library's own patient wordings."""
