"""The rules against SMACT itself, on real formulas and at the edges, and the table made of them."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import smact
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.composition import Composition
from smact.screening import smact_validity

from mattransformer.data.known import KnownFormulas
from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening import judgement
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge, verdicts
from mattransformer.screening.metallicity import METALLIC_FROM, alloy, metallicity
from mattransformer.screening.oxidation import (
    STATE_SETS,
    ScreeningError,
    electronegativities,
    oxidation_states,
    smact_version,
)
from mattransformer.screening.rules import charge_neutral, electronegativity_balanced
from mattransformer.screening.screen import Composed, screen

# Noble gases, an element without electronegativity, mixed valence, aurides, elements of one electronegativity
# (C and Se, H and Pd, K and Rb, W and U), hydrides, many elements, large counts, multiples of a formula.
# fmt: off
CORNERS = [
    "Fe", "O2", "Og", "He", "NaCl2", "Fe3O4", "Pb3O4", "CsAu", "AuCs", "CO2", "CSe2", "SiCo2", "NaK",
    "SiGe", "InSb", "HCl", "NaH", "KrF2", "XeF2", "XeO3", "HeO2", "NeF", "ArF", "RnF2", "PmCl3",
    "Pm2O3", "LrF3", "LrN", "Na2O2", "KO2", "Na2SO4", "NH4NO3", "OF2", "ClF3", "ICl", "BrCl", "SO3",
    "CH4", "SiH4", "WC", "W6Fe7", "FeSi2", "LiAlB14", "NaKRbCsMgCaSrBaO8", "LiNaKRbCsFClBrI",
    "LaCePrNdSmEuGdTbO12", "KAl3Si3H2O12", "Cs2SbCl6", "Ca10P6H2O26", "H300", "C60H2", "Al1000O1500",
    "Na2Cl2", "Ti2O4", "Ce2Fe17", "LiFePO4", "BaTiO3", "YBa2Cu3O7", "RbK", "PdH", "UW2", "KRbO",
]
# fmt: on


def smact_says(formula: Formula, states: str) -> tuple[bool, bool]:
    """SMACT's own verdicts without and with the Pauling test."""
    composition = formula.composition()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This set of oxidation states is sourced from Wikipedia")
        without, with_pauling = (
            smact_validity(
                composition, use_pauling_test=test, include_alloys=False, oxidation_states_set=states
            )
            for test in (False, True)
        )
    return without, with_pauling


def disagreements(formulas: list[Formula], states: str) -> list[str]:
    """The formulas that the rules judge otherwise than SMACT."""
    neutral, balanced = verdicts(formulas, states)
    return [
        f"{formula} ({states})"
        for formula, *ours in zip(formulas, neutral.tolist(), balanced.tolist(), strict=True)
        if tuple(ours) != smact_says(formula, states)
    ]


@pytest.mark.parametrize("states", STATE_SETS)
def test_rules_agree_with_smact_on_noble_gases_mixed_valence_aurides_and_eight_elements(states: str) -> None:
    assert disagreements([Formula.parse(text) for text in CORNERS], states) == []


@pytest.mark.parametrize("states", STATE_SETS)
def test_rules_agree_with_smact_on_every_element_with_oxygen_and_with_gold(states: str) -> None:
    pairs = [
        Formula.parse({symbol: count, partner: other})
        for symbol in SYMBOLS[:103]
        for partner in ("O", "Au")
        for count, other in ((1, 1), (1, 2), (2, 3))
        if symbol != partner
    ]
    assert disagreements(pairs, states) == []


def test_rules_agree_with_smact_on_elements_of_equal_electronegativity() -> None:
    tied: defaultdict[float, list[str]] = defaultdict(list)
    for symbol, value in electronegativities().items():
        tied[value].append(symbol)
    pairs = [
        Formula.parse({first: count, second: 1, **extra})
        for symbols in tied.values()
        for first, second in list(itertools.combinations(symbols, 2))[:6]
        for count in (1, 2)
        for extra in ({}, {"O": 1}, {"Cs": 2})
        if not {first, second} & extra.keys()
    ]
    assert len(pairs) > 150
    assert disagreements(pairs, "wiki") == []
    assert disagreements(pairs, "smact14") == []


elements_of_smact = st.sampled_from(SYMBOLS[:103])
small_formulas = st.dictionaries(elements_of_smact, st.integers(1, 12), min_size=1, max_size=4)


@given(amounts=small_formulas, states=st.sampled_from(sorted(STATE_SETS)))
def test_rules_agree_with_smact_on_any_composition(amounts: dict[str, int], states: str) -> None:
    assert disagreements([Formula.parse(amounts)], states) == []


