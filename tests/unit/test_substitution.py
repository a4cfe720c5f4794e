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
from mattransformer.tinkering.cases import hidden_element_cases, replaced_element_cases, species_of
from mattransformer.tinkering.combined import PLAIN, Evidence, dilute_scores
from mattransformer.tinkering.descriptors import element_descriptors
from mattransformer.tinkering.learning import Examples, Recipe, train
from mattransformer.tinkering.network import holes_of, load_network, save_network
from mattransformer.tinkering.pairs import average, load_pairs, save_pairs
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
    network, losses = train(PEROVSKITES, Recipe(steps=60, batch=64))
    assert losses[-1] < losses[0] / 2
    asked = [Site(Formula.parse("SrTiO3"), "O")]
    best = int(np.argmax(network.log_probabilities(asked, host=False)[0]))
    assert CANDIDATES[best] == "O"
    save_network(network, tmp_path / "network.safetensors")
    again = load_network(tmp_path / "network.safetensors")
    np.testing.assert_allclose(
        again.log_probabilities(asked), network.log_probabilities(asked), atol=0.05
    )  # half precision


def test_the_same_seed_trains_the_same_network() -> None:
    one, other = (train(PEROVSKITES, Recipe(steps=3, batch=16))[0] for _ in range(2))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


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


def test_pairs_are_averages_over_known_compounds_with_the_same_anion(tmp_path: Path) -> None:
    network = load_network()
    sulfide = Formula.parse("SrS")
    pairs = average(network, [*PEROVSKITES, sulfide])
    titanium = [Site(formula, "Ti") for formula in PEROVSKITES if "Ti" in formula.elements]
    tantalate = Site(Formula.parse("KTiTaO5"), "Ti")  # another oxide of titanium
    expected = network.log_probabilities(titanium).mean(axis=0)
    np.testing.assert_allclose(pairs.scores([tantalate])[0], np.maximum(expected, -21.25), atol=1 / 24 + 1e-6)
    assert np.isnan(pairs.scores([Site(Formula.parse("NaCl"), "Na")])).all()  # no compound of sodium is known
    save_pairs(pairs, tmp_path / "pairs.npz")
    again = load_pairs(tmp_path / "pairs.npz")
    np.testing.assert_array_equal(again.values, pairs.values)
    assert again.places == pairs.places


def test_a_damaged_table_of_pairs_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(MattransformerError, match="no table of pairs can be read"):
        load_pairs(path)


def test_dilute_dopants_are_ranked_by_the_pair_and_without_one_by_the_exchange() -> None:
    exchange, pair = np.array([[1.0, 2.0, 3.0]] * 2), np.array([[3.0, 2.0, 1.0], [np.nan] * 3])
    nothing = np.zeros((2, 3))
    known = Evidence(exchange, nothing, nothing, pair, nothing, np.ones((2, 3), dtype=bool))
    np.testing.assert_array_equal(dilute_scores(known), [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
