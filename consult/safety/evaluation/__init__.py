"""Measuring the safety layer on data kept outside the repository; no process that serves patients imports this."""