def turned_around(amounts: list[tuple[str, int]], multiple: int) -> Compositions:
    """A composition with its elements in the order given, and a multiple of it with them the other way round."""
    entries = [*amounts, *((symbol, count * multiple) for symbol, count in reversed(amounts))]
    return Compositions(
        np.array([0, len(amounts), 2 * len(amounts)]),
        np.array([ATOMIC_NUMBER[symbol] for symbol, _ in entries], dtype=np.uint8),
        np.array([count for _, count in entries], dtype=np.int32),
    )


@given(
    amounts=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 40), min_size=1, max_size=8),
    multiple=st.integers(2, 9),
    shuffle=st.randoms(use_true_random=False),
    states=st.sampled_from(sorted(STATE_SETS)),
    compiled=st.booleans(),
)
def test_order_of_elements_and_multiples_of_the_formula_change_no_verdict(
    amounts: dict[str, int], multiple: int, shuffle: random.Random, states: str, compiled: bool
) -> None:
    turned = list(amounts.items())
    shuffle.shuffle(turned)
    one = Formula.parse(amounts)
    many = Formula.parse({symbol: count * multiple for symbol, count in turned})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judgement, "pays", lambda _: compiled)
        neutral, balanced = verdicts([one, many], states)
        for rule in judge(turned_around(turned, multiple), states, valences=True):
            assert rule[0] == rule[1]
    both = turned_around(turned, multiple)
    assert alloy(both)[0] == alloy(both)[1]
    assert (metallicity(both)[0] >= METALLIC_FROM) == (metallicity(both)[1] >= METALLIC_FROM)
    assert neutral[0] == neutral[1] == charge_neutral(many, states)
    assert balanced[0] == balanced[1] == electronegativity_balanced(many, states)
    assert neutral[0] or not balanced[0]
    reasons = screen([one, many], oxidation_states=states)["reason"]
    assert reasons[0] == reasons[1]
    assert (reasons[0] == "") == balanced[0]


def test_elements_beyond_lawrencium_fail_where_smact_raises() -> None:
    compound = Formula.parse("RfCl4")
    with pytest.raises(KeyError):
        smact_says(compound, "smact14")
    assert not charge_neutral(compound)
    assert not electronegativity_balanced(compound)
    assert screen(compound)["reason"].tolist() == ["smact14 lists no oxidation state for Rf"]


def test_a_single_element_passes_as_it_does_in_smact() -> None:
    for text in ("Fe", "O2", "He", "Og"):
        assert charge_neutral(Formula.parse(text))
        assert electronegativity_balanced(Formula.parse(text))
        assert smact_says(Formula.parse(text), "smact14") == (True, True)


def test_magnetite_needs_two_states_of_iron_and_fails() -> None:
    assert not charge_neutral(Formula.parse("Fe3O4"))
    assert charge_neutral(Formula.parse("Fe2O3"))
    assert charge_neutral(Formula.parse("FeO"))


def test_forty_cations_in_large_numbers_are_balanced_by_oxygen() -> None:
    states, scale = oxidation_states("smact14"), electronegativities()
    cations = [symbol for symbol in states if scale.get(symbol, 9.0) < 2.5 and states[symbol][0] > 0][:40]
    counts = {symbol: 20 + 2 * i for i, symbol in enumerate(cations)}  # even, so that the charge is even
    charge = sum(states[symbol][-1] * count for symbol, count in counts.items())
    formula = Formula.parse({**counts, "O": charge // 2})
    assert len(formula.elements) == 41
    assert formula.atoms > 4_000
    assert electronegativity_balanced(formula)
    assert charge_neutral(formula)
    assert not charge_neutral(Formula.parse({**counts, "O": 1}))


def test_no_formulas_give_two_empty_arrays() -> None:
    neutral, balanced = verdicts([])
    assert neutral.shape == balanced.shape == (0,)
    assert neutral.dtype == balanced.dtype == np.bool_


@pytest.mark.parametrize(("states", "attribute"), STATE_SETS.items())
def test_states_are_those_of_the_installed_smact(states: str, attribute: str) -> None:
    for symbol in SYMBOLS[:103]:
        listed = getattr(smact.Element(symbol), attribute) or []
        assert sorted(listed) == list(oxidation_states(states).get(symbol, ()))


def test_electronegativities_are_smacts_and_not_pymatgens() -> None:
    assert electronegativities()["W"] == smact.Element("W").pauling_eneg != 2.36
    assert electronegativities().keys().isdisjoint({"He", "Ne", "Ar", "Pm", "Rn", "Lr"})


def test_the_states_cannot_be_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        oxidation_states("smact14")["Ti"] = (9,)  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("smact", "smact14"), ("ICSD-24", "icsd24"), ("pymatgen", "pymatgen_sp"), ("wikipedia", "wiki")],
)
def test_an_unknown_set_is_refused_and_the_nearest_named(wrong: str, nearest: str) -> None:
    with pytest.raises(
        ScreeningError, match=f"unknown oxidation-state set '{wrong}': did you mean '{nearest}'"
    ):
        screen(["NaCl"], oxidation_states=wrong)


