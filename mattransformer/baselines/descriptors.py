"""Physical descriptors of compositions: statistics of element properties over the atoms.

    descriptors(compositions)   # (n, 24)

Sawada et al. (arXiv:1910.11499) put such numbers beside the count vector; theirs are the compositional features of
XenonPy, of 58 properties of elements. Here six properties are enough to say where in the periodic table, and how far
apart in electronegativity, the atoms are: atomic number, mass, group, period, Mendeleev
number (Pettifor, Solid State Commun. 51, 31 (1984), as pymatgen lists it; 0 past Lr) and Pauling electronegativity (0
where there is none). Of each, the mean and the variance over the atoms, the least and the greatest.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, PAULING, SYMBOLS
from mattransformer.screening.compositions import Compositions

_LAST_MENDELEEV: Final = ATOMIC_NUMBER["Lr"]


def descriptors(compositions: Compositions) -> NDArray[np.float32]:
    """Describe compositions.

    Args:
        compositions: n of them, each with at least one element; multiples have the same descriptors.

    Returns:
        For each property in turn mean, variance, least and greatest value, not scaled, (n, 24).
    """
    atoms = compositions.totals(compositions.amounts)
    begins = compositions.starts[:-1]
    columns = []
    for values in element_properties().T:
        entries = values[compositions.numbers]
        mean = compositions.totals(entries * compositions.amounts) / atoms
        deviations = (entries - mean[compositions.owners]) ** 2
        variance = compositions.totals(deviations * compositions.amounts) / atoms
        columns += [
            mean,
            variance,
            np.minimum.reduceat(entries, begins),
            np.maximum.reduceat(entries, begins),
        ]
    return np.stack(columns, axis=1).astype(np.float32)


@functools.cache
def element_properties() -> NDArray[np.float64]:
    """List the properties by atomic number, (119, 6); the row of 0 is empty."""
    from pymatgen.core.periodic_table import Element

    table = np.zeros((len(SYMBOLS) + 1, 6))
    for number, symbol in enumerate(SYMBOLS, start=1):
        element = Element(symbol)
        table[number] = (
            number,
            float(element.atomic_mass),
            element.group,
            element.row,
            element.mendeleev_no if number <= _LAST_MENDELEEV else 0.0,
            PAULING.get(symbol, 0.0),
        )
    return table
