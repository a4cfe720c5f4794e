"""Sampling along the prefix tree: the exact distribution of the model, whatever the tiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import mattransformer as mt
from mattransformer.models.architectures import build_config, build_model
from mattransformer.models.stepping import TreeDecoder, read_decoder
from mattransformer.objectives import prefix_tree, sampling
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.prefix_tree import Plan
from mattransformer.objectives.sampling import SampledSequence, Truncation, probabilities
from mattransformer.objectives.sequences import one_by_one
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID, PAD_ID, TOKEN_ID, VOCABULARY, prompt_ids

SIZES: dict[str, dict[str, Any]] = {
    "gpt": {"n_layer": 2, "n_embd": 32, "n_head": 4},
    "gpt2": {"n_layer": 2, "n_embd": 32, "n_head": 4},
    "gpt-neo": {
        "num_layers": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
    },
    "gpt-j": {"n_layer": 2, "n_embd": 32, "n_head": 4, "rotary_dim": 8},
}
MOST = 3
SAMPLES = 20_000
REACHABLE = [END_ID, PAD_ID, TOKEN_ID["Na"], TOKEN_ID["Cl"]]
Outcome = tuple[tuple[int, ...], bool]  # token ids and whether they ended


def sample_sequences(model: PreTrainedModel, *arguments: Any, **settings: Any) -> Iterator[SampledSequence]:
    return objective_of(model).sample(model, *arguments, **settings)


def random_model(name: str = "gpt2") -> PreTrainedModel:
    """A model of few reachable tokens whose choices depend on what came before."""
    torch.manual_seed(11)
    model = build_model(build_config(name, "small", SIZES[name])).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    unreachable = torch.full((len(VOCABULARY),), float("-inf"))
    unreachable[REACHABLE] = 0.0

    # On the output layer, which every way of evaluating the model passes through.
    head: Any = model.get_output_embeddings()
    head.bias = torch.nn.Parameter(unreachable)
    return model


@pytest.fixture(scope="module")
def gpt2() -> PreTrainedModel:
    return random_model()


def next_log_probs(model: PreTrainedModel, ids: tuple[int, ...]) -> np.ndarray:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt_ids(), *ids]]), use_cache=False).logits[0, -1]
    return torch.log_softmax(logits.double(), dim=-1).numpy()


def truncated(log_probs: np.ndarray, truncation: Truncation) -> dict[int, float]:
    """The textbook definition, one token after another."""
    weights = {token: float(np.exp(log_probs[token] / truncation.temperature)) for token in REACHABLE}
    ranked = sorted(weights, key=lambda token: -weights[token])[: truncation.top_k]
    total = sum(weights[token] for token in ranked)
    kept: dict[int, float] = {}
    for token in ranked:
        if sum(kept.values()) < (truncation.top_p or 1.0):
            kept[token] = weights[token] / total
    return {token: share / sum(kept.values()) for token, share in kept.items()}


def enumerate_outcomes(model: PreTrainedModel, truncation: Truncation) -> dict[Outcome, float]:
    """Every sequence that can be sampled, with its probability."""
    outcomes: dict[Outcome, float] = {}

    def follow(ids: tuple[int, ...], share: float) -> None:
        for token, own in truncated(next_log_probs(model, ids), truncation).items():
            if token == END_ID:
                outcomes[ids, True] = share * own
            elif token == PAD_ID or len(ids) == MOST:
                outcomes[(*ids, token), False] = share * own
            else:
                follow((*ids, token), share * own)

    follow((), 1.0)
    return outcomes


def counts_of(sequences: list[SampledSequence]) -> dict[Outcome, int]:
    counts: dict[Outcome, int] = {}
    for sequence in sequences:
        outcome = sequence.ids, sequence.finished
        counts[outcome] = counts.get(outcome, 0) + sequence.count
    return counts


def draw(
    model: PreTrainedModel, truncation: Truncation | None = None, *, n: int = SAMPLES, seed: int = 0
) -> list[SampledSequence]:
    return list(sample_sequences(model, prompt_ids(), n, seed, truncation, max_tokens=MOST))


def check_distribution(counts: dict[Outcome, int], expected: dict[Outcome, float]) -> None:
    """Pearson's chi-square as a normal deviate (Wilson and Hilferty), 1 in 30,000 by chance."""
    assert sum(expected.values()) == pytest.approx(1.0)
    assert set(counts) <= set(expected)
    n = sum(counts.values())
    rare = [outcome for outcome, share in expected.items() if share * n < 5]
    cells = [
        (counts.get(outcome, 0), share * n) for outcome, share in expected.items() if outcome not in rare
    ]
    if rare:
        cells.append((sum(counts.get(o, 0) for o in rare), sum(expected[o] for o in rare) * n))
    chi_square = sum((seen - mean) ** 2 / mean for seen, mean in cells)
    spread = 2 / (9 * max(1, len(cells) - 1))
    deviate = ((chi_square / max(1, len(cells) - 1)) ** (1 / 3) - (1 - spread)) / spread**0.5
    assert deviate < 4


