"""Ordered supercells of a structure with dopants, by the names of sites: `mattransformer.doped_supercell`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from mattransformer.tinkering.sites import TinkeringError
from mattransformer.tinkering.structures import find_site, read_structure
from mattransformer.tinkering.supercells import DopedCell, ordered_supercell, write_cif

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core.structure import Structure

MOST_ATOMS: Final = 2000


def doped_supercell(
    host: str | Path | Structure, site: str, dopant: str, fraction: float, *, most_atoms: int = MOST_ATOMS
) -> DopedCell:
    """Build an ordered supercell with a dopant on one site of a structure, dopants as far apart as can be found.

    Args:
        host: a pymatgen structure, or the name of a file with one.
        site: element with one symmetry-distinct site, or a label such as ``Fe2``.
        dopant: element that replaces some of its atoms.
        fraction: of them, from 0.005 to 1; the nearest feasible one is taken.
        most_atoms: of the supercell.

    Returns:
        The supercell; `write_cif` writes it.

    Raises:
        TinkeringError: a structure, a site, a dopant or a fraction that cannot be, in one line.
    """
    structure = read_structure(host)
    found = find_site(structure, site)
    if len(found) > 1:
        labels = ", ".join(each.label for each in found)
        raise TinkeringError(f"site: {site} stands on {len(found)} distinct sites; name one of {labels}")
    return ordered_supercell(structure, found[0].indices, dopant, fraction, most_atoms)


def write_supercells(host: str | Path | Structure, suggestions: pd.DataFrame, folder: Path) -> int:
    """Write a CIF for each suggestion that `tinker` made for a structure: ``01-Nb-on-Ti1.cif``.

    Args:
        host: the structure.
        suggestions: the table; its columns `rank`, `dopant`, `site` and `fraction` decide.
        folder: made if it is not there.

    Returns:
        How many.

    Raises:
        TinkeringError: see `doped_supercell`.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = (suggestions[name] for name in ("rank", "dopant", "site", "fraction"))
    for rank, dopant, site, fraction in zip(*columns, strict=True):
        cell = doped_supercell(host, site, dopant, fraction)
        write_cif(folder / f"{rank:02d}-{dopant}-on-{site}.cif", cell)
    return len(suggestions)
