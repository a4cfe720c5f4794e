"""Radioactive and toxic elements, in minerals and materials that are known for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.hazards import RADIOACTIVE, TOXIC, radioactive, toxic
from mattransformer.screening.oxidation import ScreeningError

AMOUNTS = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 12), min_size=1, max_size=5)


def compositions(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


@pytest.mark.parametrize("formula", ["UO2", "ThSiO4", "Tc2O7", "PmCl3", "PoO2", "RaSO4", "PuO2", "OgF2"])
def test_compound_of_an_element_without_stable_isotope_is_radioactive(formula: str) -> None:
    assert radioactive(compositions(formula))[0]


@pytest.mark.parametrize("formula", ["Bi2Te3", "KCl", "LuAlO3", "MoS2", "RuO2", "NdFeO3", "Sm2Co17", "PbTe"])
def test_compound_of_elements_with_stable_isotopes_is_not_radioactive(formula: str) -> None:
    assert not radioactive(compositions(formula))[0]


def test_thirty_six_elements_are_radioactive() -> None:
    assert len(RADIOACTIVE) == 2 + (118 - 83)
    assert "Bi" not in RADIOACTIVE


@pytest.mark.parametrize("formula", ["CsPbI3", "CdTe", "GaAs", "HgS", "BeO", "Tl2Ba2CuO6"])
def test_compound_of_a_toxic_element_is_toxic(formula: str) -> None:
    assert toxic(compositions(formula))[0]


@pytest.mark.parametrize("formula", ["SrTiO3", "NaCl", "Cr2O3", "BaSO4", "ZnS", "Bi2Te3"])
def test_compound_of_harmless_elements_is_not_toxic(formula: str) -> None:
    assert not toxic(compositions(formula))[0]


def test_each_row_is_judged_for_itself() -> None:
    rows = compositions("UO2", "NaCl", "PbO2", "U3Pb", "Fe")
    assert radioactive(rows).tolist() == [True, False, False, True, False]
    assert toxic(rows).tolist() == [False, False, True, True, False]


def test_lists_can_be_made_longer_and_shorter() -> None:
    rows = compositions("Cr2O3", "NiO", "PbO", "Bi2O3", "ThO2")
    assert toxic(rows, TOXIC | {"Cr", "Ni"}).tolist() == [True, True, True, False, False]
    assert radioactive(rows, (RADIOACTIVE - {"Th"}) | {"Bi"}).tolist() == [False, False, False, True, False]


def test_no_compositions_have_no_hazards() -> None:
    assert radioactive(compositions()).shape == toxic(compositions()).shape == (0,)


def test_element_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ScreeningError, match="'Uue' is not an element"):
        toxic(compositions("NaCl"), ["Uue"])


@given(AMOUNTS, st.integers(1, 50))
def test_hazards_are_those_of_the_elements_in_any_amount(amounts: dict[str, int], factor: int) -> None:
    multiple = {symbol: amount * factor for symbol, amount in amounts.items()}
    both = Compositions.of([Formula.parse(amounts), Formula.parse(multiple)])
    assert radioactive(both).tolist() == [not RADIOACTIVE.isdisjoint(amounts)] * 2
    assert toxic(both).tolist() == [not TOXIC.isdisjoint(amounts)] * 2
