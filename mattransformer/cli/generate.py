"""`mattransformer generate`: a checkpoint to new compositions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mattransformer.cli.output import OutputOption, StatesOption, check_output, deliver

if TYPE_CHECKING:
    import pandas as pd


def generate(
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="NAME_OR_FOLDER", help="A shipped checkpoint, or a folder of your own."
        ),
    ] = "gpt2",
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="Distinct compositions wanted.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Decides the samples: the same seed, the same table.")] = 0,
    source: Annotated[
        str, typer.Option(metavar="mp|oqmd|user", help="The database that the samples should look like.")
    ] = "mp",
    variant: Annotated[
        str,
        typer.Option(
            metavar="strict|pure|mix", help="The rules that the samples should satisfy, as far as learned."
        ),
    ] = "strict",
    temperature: Annotated[
        float, typer.Option(help="Below 1: likelier and less varied; 1: as learned; above 1: more varied.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(metavar="K", help="Choose each atom among the K most probable elements.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Choose each atom among the elements that hold this share of probability."
        ),
    ] = None,
    oxidation_states: StatesOption = "smact14",
    known: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Formulas of your own that are not novel either."),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Sample new compositions, and say which are chemically sensible and which nobody has listed.

    The table has a row a composition, the most probable first: `formula` (reduced), `tokens` (its atoms),
    `log_prob` (natural logarithm of the model's probability for it), `oxidation_states_set`,
    `charge_neutral`, `electronegativity_balanced` and `novel`.

    **Examples**

    `mattransformer generate -n 1000 --seed 0 -o new_compositions.csv`

    `mattransformer generate --model runs/oxides --source user --variant mix --temperature 0.8 -o
    oxides.jsonl`

    `mattransformer generate --known my_compounds.csv -o new_to_us.csv`
    """
    from mattransformer.generation.language_model import load

    check_output(output)
    table = load(model).generate(
        number,
        seed,
        source=source,
        variant=variant,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        oxidation_states=oxidation_states,
        known=known,
        progress=True,
    )
    deliver(table, output, _summary(table, model, oxidation_states, known))


def _summary(table: pd.DataFrame, model: str, states: str, known: Path | None) -> str:
    settings = ", ".join(
        f"{name} {value}" for name, value in table.attrs["settings"].items() if value is not None
    )
    neutral, balanced, novel = (
        table[name] for name in ("charge_neutral", "electronegativity_balanced", "novel")
    )
    listed = (
        f"in none of the Materials Project, OQMD and {known}"
        if known
        else "in neither the Materials Project nor OQMD"
    )
    rules = f"{states} oxidation states, one an element, no alloys"
    rows = [
        ("novel", novel.sum(), listed),
        ("charge-neutral", neutral.sum(), rules),
        ("EN-balanced", balanced.sum(), "and Pauling electronegativities in order"),
        ("novel and EN-balanced", (novel & balanced).sum(), ""),
    ]
    lines = [
        f"{model} ({settings})",
        f"  {'unique':<22}{len(table):>9,}         of {table.attrs['drawn']:,} samples",
    ]
    for name, count, meaning in rows:
        share = f"{count / len(table):7.1%}" if len(table) else ""
        lines.append(f"  {name:<22}{count:>9,}{share}  {meaning}".rstrip())
    return "\n".join(lines)
