"""Which element belongs in a hole: a benchmark of rankers of elements on compounds that were held out.

Task A hides one element of a held-out compound and has all others ranked. Task B gives a known compound, the host, that
differs from the held-out one in one element, and has the replacements of this element ranked; see `tinkering.cases`.

Each held-out compound has the same weight, shared by its cases: AmN, which has a host in every other nitride, counts no
more than a compound with one host. An element that a ranker does not score ranks behind all that it does, and ties
share the middle of their ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.formula import Formula
from mattransformer.metrics.classes import class_names
from mattransformer.screening.compositions import Compositions
from mattransformer.tinkering.cases import Case
from mattransformer.tinkering.sites import CANDIDATES, INDEX

CUTS: Final = (1, 5, 10)
_RESAMPLES: Final = 10_000


def ranks(cases: Sequence[Case], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the answers.

    Args:
        cases: the questions.
        scores: of every candidate, (cases, candidates); NaN where a ranker has no say.

    Returns:
        From 1, ties in the middle, (cases,).
    """
    lowest = np.where(np.isnan(scores), -np.inf, scores)
    compared = np.array([case.compared for case in cases]).reshape(len(cases), len(CANDIDATES))
    answer = np.array([INDEX[case.answer] for case in cases], dtype=np.int64)
    own = lowest[np.arange(len(cases)), answer][:, None]
    above = ((lowest > own) & compared).sum(axis=1)
    level = ((lowest == own) & compared).sum(axis=1) - 1
    rank: NDArray[np.float64] = 1 + above + level / 2
    return rank


def figures(cases: Sequence[Case], scores: NDArray[np.float64], seed: int = 0) -> dict[str, Any]:
    """Judge a ranker.

    Args:
        cases: the questions.
        scores: see `ranks`.
        seed: of the bootstrap.

    Returns:
        `cases`, `compounds`, `coverage` (weight of the answers that are scored), and for each of `hit@1`, `hit@5`,
        `hit@10` and `mrr` its value and the ends of its 95 % bootstrap interval over compounds.
    """
    found = ranks(cases, scores)
    answer = np.array([INDEX[case.answer] for case in cases])
    scored = ~np.isnan(scores[np.arange(len(cases)), answer])
    names, compound = np.unique([str(case.compound) for case in cases], return_inverse=True)
    share = 1 / np.bincount(compound)[compound]

    def by_compound(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(compound, values * share).astype(np.float64)

    measures = {f"hit@{cut}": by_compound(found <= cut) for cut in CUTS} | {"mrr": by_compound(1 / found)}
    draws = np.random.default_rng(seed).integers(len(names), size=(_RESAMPLES, len(names)))
    result: dict[str, Any] = {
        "cases": len(cases),
        "compounds": len(names),
        "coverage": round(float(by_compound(scored).mean()), 4),
    }
    for name, values in measures.items():
        low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        result[name] = [round(float(value), 4) for value in (values.mean(), low, high)]
    return result


def anion_class(formula: Formula) -> str:
    """Name the class of a compound by its most electronegative element: see `metrics.classes`."""
    return class_names(Compositions.of([formula]))[0]
