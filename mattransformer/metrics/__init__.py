"""Metrics of one list of compositions: pure functions, masks kept, and every share with its interval."""
