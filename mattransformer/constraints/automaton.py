"""What may follow a prefix of atoms so that rules can still be kept.

A formula is written atom by atom in canonical order and ends; so each composition is one path, with the amounts of its
reduced formula. `Automaton.allowed` is exact both ways: what it allows can be completed to a composition that keeps all
rules, and what it forbids cannot.

>>> import numpy as np
>>> automaton = Automaton(Rules.of(template="ABO3", charge_neutral=True))
>>> may = automaton.allowed(np.array([[38, 22]]))[0]  # Sr Ti
>>> [SYMBOLS[number - 1] for number in np.flatnonzero(may)]
['O']
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mattransformer.constraints import judging
from mattransformer.constraints.clashes import clash
from mattransformer.constraints.reading import ConstraintError, refusal
from mattransformer.constraints.rules import Rules
from mattransformer.constraints.tables import Tables, build
from mattransformer.elements import SYMBOLS
from mattransformer.screening.compositions import Compositions

COLUMNS = len(SYMBOLS) + 1
"""Of a mask: the end, then the elements by atomic number."""


class Automaton:
    """Looks ahead for rules.

    Attributes:
        rules: what is asked for.
    """

    def __init__(self, rules: Rules) -> None:
        """Build the tables.

        Raises:
            ConstraintError: no composition keeps the rules; the message names those that clash.
        """
        self.rules = rules
        found = _start(rules)
        if found is None:
            raise clash(rules, lambda fewer: _start(fewer) is not None)
        self._tables, self._exclude = found
        self._narrower: dict[int, Automaton | None] = {}

    def with_atoms(self, atoms: int) -> Automaton | None:
        """Ask for a number of atoms beside the rules; None if no composition of so many keeps them."""
        if atoms not in self._narrower:
            self._narrower[atoms] = self._of_atoms(atoms)
        return self._narrower[atoms]

    def _of_atoms(self, atoms: int) -> Automaton | None:
        least, most = self.rules.n_atoms
        rules = replace(self.rules, n_atoms=(atoms, atoms))
        found = _start(rules) if least <= atoms <= most else None
        if found is None:
            return None
        narrower = object.__new__(Automaton)
        narrower.rules, narrower._narrower = rules, {}
        narrower._tables, narrower._exclude = found
        return narrower

    def allowed(self, prefixes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Say what may follow prefixes.

        Args:
            prefixes: atomic numbers, (N, depth), each in canonical order; depth may be 0.

        Returns:
            (N, 119): in column 0 whether the formula may end here, in column Z whether element Z may follow. A prefix
            that cannot be completed itself has none.

        Raises:
            ConstraintError: they are not atomic numbers in two dimensions.
        """
        numbers = np.array(prefixes)
        whole = np.issubdtype(numbers.dtype, np.integer) or not numbers.size
        if (
            numbers.ndim != 2
            or not whole
            or (numbers.size and not 1 <= numbers.min() <= numbers.max() < COLUMNS)
        ):
            raise refusal(
                "prefixes",
                f"of shape {numbers.shape}",
                "they are not atomic numbers",
                "give 1 to 118, (N, depth)",
            )
        return _allowed(self._tables, self._exclude, numbers.astype(np.int64))

    def keeps(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tell which whole compositions keep all rules, (n,); any multiple of one gives the same verdict."""
        return judging.keeps(self.rules, compositions)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that no rule on single elements keeps out, in canonical order."""
        return tuple(SYMBOLS[number - 1] for number in self._tables.numbers.tolist())


def _start(rules: Rules) -> tuple[Tables, NDArray[np.uint64]] | None:
    """Build what an automaton works with, or return None if no composition keeps the rules."""
    tables = build(rules)
    # A copy, since the kernels are compiled for arrays that can be written.
    exclude = np.array([] if rules.exclude is None else rules.exclude, dtype=np.uint64)
    if tables is None:
        return None
    nothing = np.zeros((1, 0), dtype=np.int64)
    if not _allowed(tables, exclude, nothing).any():
        return None
    return tables, exclude


def _allowed(tables: Tables, exclude: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    from mattransformer.constraints import kernels

    mask = np.zeros((len(numbers), COLUMNS), dtype=np.bool_)
    kernels.allowed(tables, exclude, np.ascontiguousarray(numbers), mask)
    return mask


__all__ = ["COLUMNS", "Automaton", "ConstraintError"]
