"""Ways through the tree under rules, against exhaustive enumeration on the salts of a small model."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from mattransformer.constraints import Automaton, Rules
from mattransformer.generation.drawing import Drawing, DrawingError
from mattransformer.generation.found import Found
from mattransformer.generation.requests import Request
from mattransformer.models.architectures import build_config, build_model
from mattransformer.objectives.choices import Arrivals, Choice, Likelier, Samples
from mattransformer.objectives.prefix_tree import Plan, PrefixTree
from mattransformer.objectives.sampling import Truncation
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import (
    END_ID,
    FIRST_ELEMENT_ID,
    TOKEN_ID,
    VOCABULARY,
    condition_values,
    prompt_ids,
)

ATOMS = [TOKEN_ID[symbol] for symbol in ("Na", "Cl", "O")]
RULES = Rules.of(allow=["Na", "Cl", "O"], n_atoms=(2, 5))
Sequence = tuple[int, ...]


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    torch.manual_seed(5)
    model = build_model(build_config("gpt2", "small", {"n_layer": 2, "n_embd": 32, "n_head": 4})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6)
    reachable = torch.full((len(VOCABULARY),), float("-inf"))
    reachable[[END_ID, *ATOMS]] = 0.0
    head: Any = model.get_output_embeddings()
    head.bias = torch.nn.Parameter(reachable)
    return model


def walk(model: PreTrainedModel, choice: Choice, seed: int = 0, rules: Rules = RULES) -> PrefixTree:
    (tree,) = objective_of(model).trees(model, Plan(prompt_ids(), choice, [seed], 30, Automaton(rules)))
    return tree


class Remembered:
    """A stepper that asks the model of each prefix once: thousands of drawings walk through the same small tree."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._logits: dict[Sequence, torch.Tensor] = {}

    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """Give the logits of the next token, as `TreeDecoder` does."""
        del ancestors
        asked = [tuple(prefix) for prefix in prefixes.tolist()]
        new = [prefix for prefix in asked if prefix not in self._logits]
        if new:
            with torch.no_grad():
                self._logits.update(
                    zip(new, self._model(input_ids=torch.tensor(new)).logits[:, -1], strict=True)
                )
        return torch.stack([self._logits[prefix] for prefix in asked])


@pytest.fixture(scope="module")
def remembered(model: PreTrainedModel) -> Remembered:
    return Remembered(model)


@cache
def automaton() -> Automaton:
    return Automaton(RULES)


def arrivals(stepper: Remembered, bound: float, seed: int) -> PrefixTree:
    return PrefixTree(stepper, Plan(prompt_ids(), Arrivals(bound), seed, 30, automaton()))


@pytest.fixture(scope="module")
def conditional(model: PreTrainedModel) -> dict[Sequence, tuple[float, float]]:
    """Every composition that keeps the rules: its own log-probability, and that of drawing it atom by atom."""
    automaton = Automaton(RULES)
    found: dict[Sequence, tuple[float, float]] = {}

    @cache
    def log_probs(ids: Sequence) -> np.ndarray:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt_ids(), *ids]])).logits[0, -1].double()
        return np.asarray(torch.log_softmax(logits, dim=-1).numpy())

    def follow(ids: Sequence, own: float, proposal: float) -> None:
        marks = automaton.allowed(np.array([ids], dtype=np.int64).reshape(1, -1) - (FIRST_ELEMENT_ID - 1))[0]
        tokens = [END_ID] * bool(marks[0]) + [
            FIRST_ELEMENT_ID + z for z in np.flatnonzero(marks[1:]).tolist()
        ]
        shares = log_probs(ids)
        total = math.log(sum(math.exp(shares[token]) for token in tokens))
        for token in tokens:
            both = own + float(shares[token]), proposal + float(shares[token]) - total
            if token == END_ID:
                found[ids] = both
            else:
                follow((*ids, token), *both)

    follow((), 0.0, 0.0)
    return found


