"""What is asked for beside sensible charges: added columns, limits, and the reasons they give."""

from __future__ import annotations

from typing import Any

import pytest

from mattransformer.data.known import KnownFormulas
from mattransformer.screening.limits import CHECKS, TEXT_CHECKS, Limits
from mattransformer.screening.oxidation import ScreeningError
from mattransformer.screening.screen import Validity, screen
from mattransformer.screening.stoichiometry import TemplateError

COMPOUNDS = ["SrTiO3", "PbTiO3", "MgO", "UO2", "NaCl2", "no formula"]


LISTED = KnownFormulas.of(["MgO"])


def passing(**settings: Any) -> list[str]:
    """The compounds that pass with these limits."""
    table = screen(COMPOUNDS, limits=Limits(**settings), known=LISTED)
    return table["formula"][table["reason"] == ""].tolist()


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ["SrTiO3", "PbTiO3", "MgO", "UO2"]),
        ({"only": frozenset({"Mg", "Pb", "Ti", "O"})}, ["PbTiO3", "MgO"]),
        ({"without": frozenset({"Ti"})}, ["MgO", "UO2"]),
        ({"elements": (3, None)}, ["SrTiO3", "PbTiO3"]),
        ({"elements": (None, 2)}, ["MgO", "UO2"]),
        ({"atoms": (3, 4)}, ["UO2"]),
        ({"template": "ABO3"}, ["SrTiO3", "PbTiO3"]),
        ({"radioactive": False}, ["SrTiO3", "PbTiO3", "MgO"]),
        ({"toxic": False}, ["SrTiO3", "MgO", "UO2"]),
        ({"novel": True}, ["SrTiO3", "PbTiO3", "UO2"]),
    ],
)
def test_compounds_beyond_a_limit_do_not_pass(settings: dict[str, Any], left: list[str]) -> None:
    assert passing(**settings) == left


def test_the_reason_names_the_first_rule_that_fails_smacts_before_the_limits() -> None:
    limits = Limits(without=frozenset({"Cl", "Pb"}), toxic=False, elements=(3, None))
    reasons = screen(["NaCl2", "PbTiO3", "MgO", "??", "SrTiO3"], limits=limits)["reason"].tolist()
    assert reasons[0] == "no smact14 oxidation states sum to zero"
    assert reasons[1] == "holds Cl, Pb"
    assert reasons[2] == "fewer than 3 elements"
    assert reasons[3].startswith("not parseable")
    assert reasons[4] == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"only": frozenset({"Fe", "Xx"})}, "'Xx' is no element"),
        ({"without": frozenset({"iron"})}, "'iron' is no element"),
        ({"elements": (5, 2)}, "elements: no number is from 5 to 2"),
        ({"atoms": (9, 1)}, "atoms: no number is from 9 to 1"),
        ({"elements": (None, 0)}, "elements: no composition has 0"),
        ({"only": frozenset()}, "only: it names no element"),
    ],
)
def test_limits_that_nothing_could_keep_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ScreeningError, match=message):
        Limits(**settings)


def test_a_template_that_cannot_be_read_is_refused_before_the_work() -> None:
    with pytest.raises(TemplateError):
        Limits(template="A(BO3")


def test_new_compounds_need_a_list_to_compare_with() -> None:
    with pytest.raises(ScreeningError, match="no list to compare with"):
        screen(["MgO"], limits=Limits(novel=True))
    with pytest.raises(ScreeningError, match="known: give an index of formulas"):
        screen(["MgO"], known=["NaCl"])  # type: ignore[arg-type]  # a list of formulas is no index


def test_checks_add_their_columns_and_leave_unreadable_rows_empty() -> None:
    table = screen(["SrTiO3", "UO2", "??"], checks=[*TEXT_CHECKS, *CHECKS])
    assert table["reduced_formula"].tolist()[:2] == ["SrTiO3", "UO2"]
    assert table["likely_states"].tolist()[:2] == ["Sr2+ 1, Ti4+ 1, O2- 3", "U4+ 1, O2- 2"]
    assert table[["reduced_formula", "likely_states"]].iloc[2].isna().all()
    assert table["elements"].tolist() == [3, 2, 0]
    assert table["atoms"].tolist() == [5, 3, 0]
    assert table["radioactive"].tolist() == [False, True, False]
    assert table["toxic"].tolist() == [False, False, False]
    assert table["goldschmidt"][0] == pytest.approx(1.00, abs=0.01)
    assert table[["goldschmidt", "bartel", "hhi_production", "crustal_abundance"]].iloc[2].isna().all()


def test_an_unknown_check_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(
        ScreeningError, match="no check 'colour': choose of reduced_formula, likely_states, counts, hazards"
    ):
        screen(["MgO"], checks=["colour"])


def test_what_counts_as_valid_follows_the_options_of_smact() -> None:
    table = screen(["FeNi", "Fe3O4", "CSe2", "Na2TlSb"])
    assert table["alloy"].tolist() == [True, False, False, True]
    valid = {
        name: screen(table["formula"], validity=validity)["smact_valid"].tolist()
        for name, validity in {
            "plain": Validity(),
            "alloys": Validity(alloys=True),
            "mixed": Validity(mixed_valence=True),
            "neutral": Validity(pauling=False),
        }.items()
    }
    assert valid["plain"][1:3] == [False, False]
    assert valid["alloys"][0]
    assert valid["alloys"][3]
    assert valid["mixed"][1]
    assert valid["neutral"][2]


def test_the_setting_is_put_in_words() -> None:
    asked = Validity(pauling=False, alloys=True, metallic=True, mixed_valence=True)
    table = screen(["MgO"], validity=asked, oxidation_states="icsd24:consensus=5")
    assert table.attrs["setting"] == (
        "icsd24:consensus=5, mixed valence as in SMACT, alloys are valid, metallicity from 0.7 is valid, "
        "no Pauling test"
    )
    assert table["oxidation_states_set"].tolist() == ["icsd24:consensus=5"]


def test_a_threshold_of_metallicity_beyond_one_is_refused() -> None:
    with pytest.raises(ScreeningError, match=r"metallic_from: 1\.5"):
        Validity(metallic_from=1.5)
