"""The trigram model: distributions, a case worked out by hand, and weights that help."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from mattransformer.data.corpora import load_corpus
from mattransformer.data.encoding import EncodedFormulas, encode_formulas, encode_table
from mattransformer.evaluation.trigram import TrigramModel
from mattransformer.tokenization import END_ID, SPECIAL, TOKEN_ID, VOCABULARY


def strict(*formulas: str) -> EncodedFormulas:
    return encode_formulas(formulas, ["mp"] * len(formulas), ["strict"] * len(formulas))


def weights(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def after(model: TrigramModel, *tokens: str) -> dict[str, float]:
    first, second = (TOKEN_ID[token] for token in tokens)
    return dict(zip(VOCABULARY, model.probabilities(first, second).tolist(), strict=True))


@pytest.fixture(scope="module")
def transport() -> TrigramModel:
    return TrigramModel.fit(encode_table(load_corpus("mp-transport").split("train")))


@pytest.mark.parametrize(
    "context",
    [("<mp>", "<strict>"), ("<strict>", "Na"), ("Ti", "O"), ("He", "Og"), ("<user>", "<mix>"), ("Og", "O")],
)
def test_probabilities_add_up_to_one_in_every_context(
    transport: TrigramModel, context: tuple[str, str]
) -> None:
    probability = after(transport, *context)
    assert math.fsum(probability.values()) == pytest.approx(1)
    assert min(probability[token] for token in ("Og", "He", "</s>")) > 0
    assert probability["<mp>"] == probability[SPECIAL[0]] == 0


def test_halides_of_sodium_are_as_likely_as_the_hand_says() -> None:
    model = TrigramModel.count(strict("NaCl", "NaBr"), weights(0.1, 0.2, 0.3, 0.4))
    probability = after(model, "<strict>", "Na")
    # Six tokens are predicted: Na Cl </s> Na Br </s>. After Na, and after <strict> Na, Cl comes once in two.
    assert probability["Cl"] == pytest.approx(0.1 / 119 + 0.2 / 6 + 0.3 / 2 + 0.4 / 2)
    assert probability["</s>"] == pytest.approx(0.1 / 119 + 0.2 * 2 / 6)
    assert probability["K"] == pytest.approx(0.1 / 119)


def test_a_context_never_seen_falls_back_to_the_shorter_one() -> None:
    model = TrigramModel.count(strict("NaCl", "NaBr"), weights(0.1, 0.2, 0.3, 0.4))
    # Cl was never seen after K, but after Na; and nothing at all follows Og.
    assert after(model, "K", "Cl")["</s>"] == pytest.approx(0.1 / 119 + 0.2 * 2 / 6 + 0.3 + 0.4)
    assert after(model, "Na", "Og")["Na"] == pytest.approx(0.1 / 119 + 0.9 * 2 / 6)


def test_the_nats_of_salt_are_the_sum_over_its_atoms_and_the_end() -> None:
    model = TrigramModel.count(strict("NaCl", "NaBr"), weights(0.1, 0.2, 0.3, 0.4))
    contexts = [("<mp>", "<strict>", "Na"), ("<strict>", "Na", "Cl"), ("Na", "Cl", "</s>")]
    by_hand = -sum(math.log(after(model, *before)[token]) for *before, token in contexts)
    assert model.nats(strict("SrTiO3", "NaCl", "KCl"))[1] == pytest.approx(by_hand)


def test_conditions_are_context_and_are_never_predicted() -> None:
    train = encode_formulas(["NaCl", "KBr"], ["mp", "oqmd"], ["strict", "mix"])
    model = TrigramModel.count(train, weights(0, 0, 0, 1))
    assert after(model, "<mp>", "<strict>")["Na"] == 1
    assert after(model, "<oqmd>", "<mix>")["K"] == 1
    assert model.unigrams.sum() == 6
    assert model.unigrams[END_ID] == 2


def test_fitted_weights_add_up_to_one_and_beat_equal_ones_on_rows_not_counted(
    transport: TrigramModel,
) -> None:
    corpus = load_corpus("mp-transport")
    valid = encode_table(corpus.split("valid"))
    equal = TrigramModel.count(encode_table(corpus.split("train")), weights(0.25, 0.25, 0.25, 0.25))
    assert transport.weights.sum() == pytest.approx(1)
    assert transport.nats(valid).mean() < equal.nats(valid).mean()


def test_the_same_seed_fits_the_same_weights() -> None:
    train = encode_table(load_corpus("mp-transport").split("train").iloc[:3000])
    assert np.array_equal(TrigramModel.fit(train, 1).weights, TrigramModel.fit(train, 1).weights)


def nll(model: TrigramModel, formulas: Sequence[str]) -> float:
    return float(model.nats(strict(*formulas)).mean())


def test_strontium_titanate_is_likelier_than_its_atoms_among_noble_gases(transport: TrigramModel) -> None:
    assert nll(transport, ["SrTiO3"]) < nll(transport, ["KrXeRn3"])
