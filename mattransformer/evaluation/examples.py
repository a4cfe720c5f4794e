"""Some compositions that a checkpoint generates, for its card: recorded as they come, nothing chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mattransformer.evaluation.settings import DEFAULT

if TYPE_CHECKING:
    from mattransformer.generation.language_model import LanguageModel

NUMBER: Final = 10
_VERDICTS: Final = ("charge_neutral", "electronegativity_balanced", "novel")


def measure_examples(
    lm: LanguageModel, run: Mapping[str, Any] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Generate some compositions.

    Args:
        lm: the model.
        run: its record, which says what it can be asked for; the default conditions where left out.
        seed: decides them.

    Returns:
        `settings` of the call, and `rows`, the most probable first: `formula`, `score` (the natural logarithm of the
        probability, or a bound of it, as `settings` says) and the verdicts of `LanguageModel.generate`.
    """
    conditions = conditions_for(run)
    table = lm.generate(NUMBER, seed, conditions=conditions)
    return {
        "settings": {
            "n": NUMBER,
            "seed": seed,
            "temperature": 1.0,
            **conditions,
            "score": lm.score,
            "oxidation_states_set": "smact14",
        },
        "rows": [
            {
                "formula": row["formula"],
                "score": round(float(row[lm.score]), 2),
                **{verdict: bool(row[verdict]) for verdict in _VERDICTS},
            }
            for _, row in table.iterrows()
        ],
    }


def conditions_for(run: Mapping[str, Any] | None) -> dict[str, str]:
    """Choose what a checkpoint is asked for: the default conditions, if it learned from such rows.

    Args:
        run: its record.

    Returns:
        Source and variant, of rows that it learned from.
    """
    source, variant = DEFAULT.conditions[0]
    learned = {part["source"]: part["variants"] for part in run["data"]["sources"]} if run is not None else {}
    if learned and source not in learned:
        source = next(iter(learned))
    if learned and not learned[source].get(variant):
        variant = next((name for name in ("pure", "mix") if learned[source].get(name)), variant)
    return {"source": source, "variant": variant}
