"""Coverage and precision: how much of known chemistry a sample comes near, and how much of it stays near.

Coverage is the share of reference compositions that have a sample within a threshold, precision the share of samples
that have a reference within it, as for generated crystals (T. Xie et al., arXiv:2110.06197), here by the
element-mover's distance.

    near = usual_distance(held_out.compositions, training.compositions)
    found = coverage(sample.compositions, held_out.compositions, near)
    found.as_dict()["coverage"]

Both grow with the lengths of the lists: compare lists of the same length, and hold them against real compositions,
`coverage(training.compositions, ...)`. Longer lists than `LIMIT` are represented by a draw of this size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError
from mattransformer.metrics.element_mover import nearest, on_scale
from mattransformer.metrics.intervals import mean, share
from mattransformer.screening.compositions import Compositions

LIMIT: Final = 10_000
"""Most compositions of a list that are compared, so that longer and shorter samples can be."""

_GIVEN: Final = "given"
_HALVES: Final = "the median distance from half of the references to the nearest of the other half"


class CoverageError(MattransformerError):
    """A threshold or limit that makes no sense."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Distances of samples and references to each other.

    Attributes:
        threshold: within which a composition is near, in places of the modified Pettifor scale.
        threshold_is: where it is from, in words.
        sample_rows: the samples that were compared, rows of the list, (k,), ascending.
        reference_rows: the references that were compared, (r,), ascending.
        to_reference: distance from each of these samples to its nearest reference, (k,); infinite where there is none,
            or the sample has an element that is not on the scale.
        to_sample: distance from each of these references to its nearest sample, (r,); infinite likewise.
        samples: in the list.
        references: in the list.
        seed: of the draws and intervals.
    """

    threshold: float
    threshold_is: str
    sample_rows: NDArray[np.int64]
    reference_rows: NDArray[np.int64]
    to_reference: NDArray[np.float64]
    to_sample: NDArray[np.float64]
    samples: int
    references: int
    seed: int

    @property
    def precise(self) -> NDArray[np.bool_]:
        """Which of the compared samples have a reference within the threshold, (k,)."""
        return self.to_reference <= self.threshold

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Which of the compared references have a sample within the threshold, (r,)."""
        return self.to_sample <= self.threshold

    def as_dict(self) -> dict[str, Any]:
        """Give the metric ready for JSON.

        Returns:
            `coverage` and `precision`, each with `share` and its 95 % bootstrap `interval` over the compared references
            or samples; `distance_to_sample` and `distance_to_reference`, the means of the finite distances; the
            `threshold` and what it is; how many were `compared` of how many; `seed`.
        """
        references, samples = len(self.to_sample), len(self.to_reference)
        return {
            "coverage": share(self.covered, self.seed, "there is no reference").as_dict(),
            "precision": share(
                self.precise[: samples if references else 0],
                self.seed,
                "there is no sample" if references else "there is no reference",
            ).as_dict(),
            "distance_to_sample": _finite_mean(self.to_sample, self.seed),
            "distance_to_reference": _finite_mean(self.to_reference, self.seed),
            "threshold": self.threshold,
            "threshold_is": self.threshold_is,
            "compared": {
                "samples": samples,
                "of_samples": self.samples,
                "references": references,
                "of_references": self.references,
            },
            "seed": self.seed,
        }


def coverage(
    samples: Compositions,
    references: Compositions,
    threshold: float | None = None,
    *,
    limit: int = LIMIT,
    seed: int = 0,
) -> Coverage:
    """Compare samples with references.

    Args:
        samples: distinct compositions; none is fine.
        references: distinct compositions, such as a held-out split; none is fine.
        threshold: within which a composition is near, in places of the scale; `usual_distance` of the references by
            default.
        limit: most compositions of each list that are compared; of longer ones a draw without replacement.
        seed: of the draws and intervals.

    Returns:
        Distances and masks.

    Raises:
        CoverageError: the threshold is negative or no number, or the limit is below 1.
    """
    if threshold is not None and not threshold >= 0:
        raise CoverageError(f"a threshold of {threshold} holds nothing: give a distance from 0")
    near = usual_distance(references, limit=limit, seed=seed) if threshold is None else float(threshold)
    sample_rows = _drawn(len(samples), limit, seed, 0)
    reference_rows = _drawn(len(references), limit, seed, 1)
    own, others = samples.take(sample_rows), references.take(reference_rows)
    return Coverage(
        near,
        _HALVES if threshold is None else _GIVEN,
        sample_rows,
        reference_rows,
        _to_nearest(own, others),
        _to_nearest(others, own),
        len(samples),
        len(references),
        seed,
    )


def usual_distance(
    compositions: Compositions,
    others: Compositions | None = None,
    *,
    limit: int = LIMIT,
    seed: int = 0,
) -> float:
    """Give the distance within which half of real compositions have a real neighbour, a threshold with a meaning.

    With it, as many compositions as were compared of `others` have a coverage of 50 % if they are as good as these. A
    larger share than the median tells good samples less from bad ones: of the test rows of the Materials Project, 95 %
    are within 2.2 places of 10,000 train rows, but 37 % also of 10,000 random compositions of 2 to 5 elements with 1 to
    8 atoms each; within the median, 0.67, these are 50 and 4 %.

    Args:
        compositions: held-out compositions.
        others: training compositions; without them, the distance is from half of the compositions to the other half.
        limit: most compositions of each that are compared.
        seed: of the draws.

    Returns:
        The median distance to the nearest other, in places of the scale; 0 where nothing is to be compared.

    Raises:
        CoverageError: the limit is below 1.
    """
    own = compositions.take(np.flatnonzero(on_scale(compositions)))
    if others is None:
        order = np.random.default_rng([seed, 2]).permutation(len(own))[: _checked(limit) * 2]
        half = len(order) // 2
        own, others = own.take(order[half:]), own.take(order[:half])
    else:
        own = own.take(_drawn(len(own), limit, seed, 0))
        others = others.take(_drawn(len(others), limit, seed, 1))
    found = _to_nearest(own, others)
    found = found[np.isfinite(found)]
    return float(np.median(found)) if len(found) else 0.0


def _to_nearest(compositions: Compositions, references: Compositions) -> NDArray[np.float64]:
    found = np.full(len(compositions), math.inf)
    comparable = np.flatnonzero(on_scale(compositions))
    references = references.take(np.flatnonzero(on_scale(references)))
    if len(references) and len(comparable):
        found[comparable] = nearest(compositions.take(comparable), references).distances
    return found


def _drawn(n: int, limit: int, seed: int, stream: int) -> NDArray[np.int64]:
    """Draw rows of a list that is too long; each list has a stream of its own."""
    if n <= _checked(limit):
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, stream]).choice(n, limit, replace=False))


def _checked(limit: int) -> int:
    if limit < 1:
        raise CoverageError(f"a limit of {limit} compares nothing: give 1 or more")
    return limit


def _finite_mean(values: NDArray[np.float64], seed: int) -> dict[str, Any]:
    return mean(values[np.isfinite(values)], seed).as_dict()
