"""Architectures as a table, and checkpoints that plain transformers opens."""
