"""How much of known chemistry a sample comes near, and how much of it stays near."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.data.readers import read_rows
from mattransformer.formula import Formula
from mattransformer.metrics.coverage import LEAST, CoverageError, coverage, usual_distance
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


@pytest.fixture(scope="module")
def real() -> Compositions:
    """Compositions of the Materials Project, shuffled."""
    formulas = read_rows(EMBEDDED_FILE)["formula"].drop_duplicates().sample(6_000, random_state=0)
    return read_column(formulas).compositions


def compositions_of(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


def rows(first: int, last: int) -> np.ndarray:
    return np.arange(first, last)


def test_potassium_chloride_covers_rock_salt_and_leaves_magnesia() -> None:
    found = coverage(compositions_of("KCl", "BaTiO3"), compositions_of("NaCl", "MgO", "CaTiO3"), 0.5)
    assert found.to_sample[[0, 2]].tolist() == pytest.approx([0.5, 0.4])
    assert found.covered.tolist() == [True, False, True]
    assert found.precise.tolist() == [True, True]
    told = found.as_dict()
    assert told["coverage"]["share"] == 2 / 3
    assert told["precision"]["share"] == 1


def test_what_is_just_beyond_the_threshold_is_not_near() -> None:
    found = coverage(compositions_of("KCl"), compositions_of("NaCl"), 0.49)
    assert not found.covered.any()
    assert not found.precise.any()


def test_a_list_covers_itself_and_nothing_of_it_is_lost(real: Compositions) -> None:
    own = real.take(rows(0, 500))
    found = coverage(own, own, 0.0)
    assert found.covered.all()
    assert found.precise.all()


def test_half_of_real_compositions_are_within_the_usual_distance_of_others(real: Compositions) -> None:
    own, others = real.take(rows(0, 2_000)), real.take(rows(2_000, 6_000))
    found = coverage(others, own, usual_distance(own, others))
    assert 0.5 <= found.covered.mean() < 0.55


def test_compositions_with_shuffled_elements_cover_and_are_near_less(real: Compositions) -> None:
    own, others = real.take(rows(0, 2_000)), real.take(rows(2_000, 6_000))
    elements = np.unique(others.numbers)
    shuffled = np.random.default_rng(0).permutation(elements)
    renamed = Compositions(others.starts, shuffled[np.searchsorted(elements, others.numbers)], others.amounts)
    near = usual_distance(own, others)
    good, bad = coverage(others, own, near).as_dict(), coverage(renamed, own, near).as_dict()
    for name in ("coverage", "precision"):
        assert bad[name]["interval"][1] < good[name]["interval"][0] / 3


def test_without_a_threshold_half_of_the_references_say_what_is_near(real: Compositions) -> None:
    own = real.take(rows(0, 1_000))
    found = coverage(real.take(rows(1_000, 3_000)), own, seed=3)
    assert found.threshold == usual_distance(own, seed=3)
    assert (found.threshold.value or 0) > 0
    assert "half of the references" in found.as_dict()["threshold_is"]


def test_what_is_near_is_not_measured_on_compositions_that_are_in_the_training_list_themselves(
    real: Compositions,
) -> None:
    outside, training = real.take(rows(0, 400)), real.take(rows(400, 2_000))
    mixed = real.take(rows(0, 1_000))  # 600 of these are trained
    found = usual_distance(mixed, training)
    assert found.value == usual_distance(outside, training).value
    assert (found.compositions, found.shared) == (400, 600)
    told = coverage(training, mixed, found).as_dict()
    assert told["threshold_of"] == {"compositions": 400, "left_out": 600}


@pytest.mark.parametrize("left", [0, 1, LEAST - 1])
def test_coverage_of_too_few_held_out_compositions_is_not_judged_and_the_reason_is_told(
    left: int, real: Compositions
) -> None:
    training = real.take(rows(0, 500))
    held_out = real.take(np.r_[rows(0, 50), rows(500, 500 + left)])
    near = usual_distance(held_out, training)
    assert near.value is None
    told = coverage(training, held_out, near).as_dict()
    for name in ("coverage", "precision"):
        assert told[name]["share"] is None
        assert f"there are {left} to hold against 500 others, 50 left out" in told[name]["reason"]
    assert told["threshold"] is None


def test_one_reference_alone_has_no_usual_distance() -> None:
    one = compositions_of("NaCl")
    told = coverage(compositions_of("KCl", "MgO"), one).as_dict()
    assert told["coverage"]["share"] is None
    assert "6 compositions or more" in told["coverage"]["reason"]


def test_six_compositions_outside_the_training_list_are_enough(real: Compositions) -> None:
    near = usual_distance(real.take(rows(500, 500 + LEAST)), real.take(rows(0, 500)))
    assert near.value is not None
    assert near.compositions == LEAST


def test_long_lists_are_represented_by_a_draw_that_the_seed_decides(real: Compositions) -> None:
    own, others = real.take(rows(0, 1_000)), real.take(rows(1_000, 1_300))
    found = coverage(own, others, 1.0, limit=400, seed=1)
    again = coverage(own, others, 1.0, limit=400, seed=1)
    assert found.as_dict() == again.as_dict()
    assert found.sample_rows.tolist() == again.sample_rows.tolist()
    assert found.sample_rows.tolist() != coverage(own, others, 1.0, limit=400, seed=2).sample_rows.tolist()
    assert len(np.unique(found.sample_rows)) == 400
    assert found.as_dict()["compared"] == {
        "samples": 400,
        "of_samples": 1_000,
        "references": 300,
        "of_references": 300,
    }


def test_nothing_in_a_list_is_told_with_the_reason() -> None:
    some, none = compositions_of("NaCl", "KCl", "MgO"), compositions_of()
    without_samples = coverage(none, some, 1.0).as_dict()
    assert without_samples["coverage"]["share"] == 0
    assert without_samples["precision"]["reason"] == "there is no sample"
    without_references = coverage(some, none).as_dict()
    assert without_references["coverage"]["reason"] == "there is no reference"
    assert without_references["precision"]["reason"] == "there is no reference"
    json.dumps([without_samples, without_references, coverage(none, none).as_dict()], allow_nan=False)


def test_an_element_that_is_not_on_the_scale_is_near_nothing() -> None:
    found = coverage(compositions_of("NaCl", "RfCl4"), compositions_of("NaCl", "RfCl4"), 50.0)
    assert found.precise.tolist() == [True, False]
    assert found.covered.tolist() == [True, False]
    json.dumps(found.as_dict(), allow_nan=False)


def test_thresholds_and_limits_that_make_no_sense_are_refused() -> None:
    some = compositions_of("NaCl", "KCl")
    for threshold in (-1.0, float("nan")):
        with pytest.raises(CoverageError, match="give a distance from 0"):
            coverage(some, some, threshold)
    with pytest.raises(CoverageError, match="give 1 or more"):
        coverage(some, some, 1.0, limit=0)
    with pytest.raises(CoverageError, match="give 1 or more"):
        usual_distance(some, limit=0)
