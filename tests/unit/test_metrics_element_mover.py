"""Distances between compositions along the modified Pettifor scale."""

from __future__ import annotations

import functools
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.data.readers import read_rows
from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.metrics.element_mover import (
    SCALE,
    ElementMoverError,
    distance,
    distances,
    nearest,
    on_scale,
)
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


@functools.cache
def real_formulas() -> tuple[str, ...]:
    return tuple(read_rows(EMBEDDED_FILE)["formula"].drop_duplicates().iloc[::35])


def varied_formulas() -> tuple[str, ...]:
    """200 of these: hydrides, compounds of lanthanides, those with six and more elements, and of every sort."""
    every = [Formula.parse(formula) for formula in read_rows(EMBEDDED_FILE)["formula"].drop_duplicates()]
    lanthanides = SYMBOLS[SYMBOLS.index("La") : SYMBOLS.index("Lu") + 1]
    no_hydrides = {"C", "N", "O", "S", "F", "Cl", "Br", "I"}
    groups = (
        [
            formula
            for formula in every
            if "H" in formula.elements and no_hydrides.isdisjoint(formula.elements)
        ],
        [formula for formula in every if not set(lanthanides).isdisjoint(formula.elements)],
        [formula for formula in every if len(formula.elements) >= 6],
        every,
    )
    chosen: dict[str, None] = {}
    for number, group in enumerate(groups, start=1):
        order = np.random.default_rng(number).permutation(len(group)).tolist()
        names = iter(group[at].reduced_formula for at in order)
        while len(chosen) < 50 * number:
            chosen.setdefault(next(names))
    return tuple(chosen)


def compositions_of(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


def by_scipy(first: str, second: str) -> float:
    from scipy.stats import wasserstein_distance

    one, other = Formula.parse(first).counts, Formula.parse(second).counts
    return float(
        wasserstein_distance(
            [SCALE.index(symbol) for symbol, _ in one],
            [SCALE.index(symbol) for symbol, _ in other],
            [count for _, count in one],
            [count for _, count in other],
        )
    )


def test_the_scale_has_every_element_up_to_lawrencium_once() -> None:
    assert sorted(SCALE) == sorted(SYMBOLS[: SYMBOLS.index("Lr") + 1])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Na", "Li", 1.0),
        ("NaCl", "KCl", 0.5),  # half of the atoms move by one place
        ("BaTiO3", "CaTiO3", 0.4),  # a fifth of them by two
        ("NaCl", "NaBr2", (SCALE.index("Br") - SCALE.index("Na")) / 6 + 1 / 2),
        ("He", "H", 102.0),
    ],
)
def test_a_distance_is_what_one_counts_by_hand(first: str, second: str, expected: float) -> None:
    assert distance(first, second) == pytest.approx(expected, abs=1e-14)


@given(st.sampled_from(real_formulas()), st.sampled_from(real_formulas()))
def test_the_distance_of_real_formulas_is_that_of_scipy(first: str, second: str) -> None:
    assert distance(first, second) == pytest.approx(by_scipy(first, second), abs=1e-10)


@settings(max_examples=50)
@given(*[st.sampled_from(real_formulas())] * 3)
def test_it_is_a_metric(first: str, second: str, third: str) -> None:
    assert distance(first, first) == 0
    assert distance(first, second) == distance(second, first)
    assert (distance(first, second) == 0) == (first == second)
    assert distance(first, third) <= distance(first, second) + distance(second, third) + 1e-12


def test_multiples_and_the_order_of_elements_do_not_matter() -> None:
    assert distance("O6Ti2Sr2", "SrTiO3") == 0
    assert distance("Na3Cl3", "MgO") == distance("ClNa", "Mg2O2")


def test_pairs_in_one_call_have_the_distances_of_each() -> None:
    formulas = real_formulas()
    first, second = compositions_of(*formulas[:200]), compositions_of(*formulas[200:400])
    expected = [distance(*pair) for pair in zip(formulas[:200], formulas[200:400], strict=True)]
    assert distances(first, second).tolist() == expected


def test_the_nearest_is_the_nearest_of_all_pairs() -> None:
    formulas = real_formulas()
    own, references = compositions_of(*formulas[::4]), compositions_of(*formulas[1::3])
    every = np.array(
        [distances(own.take(np.full(len(references), row)), references) for row in range(len(own))]
    )
    found = nearest(own, references)
    assert found.distances.tolist() == every.min(axis=1).tolist()
    assert every[np.arange(len(own)), found.rows].tolist() == found.distances.tolist()


def test_a_composition_is_nearest_to_itself() -> None:
    own = compositions_of(*real_formulas())
    found = nearest(own, own)
    assert not found.distances.any()
    assert found.rows.tolist() == list(range(len(own)))


def test_rutherfordium_is_not_on_the_scale() -> None:
    own = compositions_of("NaCl", "RfCl4", "Lr")
    assert on_scale(own).tolist() == [True, False, True]
    with pytest.raises(ElementMoverError, match="Rf is not on the modified Pettifor scale"):
        nearest(own, compositions_of("NaCl"))


def test_a_distance_to_nothing_is_refused() -> None:
    one, none = compositions_of("NaCl"), compositions_of()
    with pytest.raises(ElementMoverError, match="at least one reference"):
        nearest(one, none)
    with pytest.raises(ElementMoverError, match="give as many of both"):
        distances(one, none)
    assert len(nearest(none, one).distances) == 0


@pytest.fixture
def elmd(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package of the distance's authors: GPL, and so no requirement but the extra `peers`."""
    # It imports, and does not use, what setuptools has dropped with version 82.
    monkeypatch.setitem(sys.modules, "pkg_resources", ModuleType("pkg_resources"))
    module: ModuleType = pytest.importorskip("ElMD")
    return module


def test_200_real_formulas_are_as_far_apart_as_by_the_package_of_its_authors(elmd: ModuleType) -> None:
    formulas = varied_formulas()
    assert len(formulas) == 200
    first, second = np.triu_indices(len(formulas), 1)
    own = compositions_of(*formulas)
    theirs = [elmd.ElMD(formula) for formula in formulas]
    expected = [theirs[one].elmd(theirs[other]) for one, other in zip(first, second, strict=True)]
    assert distances(own.take(first), own.take(second)) == pytest.approx(np.array(expected), abs=1e-10)


@pytest.mark.parametrize("symbol", SCALE)
def test_every_element_has_the_place_that_its_authors_give_it(symbol: str, elmd: ModuleType) -> None:
    assert distance(symbol, "H") == elmd.ElMD(symbol).elmd("H")


def test_columns_of_text_have_distances_too() -> None:
    column = read_column(["NaCl", "KCl"]).compositions
    assert distances(column, column.take(np.array([1, 0]))).tolist() == [0.5, 0.5]
