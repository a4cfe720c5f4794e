"""Reading what a user wants to change: a formula, a structure, and the sites in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.elements import RANK
from mattransformer.formula import Formula, FormulaError
from mattransformer.notation import show
from mattransformer.tinkering.sites import CANDIDATES, Site, TinkeringError
from mattransformer.tinkering.structures import StructureSite, find_site, read_structure
from mattransformer.tokenization import BLANK, MASK

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

Elements = str | Iterable[str] | None
_STRUCTURES: Final = (".cif", ".vasp", ".poscar")
_MOST_SITES: Final = 2
_FRACTION: Final = re.compile(r"\d*\.\d")


@dataclass(frozen=True, eq=False)
class Host:
    """A compound with the sites that are to be changed.

    Attributes:
        sites: those asked for together, one or two; of a structure, one.
        structure: where there is one.
        places: of a structure, what symmetry tells of each site.
    """

    sites: tuple[Site, ...]
    structure: Structure | None = None
    places: tuple[StructureSite, ...] = ()

    @property
    def formula(self) -> Formula:
        """Reduced; of a structure, that of its cell."""
        return self.sites[0].host


def is_canvas(host: object) -> bool:
    """Say whether a host is a composition with holes, for `fill`."""
    return isinstance(host, str) and (MASK in host or BLANK in host)


def is_structure(host: object) -> bool:
    """Say whether a host is a structure, or the name of a file with one."""
    if isinstance(host, str | Path):
        return Path(host).suffix.lower() in _STRUCTURES or Path(host).name.upper() in ("POSCAR", "CONTCAR")
    return hasattr(host, "lattice") and hasattr(host, "frac_coords")


def read_host(
    host: str | Path | Formula | Structure, site: str | Sequence[str] | None, coordination: int | None = None
) -> list[Host]:
    """Read a host and the sites in it.

    Args:
        host: a formula, a structure, or a file with one.
        site: an element, two elements to be changed together, or a label of a structure's site such as `Fe2`.
        coordination: nearest neighbours of the site, where the host is a formula and they are known.

    Returns:
        One host, or one for each symmetry-distinct site of a structure that is meant.

    Raises:
        TinkeringError: a host or a site that cannot be, in one line.
    """
    if coordination is not None and (
        isinstance(coordination, bool) or not isinstance(coordination, int) or coordination < 1
    ):
        raise TinkeringError(
            f"coordination: {coordination!r} is not possible; give a whole number from 1, such as 6"
        )
    if is_structure(host):
        return _structure_hosts(host, site, coordination)  # type: ignore[arg-type]
    formula = _formula(host)
    if site is None:
        raise TinkeringError(
            f"{formula}: say which element is to be replaced as its site, for example {formula.elements[0]}, or write "
            f"{MASK} where an atom is to be found"
        )
    if not isinstance(site, Iterable) or isinstance(site, bytes):
        raise TinkeringError(f"site: {show(site)} is not possible; give a symbol such as Ti")
    names = site.replace(",", " ").split() if isinstance(site, str) else list(site)
    if not 1 <= len(names) <= _MOST_SITES or len(set(names)) < len(names):
        raise TinkeringError(f"site: {show(site)} is not possible; give one element, or two different ones")
    return [Host(tuple(Site(formula, _symbol(name, "site"), coordination) for name in names))]


def read_hosts(
    rows: Iterable[tuple[int, object, Any]], coordination: int | None = None
) -> tuple[list[Host], dict[int, str]]:
    """Read a table of hosts, and leave out rows that are none.

    Args:
        rows: number of a row, its formula, and its site as `read_host` takes it.
        coordination: see `read_host`.

    Returns:
        The hosts, and the number of each row left out with the reason.
    """
    hosts: list[Host] = []
    left_out: dict[int, str] = {}
    for number, formula, site in rows:
        try:
            hosts.extend(read_host(formula, site, coordination))  # type: ignore[arg-type]
        except TinkeringError as error:
            left_out[number] = str(error)
    return hosts, left_out


def read_elements(name: str, given: Elements) -> frozenset[str] | None:
    """Read elements that are to come or not to come.

    Args:
        name: of the argument, for errors.
        given: symbols in a list or a text.

    Returns:
        The elements; None where nothing is given.

    Raises:
        TinkeringError: something that is no element.
    """
    if given is None:
        return None
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise TinkeringError(f"{name}: {show(given)} is not possible; give symbols such as Ti")
    words = given.replace(",", " ").split() if isinstance(given, str) else list(given)
    if not words:
        raise TinkeringError(f"{name}: it names no element; give symbols such as Ti, or leave it out")
    return frozenset(_symbol(word, name) for word in words)


def _symbol(word: object, name: str) -> str:
    if not isinstance(word, str) or word not in RANK:
        raise TinkeringError(f"{name}: {show(word)} is no element; give symbols such as Ti")
    if word not in CANDIDATES:
        raise TinkeringError(f"{name}: {word} lies beyond lawrencium, and no compound of it is known")
    return word


def _formula(host: object) -> Formula:
    if isinstance(host, Formula):
        return host.reduced
    if not isinstance(host, str):
        raise TinkeringError(
            f"{show(host)} is no host; give a formula, a structure, the name of a CIF, or a composition with {MASK}"
        )
    try:
        if _FRACTION.search(host):
            raise FormulaError("fractional amounts are no ordered host")
        formula = Formula.parse(host)
    except FormulaError as error:
        reason = str(error).removeprefix(f"{host}: ")
        raise TinkeringError(
            f"{show(host)} cannot be read as a host: {reason}; give a formula with whole numbers such as SrTiO3, "
            f"or a composition with {MASK}"
        ) from error
    return formula.reduced


def _structure_hosts(
    host: str | Path | Structure, site: str | Sequence[str] | None, coordination: int | None
) -> list[Host]:
    structure = read_structure(host)
    formula = Formula.parse({symbol: int(n) for symbol, n in structure.composition.get_el_amt_dict().items()})
    if site is None or not isinstance(site, str):
        raise TinkeringError(
            f"site: {show(site)} is not possible in a structure; give an element or a label, such as "
            f"{formula.elements[0]} or {formula.elements[0]}1"
        )
    found = find_site(structure, site)
    return [
        Host(
            (
                Site(
                    formula,
                    place.element,
                    coordination or place.coordination,
                    atoms=len(place.indices),
                ),
            ),
            structure,
            (place,),
        )
        for place in found
    ]
