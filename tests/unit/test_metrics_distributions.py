"""Distances between lists: by hand where it can be done, and against the formulas themselves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.metrics.distributions import Distances, distances, profile
from mattransformer.metrics.formulas import FormulaList

SALTS = ["NaCl", "KBr", "MgO", "SrTiO3", "CaTiO3", "LiFePO4", "Fe2O3", "Fe", "Al2O3", "CsPbBr3", "Na2Cl2"]


def between(one: list[str], other: list[str]) -> Distances:
    return distances(profile(FormulaList.of(one).compositions), profile(FormulaList.of(other).compositions))


def test_a_list_has_no_distance_from_itself() -> None:
    assert between(SALTS, SALTS) == Distances(0.0, 0.0, 0.0, 0.0)


def test_lists_without_anything_in_common_are_one_apart() -> None:
    assert between(["NaCl"], ["SrTiO3"]) == Distances(1.0, 1.0, 1.0, 1.0)


def test_salt_against_salt_and_perovskite_by_hand() -> None:
    found = between(["NaCl"], ["NaCl", "SrTiO3"])
    # (1, 0) and (1/2, 1/2) with mean (3/4, 1/4): [log2(4/3) + log2(2/3) / 2 + 1/2] / 2 = 0.311278, its root 0.557923
    assert found.number_of_elements == pytest.approx(0.557923, abs=1e-6)
    assert found.atoms == pytest.approx(0.557923, abs=1e-6)
    assert found.anonymous == pytest.approx(0.557923, abs=1e-6)
    # (1/2, 1/2, 0, 0, 0) and five fifths: [log2(10/7) + 2/5 log2(4/7) + 3/5] / 2 = 0.395816, its root 0.629139
    assert found.elements == pytest.approx(0.629139, abs=1e-6)


def test_an_element_counts_once_a_composition_whatever_its_amount() -> None:
    assert between(["NaCl"], ["NaCl3"]).elements == 0.0
    assert between(["NaCl"], ["NaCl3"]).atoms == 1.0


def test_prototypes_do_not_go_by_the_order_of_elements() -> None:
    assert between(["CaTiO3"], ["LaFe3Y"]).anonymous == 0.0  # ABC3
    assert between(["Fe2O3"], ["Mg3N2"]).anonymous == 0.0  # A2B3
    assert between(["CaTiO3"], ["CaTi2O3"]).anonymous == 1.0


def test_profiles_count_what_formulas_say() -> None:
    read = FormulaList.of_corpus("mp-transport:test")
    formulas = [read.compositions.formula(at) for at in range(len(read))]
    own = profile(read.compositions)
    elements = Counter(symbol for formula in formulas for symbol in formula.elements)
    assert own.as_dict()["elements"] == elements
    assert own.as_dict()["number_of_elements"] == {
        str(k): n for k, n in Counter(len(f.elements) for f in formulas).items()
    }
    assert own.as_dict()["atoms"] == {str(k): n for k, n in Counter(f.atoms for f in formulas).items()}
    assert sorted(own.anonymous[1].tolist()) == sorted(Counter(f.anonymous for f in formulas).values())
    assert own.compositions == len(formulas) > 100


@given(st.lists(st.sampled_from(SALTS), min_size=1), st.lists(st.sampled_from(SALTS), min_size=1))
def test_distances_are_between_zero_and_one_and_the_same_both_ways(one: list[str], other: list[str]) -> None:
    found = between(one, other)
    assert found == between(other, one)
    assert all(0.0 <= value <= 1.0 for value in vars(found).values())


def test_a_list_without_compositions_has_no_distance_and_says_why() -> None:
    assert between([], SALTS).as_dict() == {
        "elements": None,
        "number_of_elements": None,
        "atoms": None,
        "anonymous_formulas": None,
        "reason": "one of the two lists has no composition",
    }
