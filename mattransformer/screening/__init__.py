"""Which compositions are chemically sensible: oxidation-state sets, rules and the table that reports both.

Nothing heavy is imported before it is used, and torch never is. The table is `mattransformer.screen`; here
`screen` is the module that makes it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattransformer.screening.judgement import Verdicts, judge, verdicts
    from mattransformer.screening.oxidation import (
        STATE_SETS,
        ScreeningError,
        electronegativities,
        oxidation_states,
        smact_version,
    )
    from mattransformer.screening.rules import charge_neutral, electronegativity_balanced

__all__ = [
    "STATE_SETS",
    "ScreeningError",
    "Verdicts",
    "charge_neutral",
    "electronegativities",
    "electronegativity_balanced",
    "judge",
    "oxidation_states",
    "smact_version",
    "verdicts",
]

_HOMES = {
    "STATE_SETS": "oxidation",
    "ScreeningError": "oxidation",
    "electronegativities": "oxidation",
    "oxidation_states": "oxidation",
    "smact_version": "oxidation",
    "charge_neutral": "rules",
    "electronegativity_balanced": "rules",
    "judge": "judgement",
    "Verdicts": "judgement",
    "verdicts": "judgement",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
