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
                fewer.append(f"`{name}` ({_most(record):,})")
        for published in FIGURES:
            if published.data in ("MP", "OQMD") and published.data == title_of(data).split(" + ")[-1]:
                yield line(
                    words_of(published), percent(published.charge_neutral), percent(published.balanced),
                    *[NONE] * 9,
                )  # fmt: skip
        yield from _behind(data, records, n)
        if fewer:
            yield f"\nMeasured on fewer suggestions, see the page of all tables: {', '.join(fewer)}."
        missing = [f"`{name}`" for name in names(data) if name not in records]
        if missing:
            yield f"\nNot run on {title_of(data)}: {', '.join(missing)}."
        yield ""
    yield from rediscovery("mp+oqmd", read_all("mp+oqmd", results))


_COMPARED: Final[Mapping[str, Callable[[Cell], float]]] = {
    "charge neutrality": lambda cell: cell["validity"]["smact14"]["charge_neutral"]["share"],
    "EN balance": lambda cell: cell["validity"]["smact14"]["balanced"]["share"],
    **{
        f"{kind} test rows": lambda cell, kind=kind: cell["found"][TEST][kind]["share"]  # type: ignore[misc]
        for kind in KINDS
    },
}


def _behind(data: str, records: Records, n: int) -> Iterator[str]:
    """Name the language models that are not ahead of every other system, as a line by setting."""
    for setting in VARIANTS:
        m = n if setting == VARIANTS[0] else table_rung(records, setting)
        cells = {
            name: cell
            for name, record in in_order(data, records)
            if m is not None and (cell := cell_of(record, setting, m)) is not None
        }
        models = [name for name in cells if name in LANGUAGE_MODELS]
        others = [name for name in cells if name in names(data) and name not in models]
        told = []
        for words, value in _COMPARED.items():
            best = max(others, key=lambda name, value=value: value(cells[name]), default=None)  # type: ignore[misc]
            if best is None:
                continue
            late = [f"`{name}`" for name in models if value(cells[name]) <= value(cells[best])]
            if late:
                told.append(f"{words} {', '.join(late)} (best of the others: `{best}`)")
        if told:
            yield f"\nNot ahead of every baseline, *{setting}*, {m:,}: in {'; in '.join(told)}."


def _most(record: Mapping[str, Any]) -> int:
    return max((n for n in RUNGS if cell_of(record, VARIANTS[0], n) is not None), default=0)


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
        "found among n distinct suggestions**\n"
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
