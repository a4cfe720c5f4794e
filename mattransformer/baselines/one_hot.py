"""Compositions as the sparse matrices of MATGAN: 8 rows, numbers of atoms from 1 to 8, and 85 columns, elements.

    fits(compositions)        # bool, (n,): about two thirds of the Materials Project
    matrices(compositions)    # (n, 8, 85), 0 and 1, of those that fit

A matrix holds a 1 where the compound has so many atoms of the element. Source: Dan et al., npj Comput. Mater. 6, 84
(2020), T in R^(8 x 85). The 85 elements are those of the authors' release (the file Periodic_Table.csv), by atomic
number: H to Pu without He, Ne, Ar, Kr, and Po to Ra. Formulas are reduced before they are encoded.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.screening.compositions import Compositions

ROWS: Final = 8
"""Most atoms of an element."""

ELEMENTS: Final[tuple[str, ...]] = tuple(
    symbol
    for symbol in SYMBOLS[: ATOMIC_NUMBER["Pu"]]
    if symbol not in {"He", "Ne", "Ar", "Kr", "Po", "At", "Rn", "Fr", "Ra"}
)
"""The 85 elements, hydrogen first."""

COLUMNS: Final = len(ELEMENTS)

_NUMBERS: Final = np.array([ATOMIC_NUMBER[symbol] for symbol in ELEMENTS], dtype=np.uint8)
_PLACE: Final = np.full(len(SYMBOLS) + 1, -1, dtype=np.int64)
_PLACE[_NUMBERS] = np.arange(COLUMNS)


def fits(compositions: Compositions) -> NDArray[np.bool_]:
    """Tell which compositions MATGAN can learn and give at all.

    Args:
        compositions: n of them, each with at least one element; reduced here.

    Returns:
        bool, (n,): all elements are among the 85, and of none there are more than 8 atoms.
    """
    outside = (_PLACE[compositions.numbers] < 0) | (compositions.reduced.amounts > ROWS)
    return compositions.totals(outside) == 0


def matrices(compositions: Compositions) -> NDArray[np.float32]:
    """Encode compositions.

    Args:
        compositions: n of them that `fits` accepts.

    Returns:
        0 and 1, (n, 8, 85); a 1 at [i, d, e] where the i-th has d + 1 atoms of element e.
    """
    reduced = compositions.reduced
    filled = np.zeros((len(reduced), ROWS, COLUMNS), dtype=np.float32)
    filled[reduced.owners, reduced.amounts - 1, _PLACE[reduced.numbers]] = 1.0
    return filled


def compositions_of(filled: NDArray[np.float32]) -> Compositions:
    """Read matrices back: each column's largest value is its number of atoms, if it rounds to 1.

    The authors' release (generate_data.py) counts every value from 0.2 on, and of several in a column keeps the
    largest number of atoms, since it reads them in this order and the last stays; the values of a trained generator are
    nearly all close to 0 or 1, where both readings agree.

    Args:
        filled: values from 0 to 1, (n, 8, 85).

    Returns:
        n compositions, not reduced; one without a value above 0.5 has no entries.
    """
    there = filled.max(axis=1) > 0.5
    rows, columns = np.nonzero(there)
    starts = np.zeros(len(filled) + 1, dtype=np.int64)
    np.cumsum(there.sum(axis=1), out=starts[1:])
    amounts = filled.argmax(axis=1)[rows, columns] + 1
    return Compositions(starts, _NUMBERS[columns], amounts.astype(np.int32))
