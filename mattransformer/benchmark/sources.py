"""Where suggestions come from: draws in order, batch by batch, until so many distinct compositions are there.

    for n, sample in ladder(source.batches(seed=0), (1_000, 10_000)):
        sample.formulas, sample.drawn

What is drawn depends on the seed alone, not on how many are asked for: the first 1,000 are those of any longer sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mattransformer.evaluation.settings import allot
from mattransformer.generation.found import Failures, gather
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.metrics.formulas import FormulaList
from mattransformer.objectives.sequences import in_blocks
from mattransformer.screening.compositions import Compositions
from mattransformer.tokenization import prompt_ids

if TYPE_CHECKING:
    from mattransformer.baselines.drawing import DrawingGenerator, Draws
    from mattransformer.generation.language_model import LanguageModel

_FIRST: Final = 1_200  # draws of a language model's first batch
_GROWTH: Final = 0.25  # draws of every other, beside all before it: larger batches share more prefixes
_MOST: Final = 500_000  # draws of a batch, which bounds the memory
_FEWEST_NEW: Final = 0.002  # share of new compositions in a batch below which a sample ends


@dataclass(frozen=True, eq=False)
class Batch:
    """Draws that follow each other.

    Attributes:
        compositions: of those draws that are one of 2 to 8 elements and at most 30 atoms, in order, (k,).
        places: of these among all draws of the batch, ascending, (k,).
        drawn: draws of the batch.
        failures: what became of the others, by the reason.
    """

    compositions: Compositions
    places: NDArray[np.int64]
    drawn: int
    failures: dict[str, int]


class Source(Protocol):
    """A system that can be drawn from without an end."""

    def batches(self, seed: int) -> Iterator[Batch]:
        """Draw; the seed decides all."""
        ...


@dataclass(frozen=True, eq=False)
class Sample:
    """The first n distinct suggestions of a source.

    Attributes:
        formulas: their rows are the draws until the last of them came, those without a composition left out.
        drawn: all draws until then.
        failures: share of the draws that are no composition, by the reason; over whole batches.
    """

    formulas: FormulaList
    drawn: int
    failures: dict[str, float]


@dataclass(frozen=True, eq=False)
class GeneratorSource:
    """A generator that draws compositions one by one."""

    generator: DrawingGenerator

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Source.batches`; chunks of the generator are gathered into batches that grow."""
        chunks: list[Draws] = []
        waiting = total = 0
        for draws in self.generator.chunks(seed):
            chunks.append(draws)
            waiting += len(draws)
            if waiting >= _GROWTH * total:
                yield _gathered(chunks)
                chunks, waiting, total = [], 0, total + waiting


@dataclass(frozen=True, eq=False)
class LanguageModelSource:
    """Plain samples of a language model at temperature 1, under several conditions in given proportions.

    Attributes:
        lm: the model.
        conditions: pairs of source and variant.
        rows: training rows of each, which are the proportions.
    """

    lm: LanguageModel
    conditions: Sequence[tuple[str, str]]
    rows: Sequence[int]

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Source.batches`; samples of all conditions are shuffled together."""
        total, number = 0, 0
        while True:
            size = min(_MOST, max(_FIRST, int(_GROWTH * total)))
            yield self._batch(size, seed, number)
            total, number = total + size, number + 1

    def _batch(self, size: int, seed: int, number: int) -> Batch:
        failures = Failures()
        sequences = (
            sequence
            for at, ((source, variant), n) in enumerate(
                zip(self.conditions, allot(size, self.rows), strict=True)
            )
            if n
            for sequence in self.lm.objective.sample(
                self.lm.model,
                prompt_ids({"source": source, "variant": variant}),
                n,
                [seed, number, at],
                max_tokens=MOST_ATOMS,
            )
        )
        found = gather(in_blocks(sequences), failures)
        draws = np.repeat(np.arange(len(found)), found.counts)
        order = np.random.default_rng([seed, number]).permutation(size)
        places = np.flatnonzero(order < len(draws))
        return Batch(found.compositions.take(draws[order[places]]).reduced, places, size, failures.counts)


def _gathered(chunks: Sequence[Draws]) -> Batch:
    """Put chunks of draws one behind another."""
    failure = np.concatenate([draws.failure for draws in chunks])
    places = np.flatnonzero(failure == 0)
    failures: Counter[str] = Counter()
    for draws in chunks:
        failures.update(draws.failures())
    joined = Compositions.joined([draws.compositions for draws in chunks])
    return Batch(joined.take(places), places, len(failure), dict(failures))


def ladder(batches: Iterable[Batch], rungs: Sequence[int]) -> Iterator[tuple[int, Sample]]:
    """Draw until there are as many distinct compositions as each rung says.

    Args:
        batches: of a source.
        rungs: numbers of distinct compositions, ascending.

    Yields:
        Each rung with its sample. A source that hardly gives anything new any more ends the ladder before its rung.
    """
    wanted = iter(rungs)
    rung = next(wanted, None)
    kept = _Kept()
    for batch in batches:
        fresh = kept.add(batch)
        while rung is not None and kept.distinct >= rung:
            yield rung, kept.first(rung)
            rung = next(wanted, None)
        if rung is None or fresh < _FEWEST_NEW * batch.drawn:
            return


class _Kept:
    """What was drawn so far."""

    def __init__(self) -> None:
        self.formulas = FormulaList.joined([])
        self.places = np.zeros(0, dtype=np.int64)
        self.drawn = 0
        self.failures: dict[str, int] = {}

    @property
    def distinct(self) -> int:
        return len(self.formulas)

    def add(self, batch: Batch) -> int:
        """Take in a batch; give the number of new compositions."""
        before = self.distinct
        self.formulas = FormulaList.joined([self.formulas, FormulaList.of_compositions(batch.compositions)])
        self.places = np.concatenate([self.places, batch.places + self.drawn])
        self.drawn += batch.drawn
        for reason, count in batch.failures.items():
            self.failures[reason] = self.failures.get(reason, 0) + count
        return self.distinct - before

    def first(self, n: int) -> Sample:
        """Give the first n distinct compositions."""
        formulas = self.formulas.first(n)
        drawn = int(self.places[formulas.readable - 1]) + 1
        return Sample(
            formulas, drawn, {reason: count / self.drawn for reason, count in self.failures.items()}
        )
