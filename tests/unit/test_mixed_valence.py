"""Mixed valence: our own rule, on whole multiples of a formula."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.formula import Formula
from mattransformer.screening import judgement
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge
from mattransformer.screening.oxidation import oxidation_states


def mixed(*texts: str, states: str = "smact14") -> list[bool]:
    verdicts = judge(Compositions.of([Formula.parse(text) for text in texts]), states)
    return [bool(verdict) for verdict in verdicts.charge_neutral_mixed]


@pytest.mark.parametrize("states", ["smact14", "icsd24"])
def test_magnetite_minium_and_a_double_antimony_chloride_are_neutral_with_mixed_valence(states: str) -> None:
    assert mixed("Fe3O4", "Pb3O4", "Cs2SbCl6", "Eu3S4", states=states) == [True] * 4


def test_what_is_neutral_without_mixed_valence_stays_so() -> None:
    assert mixed("SrTiO3", "Fe2O3", "NaCl") == [True] * 3


def test_sodium_dichloride_is_neutral_by_no_valence() -> None:
    assert mixed("NaCl2", "MgO3", "NeF") == [False] * 3


def neutral_with_one_mixed(formula: Formula, states: str) -> bool:
    """The rule by brute force: one element at any mean of its positive states, the others at one state each."""
    listed = oxidation_states(states)
    own = [(count, listed.get(symbol, ())) for symbol, count in formula.counts]
    if any(
        sum(c * q for (c, _), q in zip(own, each, strict=True)) == 0 for each in product(*(s for _, s in own))
    ):
        return True
    for at, (count, charges) in enumerate(own):
        positive = [charge for charge in charges if charge > 0]
        others = own[:at] + own[at + 1 :]
        for each in product(*(charges for _, charges in others)):
            rest = sum(c * q for (c, _), q in zip(others, each, strict=True))
            if len(positive) > 1 and min(positive) * count <= -rest <= max(positive) * count:
                return True
    return False


@settings(max_examples=200, deadline=None)
@given(
    amounts=st.dictionaries(
        st.sampled_from(["Fe", "Pb", "Sb", "O", "Cl", "Cs", "Na", "S", "H", "Ti", "Xe", "Ne"]),
        st.integers(1, 9),
        min_size=2,
        max_size=4,
    ),
    states=st.sampled_from(["smact14", "icsd24", "wiki"]),
    compiled=st.booleans(),
)
def test_the_rule_is_what_trying_all_states_finds(
    amounts: dict[str, int], states: str, compiled: bool
) -> None:
    formula = Formula.parse(amounts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judgement, "pays", lambda _: compiled)
        (verdict,) = judge(Compositions.of([formula]), states).charge_neutral_mixed
    assert verdict == neutral_with_one_mixed(formula, states)


@settings(deadline=None)
@given(
    amounts=st.dictionaries(st.sampled_from(["Fe", "Cu", "O", "K", "S"]), st.integers(1, 9), min_size=2),
    factor=st.integers(2, 7),
)
def test_a_multiple_of_a_formula_has_its_verdict(amounts: dict[str, int], factor: int) -> None:
    one = Formula.parse(amounts)
    many = Formula.parse({symbol: count * factor for symbol, count in amounts.items()})
    assert mixed(str(one)) == mixed(str(many))
