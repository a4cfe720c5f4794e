"""Muon moves the matrices between layers, AdamW all else, and both are saved as one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedModel

from mattransformer.models.architectures import (
    ARCHITECTURES,
    build_config,
    build_model,
    embedding_parameters,
)
from mattransformer.training.config import TrainingConfig
from mattransformer.training.optimizer import make_optimizer

NAMES = [row.name for row in ARCHITECTURES]
MUON = TrainingConfig(output="unused", optimizer="muon", learning_rate=0.01)


def small(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return build_model(build_config(name, "small"))


def with_gradients(model: PreTrainedModel) -> None:
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_belongs_to_one_of_the_two(name: str) -> None:
    model = small(name)
    groups = make_optimizer(model, MUON).param_groups
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters()))


@pytest.mark.parametrize("name", NAMES)
def test_muon_moves_matrices_between_layers_and_no_embedding(name: str) -> None:
    model = small(name)
    moved = make_optimizer(model, MUON).param_groups[0]["params"]
    assert {parameter.ndim for parameter in moved} == {2}
    assert not set(map(id, moved)) & set(map(id, embedding_parameters(model)))
    assert sum(p.numel() for p in moved) > 0.9 * model.num_parameters() - sum(
        p.numel() for p in embedding_parameters(model)
    )


def test_all_directions_of_a_matrix_move_alike() -> None:
    model = small("gpt2")
    optimizer = make_optimizer(model, replace(MUON, weight_decay=0.0))
    matrix = optimizer.param_groups[0]["params"][0]
    before = matrix.detach().clone()
    with_gradients(model)
    optimizer.step()
    values = torch.linalg.svdvals(matrix.detach() - before)
    assert values.min() > 0.5 * values.max()
    # The root mean square of the step is 0.2 of the rate, about that of AdamW (arXiv:2502.16982).
    step = float((matrix.detach() - before).square().mean().sqrt())
    assert step == pytest.approx(0.2 * 0.01, rel=0.2)


def test_without_instructions_for_bfloat16_muon_takes_the_same_step_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved = []
    for fast in (True, False):
        monkeypatch.setattr("mattransformer.training.optimizer.has_fast_bfloat16", lambda fast=fast: fast)
        model = small("gpt2")
        optimizer = make_optimizer(model, MUON)
        matrix = optimizer.param_groups[0]["params"][0]
        before = matrix.detach().clone()
        for _ in range(2):
            with_gradients(model)
            optimizer.step()
        moved.append((matrix.detach() - before).flatten())
    assert not torch.equal(*moved)
    # bfloat16 keeps 8 bits, and each of the five iterations rounds anew.
    assert torch.dot(*moved) / (moved[0].norm() * moved[1].norm()) > 0.999
    assert torch.linalg.vector_norm(moved[0] - moved[1]) < 0.05 * moved[0].norm()


def test_a_restored_optimizer_takes_the_same_step() -> None:
    model, other = small("gpt2"), small("gpt2")
    optimizer, restored = make_optimizer(model, MUON), make_optimizer(other, MUON)
    with_gradients(model)
    optimizer.step()
    other.load_state_dict(model.state_dict())
    restored.load_state_dict(deepcopy(optimizer.state_dict()))
    for group in (*optimizer.param_groups, *restored.param_groups):
        group["lr"] = 0.003
    for each, its_optimizer in ((model, optimizer), (other, restored)):
        with_gradients(each)
        its_optimizer.step()
    for parameter, twin in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(parameter, twin)
