"""The front matter of a card: what model hubs read, filter by and show as a table of results.

Everything comes from the record of the run and of what was measured. The form is that of
`huggingface_hub.ModelCardData`; the results are its `model-index`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mattransformer.evaluation.attribution import ATTRIBUTIONS
from mattransformer.models.architectures import BLANK_FILLING, CAUSAL, INFILLING, MASKED_DIFFUSION

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

PIPELINES: Final = {
    CAUSAL: "text-generation",
    INFILLING: "text-generation",  # hubs and transformers 5 have no word of its own for it any more
    MASKED_DIFFUSION: "fill-mask",
}
"""What a model hub calls the use of a model, by objective."""

TASK: Final = ("text-generation", "generation of inorganic compositions")
"""What is measured of every checkpoint, however it is trained."""

_TAGS: Final = ("chemistry", "materials-science", "inorganic-chemistry", "crystals")
_SETTINGS: Final = {
    "published": "samples in the published setting: all that is pure, MP and OQMD",
    "default": "samples under the default conditions: MP, strict",
}
_ROWS: Final = {"mp": "Materials Project", "oqmd": "OQMD", "both": "Materials Project and OQMD"}
_SOUGHT: Final = {
    "icsd": ("ICSD formulas outside MP and OQMD", None),
    "mp": ("Materials Project rows held out", "validation and test"),
    "oqmd": ("OQMD rows held out", "validation and test"),
}
_FROM_HUB: Final = "hf:"  # before the name of a corpus that comes from a hub itself
# What hubs take for the name of a data set.
_DATASET: Final = re.compile(r"(?!.*(?:--|\.\.))(?:\w[\w.-]*/)?\w(?:[\w.-]*\w)?", re.ASCII)


def metadata(
    name: str,
    model_type: str,
    objective: str,
    sources: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
    licence: str | None,
) -> str:
    """Write the front matter of a card.

    Args:
        name: of the checkpoint.
        model_type: of its architecture, as transformers calls it.
        objective: what it was trained for.
        sources: accounts of the corpora that it learned from.
        record: what was measured on it; stages may be missing.
        licence: of the weights; None where nobody stated one.

    Returns:
        YAML, without the lines around it.
    """
    from huggingface_hub import ModelCardData

    measured = list(_results(record))
    data = ModelCardData(
        license=licence,
        # What plain transformers cannot open is a model of this package.
        library_name="mattransformer" if objective == BLANK_FILLING else "transformers",
        pipeline_tag=PIPELINES.get(objective),
        tags=[*_TAGS, model_type],
        datasets=list(_datasets(sources)) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in measured)) or None,
        model_name=name,
        eval_results=measured or None,
    )
    if not measured:
        data.model_name = None  # a model-index without results is none
    return data.to_yaml()


def _datasets(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give the corpora that others can find; the names of a user's own files say nothing to them."""
    for source in sources:
        card = source.get("card") or {}
        name = source["name"]
        if str(card.get("url")).startswith(_FROM_HUB):  # and not a folder that is laid out like one
            name = card["url"].partition("?")[0]
        public = name.removeprefix(_FROM_HUB)
        if name in ATTRIBUTIONS or (public != name and _DATASET.fullmatch(public)):
            yield public


def _results(record: Mapping[str, Any]) -> Iterator[EvalResult]:
    stages = record["stages"]
    if "validity" in stages:
        yield from _validity(stages["validity"])
    if "nll" in stages:
        yield from _likelihood(stages["nll"])
    if "rediscovery" in stages:
        yield from _rediscovery(stages["rediscovery"])


def _validity(stage: Mapping[str, Any]) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    for setting, title in _SETTINGS.items():
        samples = stage[setting]["samples"]
        shares = {
            "charge_neutral": (
                "charge-neutral, smact14, share of unique",
                samples["charge_neutral"]["smact14"],
            ),
            "electronegativity_balanced": (
                "EN-balanced, smact14, share of unique",
                samples["electronegativity_balanced"]["smact14"],
            ),
            "unique": ("unique, share of samples", samples["unique"]),
            "novel": ("in neither MP nor OQMD, share of unique", samples["novel"]),
        }
        for kind, (words, share) in shares.items():
            yield EvalResult(
                task_type=TASK[0],
                task_name=TASK[1],
                dataset_type="generated",
                dataset_name=f"{samples['drawn']:,} {title}",
                dataset_config=setting,
                metric_type=kind,
                metric_name=words,
                metric_value=round(share, 4),
            )


def _likelihood(stage: Mapping[str, Any]) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    words = "nats a formula" if stage["exact"] else "nats a formula, upper bound"
    for rows, title in _ROWS.items():
        yield EvalResult(
            task_type=TASK[0],
            task_name=TASK[1],
            dataset_type="mp-oqmd" if rows == "both" else rows,
            dataset_name=title,
            dataset_split="validation",
            metric_type="nll",
            metric_name=words,
            metric_value=round(stage[rows]["model"], 3),
        )


def _rediscovery(stage: Mapping[str, Any]) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    most = max((size for size in stage if size.isdigit()), key=int)
    for target, (title, split) in _SOUGHT.items():
        yield EvalResult(
            task_type=TASK[0],
            task_name=TASK[1],
            dataset_type=target,
            dataset_name=title,
            dataset_split=split,
            metric_type="recall",
            metric_name=f"found among {stage[most]['unique']:,} unique samples",
            metric_value=round(stage[most]["targets"][target]["share"], 5),
        )
