"""RoBERTa's bound against exhaustive enumeration of the orders in which atoms are unmasked."""

from __future__ import annotations

import math
from functools import cache
from itertools import permutations

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from mattransformer.data.encoding import encode_formulas
from mattransformer.models.architectures import build_config, build_model
from mattransformer.objectives.diffusion import LENGTHS, LengthError
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import FIRST_ELEMENT_ID, MASK_ID, PROMPT_LENGTH

FORMULAS = ["NaCl", "H2O", "SrTiO3", "CaCO3", "MgAl2O4"]
ROWS = ["NaCl", "SrTiO3", "Fe2O3", "MgAl2O4", "H2O", "SrTiO3"]


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    """Fresh weights, enlarged so that what an atom is depends on the others."""
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    model = build_model(build_config("roberta", "small", sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(20)
    rows = encode_formulas(ROWS, ["mp"] * len(ROWS), ["strict"] * len(ROWS))
    objective_of(model).observe(model, rows, np.ones(len(ROWS)))
    return model


def ids_of(formula: str) -> torch.Tensor:
    return torch.from_numpy(encode_formulas([formula], ["mp"], ["strict"]).rows(np.arange(1)))


def path_log_probs(model: PreTrainedModel, formula: str, given: frozenset[int] = frozenset()) -> list[float]:
    """The log-probability of the missing atoms in each order of unmasking them, one canvas at a time."""
    ids = ids_of(formula)[0]
    atoms = len(ids) - PROMPT_LENGTH - 1

    @cache
    def scores(placed: frozenset[int]) -> torch.Tensor:
        canvas = ids.clone()
        for atom in set(range(atoms)) - placed:
            canvas[PROMPT_LENGTH + atom] = MASK_ID
        with torch.no_grad():
            logits = model(input_ids=canvas[None]).logits[0, :, FIRST_ELEMENT_ID:].double()
        return torch.log_softmax(logits, dim=-1)

    totals = []
    for order in permutations(sorted(set(range(atoms)) - given)):
        total, placed = 0.0, given
        for atom in order:
            token = int(ids[PROMPT_LENGTH + atom]) - FIRST_ELEMENT_ID
            total += float(scores(placed)[PROMPT_LENGTH + atom, token])
            placed |= {atom}
        totals.append(total)
    return totals


def share_of_length(formula: str) -> float:
    sizes = [ids_of(row).shape[1] for row in ROWS]
    return sizes.count(ids_of(formula).shape[1]) / len(sizes)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_bound_of_up_to_eight_atoms_is_the_mean_over_all_orders(
    formula: str, model: PreTrainedModel
) -> None:
    paths = path_log_probs(model, formula)
    assert np.ptp(paths) > 0.1  # so the orders differ
    found = float(objective_of(model).nats(model, ids_of(formula), 0, 32))
    assert found == pytest.approx(-math.log(share_of_length(formula)) - float(np.mean(paths)), abs=1e-3)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_bound_is_below_the_probability(formula: str, model: PreTrainedModel) -> None:
    paths = path_log_probs(model, formula)
    log_prob = math.log(share_of_length(formula)) + math.log(float(np.mean(np.exp(paths))))
    for seed in range(3):
        nats = float(objective_of(model).nats(model, ids_of(formula), seed, 32))
        assert -nats < log_prob


def test_random_orders_of_strontium_titanate_give_the_same_bound_on_average(model: PreTrainedModel) -> None:
    ids = ids_of("SrTiO3")
    exact = float(objective_of(model).nats(model, ids, 0, 32))
    found = np.array([float(objective_of(model).nats(model, ids, seed, 2)) for seed in range(200)])
    assert found.std() > 0
    assert abs(found.mean() - exact) < 4 * found.std() / math.sqrt(len(found))


def test_two_oxygens_beside_given_atoms_are_scored_in_both_orders(model: PreTrainedModel) -> None:
    given = torch.tensor([[True, True, True, False, False]])
    found = float(objective_of(model).nats(model, ids_of("SrTiO3"), 0, 4, given))
    paths = path_log_probs(model, "SrTiO3", frozenset({0, 1, 2}))
    assert found == pytest.approx(-float(np.mean(paths)), abs=1e-4)


@pytest.mark.parametrize(
    "counts",
    [[1, 2], {"mp strict": "many"}, {"mp strict": [0, -1.0]}, {"mp strict": [1e999]}, {"mp strict": [0.0]}],
)
def test_numbers_of_atoms_that_are_none_are_refused_in_one_line(
    counts: object, model: PreTrainedModel
) -> None:
    kept = getattr(model.config, LENGTHS)
    try:
        setattr(model.config, LENGTHS, counts)
        with pytest.raises(LengthError, match="formula_lengths are no numbers of formulas") as refused:
            objective_of(model).nats(model, ids_of("NaCl"), 0, 1)
    finally:
        setattr(model.config, LENGTHS, kept)
    assert "\n" not in str(refused.value)
