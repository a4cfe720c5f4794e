"""Crystals that tests are about, built from their space groups; lengths in angstrom."""

from __future__ import annotations

from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure


def perovskite() -> Structure:
    """Cubic strontium titanate."""
    places = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0]]
    return Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], places)


def magnetite() -> Structure:
    """Fe3O4, a spinel with iron on two sites."""
    places = [[0.125] * 3, [0.5] * 3, [0.2549] * 3]
    return Structure.from_spacegroup("Fd-3m:2", Lattice.cubic(8.396), ["Fe", "Fe", "O"], places)


def rutile() -> Structure:
    """TiO2."""
    lattice = Lattice.tetragonal(4.594, 2.959)
    return Structure.from_spacegroup("P4_2/mnm", lattice, ["Ti", "O"], [[0.0, 0.0, 0.0], [0.305, 0.305, 0.0]])
