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

    A file with the key `generator` trains one of the generators that language models are compared with:
    `matgan`, `cgan` or `cvae`; the result opens in `mattransformer generate --model FOLDER`, too.

    A killed run goes on with `--resume` as if nothing had happened. `init_from=gpt2` fine-tunes a shipped
    checkpoint or a folder on your own formulas.

    **Examples**

    `mattransformer train configs/gpt2-mp-transport-small.yaml`

    `mattransformer train configs/gpt2-mp-transport-small.yaml epochs=5 output=runs/short`

    `mattransformer train my.yaml init_from=gpt2 'corpora=[my_oxides.csv]' output=runs/oxides`

    `mattransformer train configs/matgan-mp.yaml`

    `torchrun --nproc_per_node 2 -m mattransformer train configs/gpt2-mp-transport-small.yaml`
    """
    from mattransformer.baselines.config import names_generator

    if names_generator(config):
        _train_generator(config, overrides or [], resume=resume)
        return

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


def _train_generator(config: Path, overrides: list[str], *, resume: bool) -> None:
    from mattransformer.baselines.config import load_generator_config
    from mattransformer.baselines.training import train_generator

    result = train_generator(load_generator_config(config, overrides), resume=resume)
    shares = {name: f"{share:.1%}" for name, share in result.samples.items()}
    typer.echo(
        f"{result.folder}: {result.steps:,} steps, {result.seconds:,.0f} s; {shares['within_limits']} of its samples "
        f"are compositions, of the distinct ones {shares['charge_neutral']} charge-neutral and "
        f"{shares['electronegativity_balanced']} EN-balanced"
    )
