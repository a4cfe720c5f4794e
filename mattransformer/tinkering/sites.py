"""The place of an element in a host, and the elements that could take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species, assign_oxidation_states

CANDIDATES: Final = SYMBOLS[: SYMBOLS.index("Lr") + 1]
"""Elements that are ranked: hydrogen to lawrencium. Beyond it no compound has been made that could be weighed."""

INDEX: Final = {symbol: at for at, symbol in enumerate(CANDIDATES)}
"""Symbol to its place among the candidates."""


class TinkeringError(MattransformerError):
    """A host, a site or a fraction that makes no sense."""


@dataclass(frozen=True)
class Site:
    """Atoms of one element in a host that are to be replaced.

    Attributes:
        host: as written; of a structure, that of its cell.
        element: of the atoms.
        coordination: number of nearest neighbours; None where only the formula is known.
        charges: oxidation states of its atoms with their numbers, where they are known better than by assignment.
        atoms: how many, where symmetry tells those of the element apart; None for all.
    """

    host: Formula
    element: str
    coordination: int | None = None
    charges: tuple[Species, ...] | None = None
    atoms: int | None = None

    def __post_init__(self) -> None:
        """Refuse a site that the host does not have.

        Raises:
            TinkeringError: it names both.
        """
        elements = self.host.elements
        if self.element not in elements:
            raise TinkeringError(
                f"site: {self.element} is not in {self.host}; its elements are {', '.join(elements)}"
            )
        beyond = [symbol for symbol in elements if symbol not in INDEX]
        if beyond:
            raise TinkeringError(
                f"{self.host}: {beyond[0]} is past lawrencium, and no compounds of it are known; give another host"
            )
        if len(elements) < 2:
            raise TinkeringError(
                f"{self.host}: a host has two elements at least; an element by itself has no site"
            )

    @property
    def count(self) -> int:
        """Atoms of the site in the host as written."""
        return self.atoms or dict(self.host.counts)[self.element]

    @property
    def others(self) -> tuple[tuple[str, int], ...]:
        """The elements of all other atoms and their numbers."""
        left = {
            symbol: count - (self.count if symbol == self.element else 0)
            for symbol, count in self.host.counts
        }
        return tuple((symbol, count) for symbol, count in left.items() if count)

    @cached_property
    def assigned(self) -> tuple[Species, ...]:
        """Oxidation states of all atoms of the host in the likeliest assignment; none where nothing balances."""
        best = assign_oxidation_states(self.host, most=1)
        return best[0].species if best else ()

    @cached_property
    def species(self) -> tuple[Species, ...]:
        """Oxidation states of the atoms of the element, commonest first; none where no states are known."""
        own = self.charges or tuple(item for item in self.assigned if item.symbol == self.element)
        return tuple(sorted(own, key=lambda item: -item.count))

    @property
    def state(self) -> float | None:
        """Mean oxidation state of its atoms; None where no oxidation states balance the host."""
        if not self.species:
            return None
        return sum(item.charge * item.count for item in self.species) / sum(
            item.count for item in self.species
        )

    def filled(self, element: str) -> Formula:
        """Give the host with all atoms of the site replaced."""
        counts = dict(self.others)
        counts[element] = counts.get(element, 0) + self.count
        return Formula.parse(counts)


class Ranker(Protocol):
    """Anything that ranks the elements for a site: models and baselines alike."""

    @property
    def name(self) -> str:
        """As tables name it."""
        ...

    def scores(self, sites: Sequence[Site]) -> NDArray[np.float64]:
        """Score every candidate, (sites, candidates); NaN where the ranker has no say."""
        ...
