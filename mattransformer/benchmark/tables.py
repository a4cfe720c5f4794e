"""The records of the benchmark as tables in Markdown: a short one for a README, and all of them in a page of their own.

    write_tables(Path("results/benchmark"), Path("README.md"))

Nothing is computed here but ratios of what was counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mattransformer.benchmark.lists import DATA, ICSD, MATRICES, TEST, TRAINING
from mattransformer.benchmark.records import LISTS, read_all
from mattransformer.benchmark.run import METHODS, RUNGS, SAMPLING, SHORT
from mattransformer.benchmark.systems import LANGUAGE_MODELS, BenchmarkError, names
from mattransformer.data.variants import VARIANTS
from mattransformer.evaluation.report import update_readme
from mattransformer.evaluation.settings import DEFAULT
from mattransformer.files import write_text
from mattransformer.metrics.classes import CLASSES
from mattransformer.metrics.intervals import percent_ends, recorded
from mattransformer.metrics.published import FIGURES, MATGAN_SAMPLES, Published

MARKS: Final = ("<!-- benchmark:start -->", "<!-- benchmark:end -->")
"""What the short table of a README stands between."""

PAGE: Final = "README.md"
"""The page with all tables, in the folder of results."""

NOTE: Final = (
    "How to read it. The systems learned from the same compounds, and not in the same way: language models "
    "have a label with every row (its source, and whether it is *pure* or *strict*, which is SMACT's verdict) "
    "and are asked under these labels in the proportion of the rows, so that *mix* holds their share of "
    "balanced compounds; those that ship, and those of MP but `roberta`, were asked for the rule at every "
    "atom, `gpt2` learned from its own screened samples too and taught `gpt`, `gpt-neo` and `gpt-j`. MATGAN, "
    "the VAE and the GAN have neither labels nor rules. MATGAN is at half its published width, with "
    "one-dimensional convolutions, for a processor; of the VAE and the GAN the widths and the vector are larger "
    "than published, since theirs are for fewer elements (`configs/`). Their newest weights are kept, as "
    "there is no loss that would say which are best."
)
"""What has to be known before systems are compared."""

Records = Mapping[str, Mapping[str, Any]]
Cell = Mapping[str, Any]

_KINDS: Final = ("binary", "ternary", "quaternary")
_NONE: Final = "–"
_RANDOM: Final = ("pseudo-random", "stoichiometry-random")  # what enrichments compare with


def write_tables(results: Path, readme: Path | None = None) -> list[Path]:
    """Render all that was measured.

    Args:
        results: the folder of results.
        readme: gets the short table between its marks.

    Returns:
        The files that were written.

    Raises:
        MattransformerError: a record that cannot be read, or a README without the marks.
    """
    if not results.is_dir():
        raise BenchmarkError(
            f"{results} has no results: run mattransformer benchmark first, or name their folder"
        )
    written = [results / PAGE]
    write_text(written[0], "\n".join(page(results)) + "\n")
    if readme is not None:
        update_readme(readme, "\n".join(short_tables(results)), MARKS)
        written.append(readme)
    return written


def short_tables(results: Path) -> Iterator[str]:
    """Give, for each data set, one line a system at the largest number of suggestions that all of them have.

    Args:
        results: the folder of results.

    Yields:
        Lines of Markdown.
    """
    for data in DATA:
        records = read_all(data, results)
        n = common_rung(records)
        if n is None:
            continue
        yield f"**{title_of(data)}, the first {n:,} distinct suggestions of each**"
        yield ""
        yield _line(
            "system", "charge-neutral", "EN-balanced", "new", *(f"{kind} found" for kind in _KINDS),
            "ICSD found", "*pure*: charge-neutral", "EN-balanced", "*strict*: charge-neutral", "EN-balanced",
        )  # fmt: skip
        yield _line("---", *["---:"] * 11)
        yield _own_line(records[LISTS])
        for name, record in in_order(data, records):
            yield _short_line(name, record, n)
        for published in FIGURES:
            if published.data in ("MP", "OQMD") and published.data == title_of(data).split(" + ")[-1]:
                yield _line(
                    _words_of(published), _percent(published.charge_neutral), _percent(published.balanced),
                    *[_NONE] * 9,
                )  # fmt: skip
        missing = [f"`{name}`" for name in names(data) if name not in records]
        if missing:
            yield f"\nNot run on {title_of(data)}: {', '.join(missing)}."
        yield ""
    yield from _rediscovery("mp+oqmd", read_all("mp+oqmd", results))


def page(results: Path) -> Iterator[str]:
    """Give all tables.

    Args:
        results: the folder of results.

    Yields:
        Lines of Markdown.
    """
    yield "# The benchmark: what was measured"
    yield ""
    yield (
        "Rendered from the records beside this page by `mattransformer benchmark --table`. Shares are of the first n "
        "distinct suggestions, with 95 % bootstrap intervals over them (Wilson's, of shares of 0 and 100 %); charge "
        "neutrality and EN balance by SMACT with "
        "the states `smact14`, one an element, alloys not exempt; *default* is SMACT 4's own default (ICSD-24 states "
        "with consensus 3, alloys valid). *new*: in neither MP nor OQMD. *times random*: test rows found, "
        "beside as many suggestions of `pseudo-random`, and of `stoichiometry-random`.\n\n" + NOTE
    )
    for data in DATA:
        records = read_all(data, results)
        if LISTS not in records:
            continue
        yield f"\n## {title_of(data)}\n"
        yield from _lists_table(records[LISTS])
        for setting in (*VARIANTS, DEFAULT.name):
            for n in RUNGS:
                yield from _setting_table(data, records, setting, n)
        yield from _space_table(data, records)
        yield from class_table(data, records)
        yield from _rediscovery(data, records)
    yield "\n## Published by others\n"
    yield from _published_table()


def common_rung(records: Records) -> int | None:
    """Give the largest number of suggestions that every system was measured at in the setting *mix*."""
    rungs = [
        {n for n in RUNGS if cell_of(record, VARIANTS[0], n) is not None}
        for name, record in records.items()
        if name != LISTS
    ]
    common = set.intersection(*rungs) if rungs else set()
    return max(common, default=None)


def in_order(data: str, records: Records) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give language models first, then what they are compared with, then systems of the user's own, by name."""
    order = (*LANGUAGE_MODELS, *reversed([name for name in names(data) if name not in LANGUAGE_MODELS]))
    own = sorted(name for name in records if name not in (*order, LISTS))
    yield from ((name, records[name]) for name in (*order, *own) if name in records)


