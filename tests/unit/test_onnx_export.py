"""Causal models as ONNX files: the same logits as in PyTorch, whatever the batch and the length."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from transformers import PreTrainedModel

import mattransformer as mt
from mattransformer.models.architectures import build_config, build_model
from mattransformer.models.onnx_export import ExportError, export_onnx
from mattransformer.tokenization import TOKEN_ID, VOCABULARY, prompt_ids
from tests.contracts.small_sizes import SIZES


def same_logits(model: PreTrainedModel, path: Path) -> InferenceSession:
    """Compare a file with the model that it is of, in batches of several sizes and lengths; give the file, opened."""
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for shape in ((1, 1), (1, 31), (3, 8), (50, 2)):
        ids = random.integers(0, len(VOCABULARY), shape)
        (found,) = session.run(None, {"input_ids": ids})
        with torch.no_grad():
            expected = model(input_ids=torch.from_numpy(ids)).logits.numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    return session


@pytest.mark.parametrize("name", ["gpt", "gpt-neo", "gpt-j"])
def test_every_causal_architecture_gives_the_same_logits_in_onnx_runtime(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model(build_config(name, "small", SIZES[name])).eval()
    export_onnx(model, tmp_path / "model.onnx", name)
    same_logits(model, tmp_path / "model.onnx")


def test_the_file_of_a_shipped_model_alone_gives_the_probability_of_a_compound(tmp_path: Path) -> None:
    lm = mt.load("gpt2")
    session = same_logits(lm.model, lm.to_onnx(tmp_path / "model.onnx"))
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["vocabulary"]) == list(VOCABULARY)

    atoms = [*("Sr", "Ti", "O", "O", "O"), "</s>"]
    ids = np.array([[*prompt_ids(), *(TOKEN_ID[atom] for atom in atoms)]])
    (logits,) = session.run(None, {"input_ids": ids})
    logs = torch.log_softmax(torch.from_numpy(logits[0, :-1]), dim=-1)
    score = logs[torch.arange(len(logs)), torch.from_numpy(ids[0, 1:])][len(prompt_ids()) - 1 :].sum()
    assert float(score) == pytest.approx(float(lm.log_prob(["SrTiO3"])[0]), abs=1e-3)


def test_a_model_that_is_not_causal_is_refused(tmp_path: Path) -> None:
    model = build_model(build_config("roberta", "small"))
    with pytest.raises(
        ExportError, match=r"roberta.* is no causal model; those that can be exported are gpt, gpt-j"
    ):
        export_onnx(model, tmp_path / "roberta.onnx", "roberta")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gpt2.pt", "its name should end in .onnx"), ("none/gpt2.onnx", "its folder is not there")],
)
def test_a_name_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, name: str, reason: str
) -> None:
    model = build_model(build_config("gpt2", "small"))
    with pytest.raises(ExportError, match=reason):
        export_onnx(model, tmp_path / name)
