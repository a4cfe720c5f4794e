"""How many rows of a list are new compositions, and how that share falls the longer the list is.

>>> uniqueness(FormulaList.of(["NaCl", "ClNa", "KCl", "KBr"])).value
0.75

The share is of the readable rows. Its interval is not a bootstrap, since rows drawn with repetition repeat themselves;
it is the jackknife's: leaving out one row takes a composition away if it came only once (Efron and Stein, Annals of
Statistics 9, 586 (1981), who show that it errs on the wide side). Where no composition comes twice, the jackknife sees
no other list, and the interval is Wilson's of a share of all (see `intervals`): its lower end is that of about 3.8
repetitions, of which at least one would show in 98 % of lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import Z, wilson

POINTS: Final = 20
"""Of a curve, about."""

_FIRST: Final = 10  # the least n of a curve


@dataclass(frozen=True, eq=False)
class Uniqueness:
    """Which rows are new.

    Attributes:
        new: of each readable row in order, whether its composition came before in none, (readable,).
        once: compositions that have one row alone.
    """

    new: NDArray[np.bool_]
    once: int

    @property
    def value(self) -> float | None:
        """Distinct compositions a readable row; None where there is no row."""
        return float(self.new.mean()) if len(self.new) else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The jackknife's 95 % interval, Wilson's where all rows are new; None where there is no row."""
        n, value = len(self.new), self.value
        if value is None:
            return None
        if self.once == n:
            return wilson(n, n)
        half = Z * sqrt(self.once * (1 - self.once / n)) / n
        return max(0.0, value - half), min(1.0, value + half)

    def as_dict(self) -> dict[str, Any]:
        """Give `share`, `interval`, `count`, `of`, and `curve`: unique compositions among the first n rows."""
        sizes = curve_sizes(len(self.new))
        unique = np.cumsum(self.new)[sizes - 1]
        interval = None if self.interval is None else list(self.interval)
        found: dict[str, Any] = {
            "share": self.value,
            "interval": interval,
            "count": int(np.count_nonzero(self.new)),
            "of": len(self.new),
            "curve": {"rows": sizes.tolist(), "unique": unique.tolist()},
        }
        return found if len(self.new) else found | {"reason": "there is no readable row"}


def uniqueness(formulas: FormulaList) -> Uniqueness:
    """Tell new rows from repeated ones.

    Args:
        formulas: a list with its rows in the order in which they came.

    Returns:
        The mask of new rows.
    """
    rows = formulas.rows
    # Compositions are numbered by first appearance: a new one is above all before it.
    new = np.diff(np.maximum.accumulate(rows), prepend=-1) > 0
    return Uniqueness(new, int(np.count_nonzero(np.bincount(rows, minlength=len(formulas)) == 1)))


def curve_sizes(n: int) -> NDArray[np.int64]:
    """Give the numbers that a curve over n is drawn at.

    Args:
        n: the largest.

    Returns:
        About `POINTS` whole numbers from 10 (or n, if that is less) to n, evenly spaced on a logarithmic scale; none of
        nothing.
    """
    if not n:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.round(np.geomspace(min(_FIRST, n), n, POINTS)).astype(np.int64))
