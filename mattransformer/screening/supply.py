"""How concentrated the supply of the elements of a compound is, and how scarce they are in the Earth's crust.

All data come from the installed SMACT and are read when first asked for: indices of Gaultois et al., Chem.
Mater. 25, 2911 (2013); crustal abundances of the CRC Handbook of Chemistry and Physics, 92nd edition (2011);
atomic masses of NIST. SMACT has no index for H, Tc, Th, U and some others, so that compounds of these have
none. Some of its abundances differ from the Handbook's: in SMACT 4.0.2, S stands at 3.5 mg/kg (350 in the
Handbook), Nb at 220 (20) and Lu at 80 (0.8).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS

if TYPE_CHECKING:
    from mattransformer.screening.compositions import Compositions

__all__ = ["HerfindahlHirschman", "crustal_abundance", "herfindahl_hirschman"]

# The last element of SMACT's data files is lawrencium.
_LAST_ATOMIC_NUMBER = ATOMIC_NUMBER["Lr"]


class HerfindahlHirschman(NamedTuple):
    """Herfindahl-Hirschman indices of n compositions.

    The index of a market is the sum of the squared shares in percent: from near 0, many suppliers, to 10,000, one
    supplier. Above 2,500 a market is highly concentrated, below 1,500 it is not (U.S. Department of Justice and
    Federal Trade Commission, Horizontal Merger Guidelines, 2010).

    Attributes:
        production: from the countries' shares of the yearly production, (n,); NaN where unknown.
        reserves: from the countries' shares of the known reserves, (n,); NaN where unknown.
    """

    production: NDArray[np.float64]
    reserves: NDArray[np.float64]


class _Elements(NamedTuple):
    """What SMACT knows of the elements, by atomic number, (119,) each, NaN where it knows nothing."""

    mass: NDArray[np.float64]  # g/mol
    production: NDArray[np.float64]
    reserves: NDArray[np.float64]
    abundance: NDArray[np.float64]  # mg/kg


def herfindahl_hirschman(compositions: Compositions) -> HerfindahlHirschman:
    """Weigh the supply risk of the elements by their mass fractions.

    The index of a compound is the mean of its elements' indices, weighted by mass fraction: Gaultois et al.,
    Chem. Mater. 25, 2911 (2013), doi:10.1021/cm400893e.

    Args:
        compositions: n compositions; a multiple of one has the same index.

    Returns:
        Indices of production and of reserves, (n,) each, dimensionless, 0 to 10,000; NaN where an element has
        none.
    """
    elements = _elements()
    masses = elements.mass[compositions.numbers] * compositions.amounts
    whole = compositions.totals(masses)
    with np.errstate(invalid="ignore"):  # a composition without elements has no mass and no index
        return HerfindahlHirschman(
            production=compositions.totals(masses * elements.production[compositions.numbers]) / whole,
            reserves=compositions.totals(masses * elements.reserves[compositions.numbers]) / whole,
        )


def crustal_abundance(compositions: Compositions) -> NDArray[np.float64]:
    """Find the abundance of the scarcest element of each composition in the Earth's crust.

    The scarcest element limits how much can be made, whatever its share of the compound.

    Args:
        compositions: n compositions.

    Returns:
        Abundances by mass in mg/kg, (n,); NaN where that of an element is unknown.
    """
    scarcest = np.full(len(compositions), np.nan)
    present = compositions.sizes > 0
    # reduceat takes an empty segment for its first entry, so compositions without entries are left out.
    starts = compositions.starts[:-1][present]
    if len(starts):
        scarcest[present] = np.minimum.reduceat(_elements().abundance[compositions.numbers], starts)
    return scarcest


@functools.cache
def _elements() -> _Elements:
    """Read SMACT's table of the elements."""
    import smact

    table = np.full((4, len(SYMBOLS) + 1), np.nan)
    for number in range(1, _LAST_ATOMIC_NUMBER + 1):
        element = smact.Element(SYMBOLS[number - 1])
        values = element.mass, element.HHI_p, element.HHI_r, element.crustal_abundance
        table[:, number] = [np.nan if value is None else value for value in values]
    table.flags.writeable = False
    return _Elements(*table)
