"""Tinkering: ranked elements for a site, and what each would do there."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core.structure import Structure

import mattransformer as mt
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation import filling
from mattransformer.tinkering.baselines import BASELINES
from mattransformer.tinkering.combined import Calibration, Combined, evidence, probabilities, state_scores
from mattransformer.tinkering.compounds import FilledSite, LikelihoodChange
from mattransformer.tinkering.hosts import read_hosts
from mattransformer.tinkering.network import load_network
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site
from mattransformer.tinkering.suggestions import COLUMNS
from tests.crystals import magnetite, perovskite


def site(formula: str, element: str) -> Site:
    return Site(Formula.parse(formula), element)


@functools.cache
def titanium() -> pd.DataFrame:
    return mt.tinker("SrTiO3", site="Ti", top=40)


# What is suggested


def test_the_table_has_the_columns_that_are_documented() -> None:
    assert list(titanium().columns) == list(COLUMNS)
    assert titanium()["rank"].tolist() == list(range(1, 41))
    assert titanium()["probability"].is_monotonic_decreasing
    assert 0 < titanium()["probability"].sum() <= 1


def test_zirconium_and_tin_are_among_the_first_for_titanium_in_strontium_titanate() -> None:
    assert {"Zr", "Sn"} <= set(titanium()["dopant"].head(10))


def test_neither_the_elements_of_the_host_nor_radioactive_ones_are_suggested() -> None:
    assert not set(titanium()["dopant"]) & {"Sr", "Ti", "O", *mt.elements.RADIOACTIVE}


def test_a_full_substitution_gives_a_compound_that_is_known_or_not() -> None:
    rows = titanium().set_index("dopant")
    assert rows.loc["Zr", "formula"] == "SrZrO3"
    assert bool(rows.loc["Zr", "known"])
    assert rows.loc["Zr", "kind"] == "isovalent"
    assert rows.loc["Zr", "radius_mismatch_percent"] == pytest.approx(19.0)  # 0.72 and 0.605 angstrom
    assert rows.loc["Zr", "electronegativity_difference"] == pytest.approx(1.33 - 1.54)


def test_niobium_at_five_percent_is_a_donor_that_strontium_vacancies_make_up_for() -> None:
    row = mt.tinker("SrTiO3", site="Ti", fraction=0.05, only="Nb").iloc[0]
    assert (row["formula"], row["fraction"]) == ("Sr20Ti19NbO60", 0.05)
    assert (row["host_state"], row["dopant_state"], row["kind"]) == (4.0, 5, "donor")
    assert not row["charge_neutral"]
    assert "1 Sr vacancy per 2 Nb" in row["compensation"]
    assert "1 electron per Nb" in row["compensation"]


def test_yttrium_in_zirconia_is_an_acceptor_that_oxygen_vacancies_make_up_for() -> None:
    row = mt.tinker("ZrO2", site="Zr", fraction=0.08, only=["Y"]).iloc[0]
    assert row["kind"] == "acceptor"
    assert "1 O vacancy per 2 Y" in row["compensation"]


def test_only_lanthanides_come_for_yttrium_in_the_garnet_if_these_are_asked_for() -> None:
    table = mt.tinker("Y3Al5O12", site="Y", fraction=0.02, only=mt.elements.LANTHANIDES)
    assert len(table) == len(mt.elements.LANTHANIDES)
    assert set(table["dopant"]) == mt.elements.LANTHANIDES


def test_forbidden_elements_do_not_come() -> None:
    table = mt.tinker("CsPbI3", site="Pb", forbid=mt.elements.TOXIC, top=100, score="network")
    assert not set(table["dopant"]) & mt.elements.TOXIC


def test_two_sites_are_replaced_together() -> None:
    table = mt.tinker("LiFePO4", site=["Fe", "P"], top=50, score="network")
    assert len(table) == 50
    assert table["site"].unique().tolist() == ["Fe, P"]
    pairs = table["dopant"].str.split(", ", expand=True)
    assert (pairs[0] != pairs[1]).all()
    first = table.iloc[0]
    one, other = str(first["dopant"]).split(", ")
    assert first["formula"] == mt.Formula.parse(f"Li{one}{other}O4").reduced_formula
    assert {"Mn, As", "Mn, V", "Co, As", "Mn, Si"} & set(table["dopant"])


def test_a_pair_does_not_depend_on_the_order_of_its_sites() -> None:
    one = mt.tinker("LiFePO4", site=["Fe", "P"], top=20, score="network").set_index("formula")
    other = mt.tinker("LiFePO4", site=["P", "Fe"], top=20, score="network").set_index("formula")
    assert one.index.tolist() == other.index.tolist()
    np.testing.assert_allclose(one["probability"], other["probability"])


def test_masks_and_blanks_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_PROPOSALS", 600)
    masks = mt.tinker("Sr <mask> O O O", top=30)
    assert masks["rank"].tolist() == list(range(1, 31))
    assert {"dopant", "formula", "probability", "log_prob_bound", "charge_neutral", "known"} <= set(masks)
    assert {"SrTiO3", "SrMnO3"} <= set(masks["formula"])
    blanks = mt.tinker("Sr Ti <blank>", top=5)
    assert all({"Sr", "Ti"} < set(Formula.parse(formula).elements) for formula in blanks["formula"])


def test_a_list_of_hosts_gives_what_each_gives_by_itself() -> None:
    both = mt.tinker(["SrTiO3", "LiFePO4"], site=["Ti", "Fe"], top=5)
    alone = mt.tinker("LiFePO4", site="Fe", top=5)
    later = both[both["host"] == "LiFePO4"].reset_index(drop=True)
    assert later["dopant"].tolist() == alone["dopant"].tolist()
    np.testing.assert_allclose(later["probability"], alone["probability"], rtol=1e-4)


@pytest.mark.parametrize("score", ["periodic", "hautier", "skipspecies"])
def test_a_baseline_ranks_through_the_same_door(score: str) -> None:
    table = mt.tinker("SrTiO3", site="Ti", score=score, top=30)
    assert len(table) == 30
    expected = BASELINES[score]().scores([site("SrTiO3", "Ti")])[0]
    values = [expected[INDEX[symbol]] for symbol in table["dopant"]]
    assert values == sorted(values, reverse=True)
    assert table["probability"].isna().all()  # a baseline has none


def test_a_masked_model_can_be_shown_beside() -> None:
    table = mt.tinker("NaCl", site="Na", top=5, masked="roberta")
    column = "roberta, site filled given the rest"
    assert table[column].notna().all()
    assert (table[column] < 0).all()


# Structures


def test_the_sites_of_magnetite_are_questions_of_their_own() -> None:
    table = mt.tinker(magnetite(), site="Fe", top=3, score="network")
    assert table["site"].tolist() == ["Fe1"] * 3 + ["Fe2"] * 3
    neighbours = [set(table["coordination"][:3]), set(table["coordination"][3:])]
    assert sorted(map(tuple, neighbours)) == [(4,), (6,)]


def test_one_of_two_iron_sites_is_doped() -> None:
    row = mt.tinker(magnetite(), site="Fe2", fraction=0.25, only="Co", score="network").iloc[0]
    assert row["formula"] == "Fe20Co4O32"
    cell = mt.doped_supercell(magnetite(), "Fe2", "Co", 0.25)
    assert cell.structure.composition.reduced_formula == mt.Formula.parse(row["formula"]).reduced_formula


def test_trivalent_manganese_leaves_magnetite_neutral() -> None:
    row = mt.tinker("Fe3O4", site="Fe", fraction=0.1, only="Mn", score="network").iloc[0]
    assert (row["dopant_state"], row["kind"], bool(row["charge_neutral"])) == (3, "isovalent", True)


def test_a_doped_supercell_of_strontium_titanate_is_written(tmp_path: Path) -> None:
    cell = mt.doped_supercell(perovskite(), "Ti", "Nb", 0.05)
    assert cell.structure.composition.formula.replace(" ", "") == "Sr20Ti19Nb1O60"
    mt.write_cif(str(tmp_path / "doped.cif"), cell)
    assert Structure.from_file(tmp_path / "doped.cif").composition == cell.structure.composition


def test_a_site_of_several_kinds_is_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(MattransformerError, match="name one of Fe1, Fe2"):
        mt.doped_supercell(magnetite(), "Fe", "Co", 0.5)


# Scores


def test_a_combined_score_is_the_weighted_sum_of_its_evidence() -> None:
    known = evidence(load_network(), [site("SrTiO3", "Ti")])
    scores = Calibration({"exchange": 2.0, "state": 0.5}, {}).scores(known)
    expected = 2 * known.exchange + 0.5 * known.state
    assert scores[0, INDEX["Zr"]] == pytest.approx(expected[0, INDEX["Zr"]])
    assert np.isnan(scores[0, INDEX["Sr"]])


def test_tetravalent_elements_have_the_best_state_score_for_titanium() -> None:
    scores = state_scores(site("SrTiO3", "Ti"))
    assert scores[INDEX["Zr"]] > scores[INDEX["Nb"]] > scores[INDEX["Na"]]


def test_a_host_that_no_states_balance_has_none_to_go_by() -> None:
    assert (state_scores(Site(Formula.parse("FrCl"), "Fr")) == 0).all()


def test_probabilities_leave_out_what_has_no_score() -> None:
    np.testing.assert_allclose(probabilities(np.array([[0.0, np.nan, 0.0]])), [[0.5, 0.0, 0.5]])


def test_the_causal_model_is_asked_about_a_shortlist_alone() -> None:
    lm = mt.load("gpt2")
    combined = Combined(load_network(), Calibration.load(), LikelihoodChange(lm))
    known = combined.gather([site("SrTiO3", "Ti")])
    asked = np.flatnonzero(~np.isnan(known.likelihood_change[0]))
    assert len(asked) == 30
    change = lm.log_prob(["SrZrO3"], source="mp", variant="strict") - lm.log_prob(
        ["SrTiO3"], source="mp", variant="strict"
    )
    assert known.likelihood_change[0, INDEX["Zr"]] == pytest.approx(change[0], abs=1e-4)


def test_compounds_beyond_thirty_atoms_are_weighed_without_a_causal_model() -> None:
    host = "Ca10P6O24H2Na"  # 43 atoms
    combined = Combined(load_network(), Calibration.load(), LikelihoodChange(mt.load("gpt2")))
    scores = combined.scores([site(host, "Ca")])
    assert np.isfinite(scores[0, INDEX["Sr"]])
    assert np.isnan(combined.gather([site(host, "Ca")]).likelihood_change).all()


def test_the_atoms_of_a_site_are_scored_together_by_a_masked_model() -> None:
    lm = mt.load("roberta")
    scores = FilledSite(lm).scores([site("Na2O", "Na")])[0]
    assert np.isnan(scores[INDEX["O"]])
    assert scores[INDEX["Na"]] > scores[INDEX["Xe"]]
    assert scores[INDEX["Li"]] > scores[INDEX["Xe"]]
    assert np.exp(scores[~np.isnan(scores)]).sum() <= 1


def test_the_network_fills_a_site_of_any_size_and_knows_no_order() -> None:
    network = load_network()
    small = network.log_probabilities([site("SrTiO3", "Ti")])
    large = network.log_probabilities([site("O60Sr20Ti20", "Ti")])
    np.testing.assert_allclose(small, large, rtol=1e-5)
    np.testing.assert_allclose(np.exp(small).sum(), 1, rtol=1e-5)
    assert small.shape == (1, len(CANDIDATES))


# What cannot be


@pytest.mark.parametrize(
    ("host", "words", "reason"),
    [
        ("SrTiO3", {"site": "Zr"}, "Zr is not in SrTiO3; its elements are Sr, Ti, O"),
        ("SrTiO3", {}, "say which element is to be replaced"),
        ("SrTiO3", {"site": "Ti", "fraction": 0}, "fraction: 0 is not"),
        ("SrTiO3", {"site": "Ti", "fraction": 1.2}, "fraction: 1.2 is not"),
        ("SrTiO3", {"site": "Ti", "fraction": 0.001}, "below 0.005"),
        ("SrTiO3", {"site": "Ti", "fraction": "half"}, "fraction: half is not"),
        ("SrTiO3", {"site": ["Ti", "O", "Sr"]}, "give one element, or two different ones"),
        ("SrTiO3", {"site": "Ti", "score": "magic"}, "choose one of combined, network"),
        ("SrTiO3", {"site": "Ti", "top": 0}, "whole number from 1"),
        ("SrTiO3", {"site": "Ti", "only": "Zz"}, "only: 'Zz' is no element"),
        ("Sr0.5Ca0.5TiO3", {"site": "Ti"}, "fractional amounts are no ordered host"),
        ("Fe", {"site": "Fe"}, "two elements at least"),
        ("OgF2", {"site": "F"}, "Og is past lawrencium"),
        ("strontium", {"site": "Ti"}, "cannot be read as a host"),
        ("missing.cif", {"site": "Ti"}, "there is no such file"),
        ("Sr <mask> O3", {"site": "Ti"}, "leave out site and fraction"),
        ("Sr <mask> O3", {"only": "Ti"}, "go with a site; leave them out"),
        ("SrTiO3", {"site": 5}, "site: 5 is not possible"),
        ("SrTiO3", {"site": "Ti", "only": 5}, "only: 5 is not possible"),
        ("SrTiO3", {"site": "Ti", "only": []}, "only: it names no element"),
        ("SrTiO3", {"site": "Ti", "coordination": 0}, "whole number from 1"),
        (["SrTiO3"], {"site": ["Ti", "O"]}, "2 for 1 hosts"),
        (7, {"site": "Ti"}, "is no host"),
        ("LiFePO4", {"site": ["Fe", "P"], "fraction": 0.1}, "give the sites one by one"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(host: object, words: dict[str, object], reason: str) -> None:
    with pytest.raises(MattransformerError, match=reason) as caught:
        mt.tinker(host, **words)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_partial_occupancies_are_refused_in_one_line() -> None:
    disordered = perovskite()
    disordered.replace(0, {"Sr": 0.5, "Ca": 0.5})
    with pytest.raises(MattransformerError, match="an ordered structure is needed"):
        mt.tinker(disordered, site="Ti")


def test_a_canvas_without_a_hole_is_told_what_a_hole_is() -> None:
    with pytest.raises(MattransformerError, match="or write <mask> where an atom is to be found"):
        mt.tinker("Sr Ti O O O")


def test_the_element_that_is_there_is_scored_too_and_changes_nothing() -> None:
    scores = LikelihoodChange(mt.load("gpt2")).scores([site("SrTiO3", "Ti")])[0]
    assert scores[INDEX["Ti"]] == 0
    assert np.isnan(scores[INDEX["Sr"]])


def test_hosts_of_a_table_leave_out_rows_that_are_none() -> None:
    hosts, left_out = read_hosts([(2, "SrTiO3", "Ti"), (3, "nonsense", "Ti"), (4, "LiFePO4", "Fe,P")])
    assert [str(host.formula) for host in hosts] == ["SrTiO3", "LiFePO4"]
    assert list(left_out) == [3]
    assert mt.tinker(hosts, top=2, score="network")["host"].tolist() == ["SrTiO3"] * 2 + ["LiFePO4"] * 2


def test_radioactive_and_stable_sites_in_one_list_are_answered_as_each_by_itself() -> None:
    both = mt.tinker(["SrTiO3", "UO2"], site=["Ti", "U"], top=5)
    alone = mt.tinker("UO2", site="U", top=5)
    assert both["dopant"][5:].tolist() == alone["dopant"].tolist()
    assert set(alone["dopant"]) & mt.elements.RADIOACTIVE


def test_a_fraction_that_comes_out_as_one_is_full_substitution() -> None:
    whole, nearly = (mt.tinker("SrTiO3", site="Ti", top=5, fraction=fraction) for fraction in (None, 0.999))
    columns = ["dopant", "formula", "fraction", "probability", "charge_neutral"]
    pd.testing.assert_frame_equal(whole[columns], nearly[columns])


def test_a_baseline_without_an_answer_gives_an_empty_table_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mt.tinker("Ni3Al", site="Al", score="hautier").empty
