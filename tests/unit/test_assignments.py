"""Oxidation states of formulas: known chemistry, and what holds for every assignment."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.formula import Formula, FormulaError
from mattransformer.screening.assignments import Assignment, Species, assign_oxidation_states

ELEMENTS = ("Na", "Ca", "La", "Ti", "V", "Mn", "Fe", "Cu", "Pb", "As", "C", "H", "N", "S", "Cl", "O", "F")
COMPOUNDS = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 9), min_size=2, max_size=6)


def first(formula: str) -> str:
    return str(assign_oxidation_states(formula, most=1)[0])


def states(assignment: Assignment, divisor: int = 1) -> list[tuple[str, int, float]]:
    return [(s.symbol, s.charge, s.count / divisor) for s in assignment.species]


def test_magnetite_holds_one_divalent_and_two_trivalent_iron() -> None:
    assert first("Fe3O4") == "Fe2+ 1, Fe3+ 2, O2- 4"


def test_hausmannite_holds_divalent_and_trivalent_manganese() -> None:
    assert first("Mn3O4") == "Mn2+ 1, Mn3+ 2, O2- 4"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("NaCl", "Na+ 1, Cl- 1"),
        ("SrTiO3", "Sr2+ 1, Ti4+ 1, O2- 3"),
        ("Fe2O3", "Fe3+ 2, O2- 3"),
        ("CaCO3", "Ca2+ 1, C4+ 1, O2- 3"),
        ("KMnO4", "K+ 1, Mn7+ 1, O2- 4"),
        ("CaH2", "Ca2+ 1, H- 2"),
        ("NaNO3", "Na+ 1, N5+ 1, O2- 3"),
        ("BaSO4", "Ba2+ 1, S6+ 1, O2- 4"),
    ],
)
def test_a_common_salt_or_oxide_has_its_textbook_states(formula: str, expected: str) -> None:
    assert first(formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("NH4NO3", "H+ 4, N3- 1, N5+ 1, O2- 3"),
        ("YBa2Cu3O7", "Ba2+ 2, Y3+ 1, Cu2+ 2, Cu3+ 1, O2- 7"),
        ("Co(NH3)6Cl3", "H+ 18, Co3+ 1, Cl- 3, N3- 6"),
        ("AlPO4", "Al3+ 1, P5+ 1, O2- 4"),
        ("NaH2PO2", "H+ 2, Na+ 1, P+ 1, O2- 2"),
    ],
)
def test_conventions_of_nomenclature_decide_where_counts_alone_mislead(formula: str, expected: str) -> None:
    assert set(first(formula).split(", ")) == set(expected.split(", "))


def test_hydrogen_of_a_dimethylammonium_salt_is_bound_to_carbon_and_to_nitrogen() -> None:
    assert {"H- 12", "H+ 4"} < set(first("((CH3)2NH2)2CdCl4").split(", "))


def test_no_atom_gives_more_electrons_than_its_outer_shell_has() -> None:
    found = assign_oxidation_states("YBa2Cu3O7", most=1000)
    likely = {s.charge for a in found if a.probability > 1e-6 for s in a.species if s.symbol == "Y"}
    assert max(likely) == 3


def test_barium_peroxide_holds_singly_charged_oxygen() -> None:
    assert first("BaO2") == "Ba2+ 1, O- 2"


def test_iron_in_its_pentacarbonyl_has_no_charge() -> None:
    assert "Fe0 1" in first("Fe(CO)5")


def test_an_element_by_itself_has_no_charge() -> None:
    assert assign_oxidation_states("Fe4") == [Assignment((Species("Fe", 0, 4),), 1.0)]


def test_a_compound_of_an_element_that_was_never_reported_with_a_charge_has_no_assignment() -> None:
    assert assign_oxidation_states("NaOg") == []


def test_what_is_no_formula_is_refused() -> None:
    with pytest.raises(FormulaError):
        assign_oxidation_states("Xx2O3")


def test_asking_for_no_assignment_is_refused() -> None:
    with pytest.raises(ValueError, match="most=0"):
        assign_oxidation_states("NaCl", most=0)


@settings(deadline=None, max_examples=60)
@given(COMPOUNDS)
def test_every_assignment_balances_and_uses_each_atom_once(amounts: dict[str, int]) -> None:
    for assignment in assign_oxidation_states(Formula.parse(amounts)):
        assert sum(species.charge * species.count for species in assignment.species) == 0
        for symbol, count in amounts.items():
            used = [species for species in assignment.species if species.symbol == symbol]
            assert 1 <= len(used) <= 2
            assert all(species.count >= 1 for species in used)
            assert sum(species.count for species in used) == count


@settings(deadline=None, max_examples=60)
@given(COMPOUNDS)
def test_probabilities_fall_and_share_at_most_one(amounts: dict[str, int]) -> None:
    probabilities = [
        assignment.probability for assignment in assign_oxidation_states(Formula.parse(amounts), most=8)
    ]
    assert all(0 < probability <= 1 for probability in probabilities)
    assert all(first >= second for first, second in pairwise(probabilities))
    assert sum(probabilities) <= 1 + 1e-9


@settings(deadline=None, max_examples=30)
@given(COMPOUNDS, st.integers(2, 5))
def test_a_multiple_of_a_formula_has_the_same_states(amounts: dict[str, int], factor: int) -> None:
    single = assign_oxidation_states(Formula.parse(amounts))
    multiple = assign_oxidation_states(
        Formula.parse({symbol: count * factor for symbol, count in amounts.items()})
    )
    assert [states(found) for found in single] == [states(found, factor) for found in multiple]


@settings(deadline=None, max_examples=30)
@given(COMPOUNDS)
def test_the_order_in_which_elements_are_written_does_not_matter(amounts: dict[str, int]) -> None:
    written = "".join(f"{symbol}{count}" for symbol, count in amounts.items())
    turned = "".join(f"{symbol}{count}" for symbol, count in reversed(amounts.items()))
    assert assign_oxidation_states(written) == assign_oxidation_states(turned)


@settings(deadline=None, max_examples=30)
@given(COMPOUNDS)
def test_the_first_assignment_is_the_same_however_many_are_asked_for(amounts: dict[str, int]) -> None:
    formula = Formula.parse(amounts)
    assert assign_oxidation_states(formula, most=1) == assign_oxidation_states(formula, most=6)[:1]


def test_twelve_elements_and_a_thousand_atoms_get_their_states() -> None:
    symbols = ("K", "Mn", "Fe", "V", "P", "As", "Se", "C", "H", "S", "N", "O")
    amounts = dict.fromkeys(symbols, 83) | {"O": 87}
    assert sum(amounts.values()) == 1_000
    found = assign_oxidation_states(Formula.parse(amounts))
    assert len(found) == 5
    assert all(sum(s.charge * s.count for s in assignment.species) == 0 for assignment in found)


def test_oxidation_states_need_no_torch() -> None:
    code = (
        "import sys, json, mattransformer as mt; mt.assign_oxidation_states('NaCl');"
        "print(json.dumps('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
