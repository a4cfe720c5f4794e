"""Samples as compositions: merged by reduced formula, failures counted by reason."""

from __future__ import annotations

from mattransformer.generation.samples import SampleSet
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.tokenization import END_ID, element_ids


def sampled(atoms: str, count: int = 1, log_prob: float = -1.0, *, finished: bool = True) -> SampledSequence:
    return SampledSequence(tuple(element_ids(atoms.split())), count, log_prob, finished)


def collected(*sequences: SampledSequence) -> SampleSet:
    samples = SampleSet()
    samples.add(sequences)
    return samples


def test_orders_and_multiples_of_a_formula_are_one_composition() -> None:
    samples = collected(
        sampled("O Sr Ti O O", 3, -9.0),
        sampled("Sr Ti O O O", 5, -2.0),
        sampled("Sr Sr Ti Ti O O O O O O", 1, -7.0),
    )
    (composition,) = samples.compositions.values()
    assert list(samples.compositions) == ["SrTiO3"]
    assert composition.count == samples.drawn == 9
    assert composition.log_prob == -2.0


def test_the_probability_of_a_composition_waits_for_its_canonical_sequence() -> None:
    samples = collected(sampled("O Sr Ti O O"), sampled("Na Na Cl Cl"))
    assert [composition.log_prob for composition in samples.compositions.values()] == [None, None]
    samples.add([sampled("Na Cl", log_prob=-3.5)])
    assert samples.compositions["NaCl"].log_prob == -3.5


def test_sodium_peroxide_keeps_its_four_atoms() -> None:
    samples = collected(sampled("Na O", 1, -8.0), sampled("Na Na O O", 1, -2.0))
    assert {name: c.log_prob for name, c in samples.compositions.items()} == {"Na2O2": -2.0}


def test_what_is_no_composition_is_counted_by_reason() -> None:
    nine = "Li Na K Rb Cs Be Mg Ca O"
    broken = SampledSequence((*element_ids(["Sr"]), END_ID + 1), 2, -3.0, finished=False)
    samples = collected(
        sampled("Fe", 4),
        sampled("Fe Fe", 1),
        sampled(nine, 2),
        sampled("", 3),
        broken,
        sampled(" ".join(["Na"] * 15 + ["Cl"] * 16), 1, finished=False),
        sampled("Na Cl", 7),
    )
    assert samples.failures == {
        "single element": 5,
        "over 8 elements": 2,
        "malformed": 5,
        "over 30 atoms": 1,
    }
    assert samples.distinct_failures == 6
    assert samples.drawn == 20
    assert samples.compositions["NaCl"].count == 7


def test_eight_elements_and_thirty_atoms_are_allowed() -> None:
    eight = sampled("Li Na K Rb Cs Be Mg O")
    thirty = sampled(" ".join(["Al"] * 13 + ["O"] * 17))
    assert list(collected(eight, thirty).compositions) == ["CsKRbNaLiMgBeO", "Al13O17"]
