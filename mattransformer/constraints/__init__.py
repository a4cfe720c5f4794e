"""Rules that every formula a model writes is sure to keep: what may follow each prefix of atoms.

`Rules` say what is asked for; an `Automaton` looks ahead, so that no prefix is a dead end and nothing that could be
completed is forbidden. Nothing here knows about models, and torch is never imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattransformer.constraints.automaton import Automaton
    from mattransformer.constraints.rules import ConstraintError, Rules

__all__ = ["Automaton", "ConstraintError", "Rules"]

_HOMES = {"Automaton": "automaton", "ConstraintError": "rules", "Rules": "rules"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
