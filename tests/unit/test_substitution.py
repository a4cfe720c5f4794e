"""The benchmark of rankers, and the network that fills sites: cases, ranks, figures, training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mattransformer.errors import MattransformerError
from mattransformer.evaluation.substitution import anion_class, figures, ranks
from mattransformer.formula import Formula
from mattransformer.tinkering.calibration import fit
from mattransformer.tinkering.cases import (
    hidden_element_cases,
    joined_element_cases,
    replaced_element_cases,
    species_of,
)
from mattransformer.tinkering.combined import PLAIN, Evidence, dilute_scores, evidence, size_scores
from mattransformer.tinkering.descriptors import element_descriptors
from mattransformer.tinkering.learning import Examples, Recipe, train
from mattransformer.tinkering.mixed_sites import mixed_sites
from mattransformer.tinkering.network import holes_of, load_network, save_network
from mattransformer.tinkering.radii import radius_mismatch
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site

PEROVSKITES = [Formula.parse(f"{a}{b}O3") for a in ("Ca", "Sr", "Ba") for b in ("Ti", "Zr", "Hf", "Sn")]
BARIUM_TITANATE = Formula.parse("BaTiO3")


def test_strontium_titanate_asks_what_replaces_strontium_and_what_replaces_titanium() -> None:
    hosts = {Formula.parse("SrTiO3"): species_of("Sr2+:1 Ti4+:1 O2-:3"), Formula.parse("BaZrO3"): ()}
    cases = replaced_element_cases([BARIUM_TITANATE], hosts, {BARIUM_TITANATE, *hosts})
    assert [(str(case.site.host), case.site.element, case.answer) for case in cases] == [
        ("SrTiO3", "Sr", "Ba"),
        ("BaZrO3", "Zr", "Ti"),
    ]
    assert cases[0].site.state == 2


def test_a_compound_is_no_host_of_itself() -> None:
    assert not replaced_element_cases([BARIUM_TITANATE], {BARIUM_TITANATE: ()}, {BARIUM_TITANATE})


def test_other_known_compounds_are_not_compared_with_the_answer() -> None:
    known = {BARIUM_TITANATE, Formula.parse("SrTiO3"), Formula.parse("CaTiO3")}
    (case,) = replaced_element_cases([BARIUM_TITANATE], {Formula.parse("SrTiO3"): ()}, known)
    compared = {CANDIDATES[at] for at in np.flatnonzero(case.compared)}
    assert "Ba" in compared
    assert not compared & {"Ca", "Sr", "Ti", "O"}


def test_every_element_of_a_compound_is_hidden_once() -> None:
    cases = hidden_element_cases([BARIUM_TITANATE], {BARIUM_TITANATE})
    assert [case.answer for case in cases] == ["Ba", "Ti", "O"]
    assert all(case.compared[INDEX[case.answer]] for case in cases)


def test_ties_share_the_middle_and_what_is_not_scored_comes_last() -> None:
    (case,) = replaced_element_cases([BARIUM_TITANATE], {Formula.parse("SrTiO3"): ()}, {BARIUM_TITANATE})
    number = int(case.compared.sum())
    level = np.zeros((1, len(CANDIDATES)))
    assert ranks([case], level)[0] == (number + 1) / 2
    level[0, INDEX["Ba"]] = np.nan
    assert ranks([case], level)[0] == number
    level[0, INDEX["Ba"]] = 1.0
    assert ranks([case], level)[0] == 1


def test_a_compound_with_many_hosts_counts_as_much_as_one_with_a_single_host() -> None:
    hosts = dict.fromkeys([Formula.parse(f"{a}TiO3") for a in ("Sr", "Ca", "Pb")], ())
    hosts[Formula.parse("KCl")] = ()
    sodium_chloride = Formula.parse("NaCl")
    cases = replaced_element_cases(
        [BARIUM_TITANATE, sodium_chloride], hosts, {BARIUM_TITANATE, sodium_chloride, *hosts}
    )
    assert len(cases) == 4
    scores = np.zeros((4, len(CANDIDATES)))
    scores[3, INDEX["Na"]] = 1.0  # right for NaCl alone
    found = figures(cases, scores)
    assert found["hit@1"][0] == 0.5
    assert found["compounds"] == 2
    assert found["hit@1"][1] <= 0.5 <= found["hit@1"][2]


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("SrTiO3", "oxide"),
        ("NaCl", "halide"),
        ("ZnS", "chalcogenide"),
        ("GaN", "nitride"),
        ("GaAs", "pnictide"),
        ("Ni3Al", "intermetallic"),
        ("SiC", "other"),
    ],
)
def test_compounds_belong_to_the_class_of_their_anion(formula: str, name: str) -> None:
    assert anion_class(Formula.parse(formula)) == name


def test_species_of_magnetite_are_read() -> None:
    assert [str(item) for item in species_of("Fe2+:1 Fe3+:2 O2-:4")] == ["Fe2+", "Fe3+", "O2-"]


# The network


def test_multiples_of_a_composition_are_the_same_hole() -> None:
    one, two = (holes_of([(others, n, None)]) for others, n in (((("O", 3),), 1), ((("O", 6),), 2)))
    assert torch.equal(one.amounts, two.amounts)
    assert torch.equal(one.atoms, two.atoms)


def test_the_holes_of_known_perovskites_hold_all_that_fill_them() -> None:
    examples = Examples.of(PEROVSKITES, Recipe())
    assert len(examples.hole) == 3 * len(PEROVSKITES)
    fillers = [sorted(CANDIDATES[at] for at in own) for own in examples.fillers]
    assert ["Ba", "Ca", "Sr"] in fillers
    assert ["Hf", "Sn", "Ti", "Zr"] in fillers
    assert examples.chance.sum() == pytest.approx(1)


def test_a_network_learns_perovskites_and_comes_back_from_its_file(tmp_path: Path) -> None:
    network, losses = train(PEROVSKITES, Recipe(steps=60, batch=64, members=2))
    assert len(network.members) == len(losses) == 2
    assert all(own[-1] < own[0] / 2 for own in losses)
    asked = [Site(Formula.parse("SrTiO3"), "O")]
    best = int(np.argmax(network.log_probabilities(asked, host=False)[0]))
    assert CANDIDATES[best] == "O"
    save_network(network, tmp_path / "network.safetensors")
    again = load_network(tmp_path / "network.safetensors")
    np.testing.assert_allclose(
        again.log_probabilities(asked), network.log_probabilities(asked), atol=0.05
    )  # half precision


def test_the_same_seed_trains_the_same_network() -> None:
    one, other = (train(PEROVSKITES, Recipe(steps=3, batch=16))[0].members for _ in range(2))
    for name, tensor in one[0].state_dict().items():
        assert torch.equal(tensor, other[0].state_dict()[name]), name
    assert not torch.equal(one[0].learned_in, one[1].learned_in)


def test_a_damaged_network_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(MattransformerError, match="cannot be read as a substitution network"):
        load_network(path)


def test_lanthanides_are_described_alike() -> None:
    table = element_descriptors(CANDIDATES)
    distance = np.linalg.norm(table - table[INDEX["Dy"]], axis=1)
    assert distance[INDEX["Tb"]] < distance[INDEX["Fe"]]
    assert np.isfinite(table).all()


def test_the_weights_of_evidence_are_found_again() -> None:
    """Answers drawn from known weights of random evidence give these weights back."""
    random = np.random.default_rng(0)
    (case,) = replaced_element_cases([BARIUM_TITANATE], {Formula.parse("SrTiO3"): ()}, {BARIUM_TITANATE})
    exchange, state = random.normal(size=(2, 3000, len(CANDIDATES)))
    scores = np.where(case.compared, 1.5 * exchange + 0.5 * state, -np.inf)
    answers = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)
    cases = [type(case)(case.site, CANDIDATES[at], case.compound, case.compared) for at in answers]
    nothing = np.full(exchange.shape, np.nan)
    known = Evidence(exchange, nothing, state, nothing, nothing, np.ones(exchange.shape, dtype=bool))
    weights = fit(cases, known, PLAIN)
    assert weights["exchange"] == pytest.approx(1.5, abs=0.1)
    assert weights["state"] == pytest.approx(0.5, abs=0.1)


def test_strontium_joins_lanthanum_in_a_manganite() -> None:
    manganite, mixed = Formula.parse("LaMnO3"), Formula.parse("LaSrMn2O6")
    found = [
        (compound, str(site.host), site.element, symbol)
        for compound, site, symbol in mixed_sites([mixed], {manganite})
    ]
    assert found == [(mixed, "LaMnO3", "La", "Sr")]


def test_the_minority_joins_and_an_anion_does_not_join_a_cation() -> None:
    titanate = Formula.parse("BaTiO3")
    assert not list(mixed_sites([Formula.parse("BaSr2Ti3O9")], {titanate}))  # mostly strontium
    assert not list(mixed_sites([Formula.parse("Ba3FTi4O12")], {titanate}))  # fluorine is no cation


def test_a_network_learns_which_elements_share_a_site_apart_from_those_that_replace_it() -> None:
    """In these rows Sr joins La, and Nd replaces it: each question has its own answer."""
    rows = [
        Formula.parse(f"{a}{b}O3")
        for a in ("La", "Nd")
        for b in ("Mn", "Fe", "Co", "Cr", "Al", "Ga", "V", "Ti")
    ] + [Formula.parse(f"LaSr{b}2O6") for b in ("Mn", "Fe", "Co", "Cr", "Al", "V", "Ti")]
    network, _ = train(rows, Recipe(steps=120, batch=64, members=1, mixed=0.5))
    asked = [Site(Formula.parse("LaGaO3"), "La")]
    joins, replaces = network.log_probabilities(asked, dilute=True)[0], network.log_probabilities(asked)[0]
    assert joins[INDEX["Sr"]] > joins[INDEX["Nd"]]
    assert replaces[INDEX["Nd"]] > replaces[INDEX["Sr"]]


def test_a_dilute_dopant_joins_by_likelihood_and_by_size() -> None:
    sites = [Site(Formula.parse("SrTiO3"), "Ti")]
    known = evidence(load_network(), sites)
    scores = dilute_scores(known, sites)
    niobium, mismatch = INDEX["Nb"], radius_mismatch("Ti", 4, "Nb", 5, None)
    assert mismatch is not None
    expected = known.joining[0, niobium] - (mismatch.percent / 15) ** 2 / 2
    assert scores[0, niobium] == pytest.approx(expected)
    assert np.isnan(scores[0, INDEX["Sr"]])


def test_caesium_is_too_large_for_the_site_of_titanium_and_zirconium_fits() -> None:
    scores = size_scores(Site(Formula.parse("SrTiO3"), "Ti"))
    assert scores[INDEX["Cs"]] < -5 < scores[INDEX["Zr"]] <= 0
    assert (size_scores(Site(Formula.parse("FrCl"), "Fr")) == 0).all()  # no states, no radius


def test_what_joins_is_asked_once_a_compound_and_other_right_answers_are_left_out() -> None:
    manganite = Formula.parse("LaMnO3")
    known = [manganite, Formula.parse("LaSrMn2O6"), Formula.parse("LaCaMn2O6")]
    (case,) = joined_element_cases([known[1]], {manganite}, known, seed=0)
    assert (str(case.site.host), case.site.element, case.answer) == ("LaMnO3", "La", "Sr")
    compared = {CANDIDATES[at] for at in np.flatnonzero(case.compared)}
    assert "Sr" in compared
    assert not compared & {"Ca", "La", "Mn", "O"}


def test_an_ion_without_a_radius_fits_no_better_than_most() -> None:
    """Tetravalent bismuth has no tabulated radius: on the site of carbon it does not come first for that."""
    scores = size_scores(Site(Formula.parse("CO2"), "C"))
    assert scores[INDEX["Bi"]] <= np.median(scores)
    assert scores[INDEX["Si"]] > scores[INDEX["Bi"]]


def test_a_host_without_charges_is_doped_by_what_replaces_its_element() -> None:
    sites = [Site(Formula.parse("NiTi"), "Ni")]
    known = evidence(load_network(), sites)
    assert not sites[0].state
    np.testing.assert_allclose(dilute_scores(known, sites)[known.free], known.exchange[known.free])
