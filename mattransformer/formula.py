"""The formula of a compound: one immutable type, and the only place where atoms are counted.

>>> formula = Formula.parse("Ca3(PO4)2")
>>> formula.tokens
('Ca', 'Ca', 'Ca', 'P', 'P', 'O', 'O', 'O', 'O', 'O', 'O', 'O', 'O')
>>> Formula.from_tokens(["O", "Ti", "O", "Sr", "O"]).reduced_formula
'SrTiO3'

Elements stand in the canonical order of `mattransformer.elements`. Reduced and anonymous formulas are
pymatgen's strings, computed here without it, since corpora and samples come in hundreds of thousands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, Final, Protocol

from mattransformer.elements import PAULING, RANK
from mattransformer.notation import (
    HEAVY_HYDROGEN,
    MAX_AMOUNT,
    Counts,
    FormulaError,
    read_mapping,
    read_plain,
    read_text,
    reject,
    whole_cell,
)

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition

__all__ = ["DOUBLED", "MAX_CELL_ATOMS", "Formula", "FormulaError"]

MAX_CELL_ATOMS: Final = 1_000
"""Most atoms in the whole-number cell that fractional amounts are expanded to."""

DOUBLED: Final = frozenset({"LiO", "NaO", "KO", "HO", "CsO", "RbO", "O", "N", "F", "Cl", "H"})
"""What pymatgen does not reduce to the end: peroxides and diatomic gases (Composition.special_formulas)."""

PEROXIDE_FORMERS: Final = frozenset(
    pair.removesuffix("O") for pair in DOUBLED if len(pair) > 1 and pair.endswith("O")
)
"""Elements whose compounds with as many atoms of oxygen are written doubled: Na2O2."""

# The two most electronegative elements of three or more are bracketed as a polyanion if they differ by less
# than this on the Pauling scale (pymatgen's reduce_formula): Ca3(PO4)2, but CaAl2F8.
_POLYANION_DIFFERENCE: Final = 1.65

# pymatgen stops after Z and drops the other elements; two letters go on from there.
_LETTERS: Final = (*ascii_uppercase, *(a + b for a in ascii_uppercase for b in ascii_lowercase))


class Composite(Protocol):
    """What has a composition, such as pymatgen's Structure."""

    @property
    def composition(self) -> Mapping[Any, Any]:
        """Amounts by element."""
        ...


def _inner(value: object) -> str | Mapping[Any, Any] | None:
    """Give the composition of what has one, and the value of a cell of an Arrow column; None of all else."""
    found = getattr(value, "composition", None)
    if not isinstance(found, Mapping):
        as_python = getattr(value, "as_py", None)
        found = as_python() if callable(as_python) else None
    return found if isinstance(found, str | Mapping) else None


