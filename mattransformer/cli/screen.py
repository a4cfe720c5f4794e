"""`mattransformer screen`: formulas to verdicts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mattransformer.cli.output import OutputOption, StatesOption, check_output, deliver

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.screening.screen import Composed


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
    output: OutputOption = None,
) -> None:
    """Say which compositions are charge-neutral, EN-balanced and novel, and why the others fail.

    The verdicts are SMACT's: one oxidation state an element, no exemption for alloys. A row of a file
    that is no formula stays in the table, with the reason.

    **Examples**

    `mattransformer screen SrTiO3 NaCl2 "CuSO4·5H2O"`

    `mattransformer screen candidates.csv --oxidation-states icsd24 -o screened.csv`
    """
    from mattransformer.data.known import KnownFormulas
    from mattransformer.screening.screen import screen as verdicts

    check_output(output)
    table = verdicts(
        _formulas(entries, column), oxidation_states=oxidation_states, known=KnownFormulas.load()
    )
    deliver(table, output, _summary(table))


def _formulas(entries: list[str], column: str | None) -> list[Composed]:
    """Read the files among the entries; an entry that is neither a file nor a formula is an error."""
    from mattransformer.data.readers import read_rows
    from mattransformer.formula import Formula

    formulas: list[Composed] = []
    for entry in entries:
        if _names_file(entry):
            formulas.extend(read_rows(Path(entry).expanduser(), column)["formula"])
        else:
            Formula.parse(entry)
            formulas.append(entry)
    return formulas


def _names_file(entry: str) -> bool:
    from mattransformer.data.readers import READERS
    from mattransformer.formula import Formula, FormulaError

    if any(suffix.lower() in READERS for suffix in Path(entry).suffixes[-2:]):
        return True
    if "/" not in entry and os.sep not in entry:
        return False
    try:
        Formula.parse(entry)  # half a water is written with a slash too
    except FormulaError:
        return True
    return False


def _summary(table: pd.DataFrame) -> str:
    counts = ", ".join(
        f"{table[column].sum():,} {name}"
        for name, column in [
            ("charge-neutral", "charge_neutral"),
            ("EN-balanced", "electronegativity_balanced"),
            ("novel", "novel"),
        ]
    )
    return f"{len(table):,} formula{'s' if len(table) != 1 else ''}: {counts} ({table.attrs['setting']})"