def test_the_table_says_why_a_composition_fails() -> None:
    table = screen(["SrTiO3", "NaCl2", "NeF", "PmCl3", "ClO2", "Xx2O3", ""])
    assert table["reason"].str.split(":").str[0].tolist() == [
        "",
        "no smact14 oxidation states sum to zero",
        "smact14 lists no oxidation state for Ne",
        "no Pauling electronegativity for Pm",
        "",
        "not parseable",
        "not parseable",
    ]
    assert table["charge_neutral"].tolist() == [True, False, False, True, True, False, False]
    assert table["electronegativity_balanced"].tolist() == [True, False, False, False, True, False, False]
    assert "Xx" in table["reason"][5]
    assert table.attrs == {
        "setting": "smact14, one oxidation state an element, no alloys, Pauling test",
        "smact": smact_version(),
    }


def test_a_neutral_compound_of_one_electronegativity_fails_the_pauling_test_alone() -> None:
    """C and Se share 2.55 in SMACT, so neither can be the cation of the other."""
    table = screen(["CSe2", "CS2"])
    assert table["charge_neutral"].tolist() == [True, True]
    assert table["electronegativity_balanced"].tolist() == [False, True]
    assert table["reason"].tolist() == [
        "no neutral smact14 oxidation states keep cations less electronegative than anions",
        "",
    ]


def test_formulas_compositions_mappings_and_text_of_one_compound_get_one_verdict() -> None:
    given_as: list[Composed] = [
        "Ti2O4",
        "TiO₂",
        Formula.parse("O2Ti"),
        Composition("TiO2"),
        {"Ti": 1, "O": 2},
    ]
    table = screen(given_as, checks=["reduced_formula"])
    assert table["reduced_formula"].tolist() == ["TiO2"] * 5
    assert table["electronegativity_balanced"].all()
    assert table["formula"][0] == "Ti2O4"
    for one in given_as:
        assert screen(one, checks=["reduced_formula"])["reduced_formula"].tolist() == ["TiO2"]


def test_a_series_keeps_its_index_and_its_missing_cells() -> None:
    column = pd.Series(["MgO", None, float("nan"), pd.NA, "MgO2"], index=[7, 3, 3, 1, 0], dtype=object)
    table = screen(column, checks=["reduced_formula"])
    assert table.index.tolist() == [7, 3, 3, 1, 0]
    assert (
        table["formula"].isna().tolist()
        == table["reduced_formula"].isna().tolist()
        == [False, True, True, True, False]
    )
    assert table["reason"].iloc[1:4].tolist() == ["not parseable: the cell is empty"] * 3


def test_an_empty_list_makes_an_empty_table_of_the_same_columns() -> None:
    empty, filled = screen([]), screen(["MgO"])
    assert empty.shape == (0, 9)
    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()


@pytest.mark.parametrize("wrong", [5, None, pd.DataFrame({"formula": ["MgO"]})])
def test_what_is_no_list_of_formulas_is_refused(wrong: object) -> None:
    with pytest.raises(ScreeningError, match="is no list of formulas"):
        screen(wrong)  # type: ignore[arg-type]


def test_a_list_of_known_compounds_adds_what_is_novel() -> None:
    table = screen(["Sr2Ti2O6", "MgO", "no formula"], known=KnownFormulas.of(["SrTiO3"]))
    assert table["novel"].tolist() == [False, True, False]
    assert "novel" not in screen(["MgO"])


def test_screening_never_imports_torch_and_the_package_nothing_heavy() -> None:
    light = "import sys, mattransformer.screening; assert not {'smact', 'pandas', 'numpy'} & set(sys.modules)"
    whole = (
        "import sys; from mattransformer.screening.screen import screen; screen(['MgO']); "
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    for code in (light, whole):
        subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_what_it_lists() -> None:
    import mattransformer.screening as package

    assert (
        {name for name in package.__all__ if getattr(package, name) is not None}
        == set(package.__all__)
        <= set(dir(package))
    )
    with pytest.raises(AttributeError, match="has no attribute 'alloys'"):
        _ = package.alloys