def title_of(data: str) -> str:
    """Give the name of a data set as it is written: MP + OQMD."""
    return data.upper().replace("+", " + ")


def cell_of(record: Mapping[str, Any], setting: str, n: int, method: str = SAMPLING) -> Cell | None:
    """Give what was measured of the first n suggestions; None where nothing was."""
    found: Cell | None = record["settings"].get(setting, {}).get(method, {}).get(str(n))
    return found


def _short_line(name: str, record: Mapping[str, Any], n: int) -> str:
    cells = [cell_of(record, setting, n) for setting in VARIANTS]
    mix = cells[0]
    assert mix is not None
    return _line(
        f"`{name}`",
        *_valid(mix),
        _share(mix["new"]["mp and oqmd"]),
        *(_share(mix["found"][TEST][kind]) for kind in _KINDS),
        _found_of(mix, ICSD),
        *(share for cell in cells[1:] for share in _valid(cell)),
    )


def _own_line(record: Mapping[str, Any]) -> str:
    own = [record["training"][setting]["validity"]["smact14"] for setting in VARIANTS]
    shares = [[_share(own_["charge_neutral"]), _share(own_["balanced"])] for own_ in own]
    return _line("*training rows*", *shares[0], *[_NONE] * 5, *shares[1], *shares[2])


