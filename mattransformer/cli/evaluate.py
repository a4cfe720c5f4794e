"""`mattransformer evaluate`: a list of formulas, of any program, to its scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

_LISTS = "Lists to hold it against"
_CORPUS = "[NAME=]FILE_OR_CORPUS"


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="The list: CSV, TSV, JSON, JSON lines, Parquet, Arrow or text (a formula a line), each also with "
            "`.gz`; in the order in which it was generated, repetitions and all.",
        ),
    ],
    training: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CORPUS,
            help="What the generator learned from, such as `mp:train+oqmd:train`; may be repeated. Its own figures are "
            "given beside.",
            rich_help_panel=_LISTS,
        ),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CORPUS,
            help="What it never saw and could find, such as `mp:test`; may be repeated.",
            rich_help_panel=_LISTS,
        ),
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CORPUS,
            help="What is not new; may be repeated. Left out, it is the index of MP and OQMD that comes with the "
            "package.",
            rich_help_panel=_LISTS,
        ),
    ] = None,
    random: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CORPUS,
            help="Formulas of a random baseline: says how many times more is found than by as many of these. May be "
            "repeated: the figures of each are given beside, and the first is what is compared with.",
            rich_help_panel=_LISTS,
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of the formulas in FILE, where it is not found by itself."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap intervals.")] = 0,
    embed: Annotated[
        str,
        typer.Option(
            metavar="fractions|NAME_OR_FOLDER",
            help="What the map of the report is of: the embeddings of a language model (a shipped name, a folder, or "
            "owner/name on a model hub), or the fractions of the elements.",
        ),
    ] = "gpt2",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write `scores.json` with all numbers, `report.html` and its pictures (with the extra `report`) to "
            "this folder, which is made if it is not there.",
        ),
    ] = None,
) -> None:
    """Score a list of formulas: validity, uniqueness, novelty, recovery and distances, as a whole and by class.

    All shares but uniqueness are of the different compositions (`Na2Cl2` is `NaCl`), with 95 % bootstrap intervals
    (Wilson's, of shares of 0 and 100 %). Single elements are not new, and coverage is of at most 10,000 compositions.
    Charge neutrality and electronegativity balance are SMACT's, first with the states and settings of published
    figures (smact14, one state an element, alloys not exempt), then by SMACT's own default.

    The lists to hold it against are files, or corpora by name (*mp-transport*, *mp*, *oqmd*, *icsd*), with `:train`,
    `:valid` or `:test` for a split, and `+` between several that make one list. Of a corpus those rows are sought that
    have 2 to 8 elements and at most 30 atoms; of a file all of them. A list is called after its file; another name goes
    before it with `=`, and has to where two files are called the same.

    **Examples**

    `mattransformer evaluate samples.csv --training mp-transport:train --held-out mp-transport:test`

    `mattransformer evaluate samples.txt.gz --training mp:train+oqmd:train --held-out mp:test --held-out icsd -o report`

    `mattransformer evaluate samples.csv --held-out old=2024/test.csv --held-out new=2025/test.csv`

    `mattransformer evaluate samples.parquet --column composition --training mine.csv --known mp --known icsd --random
    random.csv`
    """
    from mattransformer.metrics.evaluations import check_folder, evaluate_file
    from mattransformer.pictures.embeddings import check_embedding
    from mattransformer.pictures.evaluations import write_pictures

    if output is not None:
        check_folder(output)
        check_embedding(embed)
    with _stages() as progress:
        evaluation = evaluate_file(
            file,
            column,
            training=training or [],
            held_out=held_out or [],
            known=known or [],
            random=random or [],
            seed=seed,
            progress=progress,
        )
    typer.echo(evaluation.in_words())
    if output is not None:
        typer.echo(f"\nwritten to {evaluation.write(output)}")
        with _stages() as progress:
            progress("pictures")
            drawn = write_pictures(evaluation, output, embed=embed)
        typer.echo(drawn.note)


@contextmanager
def _stages() -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done and for how long, in a line that goes when all is done."""
    from tqdm import tqdm

    with tqdm(bar_format="{desc} [{elapsed}]", leave=False, disable=None) as line:
        yield line.set_description_str
