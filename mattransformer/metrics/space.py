"""Where compositions lie: how spread out, how near to held-out ones, and at what formation energy.

    neighbourhood(sample, {"mp:test": held_out}, {"mp:train": training}).as_dict()

Distances are the element-mover's (see `element_mover`), energies estimated in eV/atom (see `formation_energy`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mattransformer.metrics.classes import CLASSES, classes
from mattransformer.metrics.coverage import Coverage, Threshold, coverage, usual_distance
from mattransformer.metrics.diversity import Diversity, diversity
from mattransformer.metrics.formation_energy import FormationEnergies, formation_energies
from mattransformer.metrics.formulas import FormulaList
from mattransformer.screening.compositions import Compositions


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Where a list lies.

    Attributes:
        diversity: of its compositions.
        energies: of its compositions.
        coverage: of each held-out list.
        classes: the same for the compositions of each chemistry class, held-out lists likewise.
    """

    diversity: Diversity
    energies: FormationEnergies
    coverage: Mapping[str, Coverage]
    classes: Mapping[str, Neighbourhood]

    def as_dict(self) -> dict[str, Any]:
        """Give the metrics ready for JSON."""
        return {
            "diversity": self.diversity.as_dict(),
            "formation_energy": self.energies.as_dict(),
            "coverage": {name: own.as_dict() for name, own in self.coverage.items()},
            **(
                {"classes": {name: own.as_dict() for name, own in self.classes.items()}}
                if self.classes
                else {}
            ),
        }


def neighbourhood(
    sample: FormulaList,
    held_out: Mapping[str, FormulaList],
    training: Mapping[str, FormulaList],
    seed: int = 0,
) -> Neighbourhood:
    """Say where a list lies, as a whole and by chemistry class.

    Args:
        sample: n compositions.
        held_out: lists that they should be near to.
        training: lists that decide what is near: the median distance of a held-out composition, that is not trained
            itself, to its nearest trained one. Without any, half of a held-out list is held against the other half.
            What is near in the whole of a held-out list is so in its chemistry classes.
        seed: of what is drawn from long lists, and of the intervals.

    Returns:
        The metrics; of a list with nothing in it as well.
    """
    trained = FormulaList.joined(list(training.values())).compositions if training else None
    lists = {name: own.compositions for name, own in held_out.items()}
    thresholds = {
        name: usual_distance(own, trained if trained is not None and len(trained) else None, seed=seed)
        for name, own in lists.items()
    }
    energies = formation_energies(sample.compositions, seed)
    kinds = classes(sample.compositions)
    theirs = {name: classes(own) for name, own in lists.items()}
    by_class = {}
    for at, kind in enumerate(CLASSES):
        rows = np.flatnonzero(kinds == at)
        own = FormationEnergies(energies.values[rows], energies.record, seed)
        parts = {name: one.take(np.flatnonzero(theirs[name] == at)) for name, one in lists.items()}
        by_class[kind] = _placed(sample.compositions.take(rows), own, parts, thresholds, seed, {})
    return _placed(sample.compositions, energies, lists, thresholds, seed, by_class)


def _placed(
    compositions: Compositions,
    energies: FormationEnergies,
    held_out: Mapping[str, Compositions],
    thresholds: Mapping[str, Threshold],
    seed: int,
    by_class: Mapping[str, Neighbourhood],
) -> Neighbourhood:
    near = {name: coverage(compositions, own, thresholds[name], seed=seed) for name, own in held_out.items()}
    return Neighbourhood(diversity(compositions, seed=seed), energies, near, by_class)
