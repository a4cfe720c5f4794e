"""The screening's contract: SMACT's own verdicts on 20,000 formulas of the corpora, in every setting.

`benchmarks/screening.py --full` holds every formula against SMACT; here it is a fixed sample, by number of elements.
SMACT walks through all combinations of oxidation states, so compositions with very many are left to the benchmark.
"""

from __future__ import annotations

import gzip
import warnings
from collections import defaultdict
from collections.abc import Iterator
from math import prod
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray
from smact.screening import smact_validity

from mattransformer.formula import Formula
from mattransformer.screening import judgement
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge
from mattransformer.screening.metallicity import METALLIC_FROM, alloy, metallicity
from mattransformer.screening.oxidation import mixed_valence_elements, oxidation_states
from mattransformer.screening.screen import Validity

DEFAULT_FILTER = "icsd24:consensus=3,commonality=low"
STATES = ["smact14", "icsd24", DEFAULT_FILTER]
BY_ELEMENTS = {1: 10, 2: 3_000, 3: 8_000, 4: 6_000, 5: 2_700, 6: 250, 7: 40}
WITH_MIXED_VALENCE = 2_000
TELLING = 1_000  # of these, neutral with mixed valence alone
MOST_COMBINATIONS = 50_000
MOST_OF_ATOMS = 500  # combinations of states if atoms differ, on which SMACT is slower
MOST_WHERE_TELLING = 5_000


@pytest.fixture(scope="module")
def sample(shared_data: Path) -> list[str]:
    """20,000 formulas, by number of elements; the first 2,000 have an element of mixed valence.

    Of these, as many as the corpora have (to 1,000) are neutral with mixed valence alone, by our rules or by SMACT's on
    all of them in `benchmarks/screening.py`.
    """
    written: set[str] = set()
    for corpus in ("mp", "oqmd", "icsd"):
        with gzip.open(shared_data / f"{corpus}.csv.gz", "rt", encoding="utf-8") as lines:
            next(lines)
            written.update(line.split(",", 1)[0] for line in lines)
    shuffled = sorted(written)
    Random(0).shuffle(shuffled)
    verdicts = judge(read_column(shuffled).compositions, "smact14", valences=True)
    telling = [shuffled[at] for at in np.flatnonzero(verdicts.valence_neutral & ~verdicts.charge_neutral)]
    shuffled = list(dict.fromkeys([*telling[:TELLING], *shuffled]))
    left = dict(BY_ELEMENTS)
    mixed: list[str] = []
    others: defaultdict[int, list[str]] = defaultdict(list)
    for text in shuffled:
        formula = Formula.parse(text)
        size = len(formula.elements)
        if not left.get(size) or combinations(formula, atoms=False) > MOST_COMBINATIONS:
            continue
        if has_mixed_valence(formula) and len(mixed) < WITH_MIXED_VALENCE:
            few = MOST_OF_ATOMS if len(mixed) >= TELLING else MOST_WHERE_TELLING
            if not few < combinations(formula, atoms=True) <= 1_000_000:
                mixed.append(text)
                left[size] -= 1
        else:
            others[size].append(text)
            left[size] -= 1
        if not any(left.values()):
            break
    return [*mixed, *(text for size in sorted(others) for text in others[size])]


def has_mixed_valence(formula: Formula) -> bool:
    return any(symbol in mixed_valence_elements() for symbol in formula.elements)


def combinations(formula: Formula, *, atoms: bool) -> int:
    """Most combinations of states that SMACT would walk through, in any of the sets."""
    return max(
        prod(
            len(oxidation_states(states).get(symbol, ()))
            ** (count if atoms and symbol in mixed_valence_elements() else 1)
            for symbol, count in formula.reduced.counts
        )
        for states in STATES
    )


def smact_says(job: tuple[list[str], str, bool, bool, bool, bool]) -> list[bool]:
    formulas, states, pauling, alloys, metallic, mixed = job
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            smact_validity(
                formula,
                use_pauling_test=pauling,
                include_alloys=alloys,
                check_metallicity=metallic,
                oxidation_states_set=None if states == DEFAULT_FILTER else states,
                mixed_valence=mixed,
            )
            for formula in formulas
        ]


@pytest.fixture(scope="module")
def smacts() -> Iterator[Pool]:
    """Two processes that ask SMACT; they are started once, since to import it takes as long as many answers."""
    with get_context("spawn").Pool(2) as pool:
        yield pool


