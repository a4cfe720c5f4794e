"""Many compositions as columns: three flat arrays, for rules that judge millions at once.

The entries of composition i are those from `starts[i]` to `starts[i + 1]`: one entry an element, with its atomic
number and its number of atoms. `reduceat`-like sums over entries give one number a composition (`totals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, RANK, SYMBOLS

if TYPE_CHECKING:
    from mattransformer.formula import Formula
    from mattransformer.notation import Counts


@dataclass(frozen=True)
class Compositions:
    """Elements and numbers of atoms of n compositions with m entries in all.

    Attributes:
        starts: where the entries of each composition begin, with m at the end, (n + 1,), int64.
        numbers: atomic numbers, 1 to 118, (m,), uint8; an element comes once a composition.
        amounts: numbers of atoms, from 1, (m,), int32; not reduced.
    """

    starts: NDArray[np.int64]
    numbers: NDArray[np.uint8]
    amounts: NDArray[np.int32]

    def __len__(self) -> int:
        """Count the compositions."""
        return len(self.starts) - 1

    @classmethod
    def of(cls, formulas: Sequence[Formula]) -> Compositions:
        """Lay out formulas as columns.

        Args:
            formulas: n formulas, reduced or not.

        Returns:
            Their compositions, in the same order.
        """
        sizes = [len(formula.counts) for formula in formulas]
        starts = np.zeros(len(formulas) + 1, dtype=np.int64)
        np.cumsum(sizes, out=starts[1:])
        entries = [(ATOMIC_NUMBER[symbol], count) for formula in formulas for symbol, count in formula.counts]
        flat = np.array(entries, dtype=np.int64).reshape(-1, 2)
        return cls(starts, flat[:, 0].astype(np.uint8), flat[:, 1].astype(np.int32))

    @classmethod
    def joined(cls, parts: Sequence[Compositions]) -> Compositions:
        """Put compositions one behind another.

        Args:
            parts: any number, none too; compositions without entries may be among them.

        Returns:
            All of them, in order.
        """
        starts = np.zeros(sum(map(len, parts)) + 1, dtype=np.int64)
        np.cumsum(np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in parts)]), out=starts[1:])
        return cls(
            starts,
            np.concatenate([np.zeros(0, np.uint8), *(part.numbers for part in parts)]),
            np.concatenate([np.zeros(0, np.int32), *(part.amounts for part in parts)]),
        )

    def counts(self, at: int) -> Counts:
        """Give one composition as pairs of element and number of atoms, in the order of its entries."""
        entries = slice(self.starts[at], self.starts[at + 1])
        pairs = zip(self.numbers[entries].tolist(), self.amounts[entries].tolist(), strict=True)
        return tuple([(SYMBOLS[number - 1], amount) for number, amount in pairs])

    def formula(self, at: int) -> Formula:
        """Give one composition as a formula."""
        from mattransformer.formula import Formula

        return Formula(tuple(sorted(self.counts(at), key=lambda entry: RANK[entry[0]])))

    def take(self, rows: NDArray[np.int64]) -> Compositions:
        """Copy some compositions.

        Args:
            rows: which, (k,); one may come several times.

        Returns:
            These, in this order.
        """
        sizes = self.sizes[rows]
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(sizes, out=starts[1:])
        entries = np.repeat(self.starts[rows] - starts[:-1], sizes) + np.arange(starts[-1])
        return Compositions(starts, self.numbers[entries], self.amounts[entries])

    @property
    def reduced(self) -> Compositions:
        """The same compositions with the smallest whole numbers of atoms."""
        if not len(self):
            return self
        divisors = np.gcd.reduceat(self.amounts, self.starts[:-1])
        return Compositions(self.starts, self.numbers, self.amounts // np.repeat(divisors, self.sizes))

    def fingerprints(self) -> NDArray[np.uint64]:
        """Name each composition by 64 bits that depend neither on the order of elements nor on multiples.

        Returns:
            The sum, modulo 2^64, of a hash of each element and its reduced amount, (n,). Two different compositions
            share one with a probability near 2^-64.
        """
        if not len(self):
            return np.zeros(0, dtype=np.uint64)
        entries = (self.numbers.astype(np.uint64) << np.uint64(32)) | self.reduced.amounts.astype(np.uint64)
        return np.add.reduceat(_mixed(entries), self.starts[:-1], dtype=np.uint64)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Numbers of elements, (n,)."""
        return np.diff(self.starts)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The composition of each entry, (m,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def totals(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum one value an entry over each composition.

        Args:
            values: numbers, (m,).

        Returns:
            Sums, (n,); 0 where a composition has no entry.
        """
        sums: NDArray[np.float64] = np.bincount(self.owners, values.astype(np.float64), len(self)).astype(
            np.float64
        )
        return sums


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash 64-bit numbers: the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), one to one."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