TRUNCATIONS = {
    "as learned": Truncation(),
    "colder": Truncation(temperature=0.6),
    "warmer": Truncation(temperature=3.0),
    "top-k": Truncation(top_k=2),
    "top-p": Truncation(top_p=0.7),
    "all three": Truncation(temperature=1.5, top_k=3, top_p=0.8),
}


@pytest.mark.parametrize("truncation", TRUNCATIONS.values(), ids=TRUNCATIONS)
def test_samples_come_as_often_as_exhaustive_enumeration_says(
    truncation: Truncation, gpt2: PreTrainedModel
) -> None:
    counts = counts_of(draw(gpt2, truncation))
    assert sum(counts.values()) == SAMPLES
    check_distribution(counts, enumerate_outcomes(gpt2, truncation))


def test_the_enumeration_tells_another_temperature_apart(gpt2: PreTrainedModel) -> None:
    counts = counts_of(draw(gpt2, Truncation(temperature=1.1)))
    with pytest.raises(AssertionError):
        check_distribution(counts, enumerate_outcomes(gpt2, Truncation()))


@pytest.mark.parametrize("tile", [1, 3])
def test_small_tiles_give_the_same_samples(
    tile: int, gpt2: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = counts_of(draw(gpt2))
    monkeypatch.setattr(prefix_tree, "TILE", tile)
    counts = counts_of(draw(gpt2))
    # A draw that falls on a border to the last digit may go either way.
    assert sum(abs(counts[outcome] - whole.get(outcome, 0)) for outcome in counts) <= 4


def test_many_branches_give_the_same_samples(gpt2: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = counts_of(draw(gpt2))
    monkeypatch.setattr(prefix_tree, "_BRANCH", 900)
    counts = counts_of(draw(gpt2))
    assert sum(abs(counts[outcome] - whole.get(outcome, 0)) for outcome in counts) <= 4


def test_the_first_thousand_samples_are_among_the_first_two_thousand(gpt2: PreTrainedModel) -> None:
    fewer, more = (counts_of(draw(gpt2, n=n)) for n in (1000, 2000))
    assert all(count <= more[outcome] for outcome, count in fewer.items())


def test_each_prefix_is_evaluated_once(gpt2: PreTrainedModel) -> None:
    (tree,) = objective_of(gpt2).trees(gpt2, Plan(prompt_ids(), Samples(SAMPLES), 0, MOST))
    sequences = list(one_by_one(tree.walk()))
    prefixes = {
        sequence.ids[:at]
        for sequence in sequences
        for at in range(len(sequence.ids) + (1 if sequence.finished else 0))
    }
    assert tree.nodes == len(prefixes)


@pytest.mark.parametrize("name", SIZES)
def test_every_architecture_samples_its_own_distribution(name: str) -> None:
    model = random_model(name)
    check_distribution(counts_of(draw(model)), enumerate_outcomes(model, Truncation()))


@pytest.mark.parametrize(
    "truncation", [Truncation(), Truncation(temperature=2.0, top_k=3)], ids=["plain", "changed"]
)
@pytest.mark.parametrize("name", SIZES)
def test_log_prob_is_the_models_own_whatever_the_truncation(name: str, truncation: Truncation) -> None:
    model = random_model(name)
    for sequence in draw(model, truncation, n=500):
        ids = (*sequence.ids, END_ID) if sequence.finished else sequence.ids
        total = sum(next_log_probs(model, ids[:at])[token] for at, token in enumerate(ids))
        assert sequence.log_prob == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("name", SIZES)
def test_shared_keys_and_values_give_the_logits_of_the_whole_prefix(name: str) -> None:
    model = random_model(name)
    stepper = TreeDecoder(read_decoder(model), places=64, depths=64)
    generator = np.random.default_rng(0)
    prefixes = torch.tensor([prompt_ids()])
    ancestors = torch.zeros((1, 0), dtype=torch.int64)
    stepper.step(prefixes[:, :1], ancestors)
    ancestors = torch.zeros((1, 1), dtype=torch.int64)
    for _ in range(5):
        found = stepper.step(prefixes, ancestors)
        with torch.no_grad():
            expected = model(input_ids=prefixes, use_cache=False).logits[:, -1]
        assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
        # Each prefix goes on in some ways, in no order.
        parents = torch.from_numpy(generator.permutation(np.repeat(np.arange(len(prefixes)), 2))[:40])
        tokens = torch.from_numpy(generator.integers(FIRST_ELEMENT_ID, len(VOCABULARY), len(parents)))
        prefixes = torch.cat([prefixes[parents], tokens[:, None]], dim=1)
        ancestors = torch.cat([ancestors[parents], parents[:, None]], dim=1)


def test_half_precision_stays_close_to_the_model_itself() -> None:
    lm = mt.load("gpt2")
    exact, rough = (lm.generate(400, seed=3, precision=kind) for kind in ("float32", "bfloat16"))
    both = exact.merge(rough, on="formula")
    assert len(both) > 300  # most draws fall alike
    assert (both["log_prob_x"] - both["log_prob_y"]).abs().max() < 0.3
    assert (both["log_prob_x"] - both["log_prob_y"]).abs().max() > 0


def test_the_seed_decides_the_samples(gpt2: PreTrainedModel) -> None:
    assert draw(gpt2, n=300, seed=5) == draw(gpt2, n=300, seed=5)
    assert counts_of(draw(gpt2, n=300, seed=5)) != counts_of(draw(gpt2, n=300, seed=6))


def test_the_conditions_begin_every_sequence(gpt2: PreTrainedModel) -> None:
    def mean_atoms(prompt: list[int]) -> float:
        sequences = sample_sequences(gpt2, prompt, SAMPLES, 0, max_tokens=MOST)
        return sum(len(sequence.ids) * sequence.count for sequence in sequences) / SAMPLES

    asked = {source: mean_atoms(prompt_ids({"source": source})) for source in ("mp", "oqmd")}
    assert abs(asked["mp"] - asked["oqmd"]) > 0.02  # many times the error of a mean of 20,000


def test_a_sequence_appears_once_a_round(gpt2: PreTrainedModel) -> None:
    sequences = draw(gpt2)
    assert len({(sequence.ids, sequence.finished) for sequence in sequences}) == len(sequences)


def test_a_sample_is_cut_at_a_token_that_is_no_element(gpt2: PreTrainedModel) -> None:
    for sequence in draw(gpt2):
        if PAD_ID in sequence.ids:
            assert sequence.ids.index(PAD_ID) == len(sequence.ids) - 1
            assert not sequence.finished
        else:
            assert len(sequence.ids) <= MOST if sequence.finished else len(sequence.ids) == MOST + 1


def test_sampling_is_silent(gpt2: PreTrainedModel, capfd: pytest.CaptureFixture[str]) -> None:
    draw(gpt2, n=100)
    assert capfd.readouterr() == ("", "")


# Truncation by itself


def test_top_k_of_one_and_a_small_share_leave_the_most_probable_token() -> None:
    log_probs = np.log([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    expected = [[0, 1, 0], [1, 0, 0]]
    assert probabilities(log_probs, Truncation(top_k=1)).tolist() == expected
    assert probabilities(log_probs, Truncation(top_p=1e-9)).tolist() == expected


def test_the_share_is_counted_with_the_token_that_reaches_it() -> None:
    log_probs = np.log([[0.2, 0.5, 0.3]])
    assert probabilities(log_probs, Truncation(top_p=0.5)) == pytest.approx(np.array([[0, 1, 0]]))
    assert probabilities(log_probs, Truncation(top_p=0.51)) == pytest.approx(np.array([[0, 0.625, 0.375]]))


def test_no_truncation_leaves_the_model_as_it_is() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(50), size=20)
    for truncation in (Truncation(), Truncation(top_k=50, top_p=1.0), Truncation(top_k=1000)):
        assert probabilities(np.log(shares), truncation) == pytest.approx(shares)


def test_a_temperature_close_to_zero_does_not_overflow() -> None:
    assert probabilities(np.log([[0.4, 0.6]]), Truncation(temperature=1e-3)).tolist() == [
        [pytest.approx(0), 1.0]
    ]


class _Highest:
    """A generator whose every draw is the largest number below 1."""

    def random(self, n: int) -> np.ndarray:
        return np.full(n, np.nextafter(1, 0))


def test_the_highest_draw_stays_with_its_node() -> None:
    counts = np.full(1024, 2)
    shares = np.tile([0.5, 0.5, 0.0], (1024, 1))
    with np.errstate(divide="ignore"):
        nodes, tokens, times = sampling.split(counts, np.log(shares), _Highest(), Truncation())  # type: ignore[arg-type]
    assert nodes.tolist() == list(range(1024))
    assert set(tokens.tolist()) == {1}
    assert set(times.tolist()) == {2}
