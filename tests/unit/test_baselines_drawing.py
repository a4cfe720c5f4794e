"""Drawing until there are enough different compositions, and random compositions matched to a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from mattransformer.baselines.drawing import CollapseError, DrawingGenerator, Draws
from mattransformer.baselines.pseudo_random import FitError, PseudoRandom, StoichiometryRandom
from mattransformer.data.corpora import load_corpus
from mattransformer.formula import Formula
from mattransformer.generation.requests import GenerationError
from mattransformer.screening.compositions import Compositions

PEROVSKITES = ["SrTiO3", "BaTiO3", "CaTiO3", "KNbO3", "LaAlO3"]
SALTS = ["NaCl", "KCl", "LiF"]


class Chunks(DrawingGenerator):
    """Gives the same formulas chunk after chunk, `-` for a draw that is none."""

    name: ClassVar[str] = "chunks"
    chunk: ClassVar[int] = 6

    def __init__(self, *formulas: str) -> None:
        filled = Compositions.of([Formula.parse(text) for text in formulas if text != "-"])
        sizes = np.zeros(len(formulas), dtype=np.int64)
        sizes[[text != "-" for text in formulas]] = filled.sizes
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.compositions = Compositions(starts, filled.numbers, filled.amounts)

    def draw(self, rng: np.random.Generator) -> Compositions:
        """Give the same formulas."""
        return self.compositions

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give nothing: no checkpoint is made of it."""
        return {}, {}

    @classmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make one without formulas."""
        return cls()


def embedded() -> list[str]:
    formulas: list[str] = load_corpus("mp-transport").split("train")["formula"].tolist()
    return formulas


def shapes(formulas: list[str]) -> set[tuple[int, int]]:
    parsed = [Formula.parse(text) for text in formulas]
    return {(len(formula.elements), formula.atoms) for formula in parsed}


def test_multiples_and_repetitions_are_one_composition_in_the_order_of_first_appearance() -> None:
    table = Chunks("Na2Cl2", "SrTiO3", "NaCl", "Sr2Ti2O6", "MgO", "SrTiO3").generate(3)
    assert table["formula"].tolist() == ["NaCl", "SrTiO3", "MgO"]
    assert table.attrs == {
        "requested": 3,
        "drawn": 5,  # MgO is the fifth draw
        "failures": {},
        "settings": {"generator": "chunks", "seed": 0},
    }


def test_draws_that_are_no_compounds_of_a_corpus_are_counted_and_left_out() -> None:
    generator = Chunks("O2", "-", "Al31O", "HHeLiBeBCNOF", "NaCl", "MgO")
    table = generator.generate(2)
    assert table["formula"].tolist() == ["NaCl", "MgO"]
    assert table.attrs["failures"] == {
        "fewer than 2 elements": 2,
        "more than 8 elements": 1,
        "more than 30 atoms": 1,
    }
    draws = generator.sample(8)  # the first two of the next chunk too
    assert draws.failure.tolist() == [1, 1, 3, 2, 0, 0, 1, 1]


def test_the_limit_of_atoms_is_that_of_the_reduced_formula() -> None:
    draws = Draws.of(Compositions.of([Formula.parse("Na20Cl20"), Formula.parse("Na20Cl11")]))
    assert draws.failure.tolist() == [0, 3]
    assert draws.compositions.counts(0) == (("Na", 1), ("Cl", 1))


def test_a_generator_that_only_repeats_itself_ends_in_one_line() -> None:
    with pytest.raises(
        CollapseError, match=r"^chunks: only 2 of the last .* there are 2 of 3; ask for"
    ) as ended:
        Chunks("NaCl", "MgO", "NaCl", "NaCl", "NaCl", "NaCl").generate(3)
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (-1, 0), (2.5, 0), (True, 0), (1, -1), (1, "x")])
def test_a_request_that_makes_no_sense_is_refused(n: Any, seed: Any) -> None:
    with pytest.raises(GenerationError, match="is not possible; give a whole number"):
        Chunks("NaCl", *"-----").generate(n, seed)


def test_random_compositions_have_the_numbers_of_elements_and_atoms_of_the_corpus() -> None:
    generator = PseudoRandom.fit([*PEROVSKITES, *SALTS])
    draws = generator.sample(40_000, seed=1)
    assert not draws.failure.any()
    sizes, atoms = draws.compositions.sizes, draws.compositions.totals(draws.compositions.amounts)
    assert set(zip(sizes.tolist(), atoms.tolist(), strict=True)) == {(3, 5), (2, 2)}
    assert np.mean(sizes == 3) == pytest.approx(5 / 8, abs=0.01)  # standard deviation 0.0024


def test_every_element_and_every_split_of_the_atoms_is_equally_likely() -> None:
    generator = PseudoRandom.fit(PEROVSKITES)
    compositions = generator.sample(60_000, seed=1).compositions
    elements = np.bincount(compositions.numbers, minlength=119)
    # Sr, Ba, Ca, K, La, Ti, Nb, Al, O
    assert np.count_nonzero(elements) == 9
    assert elements[elements > 0] / 60_000 == pytest.approx(np.full(9, 3 / 9), abs=0.01)
    # 5 atoms of 3 elements: 1 1 3 and 1 2 2, each in three orders.
    most = np.maximum.reduceat(compositions.amounts, compositions.starts[:-1])
    assert np.mean(most == 3) == pytest.approx(0.5, abs=0.01)


def test_no_random_composition_is_a_multiple_of_a_smaller_one() -> None:
    # Of the splits of 4 atoms in two, 2 and 2 is none.
    compositions = PseudoRandom.fit(["AlF3"]).sample(1000).compositions
    assert {tuple(sorted(amounts)) for amounts in compositions.amounts.reshape(-1, 2).tolist()} == {(1, 3)}


def test_random_elements_take_stoichiometries_of_the_corpus_by_their_frequency() -> None:
    generator = StoichiometryRandom.fit([*PEROVSKITES, "Al2O3"])
    compositions = generator.sample(60_000, seed=1).compositions
    stoichiometries = {tuple(sorted(count for _, count in compositions.counts(at))) for at in range(2000)}
    assert stoichiometries == {(1, 1, 3), (2, 3)}
    binary = compositions.take(np.flatnonzero(compositions.sizes == 2))
    # Rows that hold an element: O 6, Ti 3, Al 2, six others 1 each: 17 in all. The first of two is O with 6/17.
    oxides = np.isin(np.arange(len(binary)), binary.owners[binary.numbers == 8])
    others = {3: 1, 2: 1, 1: 6}
    second = sum(number * count / 17 * 6 / (17 - count) for count, number in others.items())
    assert np.mean(oxides) == pytest.approx(6 / 17 + second, abs=0.02)
    # Amounts come in random order, so that O is as often the element of 2 atoms as of 3.
    of_oxygen = binary.amounts[binary.numbers == 8]
    assert np.mean(of_oxygen == 2) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", [PseudoRandom, StoichiometryRandom])
def test_random_compositions_of_a_real_corpus_keep_its_shapes(
    kind: type[PseudoRandom] | type[StoichiometryRandom],
) -> None:
    formulas = embedded()
    generator = kind.fit(formulas)
    table = generator.generate(3000, seed=5)
    assert table["formula"].nunique() == 3000
    # Peroxides are the exception: a pair of one atom each is written doubled.
    assert shapes(table["formula"].tolist()) - {(2, 4)} <= shapes(formulas)


def test_what_is_no_formula_or_too_large_is_not_matched() -> None:
    generator = PseudoRandom.fit(["NaCl", "xyz", "O2", "Al31O"])
    assert generator.shapes.tolist() == [[2, 2]]
    with pytest.raises(FitError, match=r"none of the 2 formulas has 2 to 8 elements and at most 30 atoms"):
        StoichiometryRandom.fit(["xyz", "O2"])