def _valid(cell: Cell | None, setting: str = "smact14") -> list[str]:
    if cell is None:
        return [_NONE, _NONE]
    return [_share(cell["validity"][setting][key]) for key in ("charge_neutral", "balanced")]


def _found_of(cell: Cell, name: str) -> str:
    return _share(cell["found"][name]["all"]) if name in cell["found"] else _NONE


def _lists_table(record: Mapping[str, Any]) -> Iterator[str]:
    yield _line(
        "training rows", "compositions", "charge-neutral", "EN-balanced", "default", "icsd24: EN-balanced"
    )
    yield _line("---", *["---:"] * 5)
    for setting, own in record["training"].items():
        validity = own["validity"]
        yield _line(
            f"*{setting}*",
            f"{own['compositions']:,}",
            _with_interval(validity["smact14"]["charge_neutral"]),
            _with_interval(validity["smact14"]["balanced"]),
            _share(validity["smact-default"]["balanced"]),
            _share(validity["icsd24"]["balanced"]),
        )
    yield ""
    sizes = ", ".join(f"{name} {size:,}" for name, size in record["sought"].items())
    yield f'Compositions that are sought: {sizes}. "{MATRICES.strip(", ")}" marks those that MATGAN\'s matrix can hold.'


def _setting_table(data: str, records: Records, setting: str, n: int) -> Iterator[str]:
    rows = [(name, cell) for name, own in in_order(data, records) if (cell := cell_of(own, setting, n))]
    if not rows:
        return
    yield f"\n### {title_of(data)}, *{setting}*, {n:,} suggestions\n"
    yield _line(
        "system", "drawn", "unique", "charge-neutral", "EN-balanced", "default", "new", "EN-balanced of the new",
        *(f"{kind} test rows" for kind in _KINDS), "test rows", "times random", "training rows", "ICSD",
    )  # fmt: skip
    yield _line("---", *["---:"] * 14)
    random = [cell_of(records[name], setting, n) if name in records else None for name in _RANDOM]
    for name, cell in rows:
        found = cell["found"]
        yield _line(
            f"`{name}`",
            f"{cell['drawn']:,}",
            _percent(cell["uniqueness"]["share"]),
            _with_interval(cell["validity"]["smact14"]["charge_neutral"]),
            _with_interval(cell["validity"]["smact14"]["balanced"]),
            _share(cell["validity"]["smact-default"]["balanced"]),
            _share(cell["new"]["mp and oqmd"]),
            _share(cell["new_only"]["balanced"]),
            *(_share(found[TEST][kind]) for kind in _KINDS),
            _with_interval(found[TEST]["all"]),
            ", ".join(_times(cell, own) for own in random),
            _share(found[TRAINING]["all"]),
            _found_of(cell, ICSD),
        )
    matgan = next((cell for name, cell in rows if name == "matgan"), None)
    if matgan is not None:
        shares = [
            f"{name}: {_share(matgan['found'][name + MATRICES]['all'])} of those that its matrix can hold, "
            f"{_share(matgan['found'][name]['all'])} of all"
            for name in (TEST, TRAINING)
        ]
        yield f"\nMATGAN found of the {' rows; of the '.join(shares)}."


def _times(cell: Cell, random: Cell | None) -> str:
    if random is None or not random["found"][TEST]["all"]["count"]:
        return _NONE
    return f"{cell['found'][TEST]['all']['count'] / random['found'][TEST]['all']['count']:.3g}"


