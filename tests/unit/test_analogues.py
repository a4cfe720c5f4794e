"""Analogues: unlisted compositions one swapped element away from known ones."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.data.analogues import analogue_table, analogues
from mattransformer.data.corpora import load_corpus
from mattransformer.data.splits import split_of
from mattransformer.data.variants import variants_of
from mattransformer.elements import ORDER
from mattransformer.formula import Formula


def _formulas(*texts: str) -> list[Formula]:
    return [Formula.parse(text) for text in texts]


def _names(*texts: str, most: int = 1000) -> list[str]:
    found, _ = analogues(_formulas(*texts), most)
    return [formula.reduced_formula for formula in found]


def test_barium_stands_in_for_strontium_where_both_are_known_to_fill_one_hole() -> None:
    assert _names("SrTiO3", "SrO", "BaO") == ["BaTiO3"]


def test_a_composition_with_more_known_neighbours_comes_first() -> None:
    names = _names("SrO", "BaO", "SrS", "BaS", "SrTiO3", "SrTiS3", "BaZrO3", "SrZrO3", "CaO", "CaTiO3")
    assert names[0] == "BaTiO3"
    assert names.index("BaTiO3") < names.index("CaZrO3")


def test_the_score_is_the_sum_of_the_likenesses_of_all_swaps() -> None:
    # Sr fills ?O, ?TiO3 and the hole of SrTi?3, Ba fills ?O: they meet in one hole, alone there.
    _, scores = analogues(_formulas("SrTiO3", "SrO", "BaO"), 10)
    assert scores == pytest.approx([1 / (2 + 5)])


def test_a_swap_never_makes_a_known_composition_or_one_with_an_element_less() -> None:
    known = ("SrTiO3", "BaTiO3", "SrO", "BaO", "SrBaO2")
    names = _names(*known)
    assert not set(names) & set(known)
    assert all(len(Formula.parse(name).elements) > 1 for name in names)


def test_a_swap_that_reads_as_a_peroxide_is_no_analogue() -> None:
    # BeO with Li would be LiO, which stands for Li2O2.
    assert "Li2O2" not in _names("BeO", "BeS", "Li3N", "Be3N", "LiF", "BeF")


def test_without_known_compositions_there_are_no_analogues() -> None:
    found, scores = analogues([], 10)
    assert found == []
    assert len(scores) == 0


def test_as_many_as_asked_for_are_returned_and_they_are_the_best() -> None:
    known = ("SrO", "BaO", "CaO", "MgO", "SrTiO3", "CaTiO3", "SrZrO3", "MgSiO3")
    assert _names(*known, most=3) == _names(*known)[:3]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(ORDER[:20]), st.integers(1, 4), min_size=2, max_size=3),
        min_size=2,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_decides_nothing(mappings: list[dict[str, int]], random: Random) -> None:
    known = list(dict.fromkeys(Formula.parse(mapping).reduced for mapping in mappings))
    shuffled = list(known)
    random.shuffle(shuffled)
    (first, scores), (second, others) = analogues(known, 1000), analogues(shuffled, 1000)
    assert np.allclose(scores, others)
    assert first == second


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(ORDER[:12]), st.integers(1, 4), min_size=2, max_size=3),
        min_size=2,
        max_size=12,
    )
)
def test_every_analogue_differs_from_a_known_composition_by_one_element(
    mappings: list[dict[str, int]],
) -> None:
    known = list(dict.fromkeys(Formula.parse(mapping).reduced for mapping in mappings))
    found, scores = analogues(known, 1000)
    assert list(scores) == sorted(scores, reverse=True)
    for formula in found:
        assert formula not in known
        assert any(len(set(formula.counts) - set(other.counts)) == 1 for other in known)


@pytest.fixture(scope="module")
def learnable() -> pd.DataFrame:
    """What a model may learn from beside the embedded corpus."""
    corpus = load_corpus("mp-transport", variant="pure")
    rows = [Formula.parse(formula) for formula in corpus.split("train")["formula"]]
    return analogue_table(rows, set(corpus.table["formula"]), 5000)


def test_analogues_to_learn_from_are_unlisted_and_of_no_held_out_split(learnable: pd.DataFrame) -> None:
    listed = set(load_corpus("mp-transport", variant="pure").table["formula"])
    assert len(learnable) == 5000
    assert not set(learnable["formula"]) & listed
    assert set(map(split_of, learnable["formula"])) == {"train"}


def test_analogues_to_learn_from_keep_the_rules(learnable: pd.DataFrame) -> None:
    formulas = [Formula.parse(formula) for formula in learnable["formula"]]
    assert variants_of(formulas) == learnable["variant"].tolist()
    assert set(learnable["variant"]) <= {"strict", "pure"}
    assert learnable["score"].is_monotonic_decreasing
