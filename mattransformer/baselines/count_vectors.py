"""Compositions as vectors: for each element how many atoms, or which share of the atoms, scaled to 0 to 1.

    vectors = CountVectors.of(compositions, "counts")
    vectors.compositions_of(vectors.encode(compositions))

Source: the bag of atoms of Sawada, Morikawa and Fujii (arXiv:1910.11499). Their release (github.com/yoshihidesawada/
CompGAN) holds shares of the atoms (`fractions`) and scales each to 0 to 1 over the training rows. It reads a share
below 0.03 as none and divides the others by their sum; what stays is a composition of broken numbers, and how it
becomes a formula is left open. Here the whole numbers are those of the fewest atoms, up to 30, that come within 0.01 of
every share, or come closest. With `counts`, numbers of atoms of the reduced formula, the numbers are rounded.
The authors' Metropolis-Hastings walk that moves a composition towards charge neutrality is left out: it would do what
the benchmark asks the network for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.admission import MAX_ATOMS
from mattransformer.elements import SYMBOLS
from mattransformer.screening.compositions import Compositions

COUNTS: Final = "counts"
FRACTIONS: Final = "fractions"

LEAST_FRACTION: Final = 0.03
"""Shares of the atoms below this are none; `_TH` of the authors' release."""

CLOSE: Final = 0.01
"""Difference of a share of the atoms from that of whole numbers which is taken for noise."""


@dataclass(frozen=True, eq=False)
class CountVectors:
    """How compositions are written as vectors.

    Attributes:
        representation: `counts` or `fractions`.
        numbers: atomic number of each entry, (entries,), uint8.
        largest: number or share of atoms that is written as 1, (entries,), float32.
    """

    representation: str
    numbers: NDArray[np.uint8]
    largest: NDArray[np.float32]

    @classmethod
    def of(cls, compositions: Compositions, representation: str) -> Self:
        """Choose the elements and scales of training rows.

        Args:
            compositions: of the rows, at least one.
            representation: `counts` or `fractions`.

        Returns:
            Vectors with an entry for each element that occurs.
        """
        amounts = _amounts(compositions, representation)
        largest = np.zeros(len(SYMBOLS) + 1)
        np.maximum.at(largest, compositions.numbers, amounts)
        numbers = np.flatnonzero(largest)
        return cls(representation, numbers.astype(np.uint8), largest[numbers].astype(np.float32))

    def encode(self, compositions: Compositions) -> NDArray[np.float32]:
        """Write compositions of these elements as vectors.

        Args:
            compositions: n of them; reduced here.

        Returns:
            Values from 0 to 1, or above where an element has more atoms than in the training rows, (n, entries).
        """
        place = np.zeros(len(SYMBOLS) + 1, dtype=np.int64)
        place[self.numbers] = np.arange(len(self.numbers))
        vectors = np.zeros((len(compositions), len(self.numbers)), dtype=np.float32)
        at = place[compositions.numbers]
        vectors[compositions.owners, at] = _amounts(compositions, self.representation) / self.largest[at]
        return vectors

    def compositions_of(self, vectors: NDArray[np.float32]) -> Compositions:
        """Read vectors back.

        Args:
            vectors: any numbers, (n, entries).

        Returns:
            n compositions, not reduced; one without atoms has no entries.
        """
        values = vectors * self.largest
        whole = np.rint(values) if self.representation == COUNTS else _whole_numbers(values)
        whole = np.maximum(whole, 0)
        rows, entries = np.nonzero(whole)
        starts = np.zeros(len(vectors) + 1, dtype=np.int64)
        np.cumsum((whole > 0).sum(axis=1), out=starts[1:])
        return Compositions(starts, self.numbers[entries], whole[rows, entries].astype(np.int32))


def _amounts(compositions: Compositions, representation: str) -> NDArray[np.float64]:
    reduced = compositions.reduced
    amounts = reduced.amounts.astype(np.float64)
    return amounts if representation == COUNTS else amounts / reduced.totals(amounts)[reduced.owners]


def _whole_numbers(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find whole numbers in the proportion of shares; see the module."""
    shares = np.where(shares < LEAST_FRACTION, 0.0, shares)
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
    best = np.zeros_like(shares)
    error = np.full(len(shares), np.inf)
    for atoms in range(1, MAX_ATOMS + 1):
        whole = np.rint(shares * atoms)
        off = np.abs(shares - whole / atoms).max(axis=1)
        better = (error > CLOSE) & (off < error)
        best[better] = whole[better]
        error[better] = off[better]
    return best
