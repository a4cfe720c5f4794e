"""Structures as hosts: reading them, and the sites that their symmetry tells apart.

Magnetite has iron on two sites, with four and with six neighbours; their labels are ``Fe1`` and ``Fe2``.
Symmetry is spglib's, neighbours are those of CrystalNN, both through pymatgen, which is imported when needed:
it is slow to load.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import RANK
from mattransformer.tinkering.sites import TinkeringError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


@dataclass(frozen=True)
class StructureSite:
    """The atoms of a cell that symmetry makes equal.

    Attributes:
        element: symbol.
        label: the element and a number from 1, in the order of the first atoms of its sites: ``Fe2``.
        indices: places of the atoms in the structure.
        wyckoff: multiplicity in the conventional cell and letter, such as ``16d``, from the origin spglib chooses.
        coordination: number of nearest neighbours; None where CrystalNN finds none.
    """

    element: str
    label: str
    indices: tuple[int, ...]
    wyckoff: str
    coordination: int | None


def read_structure(source: str | Path | Structure) -> Structure:
    """Read an ordered structure of two elements at least.

    Args:
        source: a CIF or another file that pymatgen's Structure.from_file reads, or a structure, which is only
            looked over.

    Returns:
        The structure, in the cell that the file gives.

    Raises:
        TinkeringError: there is no such file or no structure in it, its sites are disordered, or it has fewer
            than two elements.
    """
    from pymatgen.core.structure import Structure

    if isinstance(source, Structure):
        name, structure = source.composition.reduced_formula or "structure", source
    else:
        name, structure = str(source), _from_file(Path(source))
    if not structure.is_ordered:
        worst = next(site for site in structure if not site.is_ordered)
        raise TinkeringError(
            f"{name}: a site holds {' '.join(worst.species_string.split())}, and an ordered structure is needed; "
            "order it first, for example with pymatgen's OrderDisorderedStructureTransformation"
        )
    symbols = sorted({symbol_at(structure, at) for at in range(len(structure))})
    strange = [symbol for symbol in symbols if symbol not in RANK]
    if strange:
        raise TinkeringError(
            f"{name}: {', '.join(strange)} is not an element; name the atoms by their elements"
        )
    if len(symbols) < 2:
        raise TinkeringError(
            f"{name}: it holds {symbols[0] if symbols else 'no element'} only; a host has two elements at least"
        )
    return structure


def symbol_at(structure: Structure, index: int) -> str:
    """Give the element of an atom, without its charge."""
    specie = structure[index].specie
    return str(getattr(specie, "element", specie).symbol)


def check_places(structure: Structure, places: Sequence[int]) -> set[str]:
    """Give the elements of some atoms, and refuse places that the structure does not have.

    Raises:
        TinkeringError: there is none, or one is named twice or is not in the structure.
    """
    if not places or len(set(places)) < len(places) or not set(places) <= set(range(len(structure))):
        raise TinkeringError(
            f"site: {list(places)} are not places of different atoms among the {len(structure)} of "
            f"{structure.composition.reduced_formula}; take them from distinct_sites"
        )
    return {symbol_at(structure, at) for at in places}


def near_cubic(matrix: NDArray[np.float64], cells: int) -> tuple[int, int, int]:
    """Choose how often to repeat a cell along its vectors, so that the periodic images are far apart."""
    divisors = [a for a in range(1, cells + 1) if cells % a == 0]
    scalings = [(a, b, cells // a // b) for a in divisors for b in divisors if cells // a % b == 0]

    def isotropy(scaling: tuple[int, int, int]) -> tuple[float, float]:
        vectors = np.array(scaling)[:, None] * matrix
        return round(shortest_vector(vectors), 4), -round(float(np.linalg.norm(vectors, axis=1).max()), 4)

    return max(scalings, key=isotropy)


def shortest_vector(matrix: NDArray[np.float64]) -> float:
    """Give the distance of an atom to its nearest periodic image, in angstrom; lattice vectors in rows."""
    from pymatgen.core.lattice import Lattice

    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3)
    vectors = steps[np.any(steps, axis=1)] @ Lattice(matrix).get_lll_reduced_lattice().matrix
    return float(np.linalg.norm(vectors, axis=1).min())


def distinct_sites(structure: Structure, element: str | None = None) -> list[StructureSite]:
    """Find the sites that symmetry tells apart, in the order of their first atoms.

    Atoms that are equal in the crystal are one site, also in a supercell whose shape hides it.

    Args:
        structure: an ordered structure.
        element: only its sites; all where None.

    Returns:
        The sites; none for an element that the structure lacks.

    Raises:
        TinkeringError: spglib finds no symmetry, as where atoms lie on each other.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = SpacegroupAnalyzer(structure).get_symmetry_dataset()
    except Exception as error:  # spglib's, of several kinds
        raise _without_symmetry(structure) from error
    if dataset is None:
        raise _without_symmetry(structure)
    orbits: dict[int, list[int]] = {}
    for at, orbit in enumerate(dataset.crystallographic_orbits):
        orbits.setdefault(int(orbit), []).append(at)
    conventional = len(dataset.std_types) / len(structure)
    numbers: Counter[str] = Counter()
    sites = []
    for indices in orbits.values():
        symbol = symbol_at(structure, indices[0])
        numbers[symbol] += 1
        if element is None or symbol == element:
            sites.append(
                StructureSite(
                    element=symbol,
                    label=f"{symbol}{numbers[symbol]}",
                    indices=tuple(indices),
                    wyckoff=f"{round(len(indices) * conventional)}{dataset.wyckoffs[indices[0]]}",
                    coordination=_coordination(structure, indices[0]),
                )
            )
    return sites


