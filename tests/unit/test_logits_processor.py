"""Rules in transformers' own `generate`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList

import mattransformer as mt
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.logits_processor import RulesLogitsProcessor
from mattransformer.models.checkpoints import find_checkpoint

TOKENIZER = AutoTokenizer.from_pretrained(find_checkpoint("gpt2"))


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(find_checkpoint("gpt2")).eval()


def sampled(model: Any, prompts: list[str], processor: RulesLogitsProcessor) -> list[Formula]:
    torch.manual_seed(0)
    batch = TOKENIZER(prompts, return_tensors="pt", padding=True)
    rows = model.generate(
        **batch,
        do_sample=True,
        top_k=0,
        max_new_tokens=40,
        logits_processor=LogitsProcessorList([processor]),
    )
    texts = TOKENIZER.batch_decode(rows, skip_special_tokens=True)
    return [Formula.from_tokens(text.split()) for text in texts]


def test_two_hundred_samples_are_perovskites_and_balanced(model: Any) -> None:
    rules = RulesLogitsProcessor(template="ABX3 X=O,F", electronegativity_balanced=True)
    formulas = sampled(model, ["<mp> <strict>"] * 200, rules)
    assert len({formula.reduced_formula for formula in formulas}) > 100
    verdicts = mt.screen([formula.reduced_formula for formula in formulas])
    assert verdicts["electronegativity_balanced"].all()
    for formula in formulas:
        assert sorted(amount for _, amount in formula.counts) == [1, 1, 3]


def test_atoms_that_are_given_are_completed_also_behind_padding(model: Any) -> None:
    rules = RulesLogitsProcessor(require="O", n_elements=(3, 4), charge_neutral=True)
    prompts = ["<mp> <strict> Sr Ti", "<mp> <strict>", "<oqmd> <pure> Li"]
    first, second, third = sampled(model, prompts, rules)
    assert {"Sr", "Ti", "O"} <= set(first.elements)
    assert "O" in second.elements
    assert {"Li", "O"} <= set(third.elements)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("Sr Ti", "does not begin with the condition tokens"),
        ("<strict> <mp> Sr Ti", "does not begin with the condition tokens"),
        ("<mp> <strict> O Sr", "O Sr: no formula that keeps the rules begins so"),
        ("<mp> <strict> Sr <blank>", "<blank> stands behind the condition tokens"),
    ],
)
def test_prompts_that_no_formula_begins_with_are_refused_in_one_line(
    prompt: str, reason: str, model: Any
) -> None:
    with pytest.raises(MattransformerError) as refused:
        sampled(model, [prompt], RulesLogitsProcessor(template="ABX3"))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rules_that_clash_are_refused_before_anything_is_sampled() -> None:
    with pytest.raises(MattransformerError, match="clash"):
        RulesLogitsProcessor(template="ABX3", n_elements=2)
