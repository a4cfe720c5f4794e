"""How far apart the compositions of one list are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.data.readers import read_rows
from mattransformer.formula import Formula
from mattransformer.metrics.diversity import DiversityError, diversity
from mattransformer.metrics.element_mover import distance
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


def compositions_of(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


def real_formulas(n: int) -> list[str]:
    formulas = read_rows(EMBEDDED_FILE)["formula"].drop_duplicates().sample(n, random_state=0)
    return [str(formula) for formula in formulas]


def test_three_alkali_chlorides_are_two_thirds_of_a_place_apart() -> None:
    found = diversity(compositions_of("NaCl", "KCl", "RbCl"))
    assert found.mean == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    assert found.to_others.tolist() == pytest.approx([0.75, 0.5, 0.75])


def test_the_mean_is_that_over_all_pairs() -> None:
    formulas = real_formulas(60)
    pairs = [distance(*pair) for pair in itertools.combinations(formulas, 2)]
    assert diversity(compositions_of(*formulas)).mean == pytest.approx(np.mean(pairs), rel=1e-12)


def test_the_interval_is_that_of_leaving_each_composition_out() -> None:
    own = read_column(real_formulas(40)).compositions
    found = diversity(own)
    without = [diversity(own.take(np.delete(np.arange(40), row))).mean or 0.0 for row in range(40)]
    error = np.sqrt(39 / 40 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert found.interval is not None
    assert found.mean is not None
    assert found.interval[1] - found.mean == pytest.approx(1.959964 * error, rel=1e-9)


def test_the_interval_holds_the_diversity_of_the_corpus_it_was_drawn_from() -> None:
    corpus = read_column(real_formulas(8_000)).compositions
    whole = diversity(corpus).mean
    assert whole is not None
    held = 0
    for seed in range(40):
        interval = diversity(corpus, limit=300, seed=seed).interval
        assert interval is not None
        held += interval[0] <= whole <= interval[1]
    assert held >= 34


def test_halides_of_the_alkali_metals_are_less_diverse_than_the_corpus() -> None:
    halides = [
        metal + halogen for metal in ("Li", "Na", "K", "Rb", "Cs") for halogen in ("F", "Cl", "Br", "I")
    ]
    like, unlike = (
        diversity(compositions_of(*halides)),
        diversity(read_column(real_formulas(500)).compositions),
    )
    assert like.interval is not None
    assert unlike.interval is not None
    assert like.interval[1] < unlike.interval[0]


def test_a_list_without_pairs_has_no_diversity_and_says_so() -> None:
    for own in (compositions_of(), compositions_of("NaCl"), compositions_of("NaCl", "RfCl4")):
        told = diversity(own).as_dict()
        assert told["mean"] is None
        assert told["reason"] == "there is no pair of compositions"
    assert diversity(compositions_of("NaCl", "KCl")).as_dict()["interval"] is None
    assert diversity(compositions_of("NaCl", "RfCl4")).as_dict()["off_scale"] == 1


def test_of_a_long_list_a_draw_is_compared_that_the_seed_decides() -> None:
    own = read_column(real_formulas(500)).compositions
    found = diversity(own, limit=100, seed=1)
    assert found.as_dict() == diversity(own, limit=100, seed=1).as_dict()
    assert found.as_dict() != diversity(own, limit=100, seed=2).as_dict()
    assert (found.as_dict()["of"], found.as_dict()["compositions"]) == (100, 500)
    with pytest.raises(DiversityError, match="give 2 or more"):
        diversity(own, limit=1)
