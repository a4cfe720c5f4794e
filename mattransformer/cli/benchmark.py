"""`mattransformer benchmark`: the suite and what it is compared with, by one protocol, to tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ASKED, _FOLDERS = "What is measured", "Where things are"


def benchmark(
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Systems, with commas: the seven language models, pseudo-random, stoichiometry-random, matgan, cvae, "
            "cgan, of MP also matgan-pure and cvae-pure, which learned from what is *pure* alone, or folders with "
            "checkpoints of your own. Left out, it is all of them.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="mp,mp+oqmd", help="Data sets, with commas.", rich_help_panel=_ASKED)
    ] = "mp,mp+oqmd",
    settings: Annotated[
        str | None,
        typer.Option(
            metavar="mix,pure,strict,default",
            help="Settings, with commas; a system is measured in those that it has. *default* is what `generate` does "
            "if nothing is said. Left out, it is all of them.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            metavar="sampling,...",
            help="Ways of asking: *sampling*, *without replacement*, *top-n*; the last two of language models, in the "
            "setting *default*.",
            rich_help_panel=_ASKED,
        ),
    ] = "sampling",
    up_to: Annotated[
        int,
        typer.Option(
            metavar="1000|10000|100000|1000000",
            help="Distinct suggestions: each of these numbers is measured, as far as this one.",
            rich_help_panel=_ASKED,
        ),
    ] = 10_000,
    seed: Annotated[
        int, typer.Option(min=0, help="Decides draws and intervals.", rich_help_panel=_ASKED)
    ] = 0,
    train: Annotated[
        bool,
        typer.Option(
            "--train", help="Train what has no checkpoint yet: minutes to an hour each on one core."
        ),
    ] = False,
    again: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Measure all that the records in this folder hold, each as far as there, into another one "
            "(`--results`); nothing else is asked for then.",
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Measure nothing, only render the tables of what there is.")
    ] = False,
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Of the records.", rich_help_panel=_FOLDERS)
    ] = Path("results/benchmark"),
    configs: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Of the configurations.", rich_help_panel=_FOLDERS)
    ] = Path("configs"),
    runs: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Of trained checkpoints.", rich_help_panel=_FOLDERS)
    ] = Path("runs"),
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw the setting *mix* too: a page and PNG files (with the extra `report`).",
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    readme: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Render the tables into this README too, between its marks.",
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
) -> None:
    """Measure generators of compositions side by side: the same compounds learned, as many suggestions of each.

    Each is drawn from until 1,000, 10,000, ... distinct compositions are there, and these first n are judged: charge
    neutrality and EN balance, novelty, how many training, held-out and ICSD compounds are among them, by number of
    elements, and how far they are from the training rows. Records go to `results/benchmark/`, one file a system, after
    every measurement: a command that was cut off goes on when it is started again. The tables are rendered from them
    into `results/benchmark/README.md`.

    It needs `MATTRANSFORMER_DATA`, the folder with `mp.csv.gz` and `oqmd.csv.gz`; with `icsd.csv.gz` in it, compounds
    that were made but never learned are sought too.

    **Examples**

    `mattransformer benchmark --models gpt2,stoichiometry-random --data mp+oqmd`

    `mattransformer benchmark --models matgan,runs/mine --data mp --train`

    `mattransformer benchmark --models gpt2 --data mp+oqmd --settings default --methods "sampling,without
    replacement,top-n" --up-to 100000`

    `mattransformer benchmark --again results/benchmark --results again --train`
    """
    from mattransformer.benchmark.again import measure_again
    from mattransformer.benchmark.pictures import write_pictures
    from mattransformer.benchmark.run import Request, run
    from mattransformer.benchmark.tables import write_tables

    if again is not None:
        measure_again(again, results, configs, runs, train=train)
    elif not table:
        request = Request(up_to, _parts(settings), _parts(methods), seed)
        run(_parts(models), _parts(data), request, results, configs, runs, train=train)
    for path in write_tables(results, readme):
        typer.echo(f"written to {path}")
    if pictures is not None:
        typer.echo(write_pictures(results, pictures))


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
