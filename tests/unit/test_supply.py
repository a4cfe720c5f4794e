"""Supply risk and crustal abundance against SMACT's data on each element and pymatgen's model of compounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import smact
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.hhi import HHIModel

from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.supply import crustal_abundance, herfindahl_hirschman

KNOWN = ["Li", "O", "Na", "Al", "Si", "Ti", "Fe", "Sr", "Nd", "Pt", "Pb", "Bi"]
AMOUNTS = st.dictionaries(st.sampled_from(KNOWN), st.integers(1, 12), min_size=1, max_size=5)


def compositions(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


@pytest.mark.parametrize("symbol", ["Fe", "O", "Nd", "Pt", "He"])
def test_pure_element_has_its_own_index(symbol: str) -> None:
    element = smact.Element(symbol)
    index = herfindahl_hirschman(compositions(symbol))
    assert index.production[0] == pytest.approx(element.HHI_p)
    assert index.reserves[0] == pytest.approx(element.HHI_r)


def test_index_of_galena_is_weighted_by_mass_and_not_by_atoms() -> None:
    """PbS is 86.6 % lead by mass (Pb 2700 and 1800, S 700 and 1000)."""
    index = herfindahl_hirschman(compositions("PbS"))
    assert index.production[0] == pytest.approx(0.866 * 2700 + 0.134 * 700, rel=1e-3)
    assert index.reserves[0] == pytest.approx(0.866 * 1800 + 0.134 * 1000, rel=1e-3)


@pytest.mark.parametrize("formula", ["SrTiO3", "Nd2Fe14B", "Bi2Te3", "LiFePO4", "CsPbI3", "Cu2ZnSnS4"])
def test_index_of_a_compound_is_that_of_pymatgen(formula: str) -> None:
    index = herfindahl_hirschman(compositions(formula))
    model: Any = HHIModel  # pymatgen does not annotate it
    production, reserves = model().get_hhi(formula)
    assert index.production[0] == pytest.approx(production, rel=1e-3)
    assert index.reserves[0] == pytest.approx(reserves, rel=1e-3)


def test_magnets_have_a_riskier_supply_than_rust() -> None:
    rust, magnet = herfindahl_hirschman(compositions("Fe2O3", "NdCo5")).production
    assert magnet > 2500 > rust


@pytest.mark.parametrize("formula", ["H2O", "TcO2", "ThO2", "UO2", "XeF2", "RfO2"])
def test_compound_of_an_element_without_index_has_none(formula: str) -> None:
    index = herfindahl_hirschman(compositions(formula, "NaCl"))
    assert np.isnan(index.production).tolist() == np.isnan(index.reserves).tolist() == [True, False]


def test_scarcest_element_sets_the_abundance() -> None:
    """In mg/kg: Si 282,000, Ti 5,650, Pt 0.005, Te 0.001."""
    found = crustal_abundance(compositions("SiO2", "TiO2", "PtO2", "PtTe2"))
    assert found == pytest.approx([282_000, 5_650, 0.005, 0.001])


@pytest.mark.parametrize("formula", ["TcO2", "PmCl3", "PuO2", "RfO2"])
def test_element_not_found_in_the_crust_leaves_the_abundance_unknown(formula: str) -> None:
    assert np.isnan(crustal_abundance(compositions("Fe", formula, "SiO2"))).tolist() == [False, True, False]


def test_no_compositions_make_empty_columns() -> None:
    none = compositions()
    assert crustal_abundance(none).shape == herfindahl_hirschman(none).production.shape == (0,)


def test_compositions_without_elements_have_neither_index_nor_abundance() -> None:
    gaps = Compositions(
        np.array([0, 0, 2, 2]), np.array([14, 8], dtype=np.uint8), np.array([1, 2], dtype=np.int32)
    )
    assert np.isnan(crustal_abundance(gaps)).tolist() == [True, False, True]
    assert np.isnan(herfindahl_hirschman(gaps).reserves).tolist() == [True, False, True]


@given(AMOUNTS, st.integers(1, 50))
def test_multiples_and_orders_of_the_elements_have_one_supply(amounts: dict[str, int], factor: int) -> None:
    reverse = Compositions(
        np.array([0, len(amounts)]),
        np.array([smact.Element(symbol).number for symbol in reversed(amounts)], dtype=np.uint8),
        np.array([amount * factor for amount in reversed(amounts.values())], dtype=np.int32),
    )
    once = Compositions.of([Formula.parse(amounts)])
    assert crustal_abundance(reverse) == pytest.approx(crustal_abundance(once))
    for one, other in zip(herfindahl_hirschman(once), herfindahl_hirschman(reverse), strict=True):
        assert one == pytest.approx(other)
        assert 0 < one[0] <= 10_000
