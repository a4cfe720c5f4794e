"""What tables of the benchmark are made of: a measurement of a record, and numbers as they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattransformer.benchmark.records import LISTS
from mattransformer.benchmark.run import RUNGS, SAMPLING
from mattransformer.benchmark.systems import LANGUAGE_MODELS, names
from mattransformer.data.variants import VARIANTS
from mattransformer.metrics.intervals import percent_ends, recorded
from mattransformer.metrics.published import Published

Records = Mapping[str, Mapping[str, Any]]
Cell = Mapping[str, Any]

KINDS: Final = ("binary", "ternary", "quaternary")
ALL_KINDS: Final = (*KINDS, "more")
NONE: Final = "–"


def table_rung(records: Records, setting: str = VARIANTS[0]) -> int | None:
    """Give the largest number of suggestions that two thirds of the systems of a setting were measured at in it."""
    systems = [record for name, record in records.items() if name != LISTS and setting in record["settings"]]
    for n in reversed(RUNGS):
        there = sum(cell_of(record, setting, n) is not None for record in systems)
        if there and 3 * there >= 2 * len(systems):
            return n
    return None


def in_order(data: str, records: Records) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give language models first, then what they are compared with, then systems of the user's own, by name."""
    order = (*LANGUAGE_MODELS, *reversed([name for name in names(data) if name not in LANGUAGE_MODELS]))
    own = sorted(name for name in records if name not in (*order, LISTS))
    yield from ((name, records[name]) for name in (*order, *own) if name in records)


def title_of(data: str) -> str:
    """Give the name of a data set as it is written: MP + OQMD."""
    return data.upper().replace("+", " + ")


def published_data(data: str) -> str:
    """Give the data set of published figures that is the nearest to one of ours: the larger part of it."""
    return title_of(data).split(" + ")[-1]


def cell_of(record: Mapping[str, Any], setting: str, n: int, method: str = SAMPLING) -> Cell | None:
    """Give what was measured of the first n suggestions; None where nothing was."""
    found: Cell | None = record["settings"].get(setting, {}).get(method, {}).get(str(n))
    return found


def valid(cell: Cell | None, setting: str = "smact14") -> list[str]:
    """Write charge neutrality and electronegativity balance; two dashes where nothing was measured."""
    if cell is None:
        return [NONE, NONE]
    return [share(cell["validity"][setting][key]) for key in ("charge_neutral", "balanced")]


def found_of(cell: Cell, name: str) -> str:
    """Write what is found of a list; a dash where it was not at hand."""
    return share(cell["found"][name]["all"]) if name in cell["found"] else NONE


def words_of(own: Published) -> str:
    """Name published figures."""
    return f"{own.system}, {own.data} (published)"


def line(*cells: str) -> str:
    """Make a row of a table of Markdown."""
    return f"| {' | '.join(cells)} |"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in per cent; a dash where there is none."""
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def share(own: Mapping[str, Any], digits: int = 1) -> str:
    """Write the share of a record in per cent."""
    return percent(own["share"], digits)


def with_interval(own: Mapping[str, Any]) -> str:
    """Write the share of a record with its interval; a dash where there is none."""
    ends = recorded(own)
    return NONE if ends is None else f"{share(own)} ({' to '.join(percent_ends(ends))})"