def disagreements(formulas: list[str], states: str, asked: Validity, smacts: Pool) -> list[str]:
    """Formulas on which SMACT says something else, judged by the compiled rules."""
    parts = [formulas[start : start + 500] for start in range(0, len(formulas), 500)]
    jobs = [
        (part, states, asked.pauling, asked.alloys, asked.metallic, asked.mixed_valence) for part in parts
    ]
    theirs = [verdict for part in smacts.map(smact_says, jobs, chunksize=1) for verdict in part]
    compositions = read_column(formulas).compositions
    verdicts = judge(compositions, states, valences=asked.mixed_valence)
    metals = metallicity(compositions) >= METALLIC_FROM
    ours = asked.holds(verdicts, compositions.sizes == 1, alloy(compositions), metals)
    return [formula for formula, a, b in zip(formulas, ours.tolist(), theirs, strict=True) if a != b]


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge short columns by the compiled rules too."""
    monkeypatch.setattr(judgement, "COMPILED_FROM", 0)
    monkeypatch.setattr(judgement, "_FEW", 0)


def test_the_sample_has_twenty_thousand_rows_of_one_to_seven_elements(sample: list[str]) -> None:
    assert len(sample) == len(set(sample)) == 20_000
    assert {len(Formula.parse(text).elements) for text in sample} == set(BY_ELEMENTS)
    assert sum(has_mixed_valence(Formula.parse(text)) for text in sample) >= WITH_MIXED_VALENCE


@pytest.mark.parametrize("pauling", [True, False], ids=["Pauling test", "no Pauling test"])
@pytest.mark.parametrize("states", STATES)
def test_every_verdict_is_smacts(sample: list[str], smacts: Pool, states: str, pauling: bool) -> None:
    assert disagreements(sample, states, Validity(pauling=pauling), smacts) == []


@pytest.mark.parametrize("pauling", [True, False], ids=["Pauling test", "no Pauling test"])
@pytest.mark.parametrize("states", STATES)
def test_every_verdict_with_mixed_valence_is_smacts(
    sample: list[str], smacts: Pool, states: str, pauling: bool
) -> None:
    chosen = sample[:WITH_MIXED_VALENCE]
    assert disagreements(chosen, states, Validity(pauling=pauling, mixed_valence=True), smacts) == []


def test_mixed_valence_and_alloys_together_are_smacts(sample: list[str], smacts: Pool) -> None:
    asked = Validity(mixed_valence=True, alloys=True)
    assert disagreements(sample[:WITH_MIXED_VALENCE], "smact14", asked, smacts) == []


def test_mixed_valence_decides_in_hundreds_of_the_sample(sample: list[str]) -> None:
    verdicts = judge(read_column(sample[:WITH_MIXED_VALENCE]).compositions, "smact14", valences=True)
    assert (verdicts.valence_neutral & ~verdicts.charge_neutral).sum() > 300


def test_fractional_amounts_are_judged_in_their_cell_and_not_cut_off_as_in_smact() -> None:
    assert smact_says((["Li0.5CoO2"], "smact14", True, False, False, False)) == [True]  # as CoO2
    assert not judge(read_column(["Li0.5CoO2"]).compositions).charge_neutral[0]  # as LiCo2O4
    assert judge(read_column(["Na0.5Cl0.5"]).compositions).charge_neutral[0]
    with pytest.raises(ZeroDivisionError):
        smact_says((["Na0.5Cl0.5"], "smact14", True, False, False, False))


@pytest.mark.parametrize("states", STATES)
def test_every_verdict_that_exempts_alloys_is_smacts(sample: list[str], smacts: Pool, states: str) -> None:
    chosen = np.flatnonzero(alloy(read_column(sample).compositions))
    assert len(chosen) > 3_000
    formulas = [sample[at] for at in chosen] + sample[::20]
    assert disagreements(list(dict.fromkeys(formulas)), states, Validity(alloys=True), smacts) == []


def test_every_verdict_that_exempts_what_is_metallic_is_smacts(sample: list[str], smacts: Pool) -> None:
    assert disagreements(sample[::5], "smact14", Validity(metallic=True), smacts) == []


@pytest.mark.parametrize("states", STATES)
def test_the_compiled_rules_are_the_rules(
    sample: list[str], states: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compositions = read_column(sample[::4]).compositions
    compiled = judge(compositions, states, valences=True)
    monkeypatch.setattr(judgement, "pays", lambda _: False)
    plain = judge(compositions, states, valences=True)
    for one, other in zip(compiled, plain, strict=True):
        assert np.array_equal(one, other)
    assert all(rule.any() and not rule.all() for rule in compiled)


def test_compositions_too_large_for_the_compiled_rules_are_judged_by_the_others() -> None:
    texts = ["Al1000O1500", "Al1000O1501", "Fe3000O4000", *["SrTiO3"] * 30]
    large: NDArray[np.bool_] = judge(Compositions.of([Formula.parse(text) for text in texts])).charge_neutral
    assert large[:3].tolist() == [True, False, False]
    assert large[3:].all()
