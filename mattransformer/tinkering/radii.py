"""Sizes of ions: Shannon's effective ionic radii, and how much larger or smaller a dopant is than what it replaces.

Radii are those of Shannon, Acta Cryst. A 32, 751 (1976), for O2- of 1.40 Å in six-fold coordination, read from the
installed SMACT and never copied (`smact.data_loader.lookup_element_shannon_radius_data`; not its extension by
machine learning).

- Where Shannon lists high and low spin, SMACT has one row with their mean (Mn2+, Fe2+, Fe3+, Co2+, Co3+, Cr2+,
  Mn3+ and Ni3+ with six neighbours), so that the spins cannot be told apart: Mn2+ is 0.75 Å, of high spin 0.83 Å.
- Of several shapes with one number of neighbours the plain one counts (Ni2+: tetrahedral 0.55 Å, square 0.49 Å), and
  a square or a pyramid only where there is no other (Pd2+ with four neighbours).
- A row that SMACT's authors say they added (Bi3+ with four neighbours) is none of Shannon's and is left out.
- Of two coordinations that are equally near, the smaller counts, as in `mattransformer.screening.tolerance`.

>>> ionic_radius("Zr", 4, 8)
Radius(angstrom=0.84, coordination=8, exact=True)
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

__all__ = ["Mismatch", "Radius", "ionic_radius", "radius_mismatch"]

_USUAL: Final = 6
"""Number of neighbours of an ion where nothing is known of its place."""

_PLAIN: Final = "n"
"""Shape of a coordination in SMACT's rows that is neither square (`sq`) nor pyramidal (`py`)."""


@dataclass(frozen=True)
class Radius:
    """Size of an ion.

    Attributes:
        angstrom: effective ionic radius, in Å; negative for a bare proton and a few others, as Shannon has it.
        coordination: number of neighbours it is for.
        exact: whether that is the number asked for, six where none was given.
    """

    angstrom: float
    coordination: int
    exact: bool


@dataclass(frozen=True)
class Mismatch:
    """Difference in size between a dopant and the ion it replaces.

    Attributes:
        percent: radius of the dopant less that of the host's ion, in percent of the latter; positive for a larger one.
        coordination: number of neighbours that both radii are for; where no such number is tabulated for both, that
            of the host's ion.
        exact: whether both radii are for the number asked for, six where none was given.
        host: radius of the ion that is replaced.
        dopant: radius of the dopant.
    """

    percent: float
    coordination: int
    exact: bool
    host: Radius
    dopant: Radius


@functools.cache
def ionic_radius(symbol: str, charge: int, coordination: int | None) -> Radius | None:
    """Look an ion's radius up.

    Args:
        symbol: element.
        charge: oxidation state, in units of e.
        coordination: number of neighbours; None asks for six.

    Returns:
        The radius for that number of neighbours or for the nearest that is tabulated; None of an ion that Shannon
        does not have.
    """
    listed = _radii(symbol).get(charge)
    if listed is None:
        return None
    wanted = _USUAL if coordination is None else coordination
    found = _nearest(listed, wanted)
    return Radius(listed[found], found, found == wanted)


@functools.cache
def radius_mismatch(
    host: str, host_charge: int, dopant: str, dopant_charge: int, coordination: int | None
) -> Mismatch | None:
    """Compare the size of a dopant with that of the ion it replaces.

    Both radii are for the coordination asked for or, where one of the two ions is not tabulated for it, for the
    nearest one that both are tabulated for. Two ions without such a number are compared each at its own nearest.

    Args:
        host: element that is replaced.
        host_charge: its oxidation state, in units of e.
        dopant: element that replaces it.
        dopant_charge: its oxidation state, in units of e.
        coordination: number of neighbours of the place; None asks for six.

    Returns:
        None where Shannon does not have one of the two ions, or gives the host's no size (C4+ with three
        neighbours: -0.08 Å).
    """
    theirs = _radii(host).get(host_charge)
    ours = _radii(dopant).get(dopant_charge)
    if theirs is None or ours is None:
        return None
    wanted = _USUAL if coordination is None else coordination
    common = theirs.keys() & ours.keys()
    at_host = _nearest(common or theirs, wanted)
    at_dopant = _nearest(common or ours, wanted)
    replaced = Radius(theirs[at_host], at_host, at_host == wanted)
    replacing = Radius(ours[at_dopant], at_dopant, at_dopant == wanted)
    if replaced.angstrom <= 0:
        return None
    percent = 100 * (replacing.angstrom - replaced.angstrom) / replaced.angstrom
    return Mismatch(percent, at_host, replaced.exact and replacing.exact, replaced, replacing)


def _nearest(coordinations: Iterable[int], wanted: int) -> int:
    return min(coordinations, key=lambda number: (abs(number - wanted), number))


@functools.cache
def _radii(symbol: str) -> Mapping[int, Mapping[int, float]]:
    """Read SMACT's rows of an element: charge -> number of neighbours -> radius in Å."""
    from smact.data_loader import lookup_element_shannon_radius_data

    rows: dict[tuple[int, int], dict[str, list[float]]] = {}
    for row in lookup_element_shannon_radius_data(symbol, copy=False) or ():
        written = str(row["coordination"])
        if str(row["comment"]).startswith(f"{symbol} {written} added"):
            continue
        number, _, shape = written.partition("_")
        shapes = rows.setdefault((int(row["charge"]), int(number)), {})
        shapes.setdefault(shape, []).append(float(row["ionic_radius"]))
    table: dict[int, dict[int, float]] = {}
    for (charge, neighbours), shapes in rows.items():
        everything = [radius for radii in shapes.values() for radius in radii]
        table.setdefault(charge, {})[neighbours] = fmean(shapes.get(_PLAIN, everything))
    return table
