"""A model as a chemist uses it: generate, score, and be told what makes no sense."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mattransformer as mt
from mattransformer.data.encoding import encode_formulas
from mattransformer.data.known import KnownFormulas
from mattransformer.data.splits import split_of
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.language_model import LanguageModel
from mattransformer.screening.judgement import verdicts
from mattransformer.training.config import TrainingConfig
from mattransformer.training.loop import train
from mattransformer.training.loss import formula_losses

SIZES = {"n_layer": 2, "n_embd": 64, "n_head": 4}
COLUMNS = [
    "formula",
    "tokens",
    "log_prob",
    "oxidation_states_set",
    "charge_neutral",
    "electronegativity_balanced",
]
PEROVSKITES = [
    formula
    for formula in (
        "SrTiO3",
        "BaTiO3",
        "CaTiO3",
        "KNbO3",
        "LaAlO3",
        "KTaO3",
        "SrZrO3",
        "BaZrO3",
        "YAlO3",
        "LaGaO3",
    )
    if split_of(formula) == "train"
]
USER: dict[str, Any] = {"source": "user", "variant": "strict"}


@pytest.fixture(scope="module")
def beginner(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A model that has seen a thousand formulas three times: it knows what a formula looks like."""
    config = TrainingConfig(
        output=str(tmp_path_factory.mktemp("beginner") / "run"),
        sizes=SIZES,
        limit=1000,
        validation_rows=50,
        epochs=3,
        tokens_per_batch=1024,
        warmup_steps=10,
        average_steps=0,
        learning_rate=5e-3,
        threads=1,
    )
    return mt.load(train(config).folder)


