"""Measuring answers: a sample of real questions goes the way of the chat, and what comes of it is counted and shown."""
