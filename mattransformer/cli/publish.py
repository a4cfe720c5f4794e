"""`mattransformer publish`: a checkpoint to a repository of a model hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mattransformer.models.publications import Publication


def publish(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FOLDER",
            show_default=False,
            help="A shipped checkpoint, or a folder of your own.",
        ),
    ],
    repository: Annotated[
        str,
        typer.Argument(
            metavar="OWNER/NAME",
            show_default=False,
            help="The repository: your name on the hub or that of your organization, and a name for the model. Made "
            "where there is none.",
        ),
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository for its owner alone.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: show the files, their sizes and the card.")
    ] = False,
    revision: Annotated[
        str, typer.Option(metavar="BRANCH", help="Branch to publish to; made where there is none.")
    ] = "main",
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="What `benchmarks/checkpoint.py` measured on these weights. Left out, it is `evaluation.json` in the "
            "folder; without either the card says that there are none.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="ID",
            show_default=False,
            help="Licence of the weights, as hubs call it: mit, cc-by-4.0, other. Left out, the card says that none is "
            "stated; what ships with the package is under mit. One that asks for less than the licences of the data is "
            "warned of.",
        ),
    ] = None,
) -> None:
    """Publish a checkpoint on a model hub, so that others open it by its name.

    Sent are the weights (safetensors), the configuration, the tokenizer, `run.json`, the evaluation and a card, in one
    commit: all of it is there, or nothing. The card is rendered from what was recorded: what the model learned from,
    how, how long and with how much energy, some compositions as they come, and what was measured. Paths of your disk
    that `run.json` names are cut to the last part.

    The command is safe to repeat: what the repository has already is not sent again. The hub is the Hugging Face Hub,
    or the one whose address stands in `HF_ENDPOINT`. The token comes from `HF_TOKEN`, or from `hf auth login`; it has
    to be one that may write.

    Others open it with `mt.load("owner/name")` or `--model owner/name` (`owner/name@branch` for a branch, a tag or a
    commit), and in plain transformers.

    **Examples**

    `mattransformer publish runs/oxides ada/oxides --dry-run`

    `mattransformer publish runs/oxides ada/oxides --private --license cc-by-4.0`

    `mattransformer publish gpt2 ada/compositions --revision v2`

    `mattransformer generate --model ada/oxides@v2 -n 100`
    """
    from mattransformer.hub.publishing import publish as send

    _show(
        send(
            checkpoint,
            repository,
            revision=revision,
            private=private,
            dry_run=dry_run,
            results=results,
            licence=licence,
        ),
        card=dry_run,
    )


def _show(publication: Publication, *, card: bool) -> None:
    width = max(len(file.name) for file in publication.files)
    for file in publication.files:
        typer.echo(f"{file.name:<{width}}  {file.size:>13,} bytes")
    if card:
        typer.echo(f"\n{publication.card}")
    total = sum(file.size for file in publication.files)
    branch = "" if publication.revision == "main" else f", branch {publication.revision}"
    typer.echo(
        f"{publication.outcome}: {publication.url}{branch}, {len(publication.files)} files, {total:,} bytes"
    )
