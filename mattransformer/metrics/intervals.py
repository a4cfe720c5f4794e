"""Shares and means over distinct compositions, with their 95 % bootstrap percentile intervals.

A bootstrap draws as many compositions as there are, with repetition, and takes the share or mean anew, 10,000 times;
the interval is from the 2.5th to the 97.5th percentile (Efron, Annals of Statistics 7, 1 (1979)). The number of ones
among n draws of a mask is binomial, so that it is drawn at once and a million compositions take no longer than ten.

>>> share(np.array([True, True, False, False])).value
0.5

Of what is seen never or always the bootstrap draws nothing else, and its interval would have no width. There the
interval is Wilson's, whose other end is z^2 / (n + z^2) from 0 or 1, about 3.8 / n.

>>> round(share(np.array([False] * 20)).interval[1], 3)
0.161
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 10_000
PERCENTILES: Final = (2.5, 97.5)
Z: Final = 1.959964
"""Of the normal distribution, two-sided 95 %."""

NOTHING: Final = "there is no composition to take it of"

_FEW_LEVELS: Final = 1_000  # different values, of which numbers are drawn at once
_MOST_DRAWN: Final = 10_000  # compositions that are drawn one by one
_MOST_DIGITS: Final = 6  # of an end in per cent: a share of a hundred million has that many
_BLOCK: Final = 50  # resamples at a time, which bounds the memory


@dataclass(frozen=True)
class Share:
    """A share of compositions.

    Attributes:
        count: that have it.
        of: compositions in all.
        interval: its 95 % interval; None where the share is of nothing.
        nothing: why there is no share, where there is none.
    """

    count: int
    of: int
    interval: tuple[float, float] | None
    nothing: str = NOTHING

    @property
    def value(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.count / self.of if self.of else None

    def as_dict(self) -> dict[str, Any]:
        """Give `share`, `interval`, `count` and `of`, ready for JSON; `reason` where there is no share."""
        interval = None if self.interval is None else list(self.interval)
        found: dict[str, Any] = {
            "share": self.value,
            "interval": interval,
            "count": self.count,
            "of": self.of,
        }
        return found if self.of else found | {"reason": self.nothing}


def share(mask: NDArray[np.bool_], seed: int = 0, nothing: str = NOTHING) -> Share:
    """Give the share of a mask, with the bootstrap's interval, or Wilson's where all of the mask is alike.

    Args:
        mask: one entry a distinct composition, (n,).
        seed: of the bootstrap.
        nothing: the reason to tell where n is 0.

    Returns:
        The share and its interval.
    """
    return share_of(int(np.count_nonzero(mask)), len(mask), seed, nothing)


def share_of(count: int, of: int, seed: int = 0, nothing: str = NOTHING) -> Share:
    """Give a share by its numbers; see `share`."""
    return Share(count, of, _interval(count, of, seed) if of else None, nothing)


@functools.lru_cache(maxsize=4096)  # a report asks for many a share several times
def _interval(count: int, of: int, seed: int) -> tuple[float, float]:
    if count in (0, of):  # all draws would be alike
        return wilson(count, of)
    return _percentiles(np.random.default_rng(seed).binomial(of, count / of, RESAMPLES) / of)


@dataclass(frozen=True)
class Mean:
    """A mean over compositions.

    Attributes:
        value: None of nothing.
        of: compositions.
        interval: its 95 % interval; None of nothing.
    """

    value: float | None
    of: int
    interval: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        """Give `mean`, `interval` and `of`, ready for JSON; `reason` where there is no mean."""
        interval = None if self.interval is None else list(self.interval)
        found: dict[str, Any] = {"mean": self.value, "interval": interval, "of": self.of}
        return found if self.of else found | {"reason": NOTHING}


def mean(values: NDArray[Any], seed: int = 0) -> Mean:
    """Give the mean of numbers.

    Of few different values the bootstrap draws how often each comes. Of many, compositions are drawn one by one up to
    10,000; beyond, the bootstrap's mean is normal, with the standard error of the values, to within their skewness over
    the square root of n.

    Args:
        values: finite, one a distinct composition, (n,), in any order.
        seed: of the bootstrap.

    Returns:
        The mean and its interval.
    """
    n = len(values)
    if not n:
        return Mean(None, 0, None)
    levels, counts = np.unique(values.astype(np.float64), return_counts=True)
    value = float(levels @ counts / n)
    rng = np.random.default_rng(seed)
    if len(levels) > _FEW_LEVELS and n > _MOST_DRAWN:
        error = float(np.sqrt(((levels - value) ** 2) @ counts / n / n))
        return Mean(value, n, (value - Z * error, value + Z * error))
    drawn: list[NDArray[np.float64]] = []
    for _ in range(RESAMPLES // _BLOCK):
        if len(levels) <= _FEW_LEVELS:
            drawn.append(rng.multinomial(n, counts / n, _BLOCK) @ levels / n)
        else:
            own = np.repeat(levels, counts)  # sorted, so that the order of the list decides nothing
            drawn.append(own[rng.integers(n, size=(_BLOCK, n))].mean(axis=1))
    return Mean(value, n, _percentiles(np.concatenate(drawn)))


@dataclass(frozen=True)
class Ratio:
    """How many times more often one mask holds than another.

    Attributes:
        value: None where the second never holds.
        interval: its 95 % interval, whose end is infinite where a resample has none of the second; None likewise.
    """

    value: float | None
    interval: tuple[float, float] | None


def ratio(one: NDArray[np.bool_], other: NDArray[np.bool_], seed: int = 0) -> Ratio:
    """Divide two shares of the same compositions.

    Args:
        one: (n,).
        other: (n,); both are drawn together, since the same compositions are easy for both.
        seed: of the bootstrap.

    Returns:
        The ratio and its interval.
    """
    first, second = int(np.count_nonzero(one)), int(np.count_nonzero(other))
    if not second:
        return Ratio(None, None)
    both = int(np.count_nonzero(one & other))
    counts = np.array([both, first - both, second - both, len(one) - first - second + both])
    drawn = np.random.default_rng(seed).multinomial(len(one), counts / len(one), RESAMPLES)
    above, below = drawn[:, 0] + drawn[:, 1], drawn[:, 0] + drawn[:, 2]
    ratios = np.where(below > 0, above / np.maximum(below, 1), np.inf)
    # Between infinity and a number there is no mean: the percentile is one of the ratios drawn.
    low, high = np.percentile(ratios, PERCENTILES, method="inverted_cdf")
    return Ratio(first / second, (float(low), float(high)))


def ratio_of(one: int, other: int, of: int) -> Ratio:
    """Divide two shares that were kept as numbers alone, with Katz's interval (Biometrics 34, 469 (1978)).

    That takes the two for independent, and is wide for shares of the same compositions, which are easy for both; where
    it is known which compositions they are, see `ratio`.

    Args:
        one: of `of` compositions.
        other: of as many.
        of: compositions.

    Returns:
        The ratio and its interval; no interval where the first is 0.
    """
    if not other:
        return Ratio(None, None)
    if not one:
        return Ratio(0.0, None)
    error = Z * sqrt(1 / one + 1 / other - 2 / of)
    return Ratio(one / other, (one / other * exp(-error), one / other * exp(error)))


def wilson(found: int, size: int) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share (Journal of the American Statistical Association 22, 209 (1927)).

    Args:
        found: successes.
        size: trials.

    Returns:
        Its lower and upper end; 0 and 1 where there was no trial.
    """
    if size == 0:
        return 0.0, 1.0
    share, square = found / size, Z**2 / size
    centre = (share + square / 2) / (1 + square)
    half = sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def recorded(own: Mapping[str, Any]) -> tuple[float, float] | None:
    """Give the interval of a share that was written as JSON.

    Args:
        own: of `Share.as_dict`.

    Returns:
        Its ends; Wilson's of a share of 0 or 1, which older records have without width; None of nothing.
    """
    if own["interval"] is None:
        return None
    if own["of"] and own["count"] in (0, own["of"]):
        return wilson(own["count"], own["of"])
    low, high = own["interval"]
    return low, high


def percent_ends(ends: tuple[float, float], digits: int = 1) -> tuple[str, str]:
    """Write the ends of an interval in per cent, with as many digits as tell them apart.

    Args:
        ends: from 0 to 1.
        digits: after the point, at least.

    Returns:
        Both, without a sign of per cent.
    """
    low, high = ends
    while f"{100 * low:.{digits}f}" == f"{100 * high:.{digits}f}" and low < high and digits < _MOST_DIGITS:
        digits += 1
    return f"{100 * low:.{digits}f}", f"{100 * high:.{digits}f}"


def _percentiles(drawn: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(drawn, PERCENTILES)
    return float(low), float(high)
