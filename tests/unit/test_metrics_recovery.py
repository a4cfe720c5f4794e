"""Recovery of lists of targets: what is counted, by number of elements, and beside random formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.recovery import recovery

TARGETS = FormulaList.of(["NaCl", "MgO", "KBr", "SrTiO3", "LiFePO4", "CaTiO3"])
# Na3Cl is no target; salt comes twice in two spellings.
SAMPLE = FormulaList.of(["Na3Cl", "ClNa", "Na2Cl2", "SrTiO3", "KF", "LiFePO4"])


def test_three_of_six_targets_are_among_five_samples() -> None:
    found = recovery(SAMPLE, TARGETS)
    assert found.found.tolist() == [True, False, False, True, True, False]
    assert found.places.tolist() == [1, -1, -1, 2, 4, -1]
    numbers = found.as_dict()
    assert (numbers["share"], numbers["count"], numbers["of"]) == (0.5, 3, 6)
    assert numbers["per_1000_samples"] == 600.0
    assert numbers["enrichment"] is None


def test_recovery_is_told_by_number_of_elements() -> None:
    kinds = recovery(SAMPLE, TARGETS).as_dict()["by_elements"]
    shares = {kind: own["share"] for kind, own in kinds.items()}
    assert shares == {"binary": pytest.approx(1 / 3), "ternary": 0.5, "quaternary": 1.0, "more": None}
    assert kinds["more"]["reason"] == "the list to recover has none of these"


def test_single_elements_are_sought_where_they_are_targets() -> None:
    kinds = recovery(FormulaList.of(["Fe"]), FormulaList.of(["Fe", "Cu"])).as_dict()["by_elements"]
    assert kinds["unary"]["share"] == 0.5


def test_the_curve_counts_what_the_first_samples_find() -> None:
    names = [f"Na{n}Cl{7 * n + 1}" for n in range(1, 31)]
    targets = FormulaList.of([names[2], names[10], names[29], "KBr"])
    curve = recovery(FormulaList.of(names), targets).as_dict()["curve"]
    assert (curve["samples"][0], curve["samples"][-1]) == (10, 30)
    expected = [sum(place < n for place in (2, 10, 29)) for n in curve["samples"]]
    assert curve["found"] == expected
    assert (curve["found"][0], curve["found"][-1]) == (1, 3)


def test_the_curve_is_over_different_samples_in_the_order_of_the_input() -> None:
    rows = ["KF"] * 50 + [f"Na{n}Cl{7 * n + 1}" for n in range(1, 20)] + ["NaCl"]
    curve = recovery(FormulaList.of(rows), FormulaList.of(["NaCl"])).as_dict()["curve"]
    assert curve["samples"][-1] == 21
    assert curve["found"] == [*([0] * (len(curve["found"]) - 1)), 1]


def test_enrichment_compares_equal_numbers_of_samples() -> None:
    random = FormulaList.of(["NaCl", "He3O", "He2O"])
    found = recovery(SAMPLE, TARGETS, random).as_dict()
    # the first three samples find NaCl and SrTiO3, three random formulas NaCl
    times = found["enrichment"]
    assert (times["enrichment"], times["samples"]) == (2.0, 3)
    assert (times["found"], times["found_by_random"]) == (2, 1)
    assert times["interval"][1] is None  # some resamples have nothing that random finds
    json.dumps(found, allow_nan=False)


def test_a_longer_random_list_is_cut_to_the_number_of_samples() -> None:
    random = FormulaList.of(["He3O", "He2O", "He4O", "He5O", "He6O", "NaCl"])
    times = recovery(SAMPLE, TARGETS, random).as_dict()["enrichment"]
    assert (times["samples"], times["found"], times["found_by_random"]) == (5, 3, 0)
    assert times["enrichment"] is None
    assert times["reason"] == "the random formulas found none"


def test_enrichment_is_told_by_number_of_elements() -> None:
    random = FormulaList.of(["NaCl", "MgO", "CaTiO3", "He2O", "He3O"])
    kinds = recovery(SAMPLE, TARGETS, random).as_dict()["by_elements"]
    assert kinds["binary"]["enrichment"]["enrichment"] == 0.5
    assert kinds["ternary"]["enrichment"]["enrichment"] == 1.0
    assert kinds["quaternary"]["enrichment"]["enrichment"] is None


def test_oxides_alone_are_recovered_by_the_oxides_of_the_sample() -> None:
    oxides = np.array([False, True, False, True, True, True])
    own = np.array([False, False, True, False, True])  # of the five different samples
    found = recovery(SAMPLE, TARGETS, SAMPLE).within(oxides, own)
    assert found.places.tolist() == [-1, 0, 1, -1]
    numbers = found.as_dict()
    assert (numbers["count"], numbers["of"], numbers["per_1000_samples"]) == (2, 4, 1000.0)
    assert numbers["enrichment"]["samples"] == 5  # of whole lists


@pytest.mark.parametrize("random", [None, FormulaList.of([]), SAMPLE])
def test_lists_without_anything_are_recovered_without_a_crash(random: FormulaList | None) -> None:
    nothing = FormulaList.of([])
    without_samples = recovery(nothing, TARGETS, random).as_dict()
    assert (without_samples["share"], without_samples["per_1000_samples"]) == (0.0, None)
    without_targets = recovery(SAMPLE, nothing, random).as_dict()
    assert (without_targets["share"], without_targets["per_1000_samples"]) == (None, 0.0)
    json.dumps([without_samples, without_targets], allow_nan=False)