def check_shares(counts: Counter[Sequence], shares: dict[Sequence, float]) -> None:
    """Pearson's chi-square as a normal deviate, 1 in 30,000 by chance; cells below 5 together."""
    assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    n = counts.total()
    rare = {sequence for sequence, share in shares.items() if share * n < 5}
    cells = [(counts[sequence], share * n) for sequence, share in shares.items() if sequence not in rare]
    cells.append((sum(counts[s] for s in rare), sum(shares[s] for s in rare) * n + 1e-9))
    chi_square = sum((seen - mean) ** 2 / mean for seen, mean in cells)
    freedom = len(cells) - 1
    spread = 2 / (9 * freedom)
    assert ((chi_square / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5 < 4


def counted(tree: PrefixTree) -> Counter[Sequence]:
    counts: Counter[Sequence] = Counter()
    for block in tree.walk():
        assert block.finished
        for ids, count in zip(block.ids.tolist(), block.counts.tolist(), strict=True):
            counts[tuple(ids)] += count
    return counts


def test_rules_kept_atom_by_atom_give_the_enumerated_proposal(
    model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    assert 20 < len(conditional) < 60
    counts = counted(walk(model, Samples(20_000)))
    assert counts.total() == 20_000  # no sample is lost
    check_shares(counts, {sequence: math.exp(proposal) for sequence, (_, proposal) in conditional.items()})


def test_exact_samples_follow_the_model_given_the_rules(
    model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    mass = sum(math.exp(own) for own, _ in conditional.values())
    counts = counted(walk(model, Samples(200_000, exact=True)))
    assert counts.total() == pytest.approx(200_000 * mass, abs=5 * math.sqrt(200_000 * mass))
    own = {sequence: math.exp(own) / mass for sequence, (own, _) in conditional.items()}
    check_shares(counts, own)
    with pytest.raises(AssertionError):  # which tells the two apart
        check_shares(
            counts, {sequence: math.exp(proposal) for sequence, (_, proposal) in conditional.items()}
        )


def test_log_probabilities_and_proposals_are_the_enumerated_ones(
    model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    for choice in (Samples(3_000), Arrivals(-6.0), Likelier(-12.0)):
        for block in walk(model, choice).walk():
            for ids, own in zip(block.ids.tolist(), block.log_probs.tolist(), strict=True):
                assert own == pytest.approx(conditional[tuple(ids)][0], abs=1e-4)
            if not isinstance(choice, Likelier):
                for ids, proposal in zip(block.ids.tolist(), block.proposals.tolist(), strict=True):
                    assert proposal == pytest.approx(conditional[tuple(ids)][1], abs=1e-4)


def test_what_is_remembered_of_a_model_is_what_its_decoder_says(
    model: PreTrainedModel, remembered: Remembered
) -> None:
    for seed in range(20):
        told, own = walk(model, Arrivals(-2.0), seed), arrivals(remembered, -2.0, seed)
        for one, other in zip(told.walk(), own.walk(), strict=True):
            assert one.ids.tolist() == other.ids.tolist()
            assert one.arrivals == pytest.approx(other.arrivals, abs=1e-4)


def test_the_first_two_arrivals_are_drawn_without_replacement(
    remembered: Remembered, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    shares = {sequence: math.exp(proposal) for sequence, (_, proposal) in conditional.items()}
    first: Counter[Sequence] = Counter()
    second: Counter[Sequence] = Counter()
    for seed in range(2_500):
        blocks = list(arrivals(remembered, -4.0, seed).walk())
        times = np.concatenate([block.arrivals for block in blocks])
        ids = [tuple(row) for block in blocks for row in block.ids.tolist()]
        order = np.argsort(-times)
        first[ids[order[0]]] += 1
        second[ids[order[1]]] += 1
    check_shares(first, shares)
    after = {
        sequence: sum(shares[other] * share / (1 - shares[other]) for other in shares if other != sequence)
        for sequence, share in shares.items()
    }
    check_shares(second, after)


def test_how_often_a_composition_arrives_in_time_is_its_inclusion_probability(
    remembered: Remembered, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    runs = 1_500
    included: Counter[Sequence] = Counter()
    for seed in range(runs):
        included.update(counted(arrivals(remembered, -2.0, seed)))
    for sequence, (_, proposal) in conditional.items():
        expected = -math.expm1(-math.exp(proposal + 2.0))
        assert (
            abs(included[sequence] / runs - expected)
            < 4.5 * math.sqrt(expected * (1 - expected) / runs) + 1e-3
        )


def test_likelier_ones_are_exactly_those_above_the_bound(
    model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    for least in (-3.0, -4.5, -6.0):
        choice = Likelier(least)
        found = set(counted(walk(model, choice)))
        assert found == {sequence for sequence, (own, _) in conditional.items() if own > least}
        assert not choice.complete
    assert set(counted(walk(model, everything := Likelier(-1e9)))) == set(conditional)
    assert everything.complete


# Whole drawings


def nothing_unknown(found: Found) -> np.ndarray:
    raise AssertionError(f"{len(found)} canonical sequences have no log-probability")


def ids_of(found: Found) -> list[Sequence]:
    formulas = [found.compositions.formula(at) for at in range(len(found))]
    return [tuple(TOKEN_ID[symbol] for symbol in formula.tokens) for formula in formulas]


def request(n: int, **changes: Any) -> Request:
    settings: dict[str, Any] = {
        "conditions": condition_values({}),
        "truncation": Truncation(),
        "rules": RULES,
    }
    return Request(n, 0, **settings | changes)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_the_n_likeliest_are_those_of_brute_force(
    n: int, model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    drawn = Drawing(model, request(n, likeliest=True), nothing_unknown).run()
    expected = sorted(conditional, key=lambda sequence: -conditional[sequence][0])[:n]
    assert ids_of(drawn.found) == expected


def test_asked_for_more_than_there_are_every_way_gives_all_and_says_so(
    model: PreTrainedModel, conditional: dict[Sequence, tuple[float, float]]
) -> None:
    for drawn in (
        Drawing(model, request(1000, likeliest=True), nothing_unknown).run(),
        Drawing(model, request(1000, replace=False), nothing_unknown).run(),
    ):
        assert set(ids_of(drawn.found)) == set(conditional)
        assert drawn.complete
        assert not drawn.enough


def test_without_replacement_a_longer_drawing_begins_with_the_shorter_one(model: PreTrainedModel) -> None:
    few, more = (Drawing(model, request(n, replace=False), nothing_unknown).run() for n in (5, 15))
    assert set(ids_of(few.found)) < set(ids_of(more.found))
    assert len(few.found) == 5
    assert len(more.found) == 15


def test_samples_come_until_there_are_enough_distinct_ones(model: PreTrainedModel) -> None:
    drawn = Drawing(model, request(15), nothing_unknown).run()
    assert len(drawn.found) == len(set(ids_of(drawn.found))) == 15
    assert drawn.enough
    assert drawn.drawn >= 15


def test_a_truncated_drawing_keeps_the_rules_too(model: PreTrainedModel) -> None:
    drawn = Drawing(model, request(5, truncation=Truncation(0.7, 2, 0.9)), nothing_unknown).run()
    assert Automaton(RULES).keeps(drawn.found.compositions).all()


@pytest.mark.parametrize("name", ["roberta", "blm"])
def test_models_without_exact_probabilities_say_what_they_cannot_do(name: str) -> None:
    bounded = build_model(build_config(name, "small")).eval()
    for changes in ({"exact": True}, {"replace": False}, {"likeliest": True}):
        with pytest.raises(DrawingError, match="not known exactly"):
            Drawing(bounded, request(5, **changes), nothing_unknown)
