"""`mattransformer corpus`: what a corpus holds, and what becomes of its rows; databases are fetched first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mattransformer.cli.output import OutputOption, check_output

if TYPE_CHECKING:
    from mattransformer.data.databases.cards import CorpusCard

_DATABASES = "Databases"


def corpus(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="Corpora by name (mp-transport, mp, oqmd, icsd) and your own files or folders of CIFs; or a database: "
            "optimade:PROVIDER, optimade:URL, hf:OWNER/DATASET, mp-api.",
        ),
    ],
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column that holds the formulas, where it is not found by itself."),
    ] = None,
    variant: Annotated[
        str, typer.Option(metavar="mix|pure|strict", help="Keep all rows, the pure ones, or the strict ones.")
    ] = "mix",
    filter: Annotated[
        str,
        typer.Option(
            metavar="FILTER",
            help="Which entries of an OPTIMADE database, such as 'nelements<=5 AND elements HAS \"O\"'.",
            rich_help_panel=_DATABASES,
        ),
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option(metavar="ROWS", help="Entries to fetch at most.", rich_help_panel=_DATABASES),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Fetch again what was fetched today.", rich_help_panel=_DATABASES),
    ] = False,
    output: OutputOption = None,
) -> None:
    """Read known formulas, filter and split them, and report what became of every row.

    Kept are formulas of 2 to 8 elements and at most 30 atoms (reduced), each of them once; the report
    counts the others by reason. The hash of a formula decides whether it is for training, validation or
    test (90, 5 and 5 %), in every corpus alike.

    Files may be CSV, TSV, JSON, JSON lines, Parquet, plain text (a formula a line), each also with `.gz`,
    or folders of CIFs. *mp-transport* comes with the package; *mp*, *oqmd* and *icsd* are read from the
    folder that the environment variable `MATTRANSFORMER_DATA` names.

    A **database** is fetched to the file that `-o` names, every entry of it, with formation energy, energy above
    the hull and band gap where the source has them, and a card beside it (`FILE.card.json`) that records source,
    date, licence and units. A fetch that was cut off goes on where it was. Train on the file. Needs
    `pip install "mattransformer[databases]"`, for *mp-api* `"mattransformer[mp]"` and a key in `MP_API_KEY`.

    **Examples**

    `mattransformer corpus mp-transport`

    `mattransformer corpus my_oxides.csv --column composition --variant pure -o oxides.parquet`

    `mattransformer corpus optimade:mp --filter 'nelements<=5' -o mp.parquet`

    `mattransformer corpus "hf:LeMaterial/LeMat-Bulk?config=compatible_pbe" --limit 100000 -o lemat.parquet`
    """
    from mattransformer.data.corpora import load_corpus
    from mattransformer.data.databases.addresses import is_address
    from mattransformer.data.readers import CorpusError
    from mattransformer.data.tables import write_table
    from mattransformer.errors import without_password

    check_output(output)
    if any(map(is_address, names)):
        if len(names) > 1 or output is None:
            raise CorpusError(
                f"{' '.join(map(without_password, names))}: fetch one database at a time, to a file that -o names; "
                "then name the files together"
            )
        _fetch(names[0], output, column, filter, limit, fresh)
        typer.echo(load_corpus(output, variant=variant).report.render())
        return
    if filter or limit is not None or fresh:
        raise CorpusError(
            f"{' '.join(names)}: --filter, --limit and --fresh are for databases, such as optimade:mp"
        )
    loaded = load_corpus(names, column=column, variant=variant)
    typer.echo(loaded.report.render())
    if output is not None:
        write_table(loaded.table, output)
        typer.echo(f"written to {output}: {len(loaded.table):,} rows")


def _fetch(
    database: str, output: Path, column: str | None, filter: str, limit: int | None, fresh: bool
) -> None:
    from mattransformer.data.databases.cards import card_path
    from mattransformer.data.databases.fetching import fetch_corpus

    card = fetch_corpus(
        database, output, filter=filter, column=column, limit=limit, fresh=fresh, progress=True
    )
    typer.echo(_told(card))
    typer.echo(f"written to {output}, with its card {card_path(output).name}\n")


def _told(card: CorpusCard) -> str:
    """Say what was fetched."""
    facts = card.facts
    announced = facts["announced"]
    missing = announced is not None and facts["limit"] is None and announced != facts["rows"]
    rows = f"{facts['rows']:,} entries" + (f" of {announced:,} that the source announced" if missing else "")
    columns = [
        f"{name} [{about['unit']}] of {about['rows_with_value']:,}"
        for name, about in facts["columns"].items()
        if about["unit"]
    ]
    return "\n".join(
        [
            f"{facts['title']}: {rows}, fetched {facts['fetched']}",
            f"properties: {', '.join(columns) or 'none'}",
            f"licence: {facts['licence']}",
        ]
    )