def find_site(structure: Structure, name: str) -> list[StructureSite]:
    """Find sites by name.

    Args:
        structure: an ordered structure.
        name: an element, for all its sites, or a label such as ``Fe2``, for one.

    Returns:
        The sites, one at least.

    Raises:
        TinkeringError: no site has the name; it lists those there are.
    """
    element = name.rstrip("0123456789")
    found = [site for site in distinct_sites(structure, element) if name in (site.element, site.label)]
    if not found:
        raise TinkeringError(
            f"site: {name} is not in {structure.composition.reduced_formula}; "
            f"its sites are {_listed(distinct_sites(structure))}"
        )
    return found


def _listed(sites: Iterable[StructureSite]) -> str:
    """Name sites for a message: ``Fe1 (8a, 4 neighbours)``."""
    return ", ".join(
        f"{site.label} ({site.wyckoff}"
        + (")" if site.coordination is None else f", {site.coordination} neighbours)")
        for site in sites
    )


def _from_file(path: Path) -> Structure:
    """Read a structure with pymatgen, whatever it stumbles over said in one line."""
    from pymatgen.core.structure import Structure

    if not path.is_file():
        raise TinkeringError(f"{path}: there is no such file; give the path of a CIF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Structure.from_file(path)
    except OSError as error:
        raise TinkeringError(
            f"{path}: it cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    except Exception as error:  # pymatgen raises whatever its readers stumble over
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise TinkeringError(
            f"{path}: no structure can be read from it ({reason}); "
            "give a CIF with cell and atoms, or another file that pymatgen reads"
        ) from error


def _without_symmetry(structure: Structure) -> TinkeringError:
    return TinkeringError(
        f"{structure.composition.reduced_formula}: spglib finds no symmetry in the structure; "
        "look for atoms that lie on each other"
    )


def _coordination(structure: Structure, index: int) -> int | None:
    """Count the nearest neighbours of an atom; None where CrystalNN fails or finds none."""
    from pymatgen.analysis.local_env import CrystalNN

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would like oxidation states, and does without
            return round(CrystalNN().get_cn(structure, index)) or None
    except Exception:  # Voronoi cells of odd structures fail in many ways
        return None