@dataclass(frozen=True, slots=True)
class Formula:
    """Numbers of atoms of a compound. Equal and hashed by these; ``Na2O2`` and ``NaO`` differ until reduced.

    Attributes:
        counts: Element and number of atoms (whole, from 1), in canonical order, as given and not reduced.
    """

    counts: Counts

    def __post_init__(self) -> None:
        """Refuse counts that are not in canonical order or not positive whole numbers."""
        if not isinstance(self.counts, tuple) or any(
            not isinstance(entry, tuple) or len(entry) != 2 for entry in self.counts
        ):
            raise reject(self.counts, "counts are pairs of element and whole number", "use Formula.parse")
        if not self.counts or any(s not in RANK or type(n) is not int or n < 1 for s, n in self.counts):
            raise reject(self.counts, "counts are elements and whole numbers from 1", "use Formula.parse")
        ranks = [RANK[symbol] for symbol, _ in self.counts]
        if any(a >= b for a, b in pairwise(ranks)):
            raise reject(self.counts, "the elements are not in canonical order", "use Formula.parse")

    @classmethod
    def parse(
        cls,
        value: str | Mapping[Any, Any] | Composition | Composite | Formula,
        *,
        heavy_hydrogen: bool = False,
        max_cell_atoms: int = MAX_CELL_ATOMS,
    ) -> Formula:
        """Read a formula.

        Args:
            value: Text (``Ca3(PO4)2``, ``CuSO4·5H2O``, ``Ba0.9Sr0.1TiO3``), a pymatgen Composition or Structure, a
                mapping from element to amount, a cell of an Arrow column, or a Formula. Charges of species are
                dropped. Fractional amounts become the smallest whole-number cell in the same proportions.
            heavy_hydrogen: Count D and T as H; otherwise they are an error.
            max_cell_atoms: Most atoms in the cell that fractional amounts are expanded to, up to 10,000.

        Raises:
            FormulaError: `value` is not a formula, an element has more than 10,000 atoms, or the whole-number
                cell is larger than `max_cell_atoms`.
        """
        if isinstance(value, str):
            counts = read_plain(value)
            if counts is not None:
                return _trusted(counts)
            amounts = read_text(value)
        elif isinstance(value, Formula):
            return value
        elif isinstance(value, Mapping):
            amounts = read_mapping(value)
        elif (inner := _inner(value)) is not None:
            return cls.parse(inner, heavy_hydrogen=heavy_hydrogen, max_cell_atoms=max_cell_atoms)
        else:
            raise reject(
                value,
                f"it is of type {type(value).__name__}",
                "give text, a mapping, or a pymatgen Composition or Structure",
            )
        for isotope in sorted(HEAVY_HYDROGEN & amounts.keys()):
            if not heavy_hydrogen:
                raise reject(
                    value,
                    f"{isotope} is an isotope of H",
                    "count it as H with heavy_hydrogen=True, or --heavy-hydrogen of mattransformer screen",
                )
            amounts["H"] = amounts.get("H", 0.0) + amounts.pop(isotope)
        return _ordered(whole_cell(amounts, value, max_cell_atoms))

    @classmethod
    def from_tokens(cls, tokens: Iterable[str]) -> Formula:
        """The formula with one atom a token, the tokens in any order.

        Raises:
            FormulaError: there is no token, one is not an element, or one comes more than 10,000 times.
        """
        counts = Counter(tokens)
        if not counts:
            raise reject([], "it has no tokens", "give one symbol an atom, such as Na Cl")
        for token, count in counts.items():
            if token not in RANK:
                raise reject(token, "it is not an element", "give one symbol an atom, such as Na Cl")
            if count > MAX_AMOUNT:
                raise reject(token, f"it comes {count:,} times, more than {MAX_AMOUNT:,}", "give fewer")
        return _ordered(counts)

    @property
    def tokens(self) -> tuple[str, ...]:
        """One symbol an atom, in canonical order: ``SrTiO3`` is Sr Ti O O O."""
        return tuple([symbol for symbol, count in self.counts for _ in range(count)])

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return sum([count for _, count in self.counts])

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements, in canonical order."""
        return tuple([symbol for symbol, _ in self.counts])

    @property
    def reduced(self) -> Formula:
        """The formula of `reduced_formula`: SrTiO3 of ``Sr2Ti2O6``, Na2O2 of ``NaO``, O2 of ``O``."""
        divisor = math.gcd(*[count for _, count in self.counts])
        factor = 2 if len(self.counts) < 3 and _written(self.counts, divisor) in DOUBLED else 1
        if divisor == factor:
            return self
        return _trusted(tuple([(symbol, count // divisor * factor) for symbol, count in self.counts]))

    @property
    def reduced_formula(self) -> str:
        """The reduced formula as pymatgen writes it (``Composition.reduced_formula``): ``Ca3(PO4)2``."""
        counts = self.counts
        divisor = math.gcd(*[count for _, count in counts])
        if len(counts) < 3:
            text = _written(counts, divisor)
            return _written(counts, divisor, 2) if text in DOUBLED else text
        (inner, inner_count), (outer, outer_count) = counts[-2:]
        anions = math.gcd(inner_count, outer_count)
        # An element without an electronegativity is the last one, and makes no polyanion.
        if anions != divisor and outer in PAULING and PAULING[outer] - PAULING[inner] < _POLYANION_DIFFERENCE:
            return f"{_written(counts[:-2], divisor)}({_written(counts[-2:], anions)}){anions // divisor}"
        return _written(counts, divisor)

    @property
    def anonymous(self) -> str:
        """Letters for elements by rising amount, as in pymatgen's ``anonymized_formula``: ``ABC3``."""
        counts = sorted([count for _, count in self.counts])
        divisor = math.gcd(*counts)
        return _written(tuple(zip(_LETTERS, counts, strict=False)), divisor)

    def composition(self) -> Composition:
        """The pymatgen Composition with the same numbers of atoms."""
        from pymatgen.core.composition import Composition  # slow to import, and seldom needed

        return Composition(dict(self.counts))

    def __str__(self) -> str:
        """The formula as counted, in canonical order and without brackets: ``Ca3P2O8``."""
        return _written(self.counts, 1)


def _written(counts: Counts, divisor: int, factor: int = 1) -> str:
    text = ""
    for symbol, count in counts:
        amount = count // divisor * factor
        text += symbol if amount == 1 else f"{symbol}{amount}"
    return text


def _ordered(counts: Mapping[str, int]) -> Formula:
    return _trusted(tuple([(symbol, counts[symbol]) for symbol in sorted(counts, key=RANK.__getitem__)]))


def _trusted(counts: Counts) -> Formula:
    """A Formula of counts that are known to be valid, without the constructor's check."""
    formula = object.__new__(Formula)
    object.__setattr__(formula, "counts", counts)
    return formula
