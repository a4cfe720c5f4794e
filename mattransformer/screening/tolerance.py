"""Tolerance factors: do the ions of ABX3 have the sizes that a perovskite needs?

Two factors, of the radii rA, rB, rX of the ions and the charge nA of A in units of e:

- Goldschmidt, Naturwissenschaften 14, 477 (1926): t = (rA + rX) / (√2 (rB + rX)); perovskites lie near 1.
- Bartel et al., Sci. Adv. 5, eaav0693 (2019): τ = rX/rB - nA (nA - (rA/rB) / ln(rA/rB)), for rA > rB;
  perovskites lie below 4.18.

Everything else follows Bartel et al. and the program they published with the paper:

- X is the element with three atoms. It has to be the most electronegative of the three (Pauling) and to have
  an anion in Shannon's tables: N, O, F, S, Cl, Se, Br, Te or I. The limits were found with O, F, Cl, Br and I,
  so that those of the others are an extrapolation.
- The charges of the cations sum to that of X3. H, Li, Na, K, Rb, Cs, Fr and Ag are 1+, Be, Mg, Ca, Sr, Ba and
  Ra are 2+, and the others have the charges for which there is a Shannon radius. Of several possibilities:
  3+ and 3+ if X is 2- and one cation is commonly 3+; else the least difference in charge if the lower
  electronegativity is more than 0.9 of the higher, and the greatest if not; of two that mirror each other, the
  one with the higher charge on the less electronegative cation.
- A is the cation with the larger radius in six-fold coordination, then in twelve-fold coordination, then the
  one with the lower charge.
- Radii are Shannon's effective ionic radii (Acta Cryst. A32, 751 (1976)), of high spin where he lists two, for
  twelve neighbours of A, six of B and six of X, or the nearest number that he lists, of two the smaller.

The radii are pymatgen's copy of Shannon's tables: SMACT's has the mean of the two spins. Sn2+ is not in either
and has the radius of Bartel et al., so that CsSnI3 gets its factors.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import PAULING, RANK, SYMBOLS

if TYPE_CHECKING:
    from mattransformer.screening.compositions import Compositions

__all__ = ["BARTEL_LIMIT", "GOLDSCHMIDT_RANGE", "ToleranceFactors", "tolerance_factors"]

BARTEL_LIMIT: Final = 4.18
"""Perovskites have a smaller τ than this (Bartel et al. 2019)."""

GOLDSCHMIDT_RANGE: Final = (0.825, 1.059)
"""Perovskites have t between these: the limits with which t classifies best (Bartel et al. 2019)."""

_ALWAYS: Final = {
    **dict.fromkeys(("H", "Li", "Na", "K", "Rb", "Cs", "Fr", "Ag"), 1),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Ra"), 2),
}
"""Charges of the cations that have only one."""

_TRIVALENT: Final = frozenset(
    (
        "Sc",
        "Y",
        "La",
        "Al",
        "Ga",
        "In",
        "Pr",
        "Nd",
        "Pm",
        "Sm",
        "Eu",
        "Gd",
        "Tb",
        "Dy",
        "Ho",
        "Er",
        "Tm",
        "Yb",
        "Lu",
    )
)

_SIMILAR: Final = 0.9
"""Electronegativities in more than this ratio count as alike."""

_ROMAN: Final = {
    numeral: number
    for number, numeral in enumerate(
        ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV"), start=1
    )
}

_SPINS: Final = ("", "High Spin", "Low Spin")  # the first that is listed counts

_TIN: Final = {2: {6: 1.15}}  # Å, Sn2+ by number of neighbours


class ToleranceFactors(NamedTuple):
    """Tolerance factors of n compositions, dimensionless, NaN where they are not defined.

    Attributes:
        goldschmidt: t, (n,).
        bartel: τ, (n,).
    """

    goldschmidt: NDArray[np.float64]
    bartel: NDArray[np.float64]


class _Cation(NamedTuple):
    """A cation with its radii (Å) on either site."""

    six: float
    twelve: float
    charge: int


def tolerance_factors(compositions: Compositions) -> ToleranceFactors:
    """Work out Goldschmidt's and Bartel's tolerance factors of the compositions of type ABX3.

    Args:
        compositions: n compositions, reduced or not; which cation is A is found out.

    Returns:
        t and τ, (n,) each. Both are NaN if the composition is not ABX3 with an anion X, if no charges sum to
        zero, or if a radius is unknown or not positive (that of a bare proton is negative); τ also if rA is
        not larger than rB.
    """
    factors = np.full((2, len(compositions)), np.nan)
    rows = np.flatnonzero(compositions.sizes == 3)
    entries = compositions.starts[rows][:, None] + np.arange(3)
    numbers = compositions.numbers[entries].astype(np.int64)
    amounts = compositions.amounts[entries].astype(np.int64)
    order = np.argsort(amounts, axis=1)
    numbers = np.take_along_axis(numbers, order, axis=1)
    amounts = np.take_along_axis(amounts, order, axis=1)
    alike = (amounts[:, 0] == amounts[:, 1]) & (amounts[:, 2] == 3 * amounts[:, 0])
    rows, numbers = rows[alike], numbers[alike]
    first, second = numbers[:, :2].min(axis=1), numbers[:, :2].max(axis=1)
    # Atomic numbers have seven bits, so that three of them make one whole number to sort by.
    kinds, which = np.unique(first << 14 | second << 7 | numbers[:, 2], return_inverse=True)
    values = [_factors(kind >> 14, kind >> 7 & 127, kind & 127) for kind in kinds.tolist()]
    factors[:, rows] = np.array(values, dtype=np.float64).reshape(-1, 2)[which].T
    return ToleranceFactors(factors[0], factors[1])


@functools.cache
def _factors(first: int, second: int, anion: int) -> tuple[float, float]:
    """Return t and τ of the cations and the anion with these atomic numbers."""
    unknown = math.nan, math.nan
    # In canonical order the less electronegative cation comes first.
    cations = sorted((SYMBOLS[first - 1], SYMBOLS[second - 1]), key=RANK.__getitem__)
    x = SYMBOLS[anion - 1]
    charge = min(_radii(x), default=0)
    if charge >= 0 or any(symbol not in PAULING or PAULING[symbol] >= PAULING[x] for symbol in cations):
        return unknown
    charges = _charges(cations[0], cations[1], charge)
    if charges is None:
        return unknown
    pair = [_cation(symbol, charge) for symbol, charge in zip(cations, charges, strict=True)]
    a, b = sorted(pair, key=lambda cation: (-cation.six, -cation.twelve, cation.charge))
    ra, rb, rx = a.twelve, b.six, _nearest(_radii(x)[charge], 6)
    if min(ra, rb) <= 0:
        return unknown
    goldschmidt = (ra + rx) / (math.sqrt(2) * (rb + rx))
    if ra <= rb:
        return goldschmidt, math.nan
    return goldschmidt, rx / rb - a.charge * (a.charge - ra / rb / math.log(ra / rb))


def _charges(positive: str, negative: str, anion: int) -> tuple[int, int] | None:
    """Return the charges of the less and of the more electronegative cation, or None if none balance."""
    possible = [
        (charge, other)
        for charge in _cation_charges(positive)
        for other in _cation_charges(negative)
        if charge + other + 3 * anion == 0
    ]
    if not possible:
        return None
    if anion == -2 and (3, 3) in possible and not _TRIVALENT.isdisjoint((positive, negative)):
        return 3, 3
    sign = 1 if PAULING[positive] > _SIMILAR * PAULING[negative] else -1
    return min(possible, key=lambda pair: (sign * abs(pair[0] - pair[1]), -pair[0]))


def _cation_charges(symbol: str) -> list[int]:
    """Return the positive charges of an element for which there is a radius."""
    tabulated = [charge for charge in _radii(symbol) if charge > 0]
    if symbol in _ALWAYS:
        return [charge for charge in tabulated if charge == _ALWAYS[symbol]]
    return tabulated


def _cation(symbol: str, charge: int) -> _Cation:
    radii = _radii(symbol)[charge]
    return _Cation(_nearest(radii, 6), _nearest(radii, 12), charge)


def _nearest(radii: Mapping[int, float], neighbours: int) -> float:
    """Return the radius for the number of neighbours that comes nearest."""
    return radii[min(radii, key=lambda number: (abs(number - neighbours), number))]


@functools.cache
def _radii(symbol: str) -> Mapping[int, Mapping[int, float]]:
    """Return Shannon's radii in Å by charge and number of neighbours; empty for an element without any."""
    if symbol not in PAULING:
        return {}
    from pymatgen.core.periodic_table import Element

    table = Element(symbol).data.get("Shannon radii") or {}
    radii: dict[int, dict[int, float]] = {}
    for charge, environments in table.items():
        if not charge:  # of Eu3+ with seven neighbours the charge is missing
            continue
        known = radii.setdefault(int(charge), {})
        # Sorted, a plain coordination comes before its square and pyramidal forms: IV, IVPY, IVSQ.
        for environment, spins in sorted(environments.items()):
            number = _ROMAN[re.sub("PY|SQ", "", environment)]
            spin = next(spin for spin in _SPINS if spin in spins)
            known.setdefault(number, spins[spin]["ionic_radius"])
    return radii | _TIN if symbol == "Sn" else radii
