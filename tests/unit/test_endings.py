"""Where formulas must not end, held against the variants of every prefix and of every choice of a last atom."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.data.endings import broken_choices, broken_endings
from mattransformer.data.variants import holding, variant_of
from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.models.architectures import ARCHITECTURES, build_config, build_model
from mattransformer.objectives.losses import broken_choice_loss, broken_ending_loss
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import (
    END_ID,
    FIRST_ELEMENT_ID,
    PROMPT_LENGTH,
    TOKEN_ID,
    VOCABULARY,
    prompt_ids,
)

NAMES = [row.name for row in ARCHITECTURES]


def sequence(atoms: str, variant: str = "strict") -> np.ndarray:
    return np.array([[*prompt_ids({"variant": variant}), *(TOKEN_ID[atom] for atom in atoms.split())]])


def breaks(atoms: list[str], variant: str) -> bool:
    """The rule, spelled out for one sequence of atoms."""
    if variant == "mix":
        return False
    if len(set(atoms)) < 2 or len(set(atoms)) > 8:
        return True
    reduced = Formula.from_tokens(atoms).reduced
    return list(reduced.tokens) != atoms or variant_of(reduced) not in holding(variant)


def test_strontium_titanate_may_end_after_its_second_or_third_oxygen() -> None:
    assert broken_endings(sequence("Sr Ti O O O")).tolist() == [[True, True, True, False, False]]


def test_iron_oxide_with_as_many_irons_as_oxygens_is_not_reduced() -> None:
    assert broken_endings(sequence("Fe Fe O O O")).tolist() == [[True, True, False, True, False]]


def test_a_chloride_out_of_order_never_ends_well() -> None:
    assert broken_endings(sequence("Cl Na")).all()


def test_nothing_is_forbidden_where_the_condition_has_no_rule() -> None:
    assert not broken_endings(sequence("Na Cl Cl", "mix")).any()
    assert not broken_choices(sequence("Na Cl Cl", "mix"), np.array([1])).any()


def test_what_follows_a_token_that_is_no_atom_never_ends_well() -> None:
    ids = sequence("Na Cl Cl")
    ids[0, PROMPT_LENGTH + 2] = END_ID
    assert broken_endings(ids).tolist() == [[True, False, True]]


@given(
    st.lists(
        st.sampled_from(["Li", "Na", "Fe", "Ti", "Si", "H", "S", "O", "Xe", "Og"]), min_size=1, max_size=9
    ),
    st.sampled_from(["strict", "pure", "mix"]),
    st.booleans(),
    st.data(),
)
def test_prefixes_and_choices_are_judged_as_the_variants_of_their_formulas(
    atoms: list[str], variant: str, ordered: bool, data: st.DataObject
) -> None:
    if ordered:
        atoms = list(Formula.from_tokens(atoms).tokens)
    ids = sequence(" ".join(atoms), variant)
    expected = [breaks(atoms[: size + 1], variant) for size in range(len(atoms))]
    assert broken_endings(ids)[0].tolist() == expected
    at = data.draw(st.integers(0, len(atoms) - 1))
    chosen = broken_choices(ids, np.array([at]))[0]
    for number, symbol in enumerate(SYMBOLS):
        assert chosen[number] == breaks([*atoms[:at], symbol, *atoms[at + 1 :]], variant), symbol


def test_the_loss_of_an_ending_is_that_of_its_probability() -> None:
    ids = torch.from_numpy(np.pad(sequence("Na Na Cl"), ((0, 0), (0, 1)), constant_values=END_ID))
    logits = torch.randn(1, ids.shape[1], len(VOCABULARY), generator=torch.Generator().manual_seed(0))
    ends = logits.softmax(-1)[0, PROMPT_LENGTH:-1, END_ID]  # after Na, Na Na and Na Na Cl: all break the rule
    assert broken_ending_loss(logits, ids).item() == pytest.approx(-(1 - ends).log().sum().item(), rel=1e-5)


def test_a_last_atom_that_nothing_can_mend_teaches_nothing() -> None:
    ids = torch.from_numpy(np.pad(sequence("Xe Xe Og"), ((0, 0), (0, 1)), constant_values=END_ID))
    scores = torch.zeros(1, len(SYMBOLS), requires_grad=True)
    loss = broken_choice_loss(scores, ids, torch.tensor([1]))
    loss.sum().backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()


def test_the_loss_of_a_choice_is_that_of_the_elements_that_break_the_rule() -> None:
    ids = torch.from_numpy(np.pad(sequence("Sr Ti O O O"), ((0, 0), (0, 1)), constant_values=END_ID))
    scores = torch.randn(1, len(SYMBOLS) + 1, generator=torch.Generator().manual_seed(0))
    broken = broken_choices(ids[:, :-1].numpy(), np.array([0]))[0]
    share = scores.softmax(-1)[0, :-1][torch.from_numpy(broken)].sum().item()
    loss = broken_choice_loss(scores, ids, torch.tensor([0])).item()
    assert loss == pytest.approx(-np.log(1 - share), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_learns_to_end_salts_where_they_are_neutral(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(build_config(name, "small")).train()
    objective = objective_of(model)
    rows = [sequence(f"Na {anions}") for anions in ("Cl", "F", "Br", "I")]
    ids = torch.from_numpy(np.pad(np.concatenate(rows), ((0, 0), (0, 1)), constant_values=END_ID)).repeat(
        4, 1
    )
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    torch.manual_seed(1)
    found = []
    for _ in range(30):
        broken = objective.losses(model, ids, ruled=True).broken.mean()
        found.append(broken.item())
        broken.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert np.mean(found[-5:]) < 0.3 * np.mean(found[:3])
    assert objective.losses(model, ids).broken.tolist() == [0.0] * len(ids)


def test_an_element_is_chosen_by_its_atomic_number() -> None:
    choices = broken_choices(sequence("Na Cl"), np.array([1]))[0]
    assert [VOCABULARY[FIRST_ELEMENT_ID + at] for at in np.flatnonzero(~choices)] == [
        symbol for symbol in SYMBOLS if not breaks(["Na", symbol], "strict")
    ]
