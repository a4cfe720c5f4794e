"""Coverage and precision: how much of known chemistry a sample comes near, and how much of it stays near.

Coverage is the share of reference compositions that have a sample within a threshold, precision the share of samples
that have a reference within it, as for generated crystals (T. Xie et al., arXiv:2110.06197), here by the
element-mover's distance.

    near = usual_distance(held_out.compositions, training.compositions)
    found = coverage(sample.compositions, held_out.compositions, near)
    found.as_dict()["coverage"]

Both grow with the lengths of the lists: compare lists of the same length, and hold them against real compositions,
`coverage(training.compositions, ...)`. Longer lists than `LIMIT` are represented by a draw of this size: what is said
of a million samples is measured on 10,000 of them, and `compared` in the record tells so.

What is near is measured, too, on compositions that are not in both lists: one that is would be at no distance from
itself. Where fewer than `LEAST` are left to measure it on, nothing is said of coverage but the reason.
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

LEAST: Final = 6
"""Fewest compositions whose median distance is a threshold. The median of what n were drawn from is outside their range
in 2 of 2^n draws (the sign test): of fewer in more than 5 %, so that it has no 95 % interval at all."""

_GIVEN: Final = "given"
_TO_OTHERS: Final = "the median distance from a reference to the nearest training composition"
_HALVES: Final = "the median distance from half of the references to the nearest of the other half"


class CoverageError(MattransformerError):
    """A threshold or limit that makes no sense."""


@dataclass(frozen=True)
class Threshold:
    """A distance within which a composition is near.

    Attributes:
        value: in places of the modified Pettifor scale; None where there are too few compositions to say.
        origin: where it is from, in words.
        compositions: whose distances it is the median of; 0 of one that was given.
        shared: compositions that were left out, since they are among those they would be held against.
        reason: why there is none; empty where there is one.
    """

    value: float | None
    origin: str = _GIVEN
    compositions: int = 0
    shared: int = 0
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Distances of samples and references to each other.

    Attributes:
        threshold: within which a composition is near.
        sample_rows: the samples that were compared, rows of the list, (k,), ascending.
        reference_rows: the references that were compared, (r,), ascending.
        to_reference: distance from each of these samples to its nearest reference, (k,); infinite where there is none,
            or the sample has an element that is not on the scale.
        to_sample: distance from each of these references to its nearest sample, (r,); infinite likewise.
        samples: in the list.
        references: in the list.
        seed: of the draws and intervals.
    """

    threshold: Threshold
    sample_rows: NDArray[np.int64]
    reference_rows: NDArray[np.int64]
    to_reference: NDArray[np.float64]
    to_sample: NDArray[np.float64]
    samples: int
    references: int
    seed: int

    @property
    def precise(self) -> NDArray[np.bool_]:
        """Which of the compared samples have a reference within the threshold, (k,); none without a threshold."""
        return self._near(self.to_reference)

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Which of the compared references have a sample within the threshold, (r,); none without a threshold."""
        return self._near(self.to_sample)

    def _near(self, distances: NDArray[np.float64]) -> NDArray[np.bool_]:
        return distances <= (math.nan if self.threshold.value is None else self.threshold.value)

    def as_dict(self) -> dict[str, Any]:
        """Give the metric ready for JSON.

        Returns:
            `coverage` and `precision`, each with `share` and its 95 % bootstrap `interval` over the compared references
            or samples, None with the `reason` where they cannot be judged; `distance_to_sample` and
            `distance_to_reference`, the means of the finite distances; the `threshold`, what it is, and on how many
            compositions it was measured, those left out that are in both lists; how many were `compared` of how many;
            `seed`.
        """
        references, samples = len(self.to_sample), len(self.to_reference)
        known = self.threshold.value is not None
        nothing = "there is no reference" if not references else self.threshold.reason
        return {
            "coverage": share(self.covered[: references if known else 0], self.seed, nothing).as_dict(),
            "precision": share(
                self.precise[: samples if references and known else 0],
                self.seed,
                nothing or "there is no sample",
            ).as_dict(),
            "distance_to_sample": _finite_mean(self.to_sample, self.seed),
            "distance_to_reference": _finite_mean(self.to_reference, self.seed),
            "threshold": self.threshold.value,
            "threshold_is": self.threshold.origin,
            "threshold_of": {
                "compositions": self.threshold.compositions,
                "left_out": self.threshold.shared,
            },
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
    threshold: Threshold | float | None = None,
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
    near = usual_distance(references, limit=limit, seed=seed) if threshold is None else threshold
    if not isinstance(near, Threshold):
        if not near >= 0:
            raise CoverageError(f"a threshold of {near} holds nothing: give a distance from 0")
        near = Threshold(float(near))
    sample_rows = _drawn(len(samples), limit, seed, 0)
    reference_rows = _drawn(len(references), limit, seed, 1)
    own, others = samples.take(sample_rows), references.take(reference_rows)
    return Coverage(
        near,
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
) -> Threshold:
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
        The median distance to the nearest other, compositions left out that are among the others themselves; without
        a value where fewer than `LEAST` are left, or there are fewer others.

    Raises:
        CoverageError: the limit is below 1.
    """
    own = compositions.take(np.flatnonzero(on_scale(compositions)))
    origin, shared = _HALVES, 0
    if others is None:
        order = np.random.default_rng([seed, 2]).permutation(len(own))[: _checked(limit) * 2]
        half = len(order) // 2
        own, others = own.take(order[half:]), own.take(order[:half])
    else:
        outside = ~np.isin(own.fingerprints(), others.fingerprints())
        origin, shared = _TO_OTHERS, len(own) - int(np.count_nonzero(outside))
        own = own.take(np.flatnonzero(outside))
        own = own.take(_drawn(len(own), limit, seed, 0))
        others = others.take(np.flatnonzero(on_scale(others)))
        others = others.take(_drawn(len(others), limit, seed, 1))
    if min(len(own), len(others)) < LEAST:
        return Threshold(None, origin, len(own), shared, _too_few(len(own), len(others), shared))
    return Threshold(float(np.median(_to_nearest(own, others))), origin, len(own), shared)


def _too_few(own: int, others: int, shared: int) -> str:
    """Say why there is no threshold."""
    left = f", {shared:,} left out that are training compositions themselves" if shared else ""
    return (
        f"what is near is measured on {LEAST} compositions or more, and there are {own:,} to hold against {others:,} "
        f"others{left}"
    )


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
