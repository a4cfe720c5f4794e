"""Tinkering: which element could take the place of another, and what it would do there."""
