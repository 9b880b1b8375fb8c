"""Measurements of the engine against others on this machine; see run.py."""
