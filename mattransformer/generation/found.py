"""Sequences as compositions, in columns: which are formulas at all, which are the same, and which came before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import RANK, SYMBOLS
from mattransformer.formula import PEROXIDE_FORMERS
from mattransformer.generation.samples import MOST_ATOMS, MOST_ELEMENTS
from mattransformer.objectives.sequences import SequenceBlock
from mattransformer.screening.compositions import Compositions
from mattransformer.tokenization import FIRST_ELEMENT_ID

Floats = NDArray[np.float64]
_RANKS: Final = np.array([0, *(RANK[symbol] for symbol in SYMBOLS)])
_OXYGEN: Final = SYMBOLS.index("O") + 1
_PEROXIDES: Final = np.array([SYMBOLS.index(symbol) + 1 for symbol in sorted(PEROXIDE_FORMERS)])


@dataclass(frozen=True)
class Found:
    """Distinct compositions.

    Attributes:
        compositions: as they were written, or reduced where no canonical sequence came; n of them.
        fingerprints: which tell compositions apart, (n,).
        counts: samples that gave each, in any order of its atoms, (n,).
        log_probs: of the canonical sequence by the model; NaN where that did not come or its probability is unknown,
            (n,).
        proposals: of the canonical sequence as it was drawn, (n,); NaN likewise.
        arrivals: see `SequenceBlock`, (n,).
    """

    compositions: Compositions
    fingerprints: NDArray[np.uint64]
    counts: NDArray[np.int64]
    log_probs: Floats
    proposals: Floats
    arrivals: Floats

    def __len__(self) -> int:
        """Count them."""
        return len(self.fingerprints)

    def take(self, rows: NDArray[np.int64]) -> Found:
        """Copy some of them, in this order."""
        return Found(
            self.compositions.take(rows),
            self.fingerprints[rows],
            self.counts[rows],
            self.log_probs[rows],
            self.proposals[rows],
            self.arrivals[rows],
        )


@dataclass
class Failures:
    """Samples that are no composition of 2 to 8 elements and at most 30 atoms: the reason to how many."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, count: int) -> None:
        """Count some more."""
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + count

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def gather(blocks: Iterable[SequenceBlock], failures: Failures) -> Found:
    """Make compositions of sequences, the same ones together.

    Args:
        blocks: from a walk.
        failures: gets those that are no composition.

    Returns:
        Each composition once, in the order of fingerprints.
    """
    parts = [part for part in (_read(block, failures) for block in blocks) if len(part)]
    return merged(parts)


def merged(parts: list[Found]) -> Found:
    """Put compositions together, the same ones as one.

    Args:
        parts: any number.

    Returns:
        Each composition once, in the order of fingerprints.
    """
    if not parts:
        return _nothing()
    together = Found(
        Compositions.joined([part.compositions for part in parts]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("fingerprints", "counts", "log_probs", "proposals", "arrivals")
        ),
    )
    # Of one composition the canonical sequence first, whose log-probability is known.
    order = np.lexsort((np.isnan(together.log_probs), together.fingerprints))
    ordered = together.take(order)
    first = np.flatnonzero(np.diff(ordered.fingerprints, prepend=~ordered.fingerprints[:1]) != 0)
    counts = np.add.reduceat(ordered.counts, first)
    kept = ordered.take(first)
    return Found(kept.compositions, kept.fingerprints, counts, kept.log_probs, kept.proposals, kept.arrivals)


class Seen:
    """Fingerprints that came before, in sorted arrays of doubling lengths: 8 bytes each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._levels: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        """Count them."""
        return sum(map(len, self._levels))

    def holds(self, fingerprints: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say which came before, (n,)."""
        found = np.zeros(len(fingerprints), dtype=np.bool_)
        for level in self._levels:
            at = np.minimum(np.searchsorted(level, fingerprints), len(level) - 1)
            found |= level[at] == fingerprints
        return found

    def add(self, fingerprints: NDArray[np.uint64]) -> None:
        """Keep distinct ones that did not come before."""
        if not len(fingerprints):
            return
        own = np.sort(fingerprints)
        while self._levels and len(self._levels[-1]) <= 2 * len(own):
            own = np.sort(np.concatenate([self._levels.pop(), own]), kind="stable")
        self._levels.append(own)


def _read(block: SequenceBlock, failures: Failures) -> Found:
    """Read the sequences of a block that are compositions; the others are failures."""
    if not len(block):
        return _nothing()
    atoms = block.ids.astype(np.int64) - (FIRST_ELEMENT_ID - 1)  # atomic numbers
    counts = block.counts
    malformed = (atoms < 1).any(axis=1) if atoms.shape[1] else np.ones(len(atoms), dtype=bool)
    ranks = _RANKS[np.maximum(atoms, 0)]
    ordered = np.argsort(ranks, axis=1, kind="stable")
    sorted_atoms = np.take_along_axis(atoms, ordered, axis=1)
    begins = np.diff(sorted_atoms, axis=1, prepend=0) != 0
    elements = begins.sum(axis=1)
    reasons = [
        ("malformed", malformed),
        (f"over {MOST_ATOMS} atoms", ~malformed & (not block.finished)),
        ("single element", ~malformed & block.finished & (elements < 2)),
        (f"over {MOST_ELEMENTS} elements", ~malformed & block.finished & (elements > MOST_ELEMENTS)),
    ]
    bad = np.zeros(len(block), dtype=bool)
    for reason, rows in reasons:
        failures.add(reason, int(counts[rows].sum()))
        bad |= rows
    kept = np.flatnonzero(~bad)
    begins, sorted_atoms = begins[kept], sorted_atoms[kept]
    starts = np.concatenate([[0], np.cumsum(elements[kept])])
    places = np.flatnonzero(begins.ravel())
    amounts = np.diff(places, append=begins.size)  # rows begin with an element, so none runs over their end
    written = Compositions(
        starts.astype(np.int64), sorted_atoms.ravel()[places].astype(np.uint8), amounts.astype(np.int32)
    )
    canonical = (np.diff(ranks[kept], axis=1) >= 0).all(axis=1) & _as_formulas_are(written)
    fingerprints = written.fingerprints()
    unknown = np.where(canonical, 0.0, np.nan)
    return Found(
        written,
        fingerprints,
        counts[kept],
        block.log_probs[kept] + unknown,
        block.proposals[kept] + unknown,
        block.arrivals[kept],
    )


def _as_formulas_are(compositions: Compositions) -> NDArray[np.bool_]:
    """Say which have as many atoms as their reduced formulas: Na2O2 has, NaO and Na2Cl2 have not."""
    if not len(compositions):
        return np.zeros(0, dtype=np.bool_)
    divisors = np.gcd.reduceat(compositions.amounts, compositions.starts[:-1])
    return divisors == np.where(_peroxides(compositions), 2, 1)


def _peroxides(compositions: Compositions) -> NDArray[np.bool_]:
    """Say which are pairs such as NaO, whose reduced formula is written Na2O2."""
    first = compositions.starts[:-1]
    second = np.minimum(first + 1, len(compositions.numbers) - 1)
    alike = compositions.amounts[first] == compositions.amounts[second]
    pair = np.isin(compositions.numbers[first], _PEROXIDES) & (compositions.numbers[second] == _OXYGEN)
    return (compositions.sizes == 2) & alike & pair


def _nothing() -> Found:
    empty, none = np.zeros(0), np.zeros(0, dtype=np.int64)
    return Found(Compositions.joined([]), none.astype(np.uint64), none, empty, empty, empty)
