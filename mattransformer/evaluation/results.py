"""The record of what was measured on a checkpoint: one JSON file a checkpoint, one entry a stage.

    {"kind": "checkpoint", "checkpoint": {...}, "stages": {"validity": {...}, ...}}

A stage can be measured again by itself; the others are kept as long as weights and data are the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from mattransformer.evaluation.settings import EvaluationError
from mattransformer.files import write_text

KIND: Final = "checkpoint"
STAGES: Final = ("validity", "nll", "rediscovery", "speed", "examples")


def read_results(path: Path) -> dict[str, Any]:
    """Read the record of a checkpoint.

    Args:
        path: of the JSON file.

    Returns:
        The record.

    Raises:
        EvaluationError: no such file, or no record of a checkpoint.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EvaluationError(
            f"{path} does not exist; measure the checkpoint with benchmarks/checkpoint.py"
        ) from error
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}); remove it and measure again") from error
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise EvaluationError(
            f"{path} is no record of a checkpoint; give one that benchmarks/checkpoint.py wrote"
        )
    return record


def checkpoint_results(folder: Path) -> list[dict[str, Any]]:
    """Read all records of checkpoints in a folder; what else lies there is left alone.

    Args:
        folder: for example `results`.

    Returns:
        Complete records, by the name of the checkpoint.

    Raises:
        EvaluationError: there is none, or one is incomplete.
    """
    paths = [path for path in sorted(folder.glob("*.json")) if _is_of_checkpoint(path)]
    if not paths:
        raise EvaluationError(
            f"{folder} holds no results of a checkpoint; measure one with benchmarks/checkpoint.py"
        )
    return [require_complete(read_results(path), path) for path in paths]


def require_complete(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Refuse a record that lacks a stage.

    Args:
        record: of a checkpoint.
        path: where it lies, for the message.

    Returns:
        The record.

    Raises:
        EvaluationError: names the stages that are missing.
    """
    missing = [stage for stage in STAGES if stage not in record["stages"]]
    if missing:
        raise EvaluationError(
            f"{path} is incomplete: run benchmarks/checkpoint.py --only {','.join(missing)} for this checkpoint"
        )
    return record


def begin(path: Path, checkpoint: dict[str, Any], data: dict[str, str]) -> dict[str, Any]:
    """Start a record, or go on with one of the same weights and data.

    Args:
        path: where it lies, or will lie.
        checkpoint: at least `name` and the `sha256` of the weights.
        data: name of each corpus that is at hand to its SHA-256.

    Returns:
        The record, with the stages that still hold.

    Raises:
        EvaluationError: the file is there and is no record of a checkpoint.
    """
    record: dict[str, Any] = {"kind": KIND, "checkpoint": checkpoint, "stages": {}}
    if not path.exists():
        return record
    earlier = read_results(path)
    if earlier["checkpoint"]["sha256"] == checkpoint["sha256"]:
        record["stages"] = {
            name: stage
            for name, stage in earlier["stages"].items()
            if all(data.get(corpus, sha256) == sha256 for corpus, sha256 in stage["data"].items())
        }
    return record


def store(path: Path, record: dict[str, Any], stage: str, measured: dict[str, Any]) -> None:
    """Add a stage to a record and write it, whole or not at all.

    Args:
        path: of the JSON file; its folder is made.
        record: of the checkpoint; changed.
        stage: one of `STAGES`.
        measured: what `measurement` gave, with `data`, the corpora it depends on.
    """
    record["stages"][stage] = measured
    record["stages"] = {name: record["stages"][name] for name in STAGES if name in record["stages"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _is_of_checkpoint(path: Path) -> bool:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("kind") == KIND
