"""Charge neutrality and electronegativity balance by SMACT's rules, in three settings, each named.

`smact14`, the list of 2014 with one state an element and no exemption for alloys, comes first: published figures are
measured so. `smact-default` is what SMACT 4 does if nothing is said: the states that the ICSD reports three times or
more, and alloys are valid. `icsd24` is SMACT's narrower list of 2024, without alloys.

    verdicts = validity(sample.compositions)
    verdicts["smact14"].balanced.mean()

A single element, which SMACT lets pass, is no compound and counts as neither neutral nor balanced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.metrics.intervals import share
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge
from mattransformer.screening.metallicity import alloy
from mattransformer.screening.screen import Validity


@dataclass(frozen=True)
class Setting:
    """How SMACT is asked.

    Attributes:
        name: short.
        states: as `oxidation_states` takes it.
        alloys: whether compositions of metals alone are valid whatever their charges.
    """

    name: str
    states: str
    alloys: bool = False

    @property
    def in_words(self) -> str:
        """All that was asked for, in one line."""
        words = Validity(alloys=self.alloys).in_words(self.states)
        return f"{words}; charge-neutral is the same without the Pauling test; a single element is not valid"


SETTINGS: Final = (
    Setting("smact14", "smact14"),
    Setting("smact-default", "icsd24:consensus=3,commonality=low", alloys=True),
    Setting("icsd24", "icsd24"),
)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What SMACT says of n distinct compositions in one setting.

    Attributes:
        setting: how it was asked.
        charge_neutral: `smact_validity` without the Pauling test, (n,).
        balanced: and with it: cations are less electronegative than anions, (n,).
    """

    setting: Setting
    charge_neutral: NDArray[np.bool_]
    balanced: NDArray[np.bool_]

    def within(self, mask: NDArray[np.bool_]) -> Verdict:
        """Keep some of the compositions, (n,)."""
        return Verdict(self.setting, self.charge_neutral[mask], self.balanced[mask])

    def as_dict(self, seed: int = 0) -> dict[str, Any]:
        """Give the shares `charge_neutral` and `balanced` of the distinct compositions, ready for JSON."""
        return {
            "charge_neutral": share(self.charge_neutral, seed).as_dict(),
            "balanced": share(self.balanced, seed).as_dict(),
        }


def validity(compositions: Compositions) -> dict[str, Verdict]:
    """Judge compositions in every setting.

    Args:
        compositions: n distinct ones.

    Returns:
        Name of each of `SETTINGS`, in this order, to the verdict.
    """
    alloys = alloy(compositions)
    compounds = compositions.sizes > 1
    nothing = np.zeros(len(compositions), dtype=np.bool_)
    found: dict[str, Verdict] = {}
    for setting in SETTINGS:
        verdicts = judge(compositions, setting.states, mixed=False)
        masks = [
            Validity(pauling=pauling, alloys=setting.alloys).holds(verdicts, nothing, alloys, nothing)
            & compounds
            for pauling in (False, True)
        ]
        found[setting.name] = Verdict(setting, *masks)
    return found
