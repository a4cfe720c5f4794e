"""The shipped checkpoints side by side: one row a model, from its run and from what was measured on it.

    {"models": {"gpt2": {"parameters": ..., "nll": {...}, "published": {...}, ...}, ...}}

The same rows lie in the package, so that `mattransformer models` can show them without a checkout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mattransformer.evaluation.card_facts import training_steps
from mattransformer.evaluation.report import percent
from mattransformer.evaluation.results import read_results, require_complete
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.files import write_text
from mattransformer.models.architectures import BY_MODEL_TYPE, CAUSAL
from mattransformer.models.catalogue import FIGURES
from mattransformer.models.checkpoints import WEIGHTS, describe, find_checkpoint

KIND: Final = "suite"
MARKS: Final = ("<!-- suite:start -->", "<!-- suite:end -->")
"""What the table of the README stands between."""
_NEUTRAL_AIMS: Final = {True: 0.97, False: 0.90}  # of causal models, of the others
_UNIQUE_AIM: Final = 0.90


def suite(names: Sequence[str], results: Path) -> dict[str, Any]:
    """Collect the rows of checkpoints.

    Args:
        names: of shipped checkpoints, or folders.
        results: the folder with `NAME.json` of each, all stages measured.

    Returns:
        What goes into `suite.json`.

    Raises:
        MattransformerError: a checkpoint without a run, or without results of these weights.
    """
    return {"kind": KIND, "models": {name: _row(name, results / f"{name}.json") for name in names}}


def _row(name: str, path: Path) -> dict[str, Any]:
    facts = describe(name)
    record = require_complete(read_results(path), path)
    if record["checkpoint"]["sha256"] != facts["sha256"]:
        raise EvaluationError(
            f"{path} was measured on other weights; run benchmarks/checkpoint.py --model {name}"
        )
    if facts["run"] is None:
        raise EvaluationError(f"{name}: no run.json, so nobody knows what it was made from")
    steps = list(training_steps(facts["run"]))
    row = BY_MODEL_TYPE[facts["run"]["model"]["architecture"]]
    stages = record["stages"]
    validity, nll, speed = stages["validity"], stages["nll"], stages["speed"]
    return {
        "architecture": row.name,
        "objective": row.objective,
        "sha256": facts["sha256"],
        "parameters": facts["run"]["model"]["parameters"],
        "bytes": (find_checkpoint(name) / WEIGHTS).stat().st_size,
        "data": [source["name"] for source in facts["run"]["data"]["sources"]],
        "training_seconds": round(sum(step["seconds"] for step in steps)),
        "training_tokens": sum(step["tokens"] for step in steps),
        "nll": {
            "exact": nll["exact"],
            **{source: round(nll[source]["model"], 3) for source in ("mp", "oqmd", "both")},
        },
        **{setting: _shares(validity[setting]["samples"]) for setting in ("published", "default")},
        "oxidation_states_set": "smact14",
        "samples": validity["settings"]["samples"],
        "samples_per_second": speed["samples_per_second"],
        "measured_on": {**speed["machine"], "threads": speed["threads"]},
    }


def _shares(samples: Mapping[str, Any]) -> dict[str, float]:
    return {
        "charge_neutral": samples["charge_neutral"]["smact14"],
        "electronegativity_balanced": samples["electronegativity_balanced"]["smact14"],
        "unique": samples["unique"],
        "novel": samples["novel"],
    }


def write_suite(record: Mapping[str, Any], path: Path, figures: Path = FIGURES) -> None:
    """Write the rows, beside the other results and into the package.

    Args:
        record: from `suite`.
        path: of the JSON file among the results.
        figures: of the one in the package.
    """
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    write_text(figures, text)


def suite_table(record: Mapping[str, Any]) -> str:
    """Render the rows in Markdown.

    Args:
        record: from `suite`.

    Returns:
        A line a model; an aim that is missed is marked.
    """
    lines = [
        "| model | objective | parameters | trained | NLL, nats | charge-neutral | EN-balanced | unique | novel | "
        "default: charge-neutral | novel | samples/s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in record["models"].items():
        published, default = row["published"], row["default"]
        bound = "" if row["nll"]["exact"] else "≤ "
        cells = [
            f"`{name}`",
            row["objective"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['training_seconds'] / 60:.0f} min",
            f"{bound}{row['nll']['both']:.2f}",
            _marked(published["charge_neutral"], _NEUTRAL_AIMS[row["objective"] == CAUSAL]),
            percent(published["electronegativity_balanced"]),
            _marked(published["unique"], _UNIQUE_AIM),
            percent(published["novel"]),
            percent(default["charge_neutral"]),
            percent(default["novel"]),
            f"{row['samples_per_second']:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _marked(share: float, aim: float) -> str:
    return percent(share) if share >= aim else f"{percent(share)} (aim {100 * aim:g} %)"
