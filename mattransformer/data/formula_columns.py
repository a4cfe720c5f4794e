"""Which column of a table holds the formulas, and which the properties that a corpus carries along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula, FormulaError

if TYPE_CHECKING:
    import pandas as pd

# Numeric columns that are carried along, since properties become conditions: eV/atom, eV/atom, eV.
PROPERTIES: tuple[str, ...] = ("e_above_hull", "formation_energy_per_atom", "band_gap")

# What data sets call their formula column, most specific first; compared without case, blanks, '_' and '-'.
FORMULA_COLUMNS: tuple[str, ...] = (
    "formula",
    "pretty_formula",
    "formula_pretty",
    "reduced_formula",
    "formula_reduced",
    "composition_reduced",
    "composition",
    "full_formula",
    "chemical_formula",
    "chemical_formula_reduced",
    "chemical_formula_sum",
)

_SAMPLE = 200  # values of a column that are tried when no column has a known name


class CorpusError(MattransformerError):
    """A corpus cannot be found, read or trusted; the message names it and the way out."""


def formula_column(raw: pd.DataFrame, column: str | None, path: Path) -> str:
    """Find the column of formulas.

    Args:
        raw: a table, or its first rows.
        column: its name, if the caller knows it.
        path: of the file, for the message.

    Returns:
        Its name.

    Raises:
        CorpusError: there is none, or several could be it.
    """
    names = [str(name) for name in raw.columns]
    if column is not None:
        if column not in names:
            raise CorpusError(f"{path} has no column {column!r}; it has {', '.join(names)}")
        return column
    known = known_column(names)
    if known is not None:
        return known
    candidates = [name for name in names if _holds_formulas(raw[name])]
    if len(candidates) == 1:
        return candidates[0]
    found = (
        f"several columns hold formulas ({', '.join(candidates)})"
        if candidates
        else "no column holds formulas"
    )
    raise CorpusError(
        f"{path}: {found}; name the one to read (column=..., on the command line --column), or call it 'formula' in "
        f"the file; it has {', '.join(names)}"
    )


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").replace("-", "").lower()


def known_column(names: Iterable[str]) -> str | None:
    """Find the column with the most specific of the names in `FORMULA_COLUMNS`, if one has any of them."""
    by_plain = {_plain(name): name for name in reversed(list(names))}
    return next((by_plain[_plain(name)] for name in FORMULA_COLUMNS if _plain(name) in by_plain), None)


def _holds_formulas(values: pd.Series) -> bool:
    """Tell whether at least half of a column's first values are formulas of compounds."""
    sample = [value for value in values.head(_SAMPLE) if isinstance(value, str | Mapping) and value]
    return bool(sample) and 2 * sum(map(_is_compound, sample)) >= len(sample)


def _is_compound(value: str | Mapping[str, float]) -> bool:
    # One element is not enough: many a label (C2, P, In) reads as one.
    try:
        return len(Formula.parse(value).elements) > 1
    except FormulaError:
        return False


def check_names(names: Sequence[str], path: Path) -> None:
    """Refuse a table in which a column that a corpus has comes twice, since nobody knows which is meant.

    Args:
        names: of its columns, in order.
        path: of the file, for the message.

    Raises:
        CorpusError: two columns are called the same, and a corpus has it.
    """
    wanted = {_plain(name) for name in (*FORMULA_COLUMNS, *PROPERTIES)}
    for name in names:
        if _plain(name) in wanted and names.count(name) > 1:
            raise CorpusError(f"{path} has {names.count(name)} columns {name!r}; rename all but one of them")


def is_header(cells: Iterable[str]) -> bool:
    """Tell whether the first row of a table names its columns, or is data already."""
    names = list(cells)
    return known_column(names) is not None or not any(map(_is_compound, names))


def select(raw: pd.DataFrame, column: str) -> pd.DataFrame:
    """Keep the columns that a corpus has.

    Args:
        raw: rows of a file.
        column: of the formulas.

    Returns:
        See `readers.read_rows`.
    """
    import pandas as pd

    rows = {"formula": raw[column].astype(object) if raw[column].dtype != "str" else raw[column]}
    for name, own in property_columns(map(str, raw.columns)).items():
        rows[name] = pd.to_numeric(raw[own], errors="coerce").astype("float64")
    if "split" in raw.columns:
        rows["split"] = raw["split"].astype(str)
    return pd.DataFrame(rows)


def property_columns(names: Iterable[str]) -> dict[str, str]:
    """Find the columns of a table that are `PROPERTIES`: property to its name in the table."""
    by_plain = {_plain(name): name for name in reversed(list(names))}
    return {name: by_plain[_plain(name)] for name in PROPERTIES if _plain(name) in by_plain}
