"""`mattransformer train`: a configuration to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[
        Path,
        typer.Argument(metavar="CONFIG.yaml", help="Settings of the training, such as those in configs/."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="key=value", help="Settings that replace those of the file."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last saved state of the output folder.")
    ] = False,
) -> None:
    """Train a model, and keep its best checkpoint: with the lowest validation loss, or as `keep` says.

    The loss is the *NLL*: the negative natural logarithm of the probability of a formula, in nats; lower
    is better. The output folder opens in `mattransformer generate --model FOLDER` and in plain
    transformers, and its `run.json` says what it was made from.

    A killed run goes on with `--resume` as if nothing had happened. `init_from=gpt2` fine-tunes a shipped
    checkpoint or a folder on your own formulas.

    **Examples**

    `mattransformer train configs/gpt2-mp-transport-small.yaml`

    `mattransformer train configs/gpt2-mp-transport-small.yaml epochs=5 output=runs/short`

    `mattransformer train my.yaml init_from=gpt2 'corpora=[my_oxides.csv]' output=runs/oxides`

    `torchrun --nproc_per_node 2 -m mattransformer train configs/gpt2-mp-transport-small.yaml`
    """
    from mattransformer.generation.teaching import sampler_of
    from mattransformer.training.config import load_config
    from mattransformer.training.loop import train as run

    settings = load_config(config, overrides or [])
    result = run(settings, resume=resume, own_sampler=sampler_of(settings))
    early = ", stopped early" if result.stopped_early else ""
    typer.echo(
        f"{result.folder}: {result.best_valid_nll:.3f} nats a validation formula after {result.steps:,} steps, "
        f"{result.seconds:,.0f} s{early}"
    )
