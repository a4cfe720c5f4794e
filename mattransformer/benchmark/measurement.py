"""What is measured of the first n suggestions of a system, ready for JSON."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.benchmark.lists import TEST, TRAINING, Lists
from mattransformer.benchmark.sources import Sample
from mattransformer.metrics.classes import CLASSES, by_kind, classes
from mattransformer.metrics.coverage import coverage, usual_distance
from mattransformer.metrics.distributions import distances
from mattransformer.metrics.diversity import diversity
from mattransformer.metrics.formation_energy import formation_energies
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import share
from mattransformer.metrics.novelty import novelty
from mattransformer.metrics.recovery import recovery
from mattransformer.metrics.references import Figures
from mattransformer.metrics.uniqueness import uniqueness

SPACE_AT: Final = 10_000
"""Suggestions whose place in the space of compositions is measured: distances grow with the length of a list."""

_KNOWN: Final = "mp and oqmd"


def measure_sample(sample: Sample, lists: Lists, seed: int) -> dict[str, Any]:
    """Measure all that a sample says.

    Args:
        sample: the first n suggestions, drawn in order.
        lists: of the data set.
        seed: of the intervals.

    Returns:
        `drawn` and `failures`; `uniqueness` of the draws that are compositions; and what `measure_list` gives.
    """
    return {
        "drawn": sample.drawn,
        "failures": sample.failures,
        "uniqueness": uniqueness(sample.formulas).as_dict(),
        **measure_list(sample.formulas, lists, seed),
    }


def measure_list(formulas: FormulaList, lists: Lists, seed: int) -> dict[str, Any]:
    """Measure distinct compositions, however they came.

    Args:
        formulas: n distinct ones.
        lists: of the data set.
        seed: of the intervals.

    Returns:
        `distinct`, n; `validity` in each of SMACT's settings, `new` against training rows and against MP and OQMD, and
        the validity of the ones new to MP and OQMD (`new_only`, smact14); `found` of each list, whole and by number
        of elements, and of test rows over n (`curve`); Jensen-Shannon `distances` from the training rows; `classes`,
        with what is found of the test rows of each; and of 10,000 suggestions `space`.
    """
    own = Figures.of(formulas)
    new = novelty(formulas, {TRAINING: lists.training, _KNOWN: lists.known})
    hits = recovery(formulas, lists.sought[TEST])
    measured: dict[str, Any] = {
        "distinct": len(formulas),
        "number_of_elements": {kind: float(mask.mean()) for kind, mask in by_kind(own.kinds).items()},
        "validity": {name: verdict.as_dict(seed) for name, verdict in own.validity.items()},
        "new": {name: share(mask, seed).as_dict() for name, mask in new.new.items()},
        "new_only": own.validity["smact14"].within(new.new[_KNOWN]).as_dict(seed),
        "found": {name: _found(formulas, targets, seed) for name, targets in lists.sought.items()},
        "curve": hits.as_dict(seed)["curve"],
        "distances": distances(own.profile, lists.figures.profile).as_dict(),
        "classes": _by_class(own, new.new[_KNOWN], lists.sought[TEST], hits.found, seed),
    }
    if len(formulas) == SPACE_AT:
        measured["space"] = _space(formulas, lists, seed)
    return measured


def _found(formulas: FormulaList, targets: FormulaList, seed: int) -> dict[str, Any]:
    hits = recovery(formulas, targets)
    parts = by_kind(hits.kinds)
    return {
        "all": share(hits.found, seed).as_dict(),
        **{kind: share(hits.found[mask], seed).as_dict() for kind, mask in parts.items()},
    }


def _by_class(
    own: Figures, new: NDArray[np.bool_], test: FormulaList, hits: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Give of each chemistry class its share of the list, what is valid and new, and what is found of its test rows."""
    theirs = classes(test.compositions)
    verdict = own.validity["smact14"]
    found = {}
    for number, name in enumerate(CLASSES):
        mask = own.classes == number
        parts = {
            "share": mask,
            "charge_neutral": verdict.charge_neutral[mask],
            "balanced": verdict.balanced[mask],
            "new": new[mask],
            "found": hits[theirs == number],
        }
        found[name] = {key: share(values, seed).as_dict() for key, values in parts.items()}
    return found


def _space(formulas: FormulaList, lists: Lists, seed: int) -> dict[str, Any]:
    test = lists.sought[TEST].compositions
    near = usual_distance(test, lists.training.compositions, seed=seed)
    found = coverage(formulas.compositions, test, near, seed=seed).as_dict()
    return {
        "diversity": diversity(formulas.compositions, seed=seed).as_dict(),
        "coverage": found["coverage"],
        "precision": found["precision"],
        "threshold": found["threshold"],
        "threshold_of": found["threshold_of"],
        "compared": found["compared"],
        "formation_energy": formation_energies(formulas.compositions, seed).as_dict(),
    }
