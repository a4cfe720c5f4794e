"""`mattransformer fill`: a composition with holes to what a model would put there."""

from __future__ import annotations

from typing import Annotated

import typer

from mattransformer.cli.output import OutputOption, check_output, deliver


def fill(
    canvas: Annotated[
        str,
        typer.Argument(
            metavar="CANVAS",
            show_default=False,
            help='Atoms and formulas with holes between them, in quotes: `"Sr <mask> O3"`.',
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME_OR_FOLDER",
            help="A shipped checkpoint, a folder of your own, or owner/name on a model hub.",
        ),
    ] = "gpt2",
    top: Annotated[int, typer.Option(min=1, help="Compositions wanted.")] = 10,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            help="Decides what a model proposes for three `<mask>` and more, and for `<blank>`; one or two "
            "`<mask>` are filled in every possible way.",
        ),
    ] = 0,
    source: Annotated[
        str, typer.Option(metavar="mp|oqmd|user", help="The database that the compositions should look like.")
    ] = "mp",
    variant: Annotated[
        str,
        typer.Option(
            metavar="strict|pure|mix",
            help="The rules that the compositions should satisfy, as far as learned.",
        ),
    ] = "strict",
    output: OutputOption = None,
) -> None:
    """Fill the holes of a composition, and rank what could stand there.

    A hole is `<mask>`, one atom, or `<blank>`, one atom or more. Every model fills `<mask>`; `<blank>` is for
    checkpoints of BART and BLM. The order of atoms and holes is of no account: what is asked for is a composition.

    The table has a row a composition, the most probable first: `formula` (reduced), `filled` (the atoms that were
    put in) and `log_prob` (natural logarithm of the model's probability for the whole composition), or
    `log_prob_bound` where only a lower bound of it is known.

    **Examples**

    `mattransformer fill "Sr <mask> O3"`

    `mattransformer fill "Li <mask> <mask> O4" --top 100 --variant pure -o cathodes.csv`

    `mattransformer fill "Sr Ti <blank>" --model runs/blm --source oqmd --seed 1`
    """
    from mattransformer.generation.language_model import load

    check_output(output)
    table = load(model).fill(canvas, top=top, seed=seed, source=source, variant=variant)
    settings = f"source {source}, variant {variant}, seed {seed}"
    deliver(table, output, f"{canvas}, filled by {model} ({settings}), the most probable first")
