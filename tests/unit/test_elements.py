"""The tables of elements are pymatgen's."""

from __future__ import annotations

import math

import pytest
from pymatgen.core.periodic_table import Element

from mattransformer.elements import ATOMIC_NUMBER, ORDER, PAULING, RANK, SYMBOLS


def test_the_118_elements_stand_in_order_of_atomic_number() -> None:
    assert len(SYMBOLS) == 118
    assert list(SYMBOLS) == [Element.from_Z(z).symbol for z in range(1, 119)]
    assert (ATOMIC_NUMBER["H"], ATOMIC_NUMBER["Ti"], ATOMIC_NUMBER["Og"]) == (1, 22, 118)


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
def test_electronegativities_are_those_of_pymatgen() -> None:
    theirs = {symbol: Element(symbol).X for symbol in SYMBOLS}
    assert {symbol: x for symbol, x in theirs.items() if not math.isnan(x)} == PAULING


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
def test_elements_are_ordered_as_pymatgen_orders_them() -> None:
    def key(symbol: str) -> tuple[float, str]:
        x = Element(symbol).X
        return (math.inf if math.isnan(x) else x, symbol)

    assert list(ORDER) == sorted(SYMBOLS, key=key)
    assert [ORDER[rank] for rank in RANK.values()] == list(RANK)


def test_order_runs_from_francium_to_fluorine_and_ends_with_elements_without_electronegativity() -> None:
    assert ORDER[0] == "Fr"
    assert ORDER[len(PAULING) - 1] == "F"
    assert list(ORDER[len(PAULING) :]) == sorted(set(SYMBOLS) - PAULING.keys())


def test_rubidium_and_potassium_with_equal_electronegativity_stand_by_symbol() -> None:
    assert PAULING["K"] == PAULING["Rb"]
    assert RANK["Rb"] == RANK["K"] + 1
