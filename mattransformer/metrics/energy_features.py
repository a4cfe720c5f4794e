"""What a composition is like, in numbers that its energy follows from: statistics over properties of its elements.

Mean, spread, least and greatest value of each property (as in Magpie: L. Ward et al., npj Comput. Mater. 2, 16028
(2016)), number of elements, sum of squared fractions, Pauling's ionic term and the fraction of each element. The
properties are read from pymatgen and SMACT when a regressor is built, and kept with it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import PAULING, SYMBOLS
from mattransformer.metrics.element_mover import SCALE
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Element

# Values of pymatgen's Element.
_PYMATGEN: Final = (
    "row", "mendeleev_no", "electron_affinity", "atomic_radius", "atomic_radius_calculated", "average_ionic_radius",
    "van_der_waals_radius", "melting_point", "boiling_point", "molar_volume",
)  # fmt: skip

# Values that SMACT has from Magpie: electrons and vacancies of the shells, and the element's own crystal.
_MAGPIE: Final = (
    "CovalentRadius", "NsValence", "NpValence", "NdValence", "NfValence", "NValence", "NpUnfilled", "NdUnfilled",
    "NfUnfilled", "NUnfilled", "GSvolume_pa", "GSbandgap", "GSmagmom",
)  # fmt: skip

_ELECTRONEGATIVITY: Final = "electronegativity"

PROPERTIES: Final = (
    *_PYMATGEN,
    "first_ionization_energy",
    "highest_oxidation_state",
    "lowest_oxidation_state",
    *_MAGPIE,
    "polarizability",
    _ELECTRONEGATIVITY,
    "place_on_pettifor_scale",
)
"""Of elements: energies in eV, radii in angstrom or pm, temperatures in K, as the sources have them."""

_STATISTICS: Final = ("mean", "spread", "least", "greatest")
_WHOLE: Final = ("elements", "squared_fractions", "ionic_term")


def element_properties() -> NDArray[np.float32]:
    """Read the properties of the elements from the installed pymatgen and SMACT.

    Returns:
        (119, properties), by atomic number; row 0 is of none. A value that is not known is the mean of the known ones.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are missing
        rows = [_properties(symbol) for symbol in SYMBOLS]
    table = np.array([[math.nan] * len(PROPERTIES), *rows])
    return np.where(np.isnan(table), np.nanmean(table, axis=0), table).astype(np.float32)


def names(elements: Sequence[int]) -> list[str]:
    """Name the features.

    Args:
        elements: atomic numbers of the elements that have a fraction.

    Returns:
        As many names as `features` has columns.
    """
    statistics = [f"{statistic} {name}" for statistic in _STATISTICS for name in PROPERTIES]
    return [*statistics, *_WHOLE, *(f"fraction of {SYMBOLS[number - 1]}" for number in elements)]


def features(
    compositions: Compositions, properties: NDArray[np.float32], elements: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Describe compositions.

    Args:
        compositions: n of them, of these elements only; the order of elements and multiples do not matter.
        properties: as `element_properties` gives them.
        elements: atomic numbers of the elements that have a fraction, ascending, (k,).

    Returns:
        (n, features): of each property the mean, the mean absolute deviation from it, both weighted by fractions, the
        least and the greatest value; the number of elements; the sum of squared fractions; the sum over pairs of
        elements of the product of their fractions and the squared difference of their Pauling electronegativities
        (L. Pauling, J. Am. Chem. Soc. 54, 3570 (1932)); and the fraction of each element.
    """
    from mattransformer.metrics.kernels import describe

    reduced = compositions.reduced
    order = np.lexsort((reduced.numbers, reduced.owners))
    first = len(_STATISTICS) * len(PROPERTIES) + len(_WHOLE)
    columns = np.full(len(SYMBOLS) + 1, -1, dtype=np.int64)
    columns[elements] = first + np.arange(len(elements))
    described = np.zeros((len(compositions), first + len(elements)), dtype=np.float32)
    describe(
        reduced.starts,
        reduced.numbers[order],
        reduced.amounts[order].astype(np.int64),
        properties.astype(np.float64),
        PROPERTIES.index(_ELECTRONEGATIVITY),
        columns,
        described,
    )
    return described


def _properties(symbol: str) -> list[float]:
    from pymatgen.core.periodic_table import Element
    from smact.data_loader import lookup_element_data, lookup_element_magpie_data

    element = Element(symbol)
    states = element.common_oxidation_states or element.oxidation_states
    magpie = lookup_element_magpie_data(symbol) or {}
    values: list[Any] = [
        *(_read(element, name) for name in _PYMATGEN),
        next(iter(element.ionization_energies or ()), None),
        max(states, default=None),
        min(states, default=None),
        *(magpie.get(name) for name in _MAGPIE),
        (lookup_element_data(symbol) or {}).get("dipol"),
        PAULING.get(symbol),
        SCALE.index(symbol) if symbol in SCALE else None,
    ]
    return [math.nan if value is None else float(value) for value in values]


def _read(element: Element, name: str) -> float | None:
    """Read a value of pymatgen; the heaviest elements lack some, and what is 0 there is not known."""
    try:
        value = getattr(element, name)
    except (AttributeError, KeyError, ValueError):
        return None
    unknown = value is None or (name.endswith("radius") and float(value) == 0.0)
    return None if unknown else float(value)
