"""Which fields of other databases are our properties, with their units and what each of them means by it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mattransformer.data.formula_columns import PROPERTIES

UNITS: Final[Mapping[str, str]] = dict(zip(PROPERTIES, ("eV/atom", "eV/atom", "eV"), strict=True))
"""The unit of each property, in files of this package."""

_SPELLINGS: Final[Mapping[str, frozenset[str]]] = {
    "eV": frozenset({"ev", "electronvolt"}),
    "eV/atom": frozenset({"ev/atom", "ev*atom^-1", "ev.atom-1", "electronvolt/atom"}),
}

_BELOW_HULL: Final = "distance to the convex hull of all other phases: negative for a phase below it"

# Fields of OPTIMADE servers by the name of the property, the first that a server has; inner names of mappings behind
# dots. The names of AFLOW's and JARVIS' come from clients of theirs and were not seen on a server.
_OPTIMADE_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "e_above_hull": (
        "_mp_stability.gga_gga+u_r2scan.energy_above_hull",
        "_mp_stability.gga_gga+u.energy_above_hull",
        "_oqmd_stability",
        "_jarvis_ehull",
    ),
    "formation_energy_per_atom": (
        "_mp_stability.gga_gga+u_r2scan.formation_energy_per_atom",
        "_mp_stability.gga_gga+u.formation_energy_per_atom",
        "_oqmd_delta_e",
        "_aflow_enthalpy_formation_atom",
        "_jarvis_formation_energy_peratom",
    ),
    "band_gap": ("_aflow_Egap", "_jarvis_optb88vdw_bandgap"),
}

# What the rest of a provider's field is called behind its prefix: `_alexandria_hull_distance`.
_ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "e_above_hull": ("energy_above_hull", "e_above_hull", "hull_distance"),
    "formation_energy_per_atom": ("formation_energy_per_atom",),
    "band_gap": ("band_gap", "bandgap"),
}

# Columns of tables elsewhere (LeMat-Bulk, the summary documents of the Materials Project), without the prefix.
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    **_ENDINGS,
    "band_gap": ("band_gap", "bandgap", "band_gap_indirect"),
}

_NOTES: Final[Mapping[str, str]] = {"_oqmd_stability": _BELOW_HULL}


@dataclass(frozen=True)
class Column:
    """Where a column of a corpus comes from.

    Attributes:
        fields: of the source, the first that an entry has a number for; inner names of mappings behind dots.
        unit: of the numbers; empty for text.
        stated: whether the source states the unit; otherwise it is known from its documentation.
        note: what else one has to know.
    """

    fields: tuple[str, ...]
    unit: str = ""
    stated: bool = False
    note: str = ""

    def read(self, entry: Mapping[str, Any]) -> float:
        """Find the number of an entry; NaN where it has none that is finite."""
        for name in self.fields:
            value: object = entry
            for part in name.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
        return math.nan


def optimade_columns(served: Mapping[str, Any]) -> dict[str, Column]:
    """Choose the fields of an OPTIMADE server that are our properties.

    Args:
        served: the properties of its structures, as `/info/structures` lists them: name to a mapping with `unit`.

    Returns:
        Property to column; a field in another unit than ours is left out, since its numbers would be read wrongly.
    """
    found: dict[str, Column] = {}
    for name in PROPERTIES:
        known = [field for field in _OPTIMADE_FIELDS[name] if field.partition(".")[0] in served]
        ending = [
            field
            for field in served
            if field.startswith("_") and field[1:].partition("_")[2] in _ENDINGS[name]
        ]
        fields = tuple(known or ending)
        described = served.get(fields[0].partition(".")[0]) if fields else None
        unit = described.get("unit") if isinstance(described, Mapping) else None
        nested = any("." in field for field in fields)
        if fields and (nested or _is_ours(unit, name)):
            stated = bool(unit) and not nested and _spelt(unit) in _SPELLINGS[UNITS[name]]
            notes = [_NOTES.get(fields[0], "")]
            if unit and not nested and not stated:
                notes.append(f"the source states {unit} and means an atom's share, by its documentation")
            found[name] = Column(fields, UNITS[name], stated, "; ".join(filter(None, notes)))
    return found


def table_columns(names: Iterable[str]) -> dict[str, Column]:
    """Choose the columns of a table that are our properties.

    Args:
        names: of its columns.

    Returns:
        Property to column.
    """
    served = list(names)
    found = {name: _first(served, _COLUMNS[name]) for name in PROPERTIES}
    return {name: Column((field,), UNITS[name]) for name, field in found.items() if field}


def _first(served: Sequence[str], wanted: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(served)}
    return next((by_lower[name] for name in wanted if name in by_lower), None)


def _is_ours(unit: object, name: str) -> bool:
    """Whether a stated unit is that of ours; none stated is taken for it. OQMD states energies an atom in eV."""
    if unit is None or unit == "":
        return True
    meant = _SPELLINGS[UNITS[name]] | (_SPELLINGS["eV"] if UNITS[name] == "eV/atom" else frozenset())
    return _spelt(unit) in meant


def _spelt(unit: object) -> str:
    return str(unit).replace(" ", "").lower()
