"""Settings, ties and names under which a checkpoint would be opened as something else: they are refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import mattransformer as mt
from mattransformer.models.checkpoints import WEIGHTS, CheckpointError
from tests.contracts.refused import changed, refusal


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("return_dict", False),
        ("layer_norm_eps", -1.0),
        ("layer_norm_epsilon", "0"),
        ("layer_norm_eps", float("nan")),
    ],
)
def test_settings_that_change_the_model_without_a_word_are_refused(
    key: str, value: object, copy: Path
) -> None:
    changed(copy / "config.json", lambda config: config.update({key: value}))
    assert refusal(copy).startswith(f"FOLDER/config.json: {key} is {value!r}, but has to be ")


@pytest.mark.parametrize("name", ["roberta", "blm"])
def test_an_encoder_that_is_told_to_decode_is_refused(
    name: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(saved[name], tmp_path / name))
    changed(copy / "config.json", lambda config: config.update({"is_decoder": True}))
    assert "is_decoder is True, but has to be False" in refusal(copy)


def test_a_tied_tensor_with_two_values_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved["gpt2"], tmp_path / "gpt2"))
    tensors = load_file(copy / WEIGHTS)
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"] + 1
    save_file(tensors, copy / WEIGHTS, {"format": "pt"})
    assert "tensor lm_head.weight is transformer.wte.weight by another name, but differs" in refusal(copy)


@pytest.mark.parametrize("name", ["~nosuchuser/x", "x" * 5000, "x/" * 1500, None, "a\0b", "a\nb"])
def test_a_name_that_no_folder_can_have_is_refused_in_one_line(name: Any) -> None:
    with pytest.raises(CheckpointError) as refused:
        mt.load(name)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert str(name)[:1] in str(refused.value)
