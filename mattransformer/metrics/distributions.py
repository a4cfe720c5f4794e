"""How far the elements, sizes and prototypes of a list are from those of another: Jensen-Shannon distances.

    distances(profile(sample.compositions), profile(training.compositions)).elements

A distance is the square root of the Jensen-Shannon divergence with logarithms to base 2: 0 for the same distribution, 1
for two without anything in common (Lin, IEEE Transactions on Information Theory 37, 145 (1991); Endres and Schindelin,
ibid. 49, 1858 (2003)). Every distinct composition counts once. Few compositions of a distribution are some way from it
by chance alone, so that distances of lists of different lengths are not to be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import SYMBOLS
from mattransformer.screening.compositions import Compositions

Counts = tuple[NDArray[Any], NDArray[np.int64]]
"""Values, ascending, and how many compositions have each."""


@dataclass(frozen=True, eq=False)
class Profile:
    """What n distinct compositions are made of.

    Attributes:
        compositions: n.
        elements: atomic numbers, and how many compositions hold each.
        number_of_elements: and how many compositions have so many.
        atoms: of the formula with the smallest whole numbers, and how many compositions have so many.
        anonymous: hashes of the amounts without their elements (ABC3), and how many compositions have each.
    """

    compositions: int
    elements: Counts
    number_of_elements: Counts
    atoms: Counts
    anonymous: Counts

    def as_dict(self) -> dict[str, Any]:
        """Give `elements`, `number_of_elements` and `atoms` to the number of compositions, ready for JSON."""
        numbers, counts = self.elements
        symbols = [SYMBOLS[number - 1] for number in numbers.tolist()]
        return {
            "elements": dict(zip(symbols, counts.tolist(), strict=True)),
            "number_of_elements": _as_dict(self.number_of_elements),
            "atoms": _as_dict(self.atoms),
            "anonymous_formulas": len(self.anonymous[0]),
        }


@dataclass(frozen=True)
class Distances:
    """Jensen-Shannon distances of two profiles, from 0 to 1; None where one of the two is of nothing.

    Attributes:
        elements: of the share of compositions that hold an element, normalised to a sum of one.
        number_of_elements: of the number of elements.
        atoms: of the number of atoms of the reduced formula.
        anonymous: of the anonymous formula.
    """

    elements: float | None
    number_of_elements: float | None
    atoms: float | None
    anonymous: float | None

    def as_dict(self) -> dict[str, Any]:
        """Give the distances by name, ready for JSON; `reason` where there are none."""
        found: dict[str, Any] = {
            "elements": self.elements,
            "number_of_elements": self.number_of_elements,
            "atoms": self.atoms,
            "anonymous_formulas": self.anonymous,
        }
        if self.elements is None:
            found["reason"] = "one of the two lists has no composition"
        return found


def profile(compositions: Compositions) -> Profile:
    """Count what compositions are made of.

    Args:
        compositions: n distinct ones.

    Returns:
        The counts.
    """
    reduced = compositions.reduced
    # Fingerprints are sums over entries: with all elements alike they name the amounts, in whatever order.
    amounts = Compositions(reduced.starts, np.zeros_like(reduced.numbers), reduced.amounts)
    return Profile(
        compositions=len(compositions),
        elements=_counted(reduced.numbers),
        number_of_elements=_counted(reduced.sizes),
        atoms=_counted(reduced.totals(reduced.amounts).astype(np.int64)),
        anonymous=_counted(amounts.fingerprints()),
    )


def distances(one: Profile, other: Profile) -> Distances:
    """Compare two profiles; the order of the two decides nothing.

    Args:
        one: of a list.
        other: of another.

    Returns:
        Their distances.
    """
    return Distances(
        elements=_distance(one.elements, other.elements),
        number_of_elements=_distance(one.number_of_elements, other.number_of_elements),
        atoms=_distance(one.atoms, other.atoms),
        anonymous=_distance(one.anonymous, other.anonymous),
    )


def _counted(values: NDArray[Any]) -> Counts:
    levels, counts = np.unique(values, return_counts=True)
    return levels, counts.astype(np.int64)


def _distance(one: Counts, other: Counts) -> float | None:
    from scipy.spatial.distance import jensenshannon

    if not len(one[0]) or not len(other[0]):
        return None
    levels = np.union1d(one[0], other[0])
    aligned = np.zeros((2, len(levels)))
    for row, (values, counts) in enumerate((one, other)):
        aligned[row, np.searchsorted(levels, values)] = counts
    found = float(jensenshannon(*aligned, base=2))
    # Rounding can put the divergence of equal distributions below zero, which has no root, and others above one.
    return 0.0 if math.isnan(found) else min(found, 1.0)


def _as_dict(counts: Counts) -> dict[str, int]:
    values, numbers = counts
    return dict(zip(map(str, values.tolist()), numbers.tolist(), strict=True))
