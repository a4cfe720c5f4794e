"""`mattransformer models`: the checkpoints that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattransformer.cli.output import OutputOption, check_output, deliver

if TYPE_CHECKING:
    import pandas as pd


def models(output: OutputOption = None) -> None:
    """List the trained models that come with the package, and how good they are.

    `nll` is the negative log-likelihood of held-out formulas, in nats a formula: lower is better; of RoBERTa and
    BLM an upper bound is known. The shares are of 10,000 plain samples in the published setting (all that is
    *pure*): charge-neutral and EN-balanced among the unique ones, unique, and novel. They say how well a model
    keeps rules that it was trained to keep, and not that a compound can be made.

    **Examples**

    `mattransformer models`

    `mattransformer models -o models.csv`

    `mattransformer generate --model gpt-j -n 1000 -o new.csv`
    """
    from mattransformer.models.catalogue import list_models

    check_output(output)
    table = list_models()
    deliver(table if output is not None else _rounded(table), output, _summary(table))


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Shorten numbers and names for a screen."""
    shown = table.drop(columns=["oxidation_states_set"]).rename(
        columns={"electronegativity_balanced": "EN_balanced"}
    )
    for name in ("charge_neutral", "EN_balanced", "unique", "novel"):
        shown[name] = [
            f"{share:.1%}" if share == share and share is not None else "" for share in shown[name]
        ]
    shown["nll"] = [f"{nats:.2f}" if nats == nats and nats is not None else "" for nats in shown["nll"]]
    return shown.fillna("")


def _summary(table: pd.DataFrame) -> str:
    states = ", ".join(sorted(set(table["oxidation_states_set"].dropna()))) or "none measured"
    return (
        f"{len(table)} models, {table['megabytes'].sum():.1f} MB together; oxidation states {states}, one an element, "
        "no alloys"
    )
