"""Judging a base and an adapter on rows with passages: supported, cited, refused, repeated, stopped."""
