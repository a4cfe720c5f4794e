"""Draws of a system, batch by batch, and the first n distinct suggestions among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pytest

from mattransformer.baselines.pseudo_random import StoichiometryRandom
from mattransformer.benchmark.sources import Batch, GeneratorSource, LanguageModelSource, ladder
from mattransformer.formula import Formula
from mattransformer.generation.language_model import load
from mattransformer.metrics.formulas import FormulaList
from mattransformer.screening.compositions import Compositions

OXIDES = ["SrTiO3", "MgO", "Al2O3", "Fe3O4", "BaTiO3", "LiCoO2", "CaCO3", "ZnO", "Y2O3", "NaNbO3"]


def batch(formulas: Sequence[str | None]) -> Batch:
    """Draws in order; None stands for one that is no composition."""
    places = np.flatnonzero([formula is not None for formula in formulas])
    kept = Compositions.of([Formula.parse(formula) for formula in formulas if formula is not None])
    lost = len(formulas) - len(places)
    return Batch(kept, places, len(formulas), {"malformed": lost} if lost else {})


def names(formulas: FormulaList) -> list[str]:
    return [formulas.compositions.formula(at).reduced_formula for at in range(len(formulas))]


def test_a_rung_holds_the_first_distinct_compositions_and_all_draws_until_the_last_of_them_came() -> None:
    batches = [batch(["NaCl", None, "Na2Cl2", "MgO"]), batch(["NaCl", "KCl", None, "KBr"])]
    rungs = dict(ladder(batches, (2, 3)))
    assert names(rungs[2].formulas) == ["NaCl", "MgO"]
    assert rungs[2].drawn == 4
    assert names(rungs[3].formulas) == ["NaCl", "MgO", "KCl"]
    assert (rungs[3].drawn, rungs[3].formulas.readable) == (6, 5)
    assert rungs[3].failures == {"malformed": 0.25}


def test_a_source_that_gives_nothing_new_ends_the_ladder_before_its_rung() -> None:
    def repeating() -> Iterator[Batch]:
        yield batch(["NaCl", "MgO"])
        while True:
            yield batch(["NaCl", "MgO"] * 300)

    assert [n for n, _ in ladder(repeating(), (2, 3))] == [2]


def test_nothing_is_drawn_behind_the_last_rung() -> None:
    batches = iter([batch(OXIDES), batch(["NaCl"])])
    assert [n for n, _ in ladder(batches, (1, 5))] == [1, 5]
    assert len(list(batches)) == 1


def test_several_rungs_can_be_reached_by_one_batch() -> None:
    assert [n for n, _ in ladder([batch(OXIDES)], (1, 5, 10))] == [1, 5, 10]


@pytest.fixture(scope="module")
def random_source() -> GeneratorSource:
    return GeneratorSource(StoichiometryRandom.fit(OXIDES))


def test_a_generator_is_drawn_from_in_the_order_of_its_own_samples(random_source: GeneratorSource) -> None:
    first = next(random_source.batches(seed=3))
    draws = random_source.generator.sample(first.drawn, seed=3)
    kept = np.flatnonzero(draws.failure == 0)
    assert np.array_equal(first.places, kept)
    assert np.array_equal(first.compositions.fingerprints(), draws.compositions.take(kept).fingerprints())
    assert sum(first.failures.values()) == first.drawn - len(kept)


def test_batches_of_a_generator_follow_each_other_without_a_gap(random_source: GeneratorSource) -> None:
    batches = list(islice(random_source.batches(seed=0), 3))
    draws = random_source.generator.sample(sum(own.drawn for own in batches), seed=0)
    joined = Compositions.joined([own.compositions for own in batches])
    expected = draws.compositions.take(np.flatnonzero(draws.failure == 0))
    assert np.array_equal(joined.fingerprints(), expected.fingerprints())


@pytest.fixture(scope="module")
def model_source() -> LanguageModelSource:
    return LanguageModelSource(load("gpt2"), [("mp", "strict"), ("oqmd", "strict")], [1, 2])


def test_a_language_model_is_drawn_from_by_the_seed_alone(model_source: LanguageModelSource) -> None:
    one, same, other = (next(model_source.batches(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.compositions.fingerprints(), same.compositions.fingerprints())
    assert not np.array_equal(one.compositions.fingerprints()[:50], other.compositions.fingerprints()[:50])


def test_every_draw_of_a_language_model_is_a_composition_or_a_failure(
    model_source: LanguageModelSource,
) -> None:
    first = next(model_source.batches(seed=0))
    assert len(first.compositions) == len(first.places) == first.drawn - sum(first.failures.values())
    assert (np.diff(first.places) > 0).all()
    assert (first.compositions.sizes >= 2).all()


def test_samples_under_several_conditions_are_shuffled_together() -> None:
    """Halves of a batch are alike: neither condition comes before the other."""
    source = LanguageModelSource(load("gpt2"), [("mp", "strict"), ("oqmd", "mix")], [1, 1])
    compositions = next(source.batches(seed=0)).compositions
    oxygen = np.array(
        [
            8 in compositions.numbers[a:b]
            for a, b in zip(compositions.starts, compositions.starts[1:], strict=False)
        ]
    )
    half = len(oxygen) // 2
    assert oxygen.mean() > 0.1  # strict rows of MP hold many oxides, mixed ones of OQMD few
    assert abs(oxygen[:half].mean() - oxygen[half:].mean()) < 0.1
