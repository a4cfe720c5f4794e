"""Which elements, how many atoms, and templates with wildcards, on real compounds and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.oxidation import ScreeningError
from mattransformer.screening.stoichiometry import (
    WILDCARDS,
    TemplateError,
    atom_counts,
    contains_elements,
    element_counts,
    matches_template,
    only_elements,
    without_elements,
)

AMOUNTS = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 12), min_size=1, max_size=5)


def compositions(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


def matching(template: str, *formulas: str) -> list[str]:
    """The formulas that match."""
    return [
        f for f, hit in zip(formulas, matches_template(compositions(*formulas), template), strict=True) if hit
    ]


def test_oxides_of_iron_are_made_of_iron_and_oxygen_only() -> None:
    found = only_elements(compositions("Fe2O3", "Fe3O4", "Fe", "FeTiO3", "TiO2"), ["Fe", "O"])
    assert found.tolist() == [True, True, True, False, False]


def test_compounds_without_lead_or_cesium() -> None:
    found = without_elements(compositions("CsPbI3", "PbTiO3", "CsCl", "NaCl"), {"Pb", "Cs"})
    assert found.tolist() == [False, False, False, True]


def test_compounds_with_sulfur_or_selenium() -> None:
    found = contains_elements(compositions("ZnS", "CdSe", "ZnO", "Cu2ZnSnS4"), ("S", "Se"))
    assert found.tolist() == [True, True, False, True]


def test_no_element_at_all_is_contained_or_allowed() -> None:
    salt = compositions("NaCl")
    assert not contains_elements(salt, [])[0]
    assert without_elements(salt, [])[0]
    assert not only_elements(salt, [])[0]


def test_one_symbol_is_not_taken_apart_into_letters() -> None:
    assert contains_elements(compositions("CoO", "CO2"), "Co").tolist() == [True, False]


@pytest.mark.parametrize("symbol", ["Xx", "sodium", "na", "NaCl", ""])
def test_what_is_no_element_is_refused_by_name(symbol: str) -> None:
    with pytest.raises(ScreeningError, match=f"^'{symbol}' is not an element: give symbols"):
        only_elements(compositions("NaCl"), ["Cl", symbol])


def test_spinel_has_three_elements_and_seven_atoms() -> None:
    spinels = compositions("MgAl2O4", "Mg2Al4O8", "Mg8Al16O32")
    assert element_counts(spinels).tolist() == [3, 3, 3]
    assert atom_counts(spinels).tolist() == [7, 7, 7]


def test_peroxides_and_diatomic_gases_are_counted_by_their_smallest_proportions() -> None:
    assert atom_counts(compositions("Na2O2", "O2", "H2O2", "Fe")).tolist() == [2, 1, 2, 1]


def test_no_compositions_make_empty_columns() -> None:
    none = compositions()
    assert atom_counts(none).shape == element_counts(none).shape == (0,)
    assert matches_template(none, "ABX3").shape == contains_elements(none, ["Fe"]).shape == (0,)


def test_compositions_without_elements_match_nothing_and_shift_no_other() -> None:
    gaps = Compositions(
        np.array([0, 0, 2, 2]), np.array([11, 17], dtype=np.uint8), np.array([2, 2], dtype=np.int32)
    )
    assert atom_counts(gaps).tolist() == [0, 2, 0]
    assert matches_template(gaps, "AX").tolist() == [False, True, False]


def test_perovskite_oxides_match_their_template() -> None:
    formulas = ("SrTiO3", "Ba2Ti2O6", "CaCO3", "KMgF3", "SrTi2O3", "OF2", "NaClO3", "TiSrO3")
    assert matching("ABO3", *formulas) == ["SrTiO3", "Ba2Ti2O6", "CaCO3", "NaClO3", "TiSrO3"]


def test_any_anion_serves_where_the_template_leaves_it_open() -> None:
    assert matching("ABX3", "SrTiO3", "KMgF3", "CsPbI3", "MgAl2O4") == ["SrTiO3", "KMgF3", "CsPbI3"]


def test_antifluorites_with_complex_anions_match() -> None:
    assert matching("A2BX6", "Cs2SnI6", "K2PtCl6", "CsSnI3", "Cs2AgBiBr6") == ["Cs2SnI6", "K2PtCl6"]


def test_spinels_match_whichever_element_comes_twice() -> None:
    assert matching("AB2O4", "MgAl2O4", "Mg2SiO4", "Fe3O4", "LiCoO2") == ["MgAl2O4", "Mg2SiO4"]


def test_layered_cathodes_match_a_template_with_two_fixed_elements() -> None:
    assert matching("LiMO2", "LiCoO2", "LiNiO2", "NaCoO2", "LiFePO4", "LiO2", "LiCo2O") == [
        "LiCoO2",
        "LiNiO2",
    ]


def test_wildcards_are_different_elements() -> None:
    assert matching("AB2", "MgH2", "TiO2", "Ti3", "O2") == ["MgH2", "TiO2"]


def test_wildcards_are_none_of_the_fixed_elements() -> None:
    """Fe3O4 is Fe Fe2 O4: A would have to be iron as well."""
    assert matching("AFe2O4", "ZnFe2O4", "Fe3O4") == ["ZnFe2O4"]


def test_fixed_element_needs_its_own_amount() -> None:
    assert matching("A2O3", "Al2O3", "N2O3", "Na3O2", "C2S3") == ["Al2O3", "N2O3"]


def test_letter_b_is_a_site_and_boron_is_quoted() -> None:
    hexaborides = ("LaB6", "CaB6", "SF6", "CaC6")
    assert matching("AB6", *hexaborides) == list(hexaborides)
    assert matching("A'B'6", *hexaborides) == ["LaB6", "CaB6"]


@pytest.mark.parametrize("template", ["A2BB'X6", "A2B'BX6", "A2B'B''X6", "A2 B B'' X6", "A2BDX6"])
def test_double_perovskites_have_a_letter_with_a_prime(template: str) -> None:
    found = matching(template, "Sr2FeMoO6", "Cs2AgBiBr6", "Cs2SnI6", "SrTiO3", "Sr2Fe2O5")
    assert found == ["Sr2FeMoO6", "Cs2AgBiBr6"]


def test_two_sites_may_have_a_primed_letter_each() -> None:
    assert matching("AA'BB'O6", "NaLaMgWO6", "Sr2FeMoO6", "SrTiO3") == ["NaLaMgWO6"]
    assert matching("AA'B2O6", "NaLaTi2O6", "NaLaMgWO6") == ["NaLaTi2O6"]
    assert matching("A'X'3", "AlCl3", "NaCl") == ["AlCl3"]


def test_a_mark_that_could_open_a_quoted_element_does() -> None:
    assert matching("A'B'6", "LaB6", "SF6") == ["LaB6"]
    assert matching("A2B'O'6", "Na2SO6", "Na2SS6", "Na2SF6") == ["Na2SO6"]
    assert matching("AA''B'O3", "FeTiBO3", "FeTiSiO3") == ["FeTiBO3"]


def test_carbon_and_two_letter_symbols_are_elements() -> None:
    assert matching("ACO3", "CaCO3", "CaSiO3") == ["CaCO3"]
    assert matching("AlX3", "AlCl3", "AlF3", "FeCl3") == ["AlCl3", "AlF3"]


def test_quotes_may_stand_around_any_element() -> None:
    assert matching("A'Ti''O'3", "SrTiO3", "SrZrO3") == ["SrTiO3"]


def test_repeated_symbols_of_a_template_add_up() -> None:
    assert matching("NH4NO3", "NH4NO3", "N2H4O3", "NHO") == ["NH4NO3", "N2H4O3"]
    assert matching("ABA", "H2O", "HO") == ["H2O"]


def test_template_and_composition_are_compared_after_reduction() -> None:
    assert matching("A2B2O6", "SrTiO3", "Sr3Ti3O9") == ["SrTiO3", "Sr3Ti3O9"]
    assert matching("A2O2", "Na2O2", "NaO", "MgO", "O2") == ["Na2O2", "NaO", "MgO"]


def test_one_wildcard_is_any_pure_element() -> None:
    assert matching("X", "Fe", "O2", "FeO") == ["Fe", "O2"]


def test_template_without_wildcards_is_one_compound() -> None:
    assert matching("NaCl", "NaCl", "Na2Cl2", "KCl") == ["NaCl", "Na2Cl2"]


def test_boron_is_the_only_element_among_the_wildcards() -> None:
    assert WILDCARDS & set(SYMBOLS) == {"B"}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("", "it is empty; write symbols and whole numbers, such as ABX3"),
        ("A(BO3)2", r"\( cannot be read; write symbols and whole numbers without brackets"),
        ("aBO3", "a cannot be read"),
        ("AB0.5O3", r"amounts go from 1 to 10,000; write small whole numbers"),
        ("ABO99999", "amounts go from 1 to 10,000"),
        ("ABXy3", "Xy is neither an element nor a wildcard; wildcards are A, B, D, E"),
        ("A2'X'3", "X is neither an element nor a wildcard"),
        ("ABO3-", "- cannot be read"),
        ("A2'B3", "' cannot be read"),
        ("AB'''O3", "' cannot be read"),
        ("A'Ti''3", "Ti has a prime, but is no wildcard; wildcards are A, B, D"),
        ("FeO'3", "O has a prime, but is no wildcard"),
    ],
)
def test_unreadable_template_is_refused_with_reason_and_way_out(template: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=rf"^template .* cannot be used: {reason}") as refusal:
        matches_template(compositions("SrTiO3"), template)
    assert isinstance(refusal.value, MattransformerError)
    assert "\n" not in str(refusal.value)


@given(AMOUNTS)
def test_every_compound_matches_its_own_formula_and_its_pattern(amounts: dict[str, int]) -> None:
    quoted = "".join(f"'{symbol}'{amount}" for symbol, amount in amounts.items())
    pattern = "".join(f"{letter}{n}" for letter, n in zip(sorted(WILDCARDS), amounts.values(), strict=False))
    both = Compositions.of([Formula.parse(amounts)])
    assert matches_template(both, quoted)[0]
    assert matches_template(both, pattern)[0]


@given(st.lists(AMOUNTS, max_size=8), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_pattern_matches_exactly_the_compounds_with_its_anonymous_formula(
    rows: list[dict[str, int]], pattern: list[int]
) -> None:
    formulas = [Formula.parse(row) for row in rows]
    template = "".join(f"{letter}{n}" for letter, n in zip(sorted(WILDCARDS), pattern, strict=False))
    divisor = math.gcd(*pattern)
    wanted = sorted(n // divisor for n in pattern)
    expected = [sorted(n // math.gcd(*row.values()) for n in row.values()) == wanted for row in rows]
    assert matches_template(Compositions.of(formulas), template).tolist() == expected


@given(AMOUNTS, st.integers(1, 50))
def test_multiples_have_the_same_atoms_and_templates(amounts: dict[str, int], factor: int) -> None:
    multiple = {symbol: amount * factor for symbol, amount in amounts.items()}
    both = Compositions.of([Formula.parse(amounts), Formula.parse(multiple)])
    for values in (atom_counts(both), element_counts(both), matches_template(both, "A2O3")):
        assert values[0] == values[1]
