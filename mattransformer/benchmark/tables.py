"""The records of the benchmark as tables in Markdown: a short one for a README, and all of them in a page of their own.

    write_tables(Path("results/benchmark"), Path("README.md"))

Nothing is computed here but ratios of what was counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mattransformer.benchmark.cells import (
    ALL_KINDS,
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
    with_interval,
    words_of,
)
from mattransformer.benchmark.lists import DATA, ICSD, MATRICES, TEST, TRAINING
from mattransformer.benchmark.records import LISTS, read_all
from mattransformer.benchmark.run import RUNGS
from mattransformer.benchmark.short_tables import behind, not_run, rediscovery, short_tables
from mattransformer.benchmark.systems import BenchmarkError
from mattransformer.data.variants import VARIANTS
from mattransformer.evaluation.report import update_readme
from mattransformer.evaluation.settings import DEFAULT
from mattransformer.files import write_text
from mattransformer.metrics.classes import CLASSES
from mattransformer.metrics.intervals import ratio_of
from mattransformer.metrics.published import FIGURES, MATGAN_SAMPLES

MARKS: Final = ("<!-- benchmark:start -->", "<!-- benchmark:end -->")
"""What the short table of a README stands between."""

PAGE: Final = "README.md"
"""The page with all tables, in the folder of results."""

NOTE: Final = (
    "How to read it. The systems learned from the same compounds, and not in the same way: language models "
    "have a label with every row (its source, and whether it is *pure* or *strict*, which is SMACT's verdict) "
    "and are asked under these labels in the proportion of the rows, so that *mix* holds their share of "
    "balanced compounds. Those of MP but `roberta` were asked for the rule at every atom; of those of MP + OQMD, "
    "which ship, `bart` and `blm` were, `gpt2` learned from its own screened samples and from analogues of its rows, "
    "and taught `gpt`, `gpt-neo` and `gpt-j`, and `roberta` learned from rows alone. MATGAN, the VAE and the GAN have "
    "neither labels nor rules; `matgan-pure` and `cvae-pure`, where they were run, learned from the rows that are "
    "*pure*. MATGAN is at half its published width, with one-dimensional convolutions, three steps of the critic and "
    "no normalization in it, for a processor; of the VAE and the GAN the widths and the vector are larger "
    "than published, since theirs are for fewer elements (`configs/`). Their newest weights are kept, as "
    "there is no loss that would say which are best. Test rows are those of all variants, whatever was asked for: "
    "who keeps to what is *pure* cannot find the others, 29 % of the test rows of MP and 51 % of those of MP + OQMD, "
    "which random formulas do. "
    "Nobody learned from test rows; whether the ICSD compounds are among the analogues that `gpt2` learned from was "
    "not looked at. Each system was trained and drawn from once, with one seed: no interval holds what another seed "
    "would change."
)
"""What has to be known before systems are compared."""


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
        "distinct suggestions, with 95 % bootstrap intervals over them, and over the rows that are sought where it is "
        "what was found (Wilson's, of shares of 0 and 100 %); charge neutrality and EN balance by SMACT with "
        "the states `smact14`, one an element, alloys not exempt; *default* is SMACT 4's own default (ICSD-24 states "
        "with consensus 3, alloys valid). *new*: in neither MP nor OQMD. *per 1,000*: test rows found, a "
        "thousand suggestions. *times random*: test rows found, beside as many suggestions of `pseudo-random`, and of "
        "`stoichiometry-random`, with intervals that take the two for independent (Katz).\n\n" + NOTE
    )
    for data in DATA:
        records = read_all(data, results)
        if LISTS not in records:
            continue
        yield f"\n## {title_of(data)}\n"
        yield from _lists_table(records[LISTS])
        yield from _extent_table(data, records)
        for setting in (*VARIANTS, DEFAULT.name):
            for n in RUNGS:
                yield from _setting_table(data, records, setting, n)
        yield from _space_table(data, records)
        yield from class_table(data, records)
        yield from rediscovery(data, records)
    yield "\n## Published by others\n"
    yield from _published_table()


def _lists_table(record: Mapping[str, Any]) -> Iterator[str]:
    yield line(
        "training rows", "compositions", "charge-neutral", "EN-balanced", "default", "icsd24: EN-balanced"
    )
    yield line("---", *["---:"] * 5)
    for setting, own in record["training"].items():
        validity = own["validity"]
        yield line(
            f"*{VARIANTS[0]}*{MATRICES}" if setting == VARIANTS[0] + MATRICES else f"*{setting}*",
            f"{own['compositions']:,}",
            with_interval(validity["smact14"]["charge_neutral"]),
            with_interval(validity["smact14"]["balanced"]),
            share(validity["smact-default"]["balanced"]),
            share(validity["icsd24"]["balanced"]),
        )
    yield ""
    sizes = ", ".join(f"{name} {size:,}" for name, size in record["sought"].items())
    yield f'Compositions that are sought: {sizes}. "{MATRICES.strip(", ")}" marks those that MATGAN\'s matrix can hold.'


def _extent_table(data: str, records: Records) -> Iterator[str]:
    """Say how far every system was measured, and what was not run."""
    settings = (*VARIANTS, DEFAULT.name)
    yield "\nSuggestions that were measured at most, by plain sampling; a dash was not run:\n"
    yield line("system", *(f"*{setting}*" for setting in settings))
    yield line("---", *["---:"] * len(settings))
    for name in (*dict(in_order(data, records)), *not_run(records)):
        measured = [
            max((n for n in RUNGS if name in records and cell_of(records[name], setting, n)), default=0)
            for setting in settings
        ]
        yield line(f"`{name}`", *(f"{n:,}" if n else NONE for n in measured))


def _setting_table(data: str, records: Records, setting: str, n: int) -> Iterator[str]:
    rows = [(name, cell) for name, own in in_order(data, records) if (cell := cell_of(own, setting, n))]
    if not rows:
        return
    yield f"\n### {title_of(data)}, *{setting}*, {n:,} suggestions\n"
    yield line(
        *("system", "drawn", "unique", "charge-neutral", "EN-balanced", "default", "new", "EN-balanced of the new"),
        *(f"{kind} test rows" for kind in ALL_KINDS), "test rows", "per 1,000", "times random", "training rows", "ICSD",
    )  # fmt: skip
    yield line("---", *["---:"] * 16)
    random = [cell_of(records[name], setting, n) if name in records else None for name in _RANDOM]
    for name, cell in rows:
        found = cell["found"]
        yield line(
            f"`{name}`",
            f"{cell['drawn']:,}",
            percent(cell["uniqueness"]["share"]),
            with_interval(cell["validity"]["smact14"]["charge_neutral"]),
            with_interval(cell["validity"]["smact14"]["balanced"]),
            share(cell["validity"]["smact-default"]["balanced"]),
            share(cell["new"]["mp and oqmd"]),
            share(cell["new_only"]["balanced"]),
            *(share(found[TEST][kind]) for kind in ALL_KINDS),
            with_interval(found[TEST]["all"]),
            f"{1_000 * found[TEST]['all']['count'] / n:.1f}",
            ", ".join(_times(cell, own) for own in random),
            share(found[TRAINING]["all"]),
            found_of(cell, ICSD),
        )
    matgan = next((cell for name, cell in rows if name.partition("-")[0] == "matgan"), None)
    if matgan is not None:
        shares = [
            f"{name}: {share(matgan['found'][name + MATRICES]['all'])} of those that its matrix can hold, "
            f"{share(matgan['found'][name]['all'])} of all"
            for name in (TEST, TRAINING)
        ]
        yield f"\nMATGAN found of the {' rows; of the '.join(shares)}."
    yield from behind(data, records, setting, n)


def _times(cell: Cell, random: Cell | None) -> str:
    if random is None:
        return NONE
    own, other = (one["found"][TEST]["all"] for one in (cell, random))
    times = ratio_of(own["count"], other["count"], own["of"])
    if times.value is None:
        return NONE
    ends = "" if times.interval is None else " ({:.2g} to {:.2g})".format(*times.interval)
    return f"{times.value:.2g}{ends}"


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
        f"formation energy estimated, eV/atom, {_off(rows[0][2])}.\n"
    )
    yield line(
        "system", "setting", "elements", "number of elements", "atoms", "anonymous formulas", "coverage", "precision",
        "diversity", "formation energy",
    )  # fmt: skip
    yield line("---", "---", *["---:"] * 8)
    for name, setting, cell in rows:
        space, far = cell["space"], cell["distances"]
        keys = ("elements", "number_of_elements", "atoms", "anonymous_formulas")
        yield line(
            f"`{name}`",
            f"*{setting}*",
            *(f"{far[key]:.3f}" for key in keys),
            share(space["coverage"]),
            share(space["precision"]),
            f"{space['diversity']['mean']:.1f}",
            f"{space['formation_energy']['mean']['mean']:.2f}",
        )


def _off(cell: Cell) -> str:
    """Say by how much the estimate of the formation energy is wrong."""
    test = cell["space"]["formation_energy"]["test"]
    return f"off by {test['mae']['value']:.2f} on {test['rows']:,} test compounds of MP, and by more on made-up ones"


def _test_rows(cell: Cell) -> str:
    compared, of = cell["space"]["coverage"]["of"], cell["found"][TEST]["all"]["of"]
    return f"all {of:,}" if compared == of else f"{compared:,} drawn of {of:,}"


def class_table(data: str, records: Records) -> Iterator[str]:
    """Give, in the setting *mix*, what every system suggests of each chemistry class, as lines of Markdown."""
    n = table_rung(records)
    if n is None:
        return
    yield (
        f"\n### {title_of(data)}, *mix*, {n:,} suggestions by chemistry class: their share, EN-balanced, test rows of "
        "the class found (–: not recorded)\n"
    )
    yield line("system", *CLASSES)
    yield line("---", *["---:"] * len(CLASSES))
    for name, own in in_order(data, records):
        cell = cell_of(own, VARIANTS[0], n)
        if cell is None:
            continue
        parts = [cell["classes"][kind] for kind in CLASSES]
        keys = ("share", "balanced", "found")
        yield line(f"`{name}`", *(", ".join(_of_class(part, key) for key in keys) for part in parts))


def _of_class(part: Mapping[str, Any], key: str) -> str:
    """Write a share of a class; older records have it without its interval, and nothing of what is found."""
    own = part.get(key)
    return share(own) if isinstance(own, Mapping) else percent(own)


def _published_table() -> Iterator[str]:
    yield line(
        "system",
        "charge-neutral",
        "EN-balanced",
        "training rows: both",
        *(f"{kind} held-out rows" for kind in KINDS),
        *(f"{kind} training rows" for kind in KINDS),
        *(f"{kind}: not in the training rows" for kind in KINDS),
    )
    yield line("---", *["---:"] * 12)
    for own in FIGURES:
        training = NONE if own.training is None else ", ".join(map(percent, own.training))
        found = [
            percent(part.get(kind), 2)
            for part in (own.found, own.found_of_training, own.new)
            for kind in KINDS
        ]
        yield line(words_of(own), percent(own.charge_neutral), percent(own.balanced), training, *found)
    yield f"\nWhat MATGAN recovered, and what is not in its training rows, is of {MATGAN_SAMPLES:,} samples."
