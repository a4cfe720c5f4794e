"""Alloys and metallicity against SMACT."""

from __future__ import annotations

import pytest
import smact
from hypothesis import given, settings
from hypothesis import strategies as st
from smact.metallicity import metallicity_score

from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.metallicity import alloy, metallicity


def score(formula: Formula) -> float:
    return float(metallicity(Compositions.of([formula]))[0])


@pytest.mark.parametrize(
    "text", ["FeNi", "NaCl", "Fe", "SrTiO3", "LaNi5", "HeO", "PmCo5", "O2", "MgB2", "Fe3C", "LrF3"]
)
def test_metallicity_is_smacts_score(text: str) -> None:
    assert score(Formula.parse(text)) == pytest.approx(metallicity_score(text), abs=1e-12)


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(SYMBOLS[:103]), st.integers(1, 20), min_size=1, max_size=6))
def test_metallicity_of_any_composition_is_smacts_score(amounts: dict[str, int]) -> None:
    formula = Formula.parse(amounts)
    assert score(formula) == pytest.approx(metallicity_score(formula.composition()), abs=1e-12)
    assert score(Formula.parse({symbol: 3 * count for symbol, count in amounts.items()})) == pytest.approx(
        score(formula)
    )


def test_alloys_hold_metals_alone_by_smacts_list() -> None:
    texts = ["FeNi", "Fe3C", "Nb3Sn", "Na", "O2", "CuZn", "GaAs"]
    expected = [all(symbol in smact.metals for symbol in Formula.parse(text).elements) for text in texts]
    assert alloy(Compositions.of([Formula.parse(text) for text in texts])).tolist() == expected
    assert expected[:3] == [True, False, True]
