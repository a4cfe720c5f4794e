"""The element-mover's distance: how far atoms have to move along the modified Pettifor scale.

The distance of two compositions is the Wasserstein-1 distance of their atomic fractions, as of SciPy's
`wasserstein_distance`, with elements at whole-number places: neighbours on the scale, which replace each other most
easily in crystals, are 1 apart (C. J. Hargreaves et al., Chem. Mater. 32, 10610 (2020)).

    distance("NaCl", "KCl")    # 0.5: half of the atoms move by one place
    nearest(samples.compositions, references.compositions).distances
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions

# fmt: off
SCALE: Final[tuple[str, ...]] = (
    "He", "Ne", "Ar", "Kr", "Xe", "Rn",
    "Fr", "Cs", "Rb", "K", "Na", "Li", "Ra", "Ba", "Sr", "Ca",
    "Eu", "Yb", "Lu", "Tm", "Y", "Er", "Ho", "Dy", "Tb", "Gd", "Sm", "Pm", "Nd", "Pr", "Ce", "La",
    "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr",
    "Sc", "Zr", "Hf", "Ti", "Ta", "Nb", "V", "Cr", "Mo", "W", "Re",
    "Tc", "Os", "Ru", "Ir", "Rh", "Pt", "Pd", "Au", "Ag", "Cu",
    "Ni", "Co", "Fe", "Mn", "Mg", "Zn", "Cd", "Hg", "Be", "Al", "Ga", "In", "Tl",
    "Pb", "Sn", "Ge", "Si", "B", "C", "N", "P", "As", "Sb", "Bi",
    "Po", "Te", "Se", "S", "O", "At", "I", "Br", "Cl", "F", "H",
)
"""The modified Pettifor scale: 103 elements, those that replace each other side by side.

Source: H. Glawe et al., New J. Phys. 18, 093011 (2016), https://doi.org/10.1088/1367-2630/18/9/093011.
"""
# fmt: on

_PLACES: Final = np.full(len(SYMBOLS) + 1, -1, dtype=np.int64)
_PLACES[[ATOMIC_NUMBER[symbol] for symbol in SCALE]] = np.arange(len(SCALE))


class ElementMoverError(MattransformerError):
    """A distance that is not defined."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest of some references to each of n compositions.

    Attributes:
        distances: to it, in places of the scale, (n,).
        rows: of it among the references, (n,); of several as near, the one with the lowest mean place.
    """

    distances: NDArray[np.float64]
    rows: NDArray[np.int64]


def places(compositions: Compositions) -> NDArray[np.int64]:
    """Give the place of each entry on the scale, (m,), from 0; -1 of the elements past Lr, which have none."""
    return _PLACES[compositions.numbers]


def on_scale(compositions: Compositions) -> NDArray[np.bool_]:
    """Tell which compositions have all elements on the scale.

    Args:
        compositions: n of them.

    Returns:
        bool, (n,).
    """
    return compositions.totals(places(compositions) < 0) == 0


def distance(first: str | Formula, second: str | Formula) -> float:
    """Give the element-mover's distance of two formulas.

    Args:
        first: in any notation, reduced or not.
        second: likewise.

    Returns:
        The distance in places of the scale, from 0 (the same composition) to 102.

    Raises:
        FormulaError: one is no formula.
        ElementMoverError: an element is past Lr.
    """
    one, other = (Compositions.of([Formula.parse(formula)]) for formula in (first, second))
    return float(distances(one, other)[0])


def distances(first: Compositions, second: Compositions) -> NDArray[np.float64]:
    """Give the distances of pairs.

    Args:
        first: n compositions, reduced or not.
        second: n compositions.

    Returns:
        The distance of each row, in places of the scale, (n,).

    Raises:
        ElementMoverError: there are more of one than of the other, or an element is past Lr.
    """
    from mattransformer.metrics.kernels import moved_by_row

    if len(first) != len(second):
        raise ElementMoverError(
            f"{len(first):,} compositions make no pairs with {len(second):,}: give as many of both"
        )
    found = np.empty(len(first))
    moved_by_row(*_laid(first), *_laid(second), found)
    return found


def nearest(compositions: Compositions, references: Compositions) -> Nearest:
    """Find the nearest of references.

    The time grows with the product of the two lengths, but a small part of the pairs is looked at: 100,000
    compositions beside 100,000 take seconds. The memory grows with their sum.

    Args:
        compositions: n compositions, reduced or not.
        references: at least one.

    Returns:
        The least distances and where they are.

    Raises:
        ElementMoverError: there is no reference, or an element is past Lr.
    """
    from mattransformer.metrics import kernels

    if not len(references):
        raise ElementMoverError("there is nothing to be near to: give at least one reference")
    laid = _laid(compositions)
    means = _mean_places(references)
    order = np.argsort(means, kind="stable")
    sorted_references = references.take(order)
    found = np.empty(len(compositions))
    rows = np.empty(len(compositions), dtype=np.int64)
    kernels.nearest(*laid, _mean_places(compositions), *_laid(sorted_references), means[order], found, rows)
    return Nearest(found, order[rows])


def _mean_places(compositions: Compositions) -> NDArray[np.float64]:
    amounts = compositions.amounts.astype(np.int64)
    return compositions.totals(places(compositions) * amounts) / compositions.totals(amounts)


def _laid(compositions: Compositions) -> tuple[NDArray[Any], ...]:
    """Return starts, and places and amounts of the entries, by place within each composition, and numbers of atoms."""
    where = places(compositions)
    if (where < 0).any():
        symbol = SYMBOLS[compositions.numbers[where < 0][0] - 1]
        raise ElementMoverError(f"{symbol} is not on the modified Pettifor scale: leave out elements past Lr")
    order = np.lexsort((where, compositions.owners))
    amounts = compositions.amounts.astype(np.int64)
    atoms = compositions.totals(amounts).astype(np.int64)
    return compositions.starts, where[order], amounts[order], atoms
