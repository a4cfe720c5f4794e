"""The short tables of the benchmark, for a README: one line a system, and what is found among n suggestions over n."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mattransformer.benchmark.cells import (
    KINDS,
    NONE,
    Cell,
    Records,
    cell_of,
    found_of,
    in_order,
    line,
    percent,
    published_data,
    share,
    table_rung,
    title_of,
    valid,
    words_of,
)
from mattransformer.benchmark.lists import DATA, ICSD, TEST
from mattransformer.benchmark.records import LISTS, read_all
from mattransformer.benchmark.run import METHODS, RUNGS, SHORT
from mattransformer.benchmark.systems import LANGUAGE_MODELS, names
from mattransformer.data.variants import VARIANTS
from mattransformer.evaluation.settings import DEFAULT
from mattransformer.metrics.published import FIGURES


def short_tables(results: Path) -> Iterator[str]:
    """Give, for each data set, one line a system at the largest number of suggestions that most of them have.

    Args:
        results: the folder of results.

    Yields:
        Lines of Markdown.
    """
    for data in DATA:
        records = read_all(data, results)
        n = table_rung(records)
        if n is None:
            continue
        rungs = {setting: table_rung(records, setting) for setting in VARIANTS[1:]}
        yield f"**{title_of(data)}, the first {n:,} distinct suggestions of each**"
        yield ""
        others = [
            title
            for setting, own in rungs.items()
            for title in (f"*{setting}*, {own or n:,}: charge-neutral", "EN-balanced")
        ]
        yield line(
            "system", "charge-neutral", "EN-balanced", "new", *(f"{kind} found" for kind in KINDS), "ICSD found",
            *others,
        )  # fmt: skip
        yield line("---", *["---:"] * 11)
        yield _own_line(records[LISTS])
        fewer = []
        for name, record in in_order(data, records):
            mix = cell_of(record, VARIANTS[0], n)
            if mix is not None:
                cells = [
                    cell_of(records.get(f"{name}-{setting}", record), setting, own or n)
                    for setting, own in rungs.items()
                ]
                yield _short_line(name, mix, cells)
            elif VARIANTS[0] in record["settings"]:
                fewer.append(f"`{name}` ({_largest(record, VARIANTS[0]):,})")
        for published in FIGURES:
            if published.data == published_data(data):
                yield line(
                    words_of(published), percent(published.charge_neutral), percent(published.balanced),
                    *[NONE] * 9,
                )  # fmt: skip
        yield from _below(data, records, fewer)
        yield ""
    yield from rediscovery("mp+oqmd", read_all("mp+oqmd", results))


def _below(data: str, records: Records, fewer: Sequence[str]) -> Iterator[str]:
    """Say what a table does not: which models are behind, each where it was measured furthest, and what is missing."""
    for setting in VARIANTS:
        for rung in sorted({_largest(record, setting) for record in _models(records)} - {0}, reverse=True):
            yield from behind(data, records, setting, rung, only_there=True)
    if fewer:
        yield f"\nMeasured on fewer suggestions, see the page of all tables: {', '.join(fewer)}."
    missing = [f"`{name}`" for name in not_run(records)]
    if missing:
        yield f"\nNot run on {title_of(data)}: {', '.join(missing)}."


_COMPARED: Final[Mapping[str, Callable[[Cell], float]]] = {
    "charge neutrality": lambda cell: cell["validity"]["smact14"]["charge_neutral"]["share"],
    "EN balance": lambda cell: cell["validity"]["smact14"]["balanced"]["share"],
    **{
        f"{kind} test rows": lambda cell, kind=kind: cell["found"][TEST][kind]["share"]  # type: ignore[misc]
        for kind in KINDS
    },
}


def behind(data: str, records: Records, setting: str, n: int, *, only_there: bool = False) -> Iterator[str]:
    """Name the language models that are not ahead of every other system among n suggestions.

    Args:
        data: its name.
        records: of `records.read_all`.
        setting: of the suggestions.
        n: suggestions.
        only_there: whether models are left out that were measured on more.

    Yields:
        A line, if there are any.
    """
    cells = {
        name: cell
        for name, record in in_order(data, records)
        if (cell := cell_of(record, setting, n)) is not None
    }
    models = [
        name
        for name in cells
        if name in LANGUAGE_MODELS and not (only_there and _largest(records[name], setting) > n)
    ]
    others = [name for name in cells if name in names(data) and name not in LANGUAGE_MODELS]
    told = []
    for words, value in _COMPARED.items():
        best = max(others, key=lambda name, value=value: value(cells[name]), default=None)  # type: ignore[misc]
        if best is None:
            continue
        late = [f"`{name}`" for name in models if value(cells[name]) <= value(cells[best])]
        if late:
            told.append(f"{words} {', '.join(late)} (best of the others: `{best}`)")
    if told:
        yield f"\nNot ahead of every baseline, *{setting}*, {n:,}: in {'; in '.join(told)}."


def not_run(records: Records) -> list[str]:
    """Name the systems of any data set that have no record of this one."""
    every = dict.fromkeys(name for data in DATA for name in names(data))
    return [name for name in every if name not in records]


def _models(records: Records) -> list[Mapping[str, Any]]:
    return [record for name, record in records.items() if name in LANGUAGE_MODELS]


def _largest(record: Mapping[str, Any], setting: str) -> int:
    return max((n for n in RUNGS if cell_of(record, setting, n) is not None), default=0)


def _short_line(name: str, mix: Cell, others: Sequence[Cell | None]) -> str:
    return line(
        f"`{name}`",
        *valid(mix),
        share(mix["new"]["mp and oqmd"]),
        *(share(mix["found"][TEST][kind]) for kind in KINDS),
        found_of(mix, ICSD),
        *(share for cell in others for share in valid(cell)),
    )


def _own_line(record: Mapping[str, Any]) -> str:
    own = [record["training"][setting]["validity"]["smact14"] for setting in VARIANTS]
    shares = [[share(own_["charge_neutral"]), share(own_["balanced"])] for own_ in own]
    return line("*training rows*", *shares[0], *[NONE] * 5, *shares[1], *shares[2])


def rediscovery(data: str, records: Records) -> Iterator[str]:
    """Give what is found of held-out rows and of the ICSD by every way of asking, over n."""
    rows = [
        (name, setting, method, own["settings"][setting][method])
        for name, own in in_order(data, records)
        for setting in (VARIANTS[0], DEFAULT.name)
        for method in METHODS
        if method in own["settings"].get(setting, {})
    ]
    if not rows:
        return
    yield (
        f"\n**Rediscovery, learned from {title_of(data)}: test rows, and ICSD compounds outside the training rows, "
        "found among n distinct suggestions; a dash was not run**\n"
    )
    yield line("system", "setting", "asked by", *(f"{n:,}" for n in RUNGS))
    yield line("---", "---", "---", *["---:"] * len(RUNGS))
    for name, setting, method, measured in rows:
        yield line(f"`{name}`", f"*{setting}*", method, *(_both(measured, n) for n in RUNGS))


def _both(measured: Mapping[str, Any], n: int) -> str:
    cell = measured.get(str(n))
    if cell is None:
        return "no more" if SHORT in measured and measured[SHORT]["rung"] <= n else NONE
    found = cell["found"]
    return ", ".join(share(found[name]["all"], 2) for name in (TEST, ICSD) if name in found)
