"""The numbers of a list as tables, from what `metrics.scores` gives for JSON.

    for table in tables(scores.as_dict()):
        print(table.title, [(row.name, *(cell.value for cell in row.cells)) for row in table.rows])

Whatever a table does not know by name is written out in the last one, so that no number is lost; what is missing is
left out. Shares are in per cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mattransformer.metrics.intervals import percent_ends

NONE: Final = "–"
"""A number that there is not."""

_SAMPLE: Final = "generated"
_VALIDITY: Final = {"charge_neutral": "charge-neutral", "balanced": "EN-balanced"}
_DISTANCES: Final = ("elements", "number_of_elements", "atoms", "anonymous_formulas")
# Of `whole`: what has a table of its own, or a curve.
_TOLD: Final = frozenset(
    {"compositions", "number_of_elements", "validity", "uniqueness", "references", "novelty", "novel_only"}
)
# Of everything: likewise, and what the page says in words.
_SAID: Final = frozenset(
    {
        "rows",
        "remarks",
        "settings",
        "smact",
        "intervals",
        "seed",
        "references",
        "whole",
        "classes",
        "profiles",
        "training_profile",
    }
)
_VALUES: Final = ("share", "mean", "enrichment")
_BESIDE: Final = ("count", "of", "interval")  # that only stand beside a value


@dataclass(frozen=True)
class Cell:
    """A number in words.

    Attributes:
        value: such as `97.4 %`.
        interval: its 95 % interval, such as `96.6 to 98.1`; empty where there is none.
    """

    value: str
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: of the row.
        cells: one a column.
    """

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Numbers in rows.

    Attributes:
        title: what they are.
        columns: their names, without one for the names of the rows.
        rows: with a cell for each of these.
        note: how to read them; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def tables(scores: Mapping[str, Any]) -> tuple[Table, ...]:
    """Lay out the scores of a list.

    Args:
        scores: of `Scores.as_dict`, or of JSON made from it.

    Returns:
        The tables that there are numbers for.
    """
    whole = _mapping(scores.get("whole"))
    found = (
        _list_table(scores, whole),
        _validity_table(scores, whole),
        _recovery_table(whole),
        _sizes_table(whole),
        _distance_table(whole),
        _class_table(scores),
        _other_table(scores, whole),
    )
    return tuple(table for table in found if table.rows)


def number(value: object, digits: int = 3) -> str:
    """Write a number, or what stands for one."""
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}g}"


def estimate(figures: object) -> Cell:
    """Write a share in per cent, a mean or an enrichment, with its interval.

    Args:
        figures: with `share`, `mean` or `enrichment`, and mostly `interval`; a single number is written as it is.

    Returns:
        The cell; `NONE` where there is no number.
    """
    if not isinstance(figures, Mapping):
        return Cell(number(figures))
    key = next((key for key in _VALUES if key in figures), None)
    if key is None or figures[key] is None:
        return Cell(NONE)
    value, interval = figures[key], figures.get("interval")
    if key != "share":
        return Cell(number(value), " to ".join(map(_end, interval)) if interval else "")
    # Small shares, such as those of recovery, have a digit more.
    digits = 1 if value >= 0.01 or value == 0 else 2
    ends = " to ".join(percent_ends(interval, digits)) if interval else ""
    return Cell(f"{100 * value:.{digits}f} %", ends)


def _end(end: float | None) -> str:
    """Write the end of an interval; JSON has None for one that is open."""
    return "∞" if end is None else number(end)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _row(name: str, *figures: object) -> Row:
    return Row(name, tuple(map(estimate, figures)))


def _kind(kind: str) -> str:
    return "5 or more" if kind == "more" else kind


def _list_table(scores: Mapping[str, Any], whole: Mapping[str, Any]) -> Table:
    rows = _mapping(scores.get("rows"))
    novelty = _mapping(whole.get("novelty"))
    lists = _mapping(novelty.get("lists"))
    found = {
        "rows": rows.get("drawn"),
        "readable": rows.get("readable"),
        "distinct compositions": rows.get("distinct"),
        "unique, of the readable rows": whole.get("uniqueness"),
        "novel, in none of the known lists": novelty.get("all"),
        **({f"not in {name}": own for name, own in lists.items()} if len(lists) > 1 else {}),
        **{f"novel, {_kind(kind)}": own for kind, own in _mapping(novelty.get("by_elements")).items()},
        "single elements, which are not novel": novelty.get("single_elements") or None,
    }
    return Table("The list", ("",), tuple(_row(name, own) for name, own in found.items() if own is not None))