def _space_table(data: str, records: Records) -> Iterator[str]:
    rows = [
        (name, setting, cell)
        for name, own in in_order(data, records)
        for setting in own["settings"]
        if (cell := cell_of(own, setting, 10_000)) and "space" in cell
    ]
    if not rows:
        return
    yield f"\n### {title_of(data)}: where 10,000 suggestions lie\n"
    yield (
        "Jensen-Shannon distances from the training rows; coverage and precision of test rows "
        f"({_test_rows(rows[0][2])}), and diversity, by the element-mover's distance on the modified Pettifor scale; "
        "formation energy estimated, eV/atom.\n"
    )
    yield _line(
        "system", "setting", "elements", "number of elements", "atoms", "anonymous formulas", "coverage", "precision",
        "diversity", "formation energy",
    )  # fmt: skip
    yield _line("---", "---", *["---:"] * 8)
    for name, setting, cell in rows:
        space, far = cell["space"], cell["distances"]
        keys = ("elements", "number_of_elements", "atoms", "anonymous_formulas")
        yield _line(
            f"`{name}`",
            f"*{setting}*",
            *(f"{far[key]:.3f}" for key in keys),
            _share(space["coverage"]),
            _share(space["precision"]),
            f"{space['diversity']['mean']:.1f}",
            f"{space['formation_energy']['mean']['mean']:.2f}",
        )


def _test_rows(cell: Cell) -> str:
    compared, of = cell["space"]["coverage"]["of"], cell["found"][TEST]["all"]["of"]
    return f"all {of:,}" if compared == of else f"{compared:,} drawn of {of:,}"


def class_table(data: str, records: Records) -> Iterator[str]:
    """Give, in the setting *mix*, what every system suggests of each chemistry class, as lines of Markdown."""
    n = common_rung(records)
    if n is None:
        return
    yield (
        f"\n### {title_of(data)}, *mix*, {n:,} suggestions by chemistry class: their share, EN-balanced, test rows of "
        "the class found (–: not recorded)\n"
    )
    yield _line("system", *CLASSES)
    yield _line("---", *["---:"] * len(CLASSES))
    for name, own in in_order(data, records):
        cell = cell_of(own, VARIANTS[0], n)
        assert cell is not None
        parts = [cell["classes"][kind] for kind in CLASSES]
        keys = ("share", "balanced", "found")
        yield _line(f"`{name}`", *(", ".join(_of_class(part, key) for key in keys) for part in parts))


def _of_class(part: Mapping[str, Any], key: str) -> str:
    """Write a share of a class; older records have it without its interval, and nothing of what is found."""
    own = part.get(key)
    return _share(own) if isinstance(own, Mapping) else _percent(own)


def _rediscovery(data: str, records: Records) -> Iterator[str]:
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
    yield _line("system", "setting", "asked by", *(f"{n:,}" for n in RUNGS))
    yield _line("---", "---", "---", *["---:"] * len(RUNGS))
    for name, setting, method, measured in rows:
        yield _line(f"`{name}`", f"*{setting}*", method, *(_both(measured, n) for n in RUNGS))


def _both(measured: Mapping[str, Any], n: int) -> str:
    cell = measured.get(str(n))
    if cell is None:
        return "no more" if SHORT in measured and measured[SHORT]["rung"] <= n else _NONE
    found = cell["found"]
    return ", ".join(_share(found[name]["all"], 2) for name in (TEST, ICSD) if name in found)


def _published_table() -> Iterator[str]:
    yield _line(
        "system",
        "charge-neutral",
        "EN-balanced",
        "training rows: both",
        *(f"{kind} held-out rows" for kind in _KINDS),
    )
    yield _line("---", *["---:"] * 6)
    for own in FIGURES:
        training = _NONE if own.training is None else ", ".join(map(_percent, own.training))
        found = [_percent(own.found[kind]) if kind in own.found else _NONE for kind in _KINDS]
        yield _line(_words_of(own), _percent(own.charge_neutral), _percent(own.balanced), training, *found)
    yield f"\nWhat MATGAN recovered is of {MATGAN_SAMPLES:,} samples."


def _words_of(own: Published) -> str:
    return f"{own.system}, {own.data} (published)"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None, digits: int = 1) -> str:
    return _NONE if share is None else f"{100 * share:.{digits}f} %"


def _share(own: Mapping[str, Any], digits: int = 1) -> str:
    return _percent(own["share"], digits)


def _with_interval(own: Mapping[str, Any]) -> str:
    ends = recorded(own)
    return _NONE if ends is None else f"{_share(own)} ({' to '.join(percent_ends(ends))})"
