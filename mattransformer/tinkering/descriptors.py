"""What an element is like, in numbers, so that what is learned of one element holds for those that are alike.

The values are read from pymatgen and SMACT when a network is made, and kept with its weights: what a trained network
answers does not depend on the versions that are installed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ACTINIDES, ATOMIC_NUMBER, LANTHANIDES, PAULING
from mattransformer.screening.assignments import reported_states

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Element

_STATES: Final = range(-4, 9)
_PERIODS: Final = range(1, 8)
_GROUPS: Final = range(1, 19)
_SERIES: Final = 14  # elements behind La and Ac


def element_descriptors(symbols: Sequence[str]) -> NDArray[np.float32]:
    """Describe elements.

    Args:
        symbols: of the elements.

    Returns:
        (symbols, descriptors), each column of mean 0 and spread 1: period, group, block and place among lanthanides or
        actinides; Pauling electronegativity, first ionization energy (eV), electron affinity (eV), Mendeleev number,
        calculated, covalent and mean ionic radii (angstrom), from pymatgen and SMACT; and the share of each oxidation
        state among the element's reports in SMACT's counts of the ICSD of 2024. A value that is not known is the mean
        of the others.
    """
    from pymatgen.core.periodic_table import Element

    rows = [[*_place(symbol), *_measured(Element(symbol)), *_states(symbol)] for symbol in symbols]
    table = np.array(rows, dtype=np.float64)
    table = np.where(np.isnan(table), np.nanmean(table, axis=0), table)
    spread = table.std(axis=0)
    kept = spread > 0
    return ((table[:, kept] - table[:, kept].mean(axis=0)) / spread[kept]).astype(np.float32)


def _place(symbol: str) -> list[float]:
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    number = ATOMIC_NUMBER[symbol]
    series = [symbol in LANTHANIDES, symbol in ACTINIDES]
    group = 0 if any(series) else element.group
    first = ATOMIC_NUMBER["La"] if series[0] else ATOMIC_NUMBER["Ac"]
    return [
        *(float(element.row == period) for period in _PERIODS),
        *(float(group == each) for each in _GROUPS),
        *(float(element.block == block) for block in "spdf"),
        *(float(each) for each in series),
        (number - first) / _SERIES if any(series) else 0.0,
        group / len(_GROUPS),
        float(element.row),
    ]


def _measured(element: Element) -> list[float]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are missing
        values = [
            PAULING.get(element.symbol),
            next(iter(element.ionization_energies), None),
            element.electron_affinity,
            element.mendeleev_no,
            element.atomic_radius_calculated,
            element.atomic_radius,
            element.average_ionic_radius or None,
            element.average_cationic_radius or None,
        ]
    return [math.nan if value is None else float(value) for value in values]


def _states(symbol: str) -> list[float]:
    shares = reported_states(symbol)
    return [math.exp(shares[state]) if state in shares else 0.0 for state in _STATES]
