"""Tests, one folder a room. ``make test`` runs them all."""
