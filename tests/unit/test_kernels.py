"""The faster kernels against transformers' own, on real formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from mattransformer.data.encoding import encode_formulas
from mattransformer.models.architectures import ARCHITECTURES, CAUSAL, build_config, build_model
from mattransformer.models.kernels import Dropout, softmax
from mattransformer.objectives.losses import formula_loss

# 5, 7 and 31 atoms: rows of attention shorter and longer than a register.
FORMULAS = {
    "perovskites": ["SrTiO3", "BaTiO3", "KNbO3"],
    "a spinel": ["MgAl2O4"],
    "a long phosphate": ["Ca10P6O12F2"],
}


def sequences(formulas: list[str]) -> torch.Tensor:
    encoded = encode_formulas(formulas, ["mp"] * len(formulas), ["strict"] * len(formulas))
    return torch.from_numpy(encoded.rows(np.arange(len(formulas))))


def gradients(model: PreTrainedModel, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    formula_loss(model(input_ids=ids).logits, ids).sum().backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("formulas", FORMULAS.values(), ids=list(FORMULAS))
@pytest.mark.parametrize("name", [row.name for row in ARCHITECTURES if row.objective == CAUSAL])
def test_formulas_and_their_gradients_are_those_of_plain_transformers(name: str, formulas: list[str]) -> None:
    config = build_config(name, "small")
    torch.manual_seed(0)
    fast = build_model(config)
    plain = AutoModelForCausalLM.from_config(config, attn_implementation="eager").train()
    plain.load_state_dict(fast.state_dict())
    ids = sequences(formulas)
    torch.testing.assert_close(fast(input_ids=ids).logits, plain(input_ids=ids).logits, rtol=1e-6, atol=1e-6)
    expected = gradients(plain, ids)
    for weight, gradient in gradients(fast, ids).items():
        torch.testing.assert_close(gradient, expected[weight], rtol=1e-4, atol=1e-5, msg=weight)


def test_padding_on_the_left_changes_no_oxide_of_a_gpt_model() -> None:
    torch.manual_seed(0)
    config = build_config("gpt", "small")
    fast = build_model(config).eval()
    plain = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    plain.load_state_dict(fast.state_dict())
    ids = torch.nn.functional.pad(sequences(["SrTiO3"]), (3, 0), value=0)
    mask = (torch.arange(ids.shape[1]) >= 3).long()[None]
    both = [model(input_ids=ids, attention_mask=mask).logits[:, 3:] for model in (fast, plain)]
    torch.testing.assert_close(both[0], both[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("length", [1, 7, 15, 16, 33])
def test_attention_over_any_number_of_atoms_adds_up_to_one_atom(length: int) -> None:
    torch.manual_seed(length)
    scores = torch.randn(4, 6, length, length, dtype=torch.float32).mul(30).requires_grad_()
    shares = softmax(scores)
    torch.testing.assert_close(shares, torch.softmax(scores, -1))
    torch.testing.assert_close(shares.sum(-1), torch.ones(4, 6, length))
    weights = torch.randn_like(shares)
    expected = torch.autograd.grad((torch.softmax(scores, -1) * weights).sum(), scores)
    torch.testing.assert_close(torch.autograd.grad((shares * weights).sum(), scores), expected)


def test_attention_is_a_number_for_scores_that_overflow_when_exponentiated() -> None:
    torch.testing.assert_close(
        softmax(torch.tensor([[1000.0, -1000.0, 1000.0]])), torch.tensor([[0.5, 0.0, 0.5]])
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    kept = Dropout(share)(torch.ones(1003, 499, dtype=dtype))
    # 500,000 draws: five standard deviations are 0.0035.
    assert float((kept == 0).float().mean()) == pytest.approx(share, abs=0.0036)
    columns = (kept == 0).float().mean(0)  # each of the four numbers of a 64-bit draw
    assert float(columns.min()) > share - 0.1
    assert float(columns.max()) < share + 0.1
    assert float(kept.max()) == pytest.approx(1 / (1 - share), rel=0.005)


def test_dropout_is_decided_by_the_seed_and_its_gradient_is_its_mask() -> None:
    layer, atoms = Dropout(0.3), torch.ones(7, 9, requires_grad=True)
    torch.manual_seed(5)
    first = layer(atoms)
    torch.manual_seed(5)
    assert torch.equal(first, layer(atoms))
    assert not torch.equal(first, layer(atoms))
    assert torch.equal(torch.autograd.grad(first.sum(), atoms)[0], first.detach())


def test_dropout_leaves_everything_alone_when_a_model_is_not_trained() -> None:
    atoms = torch.randn(3, 5)
    assert torch.equal(Dropout(0.5).eval()(atoms), atoms)
    assert torch.equal(Dropout(0.0)(atoms), atoms)


def test_a_dropout_of_a_configuration_reaches_every_dropout_of_the_model() -> None:
    model = build_model(build_config("gpt", "small", dropout=0.2))
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert len(layers) == 13  # three a block, and one after the embedding
    assert all(type(layer) is Dropout and layer.p == 0.2 for layer in layers)