@pytest.fixture(scope="module")
def perovskites(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A model that has seen a handful of perovskites until it knows them by heart."""
    folder = tmp_path_factory.mktemp("perovskites")
    file = folder / "perovskites.txt"
    file.write_text("\n".join(PEROVSKITES), encoding="utf-8")
    config = TrainingConfig(
        output=str(folder / "run"),
        sizes=SIZES,
        corpora=[str(file)],
        weights={"user": 40},
        epochs=3,
        tokens_per_batch=64,
        warmup_steps=10,
        average_steps=0,
        learning_rate=5e-3,
        threads=1,
    )
    return mt.load(train(config).folder)


# Generating


def test_the_table_has_one_row_a_composition_the_most_probable_first(beginner: LanguageModel) -> None:
    table = beginner.generate(50, seed=3)
    assert list(table) == [*COLUMNS, "novel"]
    assert len(table) == table["formula"].nunique() == 50
    assert table["log_prob"].is_monotonic_decreasing
    assert table["log_prob"].dtype == np.float64
    assert [str(table[name].dtype) for name in table if name not in COLUMNS[:4]] == ["bool"] * 3
    for name, tokens in table[["formula", "tokens"]].to_numpy().tolist():
        formula = Formula.parse(name)
        assert formula.reduced_formula == name
        assert formula.tokens == tuple(tokens.split())
        assert 2 <= len(formula.elements) <= 8
        assert formula.atoms <= 30


def test_the_verdicts_are_those_of_screening(beginner: LanguageModel) -> None:
    for states in ("smact14", "icsd24"):
        table = beginner.generate(50, oxidation_states=states)
        neutral, balanced = verdicts([Formula.parse(formula) for formula in table["formula"]], states)
        assert table["charge_neutral"].tolist() == neutral.tolist()
        assert table["electronegativity_balanced"].tolist() == balanced.tolist()
        assert set(table["oxidation_states_set"]) == {states}
        assert table["novel"].tolist() == (~KnownFormulas.load().contains(table["formula"].tolist())).tolist()


def test_another_set_of_oxidation_states_judges_the_same_samples(beginner: LanguageModel) -> None:
    one, other = (beginner.generate(50, oxidation_states=states) for states in ("smact14", "icsd24"))
    assert one["formula"].tolist() == other["formula"].tolist()
    assert list(one) == list(other)  # the set alone is no rule


def test_log_prob_in_the_table_is_that_of_the_canonical_sequence(beginner: LanguageModel) -> None:
    table = beginner.generate(40, source="oqmd", variant="mix", temperature=2.0, top_k=50)
    again = beginner.log_prob(table["formula"], source="oqmd", variant="mix")
    assert table["log_prob"].to_numpy() == pytest.approx(again, abs=1e-3)


def test_the_settings_and_the_failures_come_with_the_table(beginner: LanguageModel) -> None:
    table = beginner.generate(20, seed=4, variant="pure", temperature=1.2, top_p=0.9)
    assert table.attrs["requested"] == 20
    assert table.attrs["settings"] == {
        "seed": 4,
        "source": "mp",
        "variant": "pure",
        "temperature": 1.2,
        "top_k": None,
        "top_p": 0.9,
    }
    assert table.attrs["drawn"] >= 20
    assert set(table.attrs["failures"]) <= {"malformed", "single element", "over 8 elements", "over 30 atoms"}
    assert sum(table.attrs["failures"].values()) < table.attrs["drawn"]


def test_the_seed_decides_the_table(beginner: LanguageModel) -> None:
    first = beginner.generate(30, seed=8)
    assert first.equals(beginner.generate(30, seed=8))
    assert set(first["formula"]) != set(beginner.generate(30, seed=9)["formula"])


def test_conditions_can_be_given_by_keyword_and_as_a_mapping(perovskites: LanguageModel) -> None:
    by_keyword = perovskites.generate(3, source="user", variant="strict")
    assert by_keyword.equals(perovskites.generate(3, conditions=USER))
    assert not by_keyword.equals(perovskites.generate(3))


def test_a_model_that_knows_a_few_perovskites_returns_them_and_says_that_there_are_no_more(
    perovskites: LanguageModel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="mattransformer"):
        table = perovskites.generate(500, temperature=0.5, **USER)
    assert set(table["formula"].head(len(PEROVSKITES))) == set(PEROVSKITES)
    assert len(PEROVSKITES) <= len(table) < 50
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith(
        f"{len(table)} compositions instead of 500: after {table.attrs['drawn']} samples"
    )
    assert "raise the temperature" in message


def test_a_request_that_is_met_warns_of_nothing(
    beginner: LanguageModel, caplog: pytest.LogCaptureFixture
) -> None:
    beginner.generate(10)
    assert not caplog.records


def test_compositions_that_surplus_samples_found_are_not_the_likeliest_ones_only(
    perovskites: LanguageModel,
) -> None:
    # Each of equally likely formulas is as good as another: over the seeds, all of them are returned.
    found = {perovskites.generate(1, seed=seed, **USER)["formula"][0] for seed in range(60)}
    assert found >= set(PEROVSKITES)


def test_formulas_of_the_users_own_list_are_not_novel(beginner: LanguageModel, tmp_path: Path) -> None:
    table = beginner.generate(20)
    new = table.loc[table["novel"], "formula"].tolist()
    assert len(new) > 5
    file = tmp_path / "ours.txt"
    file.write_text("\n".join(new[:2]), encoding="utf-8")
    for known in (new[:2], file, str(file)):
        again = beginner.generate(20, known=known)
        assert again["formula"].tolist() == table["formula"].tolist()
        assert again.loc[again["novel"], "formula"].tolist() == new[2:]


def test_a_lower_temperature_gives_likelier_compositions(beginner: LanguageModel) -> None:
    cold, warm = (beginner.generate(400, temperature=t)["log_prob"].mean() for t in (0.7, 1.5))
    assert cold > warm + 1


def test_samples_that_are_all_failures_give_an_empty_table(
    beginner: LanguageModel, caplog: pytest.LogCaptureFixture
) -> None:
    table = beginner.generate(5, temperature=0.01)  # one atom after another of what is most common
    assert len(table) == 0
    assert list(table) == [*COLUMNS, "novel"]
    assert sum(table.attrs["failures"].values()) == table.attrs["drawn"]
    assert caplog.records[0].getMessage().startswith("0 compositions instead of 5")


def test_plain_samples_are_counted_to_the_last_one(beginner: LanguageModel) -> None:
    samples = beginner.sample(700, seed=2)
    composed = sum(composition.count for composition in samples.compositions.values())
    assert samples.drawn == 700 == composed + sum(samples.failures.values())
    again = beginner.sample(700, seed=2)
    assert list(again.compositions) == list(samples.compositions)


def test_generating_prints_nothing(beginner: LanguageModel, capfd: pytest.CaptureFixture[str]) -> None:
    beginner.generate(200, temperature=3.0)
    assert capfd.readouterr() == ("", "")


# Scoring


def test_log_prob_is_the_sum_over_the_atoms_and_the_end(beginner: LanguageModel) -> None:
    encoded = encode_formulas(["SrTiO3"], ["mp"], ["strict"])
    ids = torch.from_numpy(encoded.rows(np.array([0])))
    with torch.no_grad():
        log_probs = torch.log_softmax(beginner.model(input_ids=ids).logits[0].double(), dim=-1)
    by_hand = sum(float(log_probs[at - 1, ids[0, at]]) for at in range(2, 8))
    assert beginner.log_prob(["SrTiO3"]) == pytest.approx([by_hand], abs=1e-4)
    assert -formula_losses(beginner.model, encoded) == pytest.approx([by_hand], abs=1e-4)


def test_log_prob_belongs_to_the_composition_however_it_is_written(beginner: LanguageModel) -> None:
    scores = beginner.log_prob(["SrTiO3", "O3TiSr", "Sr2Ti2O6", Formula.parse("Ti(SrO3)"), "NaCl"])
    assert len(set(scores[:4].round(4))) == 1
    assert scores[4] != pytest.approx(scores[0], abs=1e-3)


def test_log_prob_keeps_the_order_of_the_formulas(beginner: LanguageModel) -> None:
    formulas = ["SrTiO3", "NaCl", "CaCO3", "KMgF3", "Fe2O3"]
    forwards, backwards = beginner.log_prob(formulas), beginner.log_prob(formulas[::-1])
    assert forwards == pytest.approx(backwards[::-1], abs=1e-4)
    assert beginner.log_prob([]).shape == (0,)


def test_what_was_learned_is_likelier_under_its_condition(perovskites: LanguageModel) -> None:
    known = perovskites.log_prob(PEROVSKITES, **USER)
    assert known.min() > -4
    assert perovskites.log_prob(["NaCl", "TiC"], **USER).max() < -5


# Requests that make no sense


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"n": 0}, "n: 0 is not possible"),
        ({"n": 2.5}, "n: 2.5 is not possible"),
        ({"seed": -1}, "seed: -1 is not possible"),
        ({"temperature": 0}, "temperature: 0 is not possible"),
        ({"temperature": float("nan")}, "temperature: nan is not possible"),
        ({"top_k": 0}, "top_k: 0 is not possible"),
        ({"top_k": 2.5}, "top_k: 2.5 is not possible"),
        ({"top_p": 0}, "top_p: 0 is not possible"),
        ({"top_p": 1.5}, "top_p: 1.5 is not possible"),
        ({"source": "icsd"}, "no source 'icsd': choose one of mp, oqmd, user"),
        ({"variant": "srict"}, "did you mean 'strict'"),
        ({"colour": "red"}, "no condition 'colour'"),
        ({"conditions": {"colour": "red"}}, "no condition 'colour'"),
        ({"oxidation_states": "smact41"}, "smact41"),
        ({"known": ["SrTiO3", "Xx2O3"]}, "Xx2O3"),
        ({"known": "nowhere.txt"}, "nowhere.txt"),
        ({"known": 5}, "known: 5 is no list of formulas"),
        ({"conditions": "mp"}, "conditions: 'mp' is no mapping"),
        ({"top_p": "a"}, "top_p: 'a' is not possible"),
        ({"exclude": 5}, "exclude: 5 is no list of formulas"),
        ({"replace": "no"}, "replace: 'no' is not possible; give True or False"),
        ({"precision": "int8"}, "precision: 'int8' is not possible; choose one of float32, bfloat16"),
        ({"exact": True, "replace": False}, "exclude each other"),
        ({"template": "ABX3", "n_elements": 2}, "template ABX3 and n_elements 2 clash"),
        ({"require": "Li", "forbid": ["Li"]}, "require Li and forbid Li clash"),
        ({"chemical_system": "Li-Xx"}, "Xx"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_one_line(
    request_: dict[str, Any], reason: str, beginner: LanguageModel
) -> None:
    with pytest.raises(MattransformerError) as refused:
        beginner.generate(**{"n": 5, **request_})
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("formulas", "reason"),
    [
        (["SrTiO3", "Xx2O3"], "Xx2O3"),
        (["Al40O61"], "101 atoms, but the model has room for 61"),
        ([""], "empty"),
        ("KF", "'KF' is no list of formulas"),
        (None, "None is no list of formulas"),
    ],
)
def test_a_formula_that_cannot_be_scored_is_named(
    formulas: list[str], reason: str, beginner: LanguageModel
) -> None:
    with pytest.raises(MattransformerError, match=reason):
        beginner.log_prob(formulas)
