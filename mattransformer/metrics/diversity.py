"""Internal diversity: how far apart the compositions of one list are.

The mean element-mover's distance over all pairs. No pairs are drawn: along each step of the modified Pettifor scale
the sum over pairs follows from the sorted cumulative fractions, so that the mean is exact and 100,000 compositions take
about a second. Of longer lists this many are drawn, which leaves an interval of half a per cent.

    diversity(sample.compositions).as_dict()    # beside diversity(training.compositions)

The list is a sample itself, and a pair shares each of its ends with n - 2 others: the interval is the jackknife's over
compositions (B. Efron and C. Stein, Ann. Stat. 9, 586 (1981)); a bootstrap over pairs would be too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError
from mattransformer.metrics.element_mover import SCALE, on_scale, places
from mattransformer.metrics.intervals import Z
from mattransformer.screening.compositions import Compositions

LIMIT: Final = 100_000
"""Most compositions that are compared with each other."""


class DiversityError(MattransformerError):
    """A limit that makes no sense."""


@dataclass(frozen=True, eq=False)
class Diversity:
    """Distances within a list of compositions, k of which are compared.

    Attributes:
        rows: those compared, rows of the list, (k,), ascending.
        to_others: mean distance from each of these to the k - 1 others, in places of the scale, (k,).
        compositions: in the list.
        off_scale: of these, with an element past Lr, which are not compared.
        seed: of the draw.
    """

    rows: NDArray[np.int64]
    to_others: NDArray[np.float64]
    compositions: int
    off_scale: int
    seed: int

    @property
    def mean(self) -> float | None:
        """Mean distance over all pairs; None of fewer than two compositions."""
        return float(self.to_others.mean()) if len(self.rows) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval; None of fewer than three compositions."""
        n = len(self.rows)
        if n < 3:
            return None
        # Without composition i the mean is (n * mean - 2 * to_others[i]) / (n - 2).
        centre = float(self.to_others.mean())
        error = 2 * math.sqrt((n - 1) / n * float(((self.to_others - centre) ** 2).sum())) / (n - 2)
        return max(0.0, centre - Z * error), centre + Z * error

    def as_dict(self) -> dict[str, Any]:
        """Give `mean` and its 95 % `interval`, in places of the scale, and of how many compositions, ready for JSON."""
        found: dict[str, Any] = {
            "mean": self.mean,
            "interval": None if self.interval is None else list(self.interval),
            "of": len(self.rows),
            "compositions": self.compositions,
            "off_scale": self.off_scale,
            "seed": self.seed,
        }
        return found if len(self.rows) > 1 else found | {"reason": "there is no pair of compositions"}


def diversity(compositions: Compositions, *, limit: int = LIMIT, seed: int = 0) -> Diversity:
    """Measure the distances within a list.

    Args:
        compositions: n distinct ones; those with elements past Lr are not on the scale and left out.
        limit: most compositions that are compared; of more a draw without replacement.
        seed: of the draw.

    Returns:
        The mean distance from each to the others.

    Raises:
        DiversityError: the limit is below 2.
    """
    if limit < 2:
        raise DiversityError(f"a limit of {limit} leaves no pair: give 2 or more")
    rows = np.flatnonzero(on_scale(compositions))
    off_scale = len(compositions) - len(rows)
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
    found = compositions.take(rows)
    n = len(found)
    summed = np.zeros(n)
    cumulative = np.zeros(n)
    steps = np.zeros(n)
    where = places(found)
    order = np.argsort(where, kind="stable")
    ends = np.searchsorted(where[order], np.arange(len(SCALE)), side="right")
    owners = found.owners
    fractions = found.amounts / found.totals(found.amounts)[owners]
    begin = 0
    for end in ends[:-1]:
        if end > begin:
            entries = order[begin:end]
            cumulative[owners[entries]] += fractions[entries]
            steps = _summed_differences(cumulative)
            begin = int(end)
        summed += steps
    return Diversity(rows, summed / max(n - 1, 1), len(compositions), off_scale, seed)


def _summed_differences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the differences of each number to all others, (n,), without looking at the n squared pairs."""
    order = np.argsort(values)
    ordered = values[order]
    before = np.cumsum(ordered)
    at = np.arange(1, len(values) + 1)
    found = np.empty(len(values))
    total = before[-1] if len(values) else 0.0
    found[order] = (2 * at - len(values)) * ordered - 2 * before + total
    return found
