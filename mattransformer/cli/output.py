"""What commands have in common that make a table: where it goes, and what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # rows printed where no file is named

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the table: .csv, .parquet, .jsonl or .arrow."),
]
StatesOption = Annotated[
    str,
    typer.Option(
        metavar="SET",
        help="Charges that neutrality is judged with: smact14, icsd16, icsd24, pymatgen_sp, wiki; "
        "icsd24:consensus=3,commonality=low, SMACT's own default; or a file with lines such as Fe 2 3.",
    ),
]


def check_output(output: Path | None) -> None:
    """Refuse a file that could not be written, before any work is done.

    Args:
        output: what the user named, if anything.

    Raises:
        TableError: see `check_target`.
    """
    from mattransformer.data.tables import check_target

    if output is not None:
        check_target(output)


def deliver(table: pd.DataFrame, output: Path | None, summary: str) -> None:
    """Write a table to a file, or print its first rows; either way print a summary.

    Args:
        table: any number of rows.
        output: the file; None prints.
        summary: some lines.
    """
    from mattransformer.data.tables import write_table

    if output is not None:
        write_table(table, output)
    show(table, len(table), output, summary)


def show(table: pd.DataFrame | None, rows: int, output: Path | None, summary: str) -> None:
    """Print a summary, and where the table is or its first rows.

    Args:
        table: its first rows, or all.
        rows: how many it has.
        output: the file that it was written to; None prints some of it.
        summary: some lines.
    """
    if output is not None:
        typer.echo(f"{summary}\nwritten to {output}: {rows:,} rows")
        return
    if table is not None and len(table):
        typer.echo(table.head(_SHOWN).to_string(index=False))
    if rows > _SHOWN:
        typer.echo(f"... and {rows - _SHOWN:,} more rows; -o FILE.csv writes all of them")
    typer.echo(summary)
