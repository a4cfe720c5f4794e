"""Generators that draw compositions one by one, independently, until there are enough different ones.

    generator.sample(10_000, seed=0)      # plain draws, repetitions and failures among them
    generator.generate(1_000, seed=0)     # distinct compositions, in the order in which they first came

Draws come in chunks of a fixed size, each from a stream of random numbers of its own. So the draws of a seed do not
depend on how many are asked for: the answer to a smaller request is the beginning of the answer to a larger one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.admission import MAX_ATOMS, MAX_ELEMENTS, MIN_ELEMENTS, RULES
from mattransformer.errors import MattransformerError
from mattransformer.generation.requests import check_whole
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    import pandas as pd

WINDOW: Final = 100_000
"""Draws over which a collapse is looked for."""

FEWEST_NEW: Final = 0.01
"""Share of new compositions among these draws below which the drawing ends."""

_FAILURES: Final = RULES[1:4]  # too few or too many elements, too many atoms


class CollapseError(MattransformerError):
    """A generator whose draws hardly ever give another composition than those that are there already."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn, in order.

    Attributes:
        compositions: reduced, also those outside the limits, (n,); one without entries stands for a draw that is none.
        failure: which of the rules of the corpora each breaks: 0 none, 1 fewer than 2 elements, 2 more than 8
            elements, 3 more than 30 atoms, (n,).
    """

    compositions: Compositions
    failure: NDArray[np.int8]

    @classmethod
    def of(cls, compositions: Compositions) -> Draws:
        """Judge compositions by the limits of the corpora.

        Args:
            compositions: n of them, reduced or not, some perhaps without entries.

        Returns:
            The same, reduced, each with the first rule that it breaks.
        """
        reduced = _reduced(compositions)
        failure = np.zeros(len(reduced), dtype=np.int8)
        failure[reduced.totals(reduced.amounts) > MAX_ATOMS] = 3
        failure[reduced.sizes > MAX_ELEMENTS] = 2
        failure[reduced.sizes < MIN_ELEMENTS] = 1
        return cls(reduced, failure)

    def __len__(self) -> int:
        """Count the draws."""
        return len(self.failure)

    def first(self, n: int) -> Draws:
        """Keep the first n of them."""
        return Draws(self.compositions.take(np.arange(n)), self.failure[:n])

    def failures(self) -> dict[str, int]:
        """Count the draws that break each rule, by the rule in words; rules that none breaks are left out."""
        counts = np.bincount(self.failure, minlength=4)[1:].tolist()
        return {rule: count for rule, count in zip(_FAILURES, counts, strict=True) if count}


class DrawingGenerator(ABC):
    """A generator of independent draws.

    Attributes:
        name: what tables and errors call it.
        chunk: draws that share a stream of random numbers.
    """

    name: ClassVar[str]
    chunk: ClassVar[int]

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Compositions:
        """Draw `chunk` compositions; a draw that gives none has no entries, and limits need not be kept."""

    @abstractmethod
    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what a checkpoint keeps: settings for JSON, and arrays by name."""

    @classmethod
    @abstractmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make a generator of what `parts` gave."""

    def sample(self, n: int, seed: int = 0) -> Draws:
        """Draw n times.

        Args:
            n: draws.
            seed: decides them.

        Returns:
            The draws, repetitions and failures among them.

        Raises:
            GenerationError: no whole number.
        """
        check_whole("n", n, 0)
        check_whole("seed", seed, 0)
        chunks: list[Draws] = []
        for draws in self.chunks(seed):
            chunks.append(draws)
            if self.chunk * len(chunks) >= n:
                break
        compositions = Compositions.joined([draws.compositions for draws in chunks])
        return Draws(compositions, np.concatenate([draws.failure for draws in chunks])).first(n)

    def generate(self, n: int = 1000, seed: int = 0, *, progress: bool = False) -> pd.DataFrame:
        """Draw until n distinct compositions are there.

        Args:
            n: distinct compositions wanted.
            seed: decides the result.
            progress: show a progress bar.

        Returns:
            A column `formula` (reduced, as pymatgen writes it), in the order of first appearance: likely compositions
            come early. `attrs` holds what was `requested`, how often was `drawn` until the last of them came, what
            became of the `failures` among the draws, and the `settings`.

        Raises:
            GenerationError: no whole number.
            CollapseError: hardly any draw gives a new composition any more.
        """
        import pandas as pd
        from tqdm import tqdm

        check_whole("n", n, 1)
        check_whole("seed", seed, 0)
        seen: set[int] = set()
        found: list[Compositions] = []
        failures: Counter[str] = Counter()
        drawn = 0
        recent = _Recent(self.name, n)
        with tqdm(
            total=n, desc=f"drawing from {self.name}", unit="formula", disable=None if progress else True
        ) as bar:
            for draws in self.chunks(seed):
                rows = _new_rows(draws, seen)
                if len(seen) + len(rows) >= n:
                    rows = rows[: n - len(seen)]
                    draws = draws.first(int(rows[-1]) + 1)
                drawn += len(draws)
                failures.update(draws.failures())
                found.append(draws.compositions.take(rows))
                seen.update(found[-1].fingerprints().tolist())
                bar.update(len(rows))
                if len(seen) == n:
                    break
                recent.add(len(draws), len(rows), len(seen))
        formulas = [part.formula(at).reduced_formula for part in found for at in range(len(part))]
        table = pd.DataFrame({"formula": pd.array(formulas, dtype="str")})
        table.attrs |= {
            "requested": n,
            "drawn": drawn,
            "failures": dict(failures),
            "settings": {"generator": self.name, "seed": seed},
        }
        return table

    def chunks(self, seed: int) -> Iterator[Draws]:
        """Draw without an end, `chunk` draws at a time; the seed decides them."""
        number = 0
        while True:
            yield Draws.of(self.draw(np.random.default_rng([seed, number])))
            number += 1


class _Recent:
    """Counts of the last draws, for the word that hardly any of them is new."""

    def __init__(self, name: str, wanted: int) -> None:
        self.name, self.wanted = name, wanted
        self.drawn = self.new = 0

    def add(self, drawn: int, new: int, have: int) -> None:
        self.drawn += drawn
        self.new += new
        if self.drawn < WINDOW:
            return
        if self.new < FEWEST_NEW * self.drawn:
            way_out = f"ask for at most {have:,}, or train" if have else "train"
            raise CollapseError(
                f"{self.name}: only {self.new:,} of the last {self.drawn:,} draws gave a new composition, and there "
                f"are {have:,} of {self.wanted:,}; {way_out} longer or on more rows"
            )
        self.drawn = self.new = 0


def _new_rows(draws: Draws, seen: set[int]) -> NDArray[np.int64]:
    """Find the draws that are within the limits and have not come before, in order."""
    good = np.flatnonzero(draws.failure == 0)
    prints = draws.compositions.take(good).fingerprints()
    distinct, first = np.unique(prints, return_index=True)
    fresh = np.fromiter((print_ not in seen for print_ in distinct.tolist()), np.bool_, len(distinct))
    return np.sort(good[first[fresh]])


def _reduced(compositions: Compositions) -> Compositions:
    """Reduce compositions of which some have no entries, which `Compositions.reduced` cannot."""
    filled = np.flatnonzero(compositions.sizes)
    return Compositions(compositions.starts, compositions.numbers, compositions.take(filled).reduced.amounts)
