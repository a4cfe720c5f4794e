"""What a list is by itself, and the lists that a sample is held against: training, held-out and random ones.

own = Figures.of(FormulaList.of_corpus("mp:train"))
own.validity["smact14"].balanced.mean()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.metrics.classes import CLASSES, by_kind, classes, kinds
from mattransformer.metrics.distributions import Profile, distances, profile
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import share
from mattransformer.metrics.recovery import Recovery
from mattransformer.metrics.validity import Verdict, validity

TRAINING: Final = "training"
HELD_OUT: Final = "held-out"
RANDOM: Final = "random"


@dataclass(frozen=True, eq=False)
class Figures:
    """What a list is by itself.

    Attributes:
        formulas: n distinct compositions.
        classes: of each (`classes.CLASSES`), (n,).
        kinds: of each by number of elements (`classes.KINDS`), (n,).
        validity: by setting.
        profile: elements, sizes and prototypes.
    """

    formulas: FormulaList
    classes: NDArray[np.int8]
    kinds: NDArray[np.int64]
    validity: Mapping[str, Verdict]
    profile: Profile

    @classmethod
    def of(cls, formulas: FormulaList) -> Figures:
        """Judge, class and count a list."""
        own = formulas.compositions
        return cls(formulas, classes(own), kinds(own), validity(own), profile(own))

    def within(self, mask: NDArray[np.bool_]) -> Figures:
        """Keep some of the compositions, (n,)."""
        formulas = self.formulas.select(mask)
        verdicts = {name: verdict.within(mask) for name, verdict in self.validity.items()}
        return Figures(
            formulas, self.classes[mask], self.kinds[mask], verdicts, profile(formulas.compositions)
        )

    def as_dict(self, seed: int) -> dict[str, Any]:
        """Give `compositions`, `number_of_elements` and `validity` by setting, ready for JSON."""
        return {
            "compositions": len(self.formulas),
            "number_of_elements": {
                kind: share(own, seed).as_dict() for kind, own in by_kind(self.kinds).items()
            },
            "validity": {name: verdict.as_dict(seed) for name, verdict in self.validity.items()},
        }


@dataclass(frozen=True, eq=False)
class Reference:
    """A list that the sample is held against.

    Attributes:
        name: of the list.
        role: `TRAINING`, `HELD_OUT` or `RANDOM`.
        figures: its own, for t distinct compositions.
        recovery: of it by the sample; None of random formulas.
        untrained: of a held-out list whether no training list has the composition, (t,); None of the others.
    """

    name: str
    role: str
    figures: Figures
    recovery: Recovery | None
    untrained: NDArray[np.bool_] | None

    def of_class(self, name: str, samples: NDArray[np.bool_]) -> Reference:
        """Keep one chemistry class.

        Args:
            name: of the class.
            samples: which samples are of it, (n,).

        Returns:
            The part of the reference.
        """
        mask = self.figures.classes == CLASSES.index(name)
        return Reference(
            self.name,
            self.role,
            self.figures.within(mask),
            self.recovery and self.recovery.within(mask, samples),
            None if self.untrained is None else self.untrained[mask],
        )

    def as_dict(self, sample: Profile, seed: int) -> dict[str, Any]:
        """Give its own figures, its `distances` from the sample and its `recovery`, ready for JSON.

        Args:
            sample: of the sample.
            seed: of the bootstrap.

        Returns:
            Also `recovery_outside_training`, where some of a held-out list are in a training list.
        """
        found = self.figures.as_dict(seed)
        found["distances"] = distances(sample, self.figures.profile).as_dict()
        if self.recovery is None:
            return found
        found["recovery"] = self.recovery.as_dict(seed)
        if self.untrained is not None and not self.untrained.all():
            found["recovery_outside_training"] = self.recovery.within(self.untrained).as_dict(seed)
        return found
