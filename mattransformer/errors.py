"""The base of every error this package raises on purpose.

Each subclass lives where it is raised (``FormulaError`` with the formulas, ``ConfigError`` with the
configurations, ...). A message is one line: the input, the reason, and the way out.
"""

from __future__ import annotations


class MattransformerError(ValueError):
    """Bad input, said in one line; the command line prints it and exits with code 2."""
