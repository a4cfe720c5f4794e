"""`mattransformer corpus`: what a corpus holds, and what becomes of its rows."""

from __future__ import annotations

from typing import Annotated

import typer

from mattransformer.cli.output import OutputOption, check_output


def corpus(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="Corpora by name (mp-transport, mp, oqmd, icsd) and your own files or folders of CIFs.",
        ),
    ],
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column that holds the formulas, where it is not found by itself."),
    ] = None,
    variant: Annotated[
        str, typer.Option(metavar="mix|pure|strict", help="Keep all rows, the pure ones, or the strict ones.")
    ] = "mix",
    output: OutputOption = None,
) -> None:
    """Read known formulas, filter and split them, and report what became of every row.

    Kept are formulas of 2 to 8 elements and at most 30 atoms (reduced), each of them once; the report
    counts the others by reason. The hash of a formula decides whether it is for training, validation or
    test (90, 5 and 5 %), in every corpus alike.

    Files may be CSV, TSV, JSON, JSON lines, Parquet, plain text (a formula a line), each also with `.gz`,
    or folders of CIFs. *mp-transport* comes with the package; *mp*, *oqmd* and *icsd* are read from the
    folder that the environment variable `MATTRANSFORMER_DATA` names.

    **Examples**

    `mattransformer corpus mp-transport`

    `mattransformer corpus my_oxides.csv --column composition --variant pure -o oxides.parquet`
    """
    from mattransformer.data.corpora import load_corpus
    from mattransformer.data.tables import write_table

    check_output(output)
    loaded = load_corpus(names, column=column, variant=variant)
    typer.echo(loaded.report.render())
    if output is not None:
        write_table(loaded.table, output)
        typer.echo(f"written to {output}: {len(loaded.table):,} rows")
