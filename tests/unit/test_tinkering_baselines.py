"""Published and simple rankers of elements for a site, against the tables that they come from."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mattransformer.elements import LANTHANIDES, SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species
from mattransformer.tinkering.baselines import (
    BASELINES,
    DopantPredictor,
    ElementFrequency,
    IonicSubstitution,
    PeriodicDistance,
    SpeciesEmbedding,
)
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Ranker, Site, TinkeringError

COMPOUNDS = ("SrTiO3", "CaCO3", "NaCl", "Fe3O4", "La2O3", "TiO2", "KNbO3", "Na2O2")


def site(text: str, element: str) -> Site:
    return Site(Formula.parse(text), element)


def scored(ranker: Ranker, place: Site) -> dict[str, float]:
    """The candidates that the ranker scores, best first."""
    row = ranker.scores([place])[0]
    known = [(symbol, float(row[INDEX[symbol]])) for symbol in CANDIDATES if not np.isnan(row[INDEX[symbol]])]
    return dict(sorted(known, key=lambda pair: -pair[1]))


@functools.cache
def pymatgens() -> Any:
    from pymatgen.analysis.structure_prediction.substitution_probability import SubstitutionProbability

    return SubstitutionProbability()


def elements_of_charge(charge: int) -> set[str]:
    """Elements with a species of the charge in the table of Hautier et al."""
    return {species.symbol for species in pymatgens().species if species.oxi_state == charge}


def everyone() -> list[Ranker]:
    frequency = ElementFrequency.of(Formula.parse(text) for text in COMPOUNDS)
    return [frequency, *(make() for make in BASELINES.values())]


def test_frequency_counts_a_compound_once_an_element() -> None:
    row = scored(ElementFrequency.of(Formula.parse(text) for text in COMPOUNDS), site("MgO", "Mg"))
    assert row["O"] == pytest.approx(math.log(7 + 1))
    assert row["Na"] == pytest.approx(math.log(2 + 1))
    assert row["Au"] == 0.0
    assert next(iter(row)) == "O"


def test_an_element_past_lawrencium_is_not_counted() -> None:
    assert ElementFrequency.of([Formula.parse("RfO2")]).counts.sum() == 1


@pytest.mark.parametrize(
    "counts", [np.zeros(118, dtype=np.int64), np.full(len(CANDIDATES), -1, dtype=np.int64)]
)
def test_counts_that_are_none_are_refused(counts: NDArray[np.int64]) -> None:
    with pytest.raises(TinkeringError, match="counts"):
        ElementFrequency(counts)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("Ti", "Zr", 1.0),
        ("Na", "Cl", 16.0),
        ("H", "He", 17.0),
        ("La", "Ce", 1 / 15),
        ("Gd", "U", 1 + 4 / 15),
        ("Lu", "Hf", 1 / 15),
        ("Y", "La", 1.0),
    ],
)
def test_periodic_distance_is_steps_of_groups_and_periods(first: str, second: str, distance: float) -> None:
    there, back = site(f"{first}2S3", first), site(f"{second}2S3", second)
    assert scored(PeriodicDistance(), there)[second] == pytest.approx(-distance)
    assert scored(PeriodicDistance(), back)[first] == pytest.approx(-distance)


@pytest.mark.parametrize("element", sorted(LANTHANIDES))
def test_a_lanthanide_is_nearest_to_its_neighbour(element: str) -> None:
    own, nearest, *_ = scored(PeriodicDistance(), site(f"{element}2O3", element))
    assert own == element
    assert abs(SYMBOLS.index(nearest) - SYMBOLS.index(element)) == 1


def test_a_site_past_lawrencium_has_no_periodic_distance() -> None:
    with pytest.raises(TinkeringError, match="past lawrencium"):
        PeriodicDistance().scores([site("RfO2", "Rf")])


@pytest.mark.parametrize("same_charge", [True, False])
def test_zirconium_is_likelier_than_sodium_for_titanium_in_strontium_titanate(same_charge: bool) -> None:
    for ranker in (IonicSubstitution(same_charge), SpeciesEmbedding(same_charge)):
        row = scored(ranker, site("SrTiO3", "Ti"))
        assert row["Zr"] > row["Na"]


def test_calcium_and_barium_are_likeliest_for_strontium_in_strontium_titanate() -> None:
    row = scored(IonicSubstitution(), site("SrTiO3", "Sr"))
    assert {"Ca", "Ba"} <= set(list(row)[:6])


def test_hautier_scores_are_pymatgens_conditional_probabilities() -> None:
    model = pymatgens()
    exact = scored(IonicSubstitution(same_charge=True), site("SrTiO3", "Ti"))
    free = scored(IonicSubstitution(same_charge=False), site("SrTiO3", "Ti"))
    for new, element in (("Hf4+", "Hf"), ("Sn4+", "Sn")):
        assert exact[element] == pytest.approx(math.log(model.cond_prob(new, "Ti4+")), abs=1e-12)
    assert free["Na"] == pytest.approx(math.log(model.cond_prob("Na+", "Ti4+")), abs=1e-12)
    niobium = [f"Nb{charge}+" for charge in (2, 3, 4, 5, 7)]
    assert free["Nb"] == pytest.approx(math.log(max(model.cond_prob(new, "Ti4+") for new in niobium)))


def test_mixed_valence_takes_the_better_of_both_species() -> None:
    model = pymatgens()
    row = scored(IonicSubstitution(), site("Fe3O4", "Fe"))
    assert row["Mg"] == pytest.approx(math.log(model.cond_prob("Mg2+", "Fe2+")))
    assert row["Al"] == pytest.approx(math.log(model.cond_prob("Al3+", "Fe3+")))
    matching = elements_of_charge(2) | elements_of_charge(3)
    assert set(list(row)[: len(matching)]) == matching


def test_same_charge_first_puts_every_tetravalent_element_before_all_others() -> None:
    row = scored(IonicSubstitution(same_charge=True), site("SrTiO3", "Ti"))
    tetravalent = elements_of_charge(4)
    assert set(list(row)[: len(tetravalent)]) == tetravalent
    free = scored(IonicSubstitution(same_charge=False), site("SrTiO3", "Ti"))
    assert set(list(free)[: len(tetravalent)]) != tetravalent
    assert free.keys() == row.keys()


def test_same_charge_first_holds_of_embeddings_too() -> None:
    row = scored(SpeciesEmbedding(), site("NaCl", "Na"))
    best = list(row)[:6]
    assert {"K", "Rb", "Li"} <= set(best)
    assert min(row[symbol] for symbol in ("K", "Rb", "Cs", "Ag", "Tl")) > row["Ca"]


def test_a_species_is_most_similar_to_itself() -> None:
    assert scored(SpeciesEmbedding(same_charge=False), site("SrTiO3", "Ti"))["Ti"] == pytest.approx(1.0)


def test_charges_that_are_known_are_taken_before_assigned_ones() -> None:
    known = Site(Formula.parse("CoO"), "Co", charges=(Species("Co", 3, 1),))
    row = scored(IonicSubstitution(), known)
    trivalent = elements_of_charge(3)
    assert set(list(row)[: len(trivalent)]) == trivalent


def test_elements_without_a_species_in_the_table_have_no_score() -> None:
    row = scored(IonicSubstitution(same_charge=False), site("SrTiO3", "Ti"))
    assert not {"He", "Ne", "Ar", "Fr", "Es", "Lr"} & row.keys()
    assert "Zr" in row


def test_smacts_doper_scores_no_element_that_is_isovalent_alone() -> None:
    row = scored(DopantPredictor(), site("SrTiO3", "Ti"))
    assert not {"Si", "Hf", "Po"} & row.keys()  # 4+ alone in SMACT's table
    assert {"Nb", "Al"} <= row.keys()
    assert not {"O", "F"} & row.keys()  # anions alone, of the other sign


def test_smacts_doper_is_asked_with_its_defaults() -> None:
    from smact.dopant_prediction.doper import Doper

    doper = Doper(("Sr2+", "Ti4+", "O2-"))
    found = doper.get_dopants(num_dopants=1000, group_by_charge=False)
    best: dict[tuple[str, str], float] = {}
    for kind in found.values():
        for dopant, host, *_, combined in kind["sorted"]:
            key = (host, dopant.rstrip("0123456789+-"))
            best[key] = max(best.get(key, -math.inf), combined)
    for host, element in (("Ti4+", "Ti"), ("O2-", "O"), ("Sr2+", "Sr")):
        row = scored(DopantPredictor(), site("SrTiO3", element))
        assert row == pytest.approx({symbol: score for (ion, symbol), score in best.items() if ion == host})


def test_hosts_do_not_disturb_each_other_in_smacts_doper() -> None:
    places = [site("SrTiO3", "Ti"), site("NaCl", "Na"), site("SrTiO3", "Ti"), site("NaCl", "Cl")]
    together = DopantPredictor().scores(places)
    for row, place in zip(together, places, strict=True):
        np.testing.assert_array_equal(row, DopantPredictor().scores([place])[0])
    np.testing.assert_array_equal(together[0], together[2])


@pytest.mark.parametrize("key", [key for key in BASELINES if key != "periodic"])
def test_hosts_that_do_not_balance_and_alloys_give_rankers_by_charge_nothing_to_say(key: str) -> None:
    unbalanced, alloy, balanced = site("FrCl", "Cl"), site("LaNi5", "Ni"), site("SrTiO3", "Ti")
    assert unbalanced.species == ()
    assert [species.charge for species in alloy.species] == [0]
    rows = BASELINES[key]().scores([unbalanced, alloy, balanced])
    assert np.isnan(rows[:2]).all()
    assert np.isfinite(rows[2]).any()


def test_every_baseline_scores_the_candidates_of_any_number_of_sites() -> None:
    for ranker in everyone():
        assert ranker.scores([]).shape == (0, len(CANDIDATES))
        rows = ranker.scores([site("SrTiO3", "Sr"), site("Fe3O4", "Fe")])
        assert rows.shape == (2, len(CANDIDATES))
        assert rows.dtype == np.float64
        assert np.isfinite(rows).any(axis=1).all()
        assert not np.isinf(rows).any()


def test_every_baseline_has_a_name_of_its_own() -> None:
    names = [ranker.name for ranker in everyone()]
    assert len(set(names)) == len(names)
    assert "ionic substitution (Hautier et al.), same charge first" in names
    assert "ionic substitution (Hautier et al.)" in names
