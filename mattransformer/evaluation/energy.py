"""The energy that a training took: an estimate from its time, its threads and a power for each.

No meter was read. The power of a core is what the calculator Green Algorithms takes of a processor that it does not
know (`REFERENCE`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WATTS_A_CORE: Final = 12.0
"""Watts of a busy core of an unknown processor."""
REFERENCE: Final = (
    "L. Lannelongue, J. Grealey, M. Inouye, Advanced Science 8, 2100707 (2021), "
    "https://doi.org/10.1002/advs.202100707"
)
_JOULES_A_KWH: Final = 3.6e6


@dataclass(frozen=True)
class Energy:
    """What trainings took.

    Attributes:
        core_hours: time of all threads of all processes, hours.
        kilowatt_hours: of the cores; memory, cooling and whatever else the machine did are left out.
        watts: the power a core that this was reckoned with.
    """

    core_hours: float
    kilowatt_hours: float
    watts: float = WATTS_A_CORE


def training_energy(steps: Sequence[Mapping[str, Any]]) -> Energy | None:
    """Estimate the energy of trainings.

    Args:
        steps: their records, as `run.json` holds them.

    Returns:
        The estimate; None where one of them ran on something else than processors, whose power nobody recorded.
    """
    if any(step["surroundings"]["device"] != "cpu" for step in steps):
        return None
    core_seconds = sum(
        step["seconds"] * step["surroundings"]["processes"] * step["surroundings"]["threads"]
        for step in steps
    )
    return Energy(core_seconds / 3600, core_seconds * WATTS_A_CORE / _JOULES_A_KWH)
