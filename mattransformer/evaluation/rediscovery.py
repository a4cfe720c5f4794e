"""How much of what is known, but was never shown to a model, it finds by itself.

The first target are formulas that people have made (ICSD) and that are in neither corpus a model learns from; the
others are the rows of these corpora that were held back. Formulas are compared by pymatgen's reduced formula.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from mattransformer.metrics.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

SIZES: Final = (1_000, 10_000, 100_000)


def targets(corpora: pd.DataFrame, icsd: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Collect the sets of formulas to find.

    Args:
        corpora: all rows of MP and OQMD within 2 to 8 elements and 30 atoms.
        icsd: likewise of the ICSD.

    Returns:
        `icsd`: outside both corpora; `icsd_valid`: those of its validation split, by which recipes are chosen;
        `icsd_rest`: the others; `mp` and `oqmd`: rows of the validation and test splits.
    """
    listed = frozenset(corpora["formula"])
    outside = icsd[~icsd["formula"].isin(listed)]
    chosen = frozenset(outside["formula"][outside["split"] == "valid"])
    held_out = corpora[corpora["split"] != "train"]
    return {
        "icsd": frozenset(outside["formula"]),
        "icsd_valid": chosen,
        "icsd_rest": frozenset(outside["formula"]) - chosen,
        "mp": frozenset(held_out["formula"][held_out["source"] == "mp"]),
        "oqmd": frozenset(held_out["formula"][held_out["source"] == "oqmd"]),
    }


def rediscovered(
    formulas: Collection[str], sought: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, Any]]:
    """Say how much of each target is among samples.

    Args:
        formulas: reduced formulas of the samples.
        sought: name to target.

    Returns:
        For each target its `size`, how many were `found`, the `share` and its 95 % `interval`.
    """
    unique = frozenset(formulas)
    result: dict[str, dict[str, Any]] = {}
    for name, target in sought.items():
        found = len(unique & target)
        share = found / len(target) if target else 0.0
        result[name] = {
            "size": len(target),
            "found": found,
            "share": share,
            "interval": list(wilson(found, len(target))),
        }
    return result
