"""Shares of sensible and new compositions: what is counted, and over what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mattransformer.data.corpora import load_corpus
from mattransformer.data.known import KnownFormulas
from mattransformer.evaluation.validity import (
    element_shares,
    judge,
    judge_samples,
    largest_difference,
    row_shares,
    shares,
)
from mattransformer.formula import Formula
from mattransformer.generation.samples import SampleSet
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.tokenization import TOKEN_ID, element_ids

KNOWN = KnownFormulas.of(["NaCl", "SrTiO3"])


def sampled(*counted: tuple[str, int]) -> SampleSet:
    samples = SampleSet()
    samples.add(
        SampledSequence(tuple(TOKEN_ID[token] for token in tokens.split()), count, -1.0, finished=True)
        for tokens, count in counted
    )
    return samples


def formulas(*texts: str) -> Sequence[Formula]:
    return [Formula.parse(text) for text in texts]


def test_salt_in_either_order_and_doubled_is_one_composition() -> None:
    judged = judge_samples(sampled(("Na Cl", 4), ("Cl Na", 1), ("Na Na Cl Cl", 2)), KNOWN)
    assert [str(formula) for formula in judged.formulas] == ["NaCl"]
    assert shares(judged)["unique"] == pytest.approx(1 / 7)


def test_a_single_element_counts_as_a_failure_in_every_denominator() -> None:
    found = shares(judge_samples(sampled(("Na Cl", 2), ("Fe", 1), ("Na Cl Cl", 1)), KNOWN))
    assert (found["drawn"], found["distinct"], found["failures"]) == (4, 3, 1)
    assert found["unique"] == 0.75
    assert found["charge_neutral"]["smact14"] == pytest.approx(1 / 3)
    assert found["electronegativity_balanced"]["smact14"] == pytest.approx(1 / 3)
    assert found["novel"] == pytest.approx(1 / 3)
    assert sum(found["elements"].values()) == pytest.approx(2 / 3)


def test_a_chain_of_nine_elements_and_one_of_thirty_one_atoms_are_failures() -> None:
    samples = SampleSet()
    samples.add(
        [
            SampledSequence(
                tuple(element_ids(["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba"])),
                1,
                -1.0,
                finished=True,
            ),
            SampledSequence(tuple(element_ids(["Na"] * 31)), 1, -1.0, finished=False),
        ]
    )
    found = shares(judge_samples(samples, KNOWN))
    assert (found["distinct"], found["failures"], found["unique"]) == (2, 2, 1.0)
    assert found["charge_neutral"] == {"smact14": 0.0, "icsd24": 0.0}


def test_among_the_novel_ones_alone_known_salt_does_not_help() -> None:
    found = shares(judge(formulas("NaCl", "SrTiO3", "NaCl2", "K2O"), KNOWN))
    assert found["charge_neutral"]["smact14"] == 0.75
    assert found["novel"] == 0.5
    assert found["novel_only"]["compositions"] == 2
    assert found["novel_only"]["charge_neutral"]["smact14"] == 0.5


def test_no_novel_composition_gives_shares_of_zero_and_no_division_by_zero() -> None:
    found = shares(judge(formulas("NaCl"), KNOWN))
    assert found["novel_only"] == {
        "compositions": 0,
        "charge_neutral": {"smact14": 0.0, "icsd24": 0.0},
        "electronegativity_balanced": {"smact14": 0.0, "icsd24": 0.0},
    }
    assert shares(judge([], KNOWN))["unique"] == 0.0


def test_balanced_compositions_are_a_subset_of_the_neutral_ones() -> None:
    some = load_corpus("mp-transport").table["formula"].iloc[:2000]
    judged = judge(formulas(*some), KnownFormulas.load())
    for states in ("smact14", "icsd24"):
        assert not (judged.balanced[states] & ~judged.charge_neutral[states]).any()
    assert not judged.novel.any()  # the Materials Project is in the index


def test_titanium_suboxide_is_neutral_with_the_wide_states_only() -> None:
    found = row_shares(formulas("Ti2O"))
    assert found["charge_neutral"] == {"smact14": 1.0, "icsd24": 0.0}


def test_strict_rows_are_balanced_with_both_sets_and_pure_ones_with_the_first() -> None:
    table = load_corpus("mp-transport", variant="pure").table
    strict = row_shares(formulas(*table["formula"][table["variant"] == "strict"]))
    pure = row_shares(formulas(*table["formula"][table["variant"] == "pure"]))
    assert strict["electronegativity_balanced"] == {"smact14": 1.0, "icsd24": 1.0}
    assert pure["electronegativity_balanced"] == {"smact14": 1.0, "icsd24": 0.0}


def test_shares_by_number_of_elements_count_binaries_and_quaternaries() -> None:
    found = element_shares(np.array([2, 2, 3, 4]), 5)
    assert (found["2"], found["3"], found["4"], found["8"]) == (0.4, 0.2, 0.2, 0.0)


def test_the_largest_difference_is_in_percentage_points() -> None:
    assert largest_difference({"2": 0.5, "3": 0.5}, {"2": 0.46, "3": 0.51}) == pytest.approx(4.0)
