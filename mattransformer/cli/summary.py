"""The lines under a table of generated compositions: where they come from, and how many are sensible and new."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def facts_of(table: pd.DataFrame) -> dict[str, Any]:
    """Count what `LanguageModel.generate_to` counts.

    Args:
        table: of a language model or another generator, `drawn` and `settings` among its `attrs`.

    Returns:
        `rows`, `novel`, `charge_neutral`, `electronegativity_balanced`, `new_and_balanced`, `drawn`, `settings`.
    """
    both = table["novel"] & table["electronegativity_balanced"]
    names = ("novel", "charge_neutral", "electronegativity_balanced")
    counts = {name: int(table[name].sum()) for name in names}
    return {
        "rows": len(table),
        **counts,
        "new_and_balanced": int(both.sum()),
        **{name: table.attrs[name] for name in ("drawn", "settings")},
    }


def summary_of(facts: Mapping[str, Any], model: str, states: str, known: Path | None) -> str:
    """Write the lines.

    Args:
        facts: of `facts_of`, or `LanguageModel.generate_to`.
        model: as the user named it.
        states: set of oxidation states that the verdicts go by.
        known: a list of the user's of what is not new.
    """
    settings = ", ".join(
        f"{name} {_written(value)}" for name, value in facts["settings"].items() if value is not None
    )
    listed = (
        f"in none of the Materials Project, OQMD and {known}"
        if known
        else "in neither the Materials Project nor OQMD"
    )
    rules = f"{states} oxidation states, one an element, no alloys"
    rows = [
        ("novel", facts["novel"], listed),
        ("charge-neutral", facts["charge_neutral"], rules),
        ("EN-balanced", facts["electronegativity_balanced"], "and Pauling electronegativities in order"),
        ("novel and EN-balanced", facts["new_and_balanced"], ""),
    ]
    lines = [
        f"{model} ({settings})",
        f"  {'unique':<22}{facts['rows']:>9,}         {_origin(facts)}",
    ]
    for name, count, meaning in rows:
        share = f"{count / facts['rows']:7.1%}" if facts["rows"] else ""
        lines.append(f"  {name:<22}{count:>9,}{share}  {meaning}".rstrip())
    return "\n".join(lines)


def _origin(facts: Mapping[str, Any]) -> str:
    if facts["settings"].get("likeliest"):
        return "the most probable ones"
    return f"of {facts['drawn']:,} samples"


def _written(value: object) -> str:
    """Write a setting as one types it: lists with commas, ranges with a dash, mappings as of a template."""
    if isinstance(value, Mapping):
        return " ".join(f"{letter}={_written(elements)}" for letter, elements in value.items())
    if isinstance(value, list | tuple):
        numbers = all(isinstance(part, int) for part in value)
        return ("-" if numbers else ",").join(map(str, value))
    return str(value)
