"""Shares of sensible, new and distinct compositions among samples: pure functions over samples drawn once.

Every share is a number from 0 to 1. Distinct samples are the distinct reduced compositions and the distinct failures
(malformed, one element, over 8 elements, over 30 atoms); a failure is neither charge-neutral nor balanced nor new. The
setting is always named: `smact14` is SMACT's 2014 list of oxidation states, as published figures use it, `icsd24` the
narrower list of 2024; one state an element and no exemption for alloys with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mattransformer.data.known import KnownFormulas
from mattransformer.formula import Formula
from mattransformer.generation.samples import MOST_ELEMENTS, SampleSet
from mattransformer.screening.judgement import verdicts

Mask = npt.NDArray[np.bool_]

STATES: Final = ("smact14", "icsd24")
LEAST_ELEMENTS: Final = 2


@dataclass(frozen=True, eq=False)
class Judgement:
    """Verdicts on distinct compositions, one entry a composition in every array.

    Attributes:
        formulas: reduced.
        elements: their numbers of elements, (n,).
        charge_neutral: set of oxidation states to mask, (n,).
        balanced: likewise, electronegativity-balanced; a subset of the neutral ones.
        novel: whether neither the Materials Project nor OQMD lists it, (n,).
        failures: distinct samples beside these that are no composition.
        drawn: samples in all, repetitions counted.
    """

    formulas: tuple[Formula, ...]
    elements: npt.NDArray[np.int64]
    charge_neutral: dict[str, Mask]
    balanced: dict[str, Mask]
    novel: Mask
    failures: int
    drawn: int

    @property
    def distinct(self) -> int:
        """Distinct samples, failures included."""
        return len(self.formulas) + self.failures


def judge(
    formulas: Sequence[Formula], known: KnownFormulas, failures: int = 0, drawn: int | None = None
) -> Judgement:
    """Judge distinct compositions.

    Args:
        formulas: reduced.
        known: what is not new.
        failures: distinct samples that are no composition.
        drawn: samples in all; None where there are no repetitions.

    Returns:
        The verdicts, as masks.
    """
    by_states = {states: verdicts(formulas, states) for states in STATES}
    return Judgement(
        formulas=tuple(formulas),
        elements=np.array([len(formula.counts) for formula in formulas], dtype=np.int64),
        charge_neutral={states: neutral for states, (neutral, _) in by_states.items()},
        balanced={states: balanced for states, (_, balanced) in by_states.items()},
        novel=~known.contains(formulas),
        failures=failures,
        drawn=len(formulas) + failures if drawn is None else drawn,
    )


def judge_samples(samples: SampleSet, known: KnownFormulas) -> Judgement:
    """Judge samples.

    Args:
        samples: drawn once, merged by reduced formula.
        known: what is not new.

    Returns:
        The verdicts, as masks.
    """
    formulas = [composition.formula for composition in samples.compositions.values()]
    return judge(formulas, known, samples.distinct_failures, samples.drawn)


def shares(judgement: Judgement) -> dict[str, Any]:
    """Average the masks.

    Args:
        judgement: of samples.

    Returns:
        `drawn`, `distinct` and `failures` (distinct ones) as numbers; `unique` as a share of all samples;
        `charge_neutral`, `electronegativity_balanced` (by set of states), `novel` and `elements` (by number of
        elements) as shares of the distinct samples; and under `novel_only` the first two among the novel compositions
        alone.
    """
    distinct, novel = judgement.distinct, judgement.novel
    count = int(novel.sum())
    return {
        "drawn": judgement.drawn,
        "distinct": distinct,
        "failures": judgement.failures,
        "unique": _share(distinct, judgement.drawn),
        "charge_neutral": _by_states(judgement.charge_neutral, distinct),
        "electronegativity_balanced": _by_states(judgement.balanced, distinct),
        "novel": _share(count, distinct),
        "novel_only": {
            "compositions": count,
            "charge_neutral": _by_states(
                {s: mask[novel] for s, mask in judgement.charge_neutral.items()}, count
            ),
            "electronegativity_balanced": _by_states(
                {s: mask[novel] for s, mask in judgement.balanced.items()}, count
            ),
        },
        "elements": element_shares(judgement.elements, distinct),
    }


def row_shares(formulas: Sequence[Formula]) -> dict[str, Any]:
    """Give the same shares of the rows of a corpus, to set beside those of samples.

    Args:
        formulas: reduced, one a row; two sources may list the same one.

    Returns:
        `rows` as a number; `charge_neutral`, `electronegativity_balanced` and `elements` as shares of the rows.
    """
    by_states = {states: verdicts(formulas, states) for states in STATES}
    rows = len(formulas)
    return {
        "rows": rows,
        "charge_neutral": _by_states({s: neutral for s, (neutral, _) in by_states.items()}, rows),
        "electronegativity_balanced": _by_states(
            {s: balanced for s, (_, balanced) in by_states.items()}, rows
        ),
        "elements": element_shares(np.array([len(formula.counts) for formula in formulas]), rows),
    }


def element_shares(elements: npt.NDArray[np.int64], total: int) -> dict[str, float]:
    """Give the shares of compositions by number of elements.

    Args:
        elements: number of elements of each composition, (n,).
        total: what the shares are of.

    Returns:
        Number of elements, from 2 to 8, to share; a text as key, as JSON has it.
    """
    counts = np.bincount(elements, minlength=MOST_ELEMENTS + 1)
    return {str(k): _share(int(counts[k]), total) for k in range(LEAST_ELEMENTS, MOST_ELEMENTS + 1)}


def largest_difference(one: dict[str, float], other: dict[str, float]) -> float:
    """Compare two sets of shares by number of elements.

    Args:
        one: as `element_shares` gives them.
        other: likewise.

    Returns:
        The largest difference in percentage points.
    """
    return 100 * max(abs(one[elements] - other[elements]) for elements in one)


def _by_states(masks: dict[str, Mask], total: int) -> dict[str, float]:
    return {states: _share(int(mask.sum()), total) for states, mask in masks.items()}


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0
