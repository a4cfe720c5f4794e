"""Checkpoints of every architecture to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mattransformer.data.encoding import encode_formulas
from mattransformer.models.architectures import ARCHITECTURES, build_config, build_model
from mattransformer.models.checkpoints import save_checkpoint
from mattransformer.objectives.table import objective_of
from tests.contracts.small_sizes import SIZES

NAMES = [row.name for row in ARCHITECTURES]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of every architecture."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in NAMES:
        torch.manual_seed(0)
        model = build_model(build_config(name, "small", SIZES[name]))
        objective_of(model).observe(model, encode_formulas(["SrTiO3"], ["mp"], ["strict"]), np.ones(1))
        save_checkpoint(model, folder / name)
    return {name: folder / name for name in NAMES}


@pytest.fixture(params=NAMES)
def copy(request: pytest.FixtureRequest, saved: dict[str, Path], tmp_path: Path) -> Path:
    """A checkpoint to break, in a folder that is named after its architecture."""
    return Path(shutil.copytree(saved[request.param], tmp_path / "copies" / request.param))