def _validity_table(scores: Mapping[str, Any], whole: Mapping[str, Any]) -> Table:
    roles = _mapping(scores.get("references"))
    lists = {
        _SAMPLE: whole.get("validity"),
        f"{_SAMPLE}, novel only": whole.get("novel_only"),
        **{
            _named(name, roles): _mapping(own).get("validity")
            for name, own in _mapping(whole.get("references")).items()
        },
    }
    settings = list(_mapping(whole.get("validity")))
    rows = [
        _row(name, *(_mapping(_mapping(own).get(s)).get(key) for s in settings for key in _VALIDITY))
        for name, own in lists.items()
        if own
    ]
    columns = tuple(f"{setting}, {name}" for setting in settings for name in _VALIDITY.values())
    words = [f"{name}: {told}." for name, told in _mapping(scores.get("settings")).items()]
    return Table("Validity of distinct compositions", columns, tuple(rows), " ".join(words))


def _named(name: str, roles: Mapping[str, Any]) -> str:
    role = _mapping(roles.get(name)).get("role")
    return f"{name} ({role})" if role and role != name else name


def _recovery_table(whole: Mapping[str, Any]) -> Table:
    found: dict[str, Mapping[str, Any]] = {}
    for name, own in _mapping(whole.get("references")).items():
        found[name] = _mapping(_mapping(own).get("recovery"))
        found[f"{name}, not in training"] = _mapping(_mapping(own).get("recovery_outside_training"))
    kinds = list(dict.fromkeys(kind for own in found.values() for kind in _mapping(own.get("by_elements"))))
    rows = [
        _row(
            name,
            own.get("count"),
            own.get("of"),
            own,
            *(_mapping(own.get("by_elements")).get(kind) for kind in kinds),
            own.get("per_1000_samples"),
            own.get("enrichment"),
        )
        for name, own in found.items()
        if own
    ]
    return Table(
        "Recovery",
        ("found", "of", "share", *map(_kind, kinds), "per 1,000 samples", "times random"),
        tuple(rows),
        "Compositions of each list that are among the distinct samples, whole and by number of elements. Times random: "
        "the share found by the samples over that found by as many random formulas.",
    )


def _sizes_table(whole: Mapping[str, Any]) -> Table:
    lists = {_SAMPLE: whole, **_mapping(whole.get("references"))}
    own = {name: _mapping(_mapping(part).get("number_of_elements")) for name, part in lists.items()}
    kinds = list(dict.fromkeys(kind for part in own.values() for kind in part))
    rows = [_row(name, *(part.get(kind) for kind in kinds)) for name, part in own.items() if part]
    return Table("Number of elements", tuple(map(_kind, kinds)), tuple(rows))


def _distance_table(whole: Mapping[str, Any]) -> Table:
    lists = {name: _mapping(own).get("distances") for name, own in _mapping(whole.get("references")).items()}
    return Table(
        "Jensen-Shannon distances from the generated list",
        tuple(key.replace("_", " ") for key in _DISTANCES),
        tuple(_row(name, *(own.get(key) for key in _DISTANCES)) for name, own in lists.items() if own),
        "From 0, the same distribution, to 1, nothing in common. Lists of different lengths are not to be compared.",
    )


def _class_table(scores: Mapping[str, Any]) -> Table:
    classes = {name: _mapping(own) for name, own in _mapping(scores.get("classes")).items()}
    first = next((own for own in classes.values() if own.get("validity")), {})
    setting = next(iter(_mapping(first.get("validity"))), "")
    references = list(_mapping(first.get("references")))
    recovered = [name for name in references if "recovery" in first["references"][name]]
    novel = ["novel"] if "novelty" in first else []
    keys = list(_VALIDITY) if setting else []
    rows = []
    for name, own in classes.items():
        valid = _mapping(_mapping(own.get("validity")).get(setting))
        beside = {ref: _mapping(_mapping(own.get("references")).get(ref)) for ref in references}
        rows.append(
            _row(
                name,
                own.get("share"),
                *(beside[ref].get("share") for ref in references),
                *(valid.get(key) for key in keys),
                *(_mapping(own.get("novelty")).get("all") for _ in novel),
                *(beside[ref].get("recovery") for ref in recovered),
            )
        )
    columns = (
        "of the generated",
        *(f"of {name}" for name in references),
        *(f"{setting}, {_VALIDITY[key]}" for key in keys),
        *novel,
        *(f"{name} found" for name in recovered),
    )
    return Table("By chemistry class", columns, tuple(rows))


def _other_table(scores: Mapping[str, Any], whole: Mapping[str, Any]) -> Table:
    others = [(key, value) for key, value in whole.items() if key not in _TOLD]
    others += [(key, value) for key, value in scores.items() if key not in _SAID]
    return Table("Further measures", ("",), tuple(_flattened(dict(others))))


def _flattened(values: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[Row]:
    """Give every number with the names that lead to it; lists, such as curves, are for pictures."""
    for key, value in values.items():
        names = (*path, str(key).replace("_", " "))
        if isinstance(value, Mapping):
            if any(own in value for own in _VALUES):
                yield _row(", ".join(names), value)
                value = {k: v for k, v in value.items() if k not in (*_VALUES, *_BESIDE)}
            yield from _flattened(value, names)
        elif isinstance(value, str) or not isinstance(value, Sequence):
            yield _row(", ".join(names), value)
