"""Groups of compositions that every metric is given for: chemistry classes, and kinds by number of elements.

>>> class_names(FormulaList.of(["SrTiO3", "NaCl", "GaAs", "Ni3Al"]).compositions)
['oxide', 'halide', 'pnictide', 'intermetallic']

The class goes by the most electronegative element, last in the canonical order of `mattransformer.elements`: O makes an
oxide, F, Cl, Br and I a halide, S, Se and Te a chalcogenide, N a nitride, P, As, Sb and Bi a pnictide. What is left is
an intermetallic if all its elements are metals or metalloids, and otherwise other, such as a carbide or a hydride; so
is a single element. An oxyfluoride is a halide by this rule.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ORDER, RANK, SYMBOLS
from mattransformer.screening.compositions import Compositions

CLASSES: Final = ("oxide", "halide", "chalcogenide", "nitride", "pnictide", "intermetallic", "other")
KINDS: Final = ("unary", "binary", "ternary", "quaternary", "more")
"""By number of elements: 1, 2, 3, 4, and from 5 on."""

_ANIONS: Final = {
    "oxide": ("O",),
    "halide": ("F", "Cl", "Br", "I"),
    "chalcogenide": ("S", "Se", "Te"),
    "nitride": ("N",),
    "pnictide": ("P", "As", "Sb", "Bi"),
}
_INTERMETALLIC: Final = CLASSES.index("intermetallic")
_OTHER: Final = CLASSES.index("other")

# Neither metals nor metalloids by pymatgen (Element.is_metal, is_metalloid): the elements past Cn are not classed.
_NO_METALS: Final = frozenset(
    {
        "H", "He", "C", "N", "O", "F", "Ne", "P", "S", "Cl", "Ar", "Se", "Br", "Kr", "I", "Xe", "At", "Rn",
        "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
    }
)  # fmt: skip

_RANKS: Final = np.array([0, *(RANK[symbol] for symbol in SYMBOLS)], dtype=np.int16)  # by atomic number
_NO_METAL: Final = np.array([False, *(symbol in _NO_METALS for symbol in SYMBOLS)])  # likewise
_BY_OUTER: Final = np.array(  # class by the rank of the outer element; intermetallic where it makes no class
    [next((CLASSES.index(c) for c, own in _ANIONS.items() if s in own), _INTERMETALLIC) for s in ORDER],
    dtype=np.int8,
)


def classes(compositions: Compositions) -> NDArray[np.int8]:
    """Class compositions.

    Args:
        compositions: n of them.

    Returns:
        Places in `CLASSES`, (n,).
    """
    if not len(compositions):
        return np.zeros(0, dtype=np.int8)
    begins = compositions.starts[:-1]
    found = _BY_OUTER[np.maximum.reduceat(_RANKS[compositions.numbers], begins)]
    no_metals = np.logical_or.reduceat(_NO_METAL[compositions.numbers], begins)
    alone = compositions.sizes == 1  # oxygen is no oxide
    return np.where(alone | ((found == _INTERMETALLIC) & no_metals), np.int8(_OTHER), found)


def class_names(compositions: Compositions) -> list[str]:
    """Name the class of each composition."""
    return [CLASSES[at] for at in classes(compositions).tolist()]


def kinds(compositions: Compositions) -> NDArray[np.int64]:
    """Sort compositions by number of elements.

    Args:
        compositions: n of them.

    Returns:
        Places in `KINDS`, (n,).
    """
    return np.minimum(compositions.sizes, len(KINDS)) - 1


def by_kind(kinds_of: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Give the masks of kinds; the single elements only where there are any, since most lists leave them out.

    Args:
        kinds_of: of `kinds`, (n,).

    Returns:
        Kind to mask, (n,).
    """
    masks = {kind: kinds_of == at for at, kind in enumerate(KINDS)}
    if not masks["unary"].any():
        del masks["unary"]
    return masks
