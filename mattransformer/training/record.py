"""run.json: what made a checkpoint, in a form that another machine can check and a card can be rendered from."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.files import write_text
from mattransformer.models.architectures import parameters_beside_embeddings
from mattransformer.tokenization import VOCABULARY_SHA256

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.data.corpora import Corpus
    from mattransformer.training.config import TrainingConfig
    from mattransformer.training.state import Progress

_PACKAGES: Final = (
    "mattransformer", "torch", "transformers", "tokenizers", "accelerate", "datasets", "safetensors",
    "pymatgen", "SMACT", "numpy", "pandas",
)  # fmt: skip


def versions() -> dict[str, str]:
    """List the versions that a result may depend on: Python's and those of the packages."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """Describe the machine that a time was measured on: processor, cores, operating system."""
    name = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        lines = facts.read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return {"processor": name, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}


def run_record(
    config: TrainingConfig,
    corpus: Corpus,
    model: PreTrainedModel,
    progress: Progress,
    surroundings: dict[str, Any],
    parent: dict[str, Any] | None = None,
    *,
    finished: bool,
) -> dict[str, Any]:
    """Collect the facts of a run.

    Args:
        config: its settings.
        corpus: what it learned from.
        model: what it made.
        progress: how far it is.
        surroundings: precision, processes, threads, rows per split and other facts of the loop.
        parent: the checkpoint it started from, as `models.checkpoints.describe` gives it.
        finished: whether it has done all that its settings ask for; checkpoints are kept on the way, too.

    Returns:
        Plain values for JSON.
    """
    return {
        "config": {**config.as_dict(), "output": Path(config.output).name},
        "data": corpus.report.as_dict(),
        "model": {
            "architecture": model.config.model_type,
            "parameters": model.num_parameters(),
            "parameters_beside_embeddings": parameters_beside_embeddings(model),
            "vocabulary_sha256": VOCABULARY_SHA256,
        },
        "steps": progress.step,
        "finished": finished,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 1),
        "best_valid_nll": progress.best,
        "history": progress.history,
        "surroundings": surroundings,
        "init_from": parent,
        "versions": versions(),
    }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record at once or not at all.

    Args:
        path: of `run.json`.
        record: from `run_record`.
    """
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
