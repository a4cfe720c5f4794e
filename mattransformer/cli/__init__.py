"""The command line: each command parses, calls one library function and prints."""

from __future__ import annotations

from mattransformer.cli.app import main

__all__ = ["main"]
