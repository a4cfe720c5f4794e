"""Random compositions that look like a corpus from afar: what a generator that knows no chemistry reaches.

    PseudoRandom.fit(formulas).generate(1_000_000, seed=0)
    StoichiometryRandom.fit(formulas).generate(1_000_000, seed=0)

The first keeps how many elements and atoms compounds have. The second keeps whole stoichiometries, such as 1:1:3, and
how common each element is; only which elements go together is left to chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mattransformer.baselines.drawing import DrawingGenerator, Draws
from mattransformer.data.admission import MAX_ATOMS, MAX_ELEMENTS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


class FitError(MattransformerError):
    """Formulas that a random generator cannot be matched to."""


@dataclass(frozen=True, eq=False)
class PseudoRandom(DrawingGenerator):
    """Draws the number of elements and of atoms together from a corpus, and the rest at random.

    The elements are drawn uniformly from those of the corpus, without repetition, and every split of the atoms among
    them is equally likely, multiples of smaller formulas left out.

    Attributes:
        elements: atomic numbers to draw from, (elements,).
        shapes: number of elements and of atoms of the reduced formula, one row a pair that occurs, (shapes, 2).
        counts: rows of the corpus with each pair, (shapes,).
    """

    elements: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    counts: NDArray[np.int64]

    name: ClassVar[str] = "pseudo-random"
    chunk: ClassVar[int] = 1 << 15

    @classmethod
    def fit(cls, formulas: Iterable[str | Formula]) -> Self:
        """Match the generator to a corpus.

        Args:
            formulas: of the training rows; those outside the limits of the corpora, and what is no formula, are left
                out.

        Returns:
            The generator.

        Raises:
            FitError: nothing is left.
        """
        corpus = _within_limits(formulas)
        atoms = corpus.totals(corpus.amounts).astype(np.int64)
        shapes, counts = np.unique(np.stack([corpus.sizes, atoms], axis=1), axis=0, return_counts=True)
        return cls(np.unique(corpus.numbers), shapes, counts)

    def draw(self, rng: np.random.Generator) -> Compositions:
        """Draw a chunk; see `DrawingGenerator.draw`."""
        chosen = self.shapes[rng.choice(len(self.shapes), self.chunk, p=self.counts / self.counts.sum())]
        amounts = np.zeros((self.chunk, MAX_ELEMENTS), dtype=np.int64)
        left = np.arange(self.chunk)
        while len(left):  # until none is the multiple of a smaller formula
            amounts[left] = _splits(chosen[left, 0], chosen[left, 1], rng)
            left = left[np.gcd.reduce(amounts[left], axis=1) > 1]
        return _paired(
            _distinct_elements(self.elements, np.ones(len(self.elements)), self.chunk, rng), amounts
        )

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what a checkpoint keeps; see `DrawingGenerator.parts`."""
        return {}, {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make a generator of what `parts` gave."""
        return cls(**arrays)


@dataclass(frozen=True, eq=False)
class StoichiometryRandom(DrawingGenerator):
    """Draws stoichiometries from a corpus, and an element for each amount by its frequency there.

    The amounts come in random order, and for one after the other an element is drawn, in proportion to the rows of the
    corpus that hold it, from those that are not there yet.

    Attributes:
        elements: atomic numbers to draw from, (elements,).
        frequencies: rows of the corpus that hold each, (elements,).
        stoichiometries: ascending amounts of reduced formulas, 0 behind the last, (stoichiometries, 8).
        counts: rows of the corpus with each, (stoichiometries,).
    """

    elements: NDArray[np.uint8]
    frequencies: NDArray[np.int64]
    stoichiometries: NDArray[np.int64]
    counts: NDArray[np.int64]

    name: ClassVar[str] = "stoichiometry-random"
    chunk: ClassVar[int] = 1 << 15

    @classmethod
    def fit(cls, formulas: Iterable[str | Formula]) -> Self:
        """Match the generator to a corpus.

        Args:
            formulas: see `PseudoRandom.fit`.

        Returns:
            The generator.

        Raises:
            FitError: nothing is left.
        """
        corpus = _within_limits(formulas)
        elements, frequencies = np.unique(corpus.numbers, return_counts=True)
        amounts = np.full((len(corpus), MAX_ELEMENTS), MAX_ATOMS + 1, dtype=np.int64)
        amounts[corpus.owners, np.arange(len(corpus.amounts)) - corpus.starts[corpus.owners]] = corpus.amounts
        amounts.sort(axis=1)
        amounts[amounts > MAX_ATOMS] = 0
        stoichiometries, counts = np.unique(amounts, axis=0, return_counts=True)
        return cls(elements, frequencies, stoichiometries, counts)

    def draw(self, rng: np.random.Generator) -> Compositions:
        """Draw a chunk; see `DrawingGenerator.draw`."""
        share = self.counts / self.counts.sum()
        amounts = self.stoichiometries[rng.choice(len(share), self.chunk, p=share)]
        order = rng.random(amounts.shape)
        order[amounts == 0] = 2.0  # behind all amounts
        shuffled = np.take_along_axis(amounts, order.argsort(axis=1), axis=1)
        return _paired(_distinct_elements(self.elements, self.frequencies, self.chunk, rng), shuffled)

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what a checkpoint keeps; see `DrawingGenerator.parts`."""
        return {}, {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make a generator of what `parts` gave."""
        return cls(**arrays)


def _within_limits(formulas: Iterable[str | Formula]) -> Compositions:
    column = read_column(formulas if isinstance(formulas, list) else list(formulas))
    draws = Draws.of(column.compositions)
    kept = draws.compositions.take(np.flatnonzero(draws.failure == 0))
    if not len(kept):
        raise FitError(
            f"none of the {len(column):,} formulas has 2 to {MAX_ELEMENTS} elements and at most {MAX_ATOMS} atoms; "
            "give the training rows of a corpus"
        )
    return kept


def _splits(
    parts: NDArray[np.int64], atoms: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Split atoms into so many parts of at least one, all ordered splits alike.

    Args:
        parts: of each row, (n,).
        atoms: of each row, at least as many, (n,).
        rng: random numbers.

    Returns:
        The parts, 0 behind the last, (n, 8).
    """
    # Cuts are drawn without repetition from the places between atoms: the smallest of uniform numbers.
    keys = rng.random((len(parts), MAX_ATOMS - 1))
    keys[np.arange(1, MAX_ATOMS) >= atoms[:, None]] = 2.0
    places = keys.argsort(axis=1)[:, : MAX_ELEMENTS - 1] + 1
    places[np.arange(1, MAX_ELEMENTS) >= parts[:, None]] = 0
    places = np.where(places == 0, atoms[:, None], places)
    places.sort(axis=1)
    return np.diff(places, axis=1, prepend=0, append=atoms[:, None])


def _distinct_elements(
    elements: NDArray[np.uint8],
    weights: NDArray[np.int64] | NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draw up to 8 elements a row one after the other, each in proportion to its weight among those that are left.

    Source: the order of exponential arrival times with the weights as rates (Efraimidis and Spirakis, Inf. Process.
    Lett. 97, 181 (2006)).
    """
    times = rng.exponential(size=(n, len(elements))) / weights
    most = min(MAX_ELEMENTS, len(elements))
    first = times.argpartition(most - 1, axis=1)[:, :most]
    order = np.take_along_axis(times, first, axis=1).argsort(axis=1)
    return elements[np.take_along_axis(first, order, axis=1)]


def _paired(elements: NDArray[np.uint8], amounts: NDArray[np.int64]) -> Compositions:
    """Give the k-th element of each row its k-th amount, where there is one."""
    amounts = amounts[:, : elements.shape[1]]
    there = amounts > 0
    starts = np.zeros(len(amounts) + 1, dtype=np.int64)
    np.cumsum(there.sum(axis=1), out=starts[1:])
    return Compositions(starts, elements[there], amounts[there].astype(np.int32))
