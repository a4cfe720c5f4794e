"""Fractions of a site: the whole-number formulas and the ordered supercells that hold them.

>>> dilution = nearest_dilution(1, 0.05)
>>> str(diluted(Formula.parse("SrTiO3"), "Ti", "Nb", dilution))
'Sr20Ti19NbO60'

Distances are in angstrom, under periodic boundaries; dopants stand as far apart as a deterministic search finds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import RANK
from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.tinkering.sites import TinkeringError
from mattransformer.tinkering.structures import check_places, near_cubic, shortest_vector, symbol_at

if TYPE_CHECKING:
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

SMALLEST: Final = 0.005
"""The smallest fraction of a site, dimensionless."""

VACANCY: Final = "vacancy"
"""What stands for an atom taken out."""

STEEPNESS: Final = 12
"""Power of the distance that dopants repel each other with: the nearest pairs count for almost all."""


@dataclass(frozen=True)
class Dilution:
    """Whole numbers of atoms that make a fraction of a site.

    Attributes:
        replaced: atoms replaced.
        of: atoms of the site, replaced ones among them.
        cells: formula units, or unit cells, that have so many.
    """

    replaced: int
    of: int
    cells: int

    @property
    def fraction(self) -> float:
        """Share of the atoms that is replaced."""
        return self.replaced / self.of


@dataclass(frozen=True)
class DopedCell:
    """An ordered supercell with dopants in.

    Attributes:
        structure: the supercell, its atoms without charges.
        fraction: share of the site's atoms that the dopant replaced.
        distance: from a dopant to the nearest other one or periodic image, in angstrom; co-dopants do not count.
    """

    structure: Structure
    fraction: float
    distance: float


def nearest_dilution(count: int, fraction: float, smallest: float = SMALLEST) -> Dilution:
    """Find the fewest formula units in which a fraction of a site is a whole number of atoms.

    Where no number of formula units with up to 1/`smallest` atoms of the site gives the fraction, the nearest
    one that they give is taken, of one atom at least.

    Args:
        count: atoms of the site in one formula unit or unit cell.
        fraction: share of them to be replaced; 0.3333333 is taken for a third.
        smallest: smallest fraction allowed.

    Raises:
        TinkeringError: the fraction is not a number from `smallest` to 1, or there is no atom to replace.
    """
    if isinstance(fraction, bool) or not isinstance(fraction, Real) or not 0 < fraction <= 1:
        raise TinkeringError(
            f"fraction: {fraction} is not a number above 0 and up to 1; give a share of the site such as 0.05"
        )
    if fraction < smallest * (1 - 1e-6):
        raise TinkeringError(
            f"fraction: {fraction:g} is below {smallest:g}, the smallest that is built; ask for {smallest:g} or more"
        )
    if count < 1:
        raise TinkeringError(f"site: {count} atoms cannot be diluted; name a site of the host")
    return _nearest(count, float(fraction), smallest)


@functools.lru_cache(maxsize=4096)  # every suggestion for a site asks for the same one
def _nearest(count: int, fraction: float, smallest: float) -> Dilution:
    most = max(round(1 / smallest), count)
    neat = Fraction(fraction).limit_denominator(most)
    target = neat if math.isclose(neat, fraction, rel_tol=1e-6, abs_tol=1e-9) else Fraction(fraction)
    choices = (
        Dilution(max(1, round(target * count * cells)), count * cells, cells)
        for cells in range(1, most // count + 1)
    )
    return min(choices, key=lambda choice: abs(Fraction(choice.replaced, choice.of) - target))


def diluted(host: Formula, element: str, dopant: str, dilution: Dilution) -> Formula:
    """Write the formula of a supercell in which part of an element is replaced; it is not reduced.

    Args:
        host: formula of one unit, as `nearest_dilution` counted it.
        element: whose atoms are replaced.
        dopant: the element that replaces them.
        dilution: how many of how many; symmetry may tell these atoms from others of the element.

    Raises:
        TinkeringError: the host lacks the element, the dopant is that element or none, or the dilution is of
            another number of atoms.
    """
    counts = {symbol: count * dilution.cells for symbol, count in host.counts}
    if element not in counts:
        raise TinkeringError(f"site: {element} is not in {host}; its elements are {', '.join(host.elements)}")
    _check_dopant(dopant, {element})
    if not 0 < dilution.replaced <= dilution.of <= counts[element]:
        raise TinkeringError(f"{host}: {dilution} does not fit its atoms of {element}; use nearest_dilution")
    counts[element] -= dilution.replaced
    counts[dopant] = counts.get(dopant, 0) + dilution.replaced
    return Formula.parse({symbol: count for symbol, count in counts.items() if count})


def ordered_supercell(
    structure: Structure,
    indices: Sequence[int],
    dopant: str,
    fraction: float,
    most_atoms: int = 2000,
    extra: Sequence[tuple[Sequence[int], str, int]] = (),
) -> DopedCell:
    """Build the smallest near-cubic supercell with a dopant on a fraction of a site, the dopants far apart.

    Args:
        structure: an ordered structure.
        indices: places of the site's atoms in it.
        dopant: the element that replaces them.
        fraction: share of them to be replaced.
        most_atoms: most atoms in the supercell, before any are taken out.
        extra: co-dopants, placed one kind after another as far as can be from all placed before: places in the
            unit cell, an element or ``vacancy``, and the number of atoms in the supercell.

    Raises:
        TinkeringError: the fraction is none, a dopant is no element or the one that is there, a site has too few
            atoms, or the supercell is larger than `most_atoms`.
    """
    from pymatgen.core.structure import Structure
    from pymatgen.transformations import site_transformations, standard_transformations

    for places, name, _ in [(indices, dopant, 0), *extra]:
        there = check_places(structure, places)
        if name != VACANCY:
            _check_dopant(name, there)
    dilution = nearest_dilution(len(indices), fraction)
    atoms = len(structure) * dilution.cells
    if atoms > most_atoms:
        raise TinkeringError(
            f"{structure.composition.reduced_formula}: a fraction of {fraction:g} takes {atoms:,} atoms, more than "
            f"{most_atoms:,}; ask for a rounder fraction, start from the primitive cell, or allow more atoms"
        )
    bare = Structure(
        structure.lattice,
        [symbol_at(structure, at) for at in range(len(structure))],
        structure.frac_coords,
        site_properties={"place": list(range(len(structure)))},
    )
    scaling = np.diag(near_cubic(structure.lattice.matrix, dilution.cells)).tolist()
    cell = standard_transformations.SupercellTransformation(scaling).apply_transformation(bare)
    place = np.array(cell.site_properties["place"])
    cell.remove_site_property("place")

    taken: dict[int, str] = {}
    for places, name, number in [(indices, dopant, dilution.replaced), *extra]:
        free = [int(at) for at in np.flatnonzero(np.isin(place, places)) if at not in taken]
        if not 0 < number <= len(free):
            raise TinkeringError(
                f"{name}: {number} atoms do not fit the {len(free)} free ones of its site; give another number"
            )
        chosen = _separated(cell.lattice, cell.frac_coords[free], cell.frac_coords[list(taken)], number)
        taken |= {free[at]: name for at in chosen}
    dopants = cell.frac_coords[list(taken)[: dilution.replaced]]
    between = cell.lattice.get_all_distances(dopants, dopants)
    np.fill_diagonal(between, shortest_vector(cell.lattice.matrix))
    named = {at: name for at, name in taken.items() if name != VACANCY}
    empty = [at for at in taken if at not in named]
    cell = site_transformations.ReplaceSiteSpeciesTransformation(named).apply_transformation(cell)
    cell = site_transformations.RemoveSitesTransformation(empty).apply_transformation(cell)
    return DopedCell(cell.get_sorted_structure(), dilution.fraction, float(between.min()))


def write_cif(path: str | Path, cell: DopedCell) -> None:
    """Write a doped cell as a CIF, atom by atom in P1, at once or not at all; the folder must exist."""
    from pymatgen.io.cif import CifWriter

    write_text(Path(path), str(CifWriter(cell.structure)))


def _separated(
    lattice: Lattice, free: NDArray[np.float64], fixed: NDArray[np.float64], number: int
) -> list[int]:
    """Choose the places, of (n, 3) fractional coordinates, that are far from each other and from the fixed ones.

    Farthest point first, then swaps for as long as they lower a steep repulsion; ties go to the first atom.
    """
    n, points = len(free), np.vstack([free, fixed])
    between = np.round(lattice.get_all_distances(points, points), 4)
    np.fill_diagonal(between, np.inf)
    chosen = list(range(n, len(points)))
    for _ in range(number):
        nearest = between[:n, chosen].min(axis=1, initial=1e9)
        nearest[[at for at in chosen if at < n]] = -1.0
        chosen.append(int(nearest.argmax()))
    best = first = np.array(chosen)
    own = slice(len(fixed), None)
    closest = between[np.ix_(first[own], first)].min()
    # Capped, or sums over near and far atoms would lose the far ones to rounding.
    repulsion = np.minimum(min(closest, 1e9) / between, 2.0) ** STEEPNESS
    for _ in range(10 * n if number < n else 0):
        rest, mine = np.setdiff1d(np.arange(n), best), best[own]
        field = repulsion[:, best].sum(axis=1)
        # (mine, rest): what a newcomer feels of those that stay, less what the one that leaves felt
        change = np.round(field[rest] - repulsion[np.ix_(mine, rest)] - field[mine][:, None], 9)
        leaving, coming = divmod(int(change.argmin()), len(rest))
        if change[leaving, coming] >= 0:
            break
        best = best.copy()
        best[len(fixed) + leaving] = rest[coming]
    # Many pairs a little farther may outweigh one that is nearer: then the first choice stands.
    worse = between[np.ix_(best[own], best)].min() < closest
    return sorted((first if worse else best)[own].tolist())


def _check_dopant(dopant: str, there: set[str]) -> None:
    if dopant not in RANK:
        raise TinkeringError(f"dopant: {dopant} is not an element; give a symbol such as Nb")
    if dopant in there:
        raise TinkeringError(f"dopant: {dopant} is what the site holds already; give another element")
