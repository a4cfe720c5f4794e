"""The settings that samples are drawn in: proportions that add up, and one set of samples for several conditions."""

from __future__ import annotations

import pandas as pd
import pytest

from mattransformer.data.corpora import load_corpus
from mattransformer.evaluation.settings import (
    DEFAULT,
    PUBLISHED,
    EvaluationError,
    Setting,
    allot,
    draw,
    merged,
)
from mattransformer.generation.language_model import load
from mattransformer.generation.samples import SampleSet
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.tokenization import element_ids

SPECIES = [("mp", "strict")] * 5 + [("mp", "pure")] * 2 + [("oqmd", "mix")] * 3
ROWS = pd.DataFrame(SPECIES, columns=["source", "variant"])


@pytest.mark.parametrize(
    ("n", "rows", "shares"),
    [
        (10, [1, 1], [5, 5]),
        (10, [1, 1, 1], [4, 3, 3]),
        (10, [2, 1], [7, 3]),
        (1, [1, 5], [0, 1]),
        (7, [0, 1], [0, 7]),
    ],
)
def test_samples_are_divided_by_the_largest_remainder(n: int, rows: list[int], shares: list[int]) -> None:
    assert allot(n, rows) == shares


def test_the_published_setting_divides_ten_thousand_samples_without_losing_one() -> None:
    shares = allot(10_000, [43_716, 4_433, 68_651, 64_542])
    assert sum(shares) == 10_000
    assert shares == [2411, 244, 3786, 3559]


def test_a_setting_takes_its_own_rows_and_their_proportions() -> None:
    setting = Setting("of mp", (("mp", "strict"), ("mp", "pure")))
    assert len(setting.rows(ROWS)) == 7
    assert setting.allotment(ROWS, 70) == [50, 20]
    assert DEFAULT.allotment(ROWS, 9) == [9]


def test_the_published_setting_is_everything_pure_of_both_sources() -> None:
    assert set(PUBLISHED.conditions) == {(s, v) for s in ("mp", "oqmd") for v in ("strict", "pure")}


def test_a_corpus_without_rows_of_a_setting_is_refused() -> None:
    with pytest.raises(EvaluationError, match="none of the training rows"):
        DEFAULT.allotment(ROWS[ROWS["source"] == "oqmd"], 10)


def test_a_lone_iron_atom_sampled_under_two_conditions_is_one_failure() -> None:
    iron = tuple(element_ids(["Fe"]))
    salt = tuple(element_ids(["Na", "Cl"]))
    sequences = [
        SampledSequence(iron, 2, -1.0, finished=True),
        SampledSequence(salt, 3, -2.0, finished=True),
        SampledSequence(iron, 4, -9.0, finished=True),
    ]
    samples = SampleSet()
    samples.add(merged(sequences))
    assert (samples.drawn, samples.distinct_failures) == (9, 1)
    assert samples.failures == {"single element": 6}
    assert samples.compositions["NaCl"].count == 3


def test_samples_of_several_conditions_are_one_set_that_the_seed_decides() -> None:
    lm = load("gpt2")  # trained: random weights may give no composition at all
    train = load_corpus("mp-transport").split("train")
    setting = Setting("of mp", (("mp", "strict"), ("mp", "mix")))
    samples = [draw(lm, setting, train, 60, seed) for seed in (0, 0, 1)]
    assert [sample.drawn for sample in samples] == [60, 60, 60]
    assert samples[0].compositions == samples[1].compositions
    assert samples[0].compositions != samples[2].compositions
