"""The language model: loading, serving, training and judging. Knows nothing of patients, and nothing of Django."""
