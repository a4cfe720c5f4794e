"""Checkpoints that are broken in one way, and the one line that refuses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mattransformer as mt
from mattransformer.models.checkpoints import CheckpointError


def changed(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def refusal(folder: Path) -> str:
    """Open a checkpoint that should be refused, and give the one line, which ends in what to do."""
    with pytest.raises(CheckpointError) as refused:
        mt.load(folder)
    message = str(refused.value)
    assert "\n" not in message
    reason, _, way_out = message.partition("; ")
    assert str(folder) in reason
    assert way_out
    return message.replace(str(folder), "FOLDER")
