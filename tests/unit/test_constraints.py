"""Rules as a chemist types them, how they are refused, and how clashes are told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mattransformer.constraints
from mattransformer.constraints import Automaton, ConstraintError, Rules
from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.oxidation import ScreeningError
from mattransformer.screening.stoichiometry import TemplateError


@pytest.mark.parametrize(
    "typed", ["Li, Fe", "Li Fe", "Li-Fe", " Fe,Li ", "Li;Fe", ["Li", "Fe"], {"Fe", "Li"}, ("Fe", "Li", "Fe")]
)
def test_elements_come_in_a_line_or_one_by_one(typed: Any) -> None:
    assert Rules.of(require=typed).require == {"Li", "Fe"}
    assert Rules.of(allow=typed).allow == frozenset({"Li", "Fe"})
    assert Rules.of(forbid=typed).forbid == {"Li", "Fe"}


def test_elements_of_pymatgen_are_elements() -> None:
    from pymatgen.core.periodic_table import Element

    typed: Any = [Element("Li"), Element("Fe")]
    assert Rules.of(require=typed).require == {"Li", "Fe"}
    assert Rules.of(allow=np.array(["Li", "Fe"])).allow == frozenset({"Li", "Fe"})


@pytest.mark.parametrize("typed", ["Li-P-S", "S P Li", ["P", "S", "Li"]])
def test_a_chemical_system_requires_its_elements_and_allows_no_others(typed: Any) -> None:
    rules = Rules.of(chemical_system=typed)
    assert rules.require == rules.allow == frozenset({"Li", "P", "S"})
    assert rules.settings() == {"chemical_system": "Li-P-S"}


@pytest.mark.parametrize(
    ("typed", "least", "most"),
    [
        (3, 3, 3),
        ((2, 4), 2, 4),
        ([3, None], 3, 8),
        ((None, 5), 2, 5),
        ((None, None), 2, 8),
        (np.int64(4), 4, 4),
    ],
)
def test_numbers_of_elements_are_one_or_a_range(typed: Any, least: int, most: int) -> None:
    assert Rules.of(n_elements=typed).n_elements == (least, most)


def test_rules_that_are_not_set_are_no_settings() -> None:
    assert Rules.of().settings() == {}
    assert Rules.of(n_atoms=(2, 30), n_elements=(None, None), oxidation_states="smact14").settings() == {}


def test_settings_can_be_written_as_json_and_read_again() -> None:
    rules = Rules.of(
        require="Sr",
        allow="Ti Sr O S",
        forbid="S",
        n_elements=(None, 3),
        n_atoms=5,
        template="ABX3 X=O A=Ba,Sr",
        charge_neutral=True,
        electronegativity_balanced=True,
        oxidation_states="icsd24",
    )
    written = json.loads(json.dumps(rules.settings()))
    assert written == {
        "require": ["Sr"],
        "allow": ["Sr", "Ti", "S", "O"],
        "forbid": ["S"],
        "n_elements": [2, 3],
        "n_atoms": [5, 5],
        "template": "ABX3",
        "sites": {"A": ["Ba", "Sr"], "X": ["O"]},
        "charge_neutral": True,
        "electronegativity_balanced": True,
        "oxidation_states": "icsd24",
    }
    assert Rules.of(**written).settings() == written


def test_of_exclusions_the_settings_tell_how_many() -> None:
    listed = Compositions.of([Formula.parse(text) for text in ("NaCl", "KCl", "Na2Cl2")]).fingerprints()
    rules = Rules.of(exclude=listed)
    assert rules.settings() == {"exclude": 2}
    assert rules.exclude is not None
    assert (np.diff(rules.exclude) > 0).all()


@pytest.mark.parametrize(
    "template", ["A2BB'X6 A=Ca,Sr X=O", "A2BB'X6  X = O , A = Sr, Ca", "A2 B B' X6 A=Ca,Sr; X=O", "A2BB'X6"]
)
def test_sites_stand_behind_a_template_or_apart(template: str) -> None:
    sites = None if "=" in template else {"A": ["Ca", "Sr"], "X": "O"}
    rules = Rules.of(template=template, sites=sites)
    assert dict(rules.sites) == {"A": {"Ca", "Sr"}, "X": {"O"}}
    assert "".join(str(rules.template).split()) == "A2BB'X6"


def test_sites_behind_a_template_and_apart_add_up() -> None:
    rules = Rules.of(template="A2BB'X6 B'=Mo", sites={"X": ["O"]})
    assert dict(rules.sites) == {"B'": {"Mo"}, "X": {"O"}}


def test_only_the_stronger_rule_of_charges_need_be_named() -> None:
    assert Rules.of(electronegativity_balanced=True).neutral
    assert not Rules.of().neutral


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"require": "Xx"}, "require 'Xx' cannot be used: 'Xx' is not an element; give symbols"),
        ({"require": []}, "it names no element; give symbols, such as Li, Fe, or leave it out"),
        ({"allow": " , "}, "it names no element"),
        ({"forbid": 3}, "it is of type int"),
        ({"forbid": {"Li": 1}}, "it is of type dict"),
        ({"require": [None]}, "None is not an element"),
        ({"require": ["Li", ["Fe"]]}, r"\['Fe'\] is not an element"),
        ({"allow": True}, "it is of type bool"),
        ({"allow": b"Li"}, "it is of type bytes"),
        ({"chemical_system": "Li-P-S", "allow": "Li P S O"}, "leave out require and allow"),
        ({"chemical_system": "LiFe"}, "'LiFe' is not an element"),
        (
            {"n_elements": 1},
            "compositions here have 2 to 8, and 1 is beyond; give a whole number from 2 to 8",
        ),
        ({"n_elements": (2, 9)}, "and 9 is beyond"),
        ({"n_atoms": 31}, "compositions here have 2 to 30, and 31 is beyond"),
        ({"n_atoms": -1}, "and -1 is beyond"),
        ({"n_atoms": (5, 4)}, "no number is from 5 to 4; give the smaller one first"),
        ({"n_atoms": (2, 3, 4)}, "it is neither a number nor two"),
        ({"n_atoms": ()}, "it is neither a number nor two"),
        ({"n_atoms": True}, "True is not a whole number"),
        ({"n_atoms": "5"}, "'5' is not a whole number"),
        ({"n_atoms": (2, 4.0)}, "4.0 is not a whole number"),
        ({"n_atoms": float("nan")}, "nan is not a whole number"),
        ({"n_atoms": (float("-inf"), float("inf"))}, "-inf is not a whole number"),
        ({"n_atoms": {2: 4}}, "is not a whole number"),
        ({"template": 3}, "template 3 cannot be used: it is no short text"),
        ({"template": "ABX3 Y=O"}, "'Y' is no letter of it; its letters are A, B, X"),
        ({"template": "NaCl A=Li"}, "'A' is no letter of it; it has no letters"),
        ({"template": "ABX3 A=Ca X"}, "'X' cannot be read; write letters and elements behind it"),
        ({"template": "ABX3 A=Ca A=Sr"}, "A comes twice"),
        ({"template": "ABX3 A=Qq"}, "'Qq' is not an element"),
        ({"template": "ABX3 A=Ca", "sites": {"A": ["Sr"]}}, "the template says what A may be; say it once"),
        ({"template": "ABX3", "sites": {"D": ["Sr"]}}, "'D' is no letter of it"),
        ({"template": "ABX3", "sites": {None: ["Sr"]}}, "None is no letter of it"),
        ({"template": "ABX3", "sites": ["Sr"]}, "it is no mapping"),
        ({"template": "ABX3", "sites": {"A": []}}, "site 'A' .* names no element"),
        ({"sites": {"A": ["Sr"]}}, "there is no template; give one, such as template='ABX3'"),
        ({"partial": 4}, "it is no short text; write elements with numbers or question marks"),
        ({"partial": "  "}, "it is no short text"),
        ({"partial": "Li? Xx"}, "Xx is not an element"),
        ({"partial": "Li? Li2"}, "Li comes twice"),
        ({"partial": "Li0 O"}, "there are no atoms of Li; leave the element out"),
        ({"partial": "Li? (PO4)"}, r"'\(' cannot be read"),
        ({"partial": "?"}, r"'\?' cannot be read"),
        ({"partial": "Sr2 Ti2 O6"}, "it is not reduced; write SrTiO3"),
        ({"partial": "Na O"}, "it is not reduced; write Na2O2"),
        ({"charge_neutral": 1}, "charge_neutral 1 cannot be used: it is neither True nor False"),
        ({"electronegativity_balanced": None}, "it is neither True nor False"),
        ({"oxidation_states": None}, "it is no name of a set"),
        ({"exclude": [1, 2]}, "exclude 'list' cannot be used: it is no column of fingerprints"),
        ({"exclude": np.array([1, 2])}, "give Compositions.fingerprints"),
        ({"exclude": np.zeros((2, 2), dtype=np.uint64)}, "it is no column of fingerprints"),
    ],
)
def test_what_cannot_be_used_is_refused_with_reason_and_way_out(typed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConstraintError, match=reason) as refusal:
        Rules.of(**typed)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_a_template_and_a_set_of_states_are_refused_by_those_who_read_them() -> None:
    with pytest.raises(TemplateError, match=r"^template 'ABXy3' cannot be used"):
        Rules.of(template="ABXy3")
    with pytest.raises(ScreeningError, match=r"^unknown oxidation-state set 'smact'"):
        Rules.of(oxidation_states="smact")


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.text("ABXLiFeO'=?,0123-", max_size=12)
    | st.binary(max_size=3)
)


@given(
    st.sampled_from(
        [
            *("require", "allow", "forbid", "chemical_system", "n_elements", "n_atoms", "template", "sites"),
            *("partial", "charge_neutral", "electronegativity_balanced", "oxidation_states", "exclude"),
        ]
    ),
    ANYTHING | st.lists(ANYTHING, max_size=3) | st.dictionaries(st.text(max_size=3) | st.none(), ANYTHING),
)
def test_no_value_is_a_plain_error_of_python(name: str, value: Any) -> None:
    typed: dict[str, Any] = {"template": "ABX3"} if name == "sites" else {}
    try:
        Rules.of(**typed | {name: value})
    except MattransformerError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"template": "ABX3", "n_elements": 2}, "template ABX3 and n_elements 2 clash: "),
        ({"template": "ABX3", "n_atoms": (6, None)}, "template ABX3 and n_atoms 6 to 30 clash: "),
        ({"require": "Fe", "forbid": "Fe O"}, "require Fe and forbid Fe O clash: "),
        ({"require": "Ne", "charge_neutral": True}, "require Ne and charge_neutral with smact14 clash: "),
        (
            {"require": "He O", "electronegativity_balanced": True, "charge_neutral": True, "forbid": "Li"},
            "require O He and electronegativity_balanced with smact14 clash: ",
        ),
        (
            {"template": "ABX3 X=O", "allow": "Sr Ti S", "charge_neutral": True, "n_elements": (None, 5)},
            "template ABX3, site X=O and allow Sr Ti S clash: ",
        ),
        ({"chemical_system": "Na-Cl", "n_elements": 3}, "chemical_system Na-Cl and n_elements 3 clash: "),
        ({"chemical_system": "Na-O", "n_atoms": 2}, "chemical_system Na-O and n_atoms 2 clash: "),
        (
            {"partial": "Fe3 O4", "charge_neutral": True},
            "partial 'Fe3 O4' and charge_neutral with smact14 clash: ",
        ),
        (
            {"partial": "Li? O4", "require": "P", "charge_neutral": True},
            "partial 'Li\\? O4' and require P clash: ",
        ),
        (
            {"partial": "O?"},
            "partial 'O\\?' cannot be kept: no composition of 2 to 8 elements and at most 30 atoms",
        ),
        ({"template": "A3"}, "template A3 cannot be kept: "),
        ({"template": "A20X11"}, "template A20X11 cannot be kept: "),
        ({"allow": "Fe", "charge_neutral": True}, "allow Fe cannot be kept: .* does; drop or loosen it$"),
        ({"require": SYMBOLS[:20]}, r"require K Na Li Ca .* \.\.\. \(20 elements\) cannot be kept"),
        ({"require": SYMBOLS[:5], "forbid": SYMBOLS}, "forbid .* cannot be kept"),
    ],
)
def test_rules_that_no_composition_keeps_are_named(typed: dict[str, Any], told: str) -> None:
    with pytest.raises(ConstraintError, match=f"^{told}") as clash:
        Automaton(Rules.of(**typed))
    assert "\n" not in str(clash.value)
    assert "drop or loosen" in str(clash.value)


def test_whole_compositions_are_judged_without_walking() -> None:
    formulas = ["SrTiO3", "Sr2Ti2O6", "CaTiO3", "SrTiS3", "SrO", "MgO", "Fe", "NaO"]
    columns = Compositions.of([Formula.parse(text) for text in formulas])

    def kept(**typed: Any) -> list[str]:
        judged = Automaton(Rules.of(**typed)).keeps(columns)
        return [text for text, good in zip(formulas, judged, strict=True) if good]

    assert kept() == [text for text in formulas if text != "Fe"]
    assert kept(template="ABX3 A=Sr X=O") == ["SrTiO3", "Sr2Ti2O6"]
    assert kept(template="ABX3", exclude=columns.fingerprints()[:1]) == ["CaTiO3", "SrTiS3"]
    assert kept(n_atoms=2) == ["SrO", "MgO"]
    assert kept(n_atoms=4, partial="Na? O2") == ["NaO"]
    assert kept(n_elements=3, require="S") == ["SrTiS3"]


@pytest.mark.parametrize("name", mattransformer.constraints.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert name in dir(mattransformer.constraints)
    assert getattr(mattransformer.constraints, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Prison'"):
        _ = mattransformer.constraints.Prison
