"""Holes in a composition: how they are read, where they may stand, and what is refused."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import numpy as np
import pytest

import mattransformer as mt
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation import filling
from mattransformer.generation.filling import added, arrangements, candidates, most_fitting, read_canvas
from mattransformer.generation.language_model import LanguageModel
from mattransformer.tokenization import prompt_ids


@pytest.fixture(scope="module")
def roberta() -> LanguageModel:
    return mt.load("roberta")


@pytest.fixture(scope="module")
def blm() -> LanguageModel:
    return mt.load("blm")


def test_a_blank_among_oxygen_and_strontium_may_stand_before_between_and_behind_them() -> None:
    expected = ["<blank> Sr O O O", "Sr <blank> O O O", "Sr O O O <blank>"]
    assert [" ".join(row) for row in arrangements(read_canvas("O3 <blank> Sr"), 0)] == expected
    assert arrangements(read_canvas("Sr <blank> O3"), 1) == arrangements(read_canvas("<blank> O3 Sr"), 2)


def test_holes_that_could_stand_in_many_ways_are_tried_in_some() -> None:
    tokens = read_canvas("Li Fe P O4 <mask> <mask> <mask> <blank>")
    rows = arrangements(tokens, 0)
    assert 8 <= len(rows) <= 16
    assert len({tuple(row) for row in rows}) == len(rows)
    for row in rows:
        assert Counter(row) == Counter(tokens)
        assert [token for token in row if not token.startswith("<")] == ["Li", "Fe", "P", "O", "O", "O", "O"]
    assert rows == arrangements(tokens, 0)
    assert rows != arrangements(tokens, 1)


def test_what_is_filled_in_makes_the_formula_as_it_is_written() -> None:
    table = mt.load("bart").fill("Sr <blank>", top=100)
    for formula, filled in table[["formula", "filled"]].to_numpy().tolist():
        assert Formula.from_tokens(["Sr", *filled.split()]).counts == Formula.parse(formula).reduced.counts


def test_each_hole_gets_an_atom_at_least(blm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_PROPOSALS", 600)
    for canvas in ("Sr O3 <mask> <blank>", "Sr O3 <blank> <blank>"):
        found = candidates(blm.model, prompt_ids(), read_canvas(canvas), 0)
        assert found
        assert min(formula.atoms for formula in found) >= 6


def test_the_order_of_a_canvas_is_of_no_account(blm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_PROPOSALS", 300)
    one, other = (blm.fill(canvas, top=5, seed=3) for canvas in ("Sr <blank> O3", "O3 <blank> Sr"))
    assert len(one) == 5
    assert one.equals(other)


def test_rough_scores_keep_the_dopants_that_full_bounds_put_first(roberta: LanguageModel) -> None:
    tokens = read_canvas("Sr <mask> <mask> O O")
    found = list(candidates(roberta.model, prompt_ids(), tokens, 0))[::6]
    kept = most_fitting(roberta.model, prompt_ids(), tokens, found, 200)
    scores = dict(zip(found, roberta.log_prob(found), strict=True))
    best = sorted(found, key=lambda formula: -scores[formula])[:10]
    assert len(kept) == 200 < len(found) / 5
    assert set(best) <= set(kept)


def test_a_shortlist_keeps_what_a_model_proposes_often_where_a_rough_bound_is_wrong(
    blm: LanguageModel,
) -> None:
    found = Counter({Formula.parse(f"LiFe{n}O{m}"): n * m for n in range(1, 11) for m in range(11, 21)})
    often = [formula for formula, _ in found.most_common(31)]
    bounds = {formula: -times for formula, times in found.items()}

    def wrong(formulas: list[Formula], _: int) -> np.ndarray:
        return np.array([bounds[formula] for formula in formulas])

    kept = filling.shortlisted(blm.model, {}, read_canvas("Li Fe <blank>"), found, 1, wrong)
    assert len(kept) == len(set(kept)) == 62 < len(found)
    assert kept[:31] == often
    assert kept[31:] == sorted(found, key=lambda formula: found[formula])[:31]


def test_ranks_of_a_filled_perovskite_do_not_depend_on_the_seed(roberta: LanguageModel) -> None:
    assert roberta.fill("Sr <mask> O3", seed=1).equals(roberta.fill("Sr <mask> O3", seed=2))


def test_scores_are_those_of_log_prob(roberta: LanguageModel) -> None:
    table = roberta.fill("Sr <mask> O3", top=5)
    assert table["log_prob_bound"].tolist() == pytest.approx(
        roberta.log_prob(table["formula"]).tolist(), abs=1e-3
    )


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"canvas": None}, "None is no composition with holes"),
        ({"canvas": ["Sr", 3]}, "['Sr', 3] is no composition with holes"),
        ({"canvas": "Sr Ti O3"}, "has nothing to fill"),
        ({"canvas": "Sr Xx <mask>"}, "Xx"),
        ({"canvas": "Sr0.5 <mask>"}, "only symbols, whole numbers and simple parentheses"),
        ({"canvas": "Sr½ Ti½ O3 <mask>"}, "only symbols, whole numbers and simple parentheses"),
        ({"canvas": "CuSO4*5H2O <mask>"}, "only symbols, whole numbers and simple parentheses"),
        ({"canvas": "O30 <mask>"}, "'O30 <mask>' has 31 atoms or more, but models know up to 30"),
        ({"canvas": "O30 <blank>"}, "'O30 <blank>' has 31 atoms or more, but models know up to 30"),
        (
            {"canvas": "Sr <blank>"},
            "roberta fills <mask> alone, one an atom; ask bart or blm to fill <blank>",
        ),
        ({"canvas": "Sr <mask>", "seed": -1}, "seed: -1 is not possible; give a whole number from 0"),
        ({"canvas": "Sr <mask>", "top": 0}, "top: 0 is not possible; give a whole number from 1"),
        ({"canvas": "Sr <mask>", "source": "icsd"}, "no source 'icsd'"),
    ],
)
def test_holes_that_make_no_sense_are_refused_in_one_line(
    request_: dict[str, Any], reason: str, roberta: LanguageModel
) -> None:
    with pytest.raises(MattransformerError) as refused:
        roberta.fill(**request_)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_holes_that_a_model_cannot_fill_give_an_empty_table_and_say_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_PROPOSALS", 300)
    with caplog.at_level(logging.WARNING, logger="mattransformer"):
        table = mt.load("bart").fill("He9 Og9 <blank>", top=5)  # which bart does not copy
    assert list(table) == ["formula", "filled", "log_prob"]
    assert len(table) == 0
    assert caplog.records[0].getMessage().startswith("He9 Og9 <blank>: the model proposes nothing that fits")


def test_what_is_filled_in_is_named_in_canonical_order() -> None:
    assert added(Formula.parse("SrTiO3"), ["O", "<mask>", "O", "<mask>", "<mask>"]) == "Sr Ti O"
    assert added(Formula.parse("SrTi2O6"), ["Sr", "Ti", "O", "<blank>"]) == "Ti O O O O O"
