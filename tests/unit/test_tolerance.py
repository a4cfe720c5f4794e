"""Tolerance factors against published values and against the formulas with Shannon's radii."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.tolerance import (
    BARTEL_LIMIT,
    GOLDSCHMIDT_RANGE,
    ToleranceFactors,
    tolerance_factors,
)


def factors(*formulas: str) -> ToleranceFactors:
    return tolerance_factors(Compositions.of([Formula.parse(formula) for formula in formulas]))


def goldschmidt(a: float, b: float, x: float) -> float:
    return (a + x) / (math.sqrt(2) * (b + x))


def bartel(a: float, b: float, x: float, charge: int) -> float:
    return x / b - charge * (charge - (a / b) / math.log(a / b))


# Radii in Å as Shannon lists them: A with twelve neighbours, B and X with six.
@pytest.mark.parametrize(
    ("formula", "a", "b", "x", "charge"),
    [
        ("SrTiO3", 1.44, 0.605, 1.40, 2),
        ("CaTiO3", 1.34, 0.605, 1.40, 2),
        ("BaTiO3", 1.61, 0.605, 1.40, 2),
        ("PbTiO3", 1.49, 0.605, 1.40, 2),
        ("KMgF3", 1.64, 0.72, 1.33, 1),
        ("KTaO3", 1.64, 0.64, 1.40, 1),
        ("CsPbI3", 1.88, 1.19, 2.20, 1),
        ("CsPbBr3", 1.88, 1.19, 1.96, 1),
        ("LaAlO3", 1.36, 0.535, 1.40, 3),
        ("LaFeO3", 1.36, 0.645, 1.40, 3),  # high spin
        ("GdFeO3", 1.107, 0.645, 1.40, 3),  # Shannon lists Gd3+ up to nine neighbours
        ("BiFeO3", 1.17, 0.645, 1.40, 3),  # and Bi3+ up to eight
        ("MgSiO3", 0.89, 0.40, 1.40, 2),
        ("CsSnI3", 1.88, 1.15, 2.20, 1),  # Sn2+ of Bartel et al.
        ("BaZrS3", 1.61, 0.72, 1.84, 2),
        ("LaWN3", 1.36, 0.60, 1.46, 3),
        ("KNbO3", 1.64, 0.64, 1.40, 1),
    ],
)
def test_factors_follow_from_shannon_radii(formula: str, a: float, b: float, x: float, charge: int) -> None:
    found = factors(formula)
    assert found.goldschmidt[0] == pytest.approx(goldschmidt(a, b, x))
    assert found.bartel[0] == pytest.approx(bartel(a, b, x, charge))


# Table S1 of Bartel et al. (2019), which rounds to two digits.
@pytest.mark.parametrize(
    ("formula", "t", "tau"),
    [
        ("SrTiO3", 1.00, 3.80),
        ("BaTiO3", 1.06, 3.75),
        ("NaNbO3", 0.97, 3.99),
        ("KMgF3", 1.02, 3.61),
        ("CsPbI3", 0.85, 4.30),
        ("CsSnI3", 0.86, 4.24),
        ("NaMnCl3", 0.86, 4.43),
        ("AgCdBr3", 0.79, 5.58),
        ("PbAgBr3", 0.78, 7.71),  # Pb2+ is larger than Ag+
        ("AgBrO3", 1.11, 6.43),  # Br5+ has radii with three neighbours only
        ("CeAlO3", 1.00, 1.80),  # Al is commonly 3+
        ("CeVO3", 0.82, 1.51),  # unlike electronegativities: Ce4+ and V2+
        ("TiMnO3", 0.72, 75.12),  # like electronegativities: Ti3+ and Mn3+
        ("FeMnO3", 0.85, 4.94),  # no 3+ and 3+ unless one is commonly 3+: Fe2+ and Mn4+
        ("TlVO3", 0.82, 3.97),
        ("TlNO3", 1.43, 14.86),
        ("KSbO3", 1.07, 4.05),
        ("SbAsO3", 0.77, 7.96),
    ],
)
def test_factors_are_those_that_bartel_published(formula: str, t: float, tau: float) -> None:
    found = factors(formula)
    assert found.goldschmidt[0] == pytest.approx(t, abs=0.006)
    assert found.bartel[0] == pytest.approx(tau, abs=0.006)


@pytest.mark.parametrize("formula", ["SrTiO3", "CaTiO3", "BaZrO3", "KMgF3", "LaFeO3", "NaTaO3", "LaAlO3"])
def test_perovskites_lie_within_both_limits(formula: str) -> None:
    found = factors(formula)
    low, high = GOLDSCHMIDT_RANGE
    assert low < found.goldschmidt[0] < high
    assert found.bartel[0] < BARTEL_LIMIT


@pytest.mark.parametrize("formula", ["FeTiO3", "LiNbO3", "NaVO3", "CaCO3", "MnSiO3", "CsMgI3"])
def test_compounds_of_other_structures_lie_above_the_limit_of_bartel(formula: str) -> None:
    assert factors(formula).bartel[0] > BARTEL_LIMIT


@pytest.mark.parametrize(
    "formula",
    [
        "Fe",  # an element
        "NaCl",
        "Al2O3",
        "MgAl2O4",
        "Cs2AgBiBr6",  # four elements
        "SrTi2O3",
        "Mg3NF3",  # 3:1:3
    ],
)
def test_what_is_not_abx3_has_no_factors(formula: str) -> None:
    found = factors(formula)
    assert np.isnan(found.goldschmidt[0])
    assert np.isnan(found.bartel[0])


@pytest.mark.parametrize(
    "formula",
    [
        "OTi3Sr",  # the anion comes once: three Ti
        "CNi3Mg",  # an antiperovskite
        "LiAl3O",  # three cations
        "NFO3",  # F is more electronegative than O
        "LaAlP3",  # Shannon has no anion of P
        "NaKO3",  # charges sum to 2, not to 6
        "XeHeO3",
        "RfTiO3",  # no radius
        "HNbO3",  # a bare proton
    ],
)
def test_three_to_one_to_one_without_suitable_ions_has_no_factors(formula: str) -> None:
    found = factors(formula)
    assert np.isnan(found.goldschmidt[0])
    assert np.isnan(found.bartel[0])


@pytest.mark.parametrize("formula", ["IrRuO3", "TaNbO3", "SbPdO3"])
def test_tau_is_not_defined_for_cations_of_one_size(formula: str) -> None:
    found = factors(formula)
    assert found.goldschmidt[0] == pytest.approx(1 / math.sqrt(2))
    assert np.isnan(found.bartel[0])


def test_barium_titanate_is_a_perovskite_by_tau_and_just_too_large_by_t() -> None:
    found = factors("BaTiO3")
    assert found.goldschmidt[0] > GOLDSCHMIDT_RANGE[1]
    assert found.bartel[0] < BARTEL_LIMIT


def test_each_row_has_its_own_factors() -> None:
    rows = factors("NaCl", "SrTiO3", "Sr2Ti2O6", "Fe", "CsPbI3", "SrTiO3")
    assert np.isnan(rows.bartel).tolist() == [True, False, False, True, False, False]
    assert rows.bartel[[1, 2, 5]].tolist() == [rows.bartel[1]] * 3


def test_no_compositions_make_empty_columns() -> None:
    none = factors()
    assert none.goldschmidt.shape == none.bartel.shape == (0,)


ELEMENTS = st.lists(st.sampled_from(SYMBOLS), min_size=2, max_size=2, unique=True)


@given(
    ELEMENTS,
    st.sampled_from(["O", "F", "S", "Cl", "N", "I", "Te"]),
    st.permutations(range(3)),
    st.integers(1, 99),
)
def test_order_of_elements_and_multiples_change_nothing(
    cations: list[str], anion: str, order: list[int], factor: int
) -> None:
    if anion in cations:
        return
    numbers = np.array([ATOMIC_NUMBER[symbol] for symbol in (*cations, anion)], dtype=np.uint8)
    amounts = np.array([1, 1, 3], dtype=np.int32)
    starts = np.array([0, 3])
    once = tolerance_factors(Compositions(starts, numbers, amounts))
    other = tolerance_factors(Compositions(starts, numbers[order], factor * amounts[order]))
    for one, another in zip(once, other, strict=True):
        np.testing.assert_array_equal(one, another)


@given(ELEMENTS, st.sampled_from(["O", "F", "S", "Cl", "N", "I", "Te"]))
def test_factors_are_positive_numbers_or_missing(cations: list[str], anion: str) -> None:
    if anion in cations:
        return
    found = factors(f"{cations[0]}{cations[1]}{anion}3")
    assert np.isnan(found.goldschmidt[0]) or 0 < found.goldschmidt[0] < 3
    assert np.isnan(found.goldschmidt[0]) <= np.isnan(found.bartel[0])
