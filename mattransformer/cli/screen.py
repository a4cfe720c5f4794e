"""`mattransformer screen`: formulas to verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mattransformer.cli.output import OutputOption, StatesOption, check_output, show

if TYPE_CHECKING:
    from mattransformer.data.screened import ScreeningSummary
    from mattransformer.data.streams import FormulaStream
    from mattransformer.screening.limits import Range

_RULES, _LIMITS, _TABLE = "What is valid", "What else has to hold", "The table"
_ELEMENTS = "Element symbols with commas between them."
RANGE = "A number, or a range such as 2-4, 2- or -4."


def screen(
    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="FORMULA_OR_FILE",
            help="Formulas, and files of them; for a file or folder that is named like a formula write ./NAME.",
        ),
    ],
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of the files, where it is not found by itself."),
    ] = None,
    oxidation_states: StatesOption = "smact14",
    pauling: Annotated[
        bool,
        typer.Option(help="Cations have to be less electronegative than anions.", rich_help_panel=_RULES),
    ] = True,
    mixed_valence: Annotated[
        bool,
        typer.Option(
            "--mixed-valence",
            help="Atoms of Fe, Mn, … may differ in charge, as in SMACT.",
            rich_help_panel=_RULES,
        ),
    ] = False,
    alloys: Annotated[
        bool, typer.Option("--alloys", help="Metals alone are always valid.", rich_help_panel=_RULES)
    ] = False,
    metallic: Annotated[
        bool,
        typer.Option(
            "--metallic", help="So is what SMACT scores 0.7 or more as metallic.", rich_help_panel=_RULES
        ),
    ] = False,
    heavy_hydrogen: Annotated[
        bool, typer.Option("--heavy-hydrogen", help="D and T count as hydrogen.", rich_help_panel=_RULES)
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(metavar="Fe,O,…", help=f"Elements allowed. {_ELEMENTS}", rich_help_panel=_LIMITS),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(metavar="Pb,Cd,…", help=f"Elements kept out. {_ELEMENTS}", rich_help_panel=_LIMITS),
    ] = None,
    elements: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help=f"How many elements. {RANGE}", rich_help_panel=_LIMITS),
    ] = None,
    atoms: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help=f"Atoms of the reduced formula. {RANGE}", rich_help_panel=_LIMITS),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="ABO3",
            help="Stoichiometry: A, B, D, E, G, J, L, M, Q, R, T, X, Z stand for any element, boron is 'B'.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    radioactive: Annotated[
        bool, typer.Option(help="Allow elements without a stable isotope.", rich_help_panel=_LIMITS)
    ] = True,
    toxic: Annotated[
        bool, typer.Option(help="Allow As, Be, Cd, Hg, Pb and Tl.", rich_help_panel=_LIMITS)
    ] = True,
    novel: Annotated[
        bool,
        typer.Option(
            "--novel", help="Only what is in no list, MP and OQMD at least.", rich_help_panel=_LIMITS
        ),
    ] = False,
    known: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE_OR_CORPUS",
            help="A list of your own, or a corpus, that counts as known; may be repeated.",
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Add columns: reduced_formula, likely_states, counts, hazards, supply, abundance, tolerance; may be "
            "repeated.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    keep_valid: Annotated[
        bool, typer.Option("--keep-valid", help="Leave out what fails.", rich_help_panel=_TABLE)
    ] = False,
    output: OutputOption = None,
) -> None:
    """Say which compositions are sensible and novel, and why the others fail.

    The verdicts are SMACT's, formula for formula. By default each element has one oxidation state, and alloys are
    not exempt. A row that is no formula stays in the table, with the reason; files of any length pass through, and
    keep their columns.

    **Examples**

    `mattransformer screen SrTiO3 NaCl2 "CuSO4·5H2O"`

    `mattransformer screen candidates.parquet --oxidation-states icsd24 -o screened.parquet`

    `mattransformer screen candidates.csv --template ABO3 --no-toxic --novel --keep-valid -o perovskites.csv`
    """
    from functools import partial, reduce

    from tqdm import tqdm

    from mattransformer.data.known import KnownFormulas
    from mattransformer.data.screened import screen_pieces
    from mattransformer.screening.limits import Limits
    from mattransformer.screening.screen import Validity
    from mattransformer.screening.screen import screen as verdicts

    check_output(output)
    judge = partial(
        verdicts,
        oxidation_states=oxidation_states,
        validity=Validity(pauling, alloys, metallic, mixed_valence=mixed_valence),
        limits=Limits(
            only=None if only is None else _symbols(only),
            without=_symbols(without or ""),
            elements=read_range("--elements", elements),
            atoms=read_range("--atoms", atoms),
            template=template,
            radioactive=radioactive,
            toxic=toxic,
            novel=novel,
        ),
        known=reduce(KnownFormulas.with_formulas, map(_known, known or []), KnownFormulas.load()),
        checks=check or [],
        heavy_hydrogen=heavy_hydrogen,
    )
    pieces = list(_pieces(entries, column, heavy_hydrogen=heavy_hydrogen))
    with tqdm(total=_rows(pieces), desc="screening", unit="formula", unit_scale=True, disable=None) as bar:
        summary = screen_pieces(
            pieces,
            judge,
            output,
            passing_only=keep_valid,
            progress=bar.update,
        )
    _report(summary, output, keep_valid)


def _pieces(
    entries: list[str], column: str | None, *, heavy_hydrogen: bool
) -> Iterator[tuple[str, FormulaStream | list[str]]]:
    """Group what was named: files by themselves, and formulas that follow each other."""
    from itertools import groupby

    from mattransformer.data.readers import CorpusError
    from mattransformer.data.streams import FormulaStream

    named = [(entry, _names_file(entry)) for entry in entries]
    _expect_one([entry for entry, is_file in named if not is_file], len(entries), heavy_hydrogen)
    if column is not None and not any(is_file for _, is_file in named):
        raise CorpusError(f"--column {column}: there is no file whose column it could be")
    for is_file, group in groupby(named, key=lambda pair: pair[1]):
        if is_file:
            for entry, _ in group:
                yield entry, FormulaStream(Path(entry).expanduser(), column)
        else:
            yield "", [entry for entry, _ in group]


def _rows(pieces: list[tuple[str, FormulaStream | list[str]]]) -> int | None:
    """Count the rows to come, where all files say so before they are read."""
    counts = [len(entry) if isinstance(entry, list) else entry.rows() for _, entry in pieces]
    return None if None in counts else sum(count or 0 for count in counts)


def _expect_one(formulas: list[str], entries: int, heavy_hydrogen: bool) -> None:
    """Take a mistyped name for an error where it is all that was given, and for a row among others."""
    from mattransformer.formula import Formula, FormulaError

    complaint: FormulaError | None = None
    for entry in formulas:
        try:
            Formula.parse(entry, heavy_hydrogen=heavy_hydrogen)
        except FormulaError as error:
            complaint = complaint or error
        else:
            return
    if complaint is not None and len(formulas) == entries:
        raise complaint


def _known(name: str) -> Path:
    from mattransformer.data.corpora import CORPUS_NAMES, corpus_path

    return corpus_path(name) if name in CORPUS_NAMES else Path(name).expanduser()


def _names_file(entry: str) -> bool:
    from mattransformer.data.readers import READERS
    from mattransformer.formula import Formula, FormulaError

    if any(suffix.lower() in READERS for suffix in Path(entry).suffixes[-2:]) or Path(entry).is_file():
        return True
    if "/" not in entry and os.sep not in entry:
        return False
    try:
        Formula.parse(entry)  # half a water is written with a slash too
    except FormulaError:
        return True
    return False


def _symbols(text: str) -> frozenset[str]:
    return frozenset(symbol.strip() for symbol in text.split(",") if symbol.strip())


def read_range(option: str, text: str | None) -> Range:
    """Read a number or a range: `3`, `2-4`, `2-` or `-4`.

    Args:
        option: for the message.
        text: what was typed; None is no limit.

    Returns:
        The least and the most, None for no limit.

    Raises:
        ScreeningError: it is none.
    """
    from mattransformer.screening.oxidation import ScreeningError

    if text is None:
        return None, None
    least, dash, most = (part.strip() for part in text.partition("-"))
    if not all(part.isdecimal() or not part for part in (least, most)) or not (least or most):
        raise ScreeningError(f"{option}: {text!r} is no range; write 3, 2-4, 2- or -4")
    low = int(least) if least else None
    return low, low if not dash else int(most) if most else None


def _report(summary: ScreeningSummary, output: Path | None, keep_valid: bool) -> None:
    """Show the first rows or where all of them are, what failed and what could not be read."""
    counted = ", ".join(
        f"{summary.verdicts[name]:,} {word}"
        for name, word in [
            ("charge_neutral", "charge-neutral"),
            ("electronegativity_balanced", "EN-balanced"),
            ("smact_valid", "valid"),
            ("novel", "novel"),
        ]
    )
    lines = [f"{summary.rows:,} formula{'s' if summary.rows != 1 else ''}: {counted} ({summary.setting})"]
    failing = [f"{count:,} {reason}" for reason, count in summary.reasons.most_common(5) if count]
    if failing:
        lines.append(f"{summary.rows - summary.passing:,} fail: {'; '.join(failing)}")
    if summary.unreadable:
        lines += [f"{summary.unreadable:,} could not be read:", *(f"  {words}" for words in summary.named)]
        if summary.unreadable > len(summary.named):
            where = f", all of them in {summary.listed}" if summary.listed else "; -o writes the list of all"
            lines.append(f"  ... and {summary.unreadable - len(summary.named):,} more{where}")
    rows = summary.passing if keep_valid else summary.rows
    show(summary.head, rows, output, "\n".join(lines))
