"""What ships with the package: the checkpoints, and what was measured on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mattransformer.models.architectures import BY_MODEL_TYPE
from mattransformer.models.checkpoints import SHIPPED, WEIGHTS, describe, shipped_names

if TYPE_CHECKING:
    import pandas as pd

FIGURES: Final = SHIPPED / "figures.json"
"""What `benchmarks/suite.py` measured, for the weights that lie beside it."""


def list_models() -> pd.DataFrame:
    """List the checkpoints that come with the package.

    Returns:
        One row a checkpoint: `name`, `objective`, `parameters`, `megabytes`, `data` (corpora), `nll` (nats a formula of
        the validation rows), `nll_is` (`exact`, or `upper bound`), and of 10,000 plain samples the shares that are
        `charge_neutral` and `electronegativity_balanced` (SMACT's rule, states `oxidation_states_set`, among unique
        ones), `unique` and `novel`, in the published setting: all that is pure. What was measured on other weights is
        left empty.
    """
    import pandas as pd

    figures = json.loads(FIGURES.read_text(encoding="utf-8"))["models"] if FIGURES.is_file() else {}
    return pd.DataFrame([_row(name, figures.get(name, {})) for name in shipped_names()])


def _row(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    facts = describe(name)
    run = facts["run"] or {}
    model = run.get("model", {})
    measured = figures if figures.get("sha256") == facts["sha256"] else {}
    shares, nll = measured.get("published", {}), measured.get("nll", {})
    exact = nll.get("exact")
    return {
        "name": name,
        "objective": BY_MODEL_TYPE[model["architecture"]].objective if model else None,
        "parameters": model.get("parameters"),
        "megabytes": round((SHIPPED / name / WEIGHTS).stat().st_size / 1e6, 2),
        "data": " + ".join(source["name"] for source in run.get("data", {}).get("sources", [])),
        "nll": nll.get("both"),
        "nll_is": None if exact is None else "exact" if exact else "upper bound",
        "charge_neutral": shares.get("charge_neutral"),
        "electronegativity_balanced": shares.get("electronegativity_balanced"),
        "oxidation_states_set": measured.get("oxidation_states_set"),
        "unique": shares.get("unique"),
        "novel": shares.get("novel"),
    }
