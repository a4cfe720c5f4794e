"""What may follow prefixes of atoms: walks through the automaton against all compositions, enumerated."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.constraints.automaton import Automaton
from mattransformer.constraints.rules import ConstraintError, Rules
from mattransformer.elements import ATOMIC_NUMBER, RANK, SYMBOLS
from mattransformer.formula import Formula
from mattransformer.screening import judge
from mattransformer.screening.compositions import Compositions

# Peroxides, elements of both signs (N, S, H), and orders that SMACT and pymatgen do not share: W is at 2.36 in the one
# and at 1.7 in the other, so that it comes after Te here and is less electronegative.
FAMILIES = [
    *("Na O", "Na K O", "Li H O F", "Sr Ti O", "Fe N O", "Te W O", "Sb Te Pb W", "Na Cl O F"),
    *("Pb W Au S", "U Tl Fe O", "H C N O", "Cu Si Tc O"),
]
TEMPLATES = [
    "AX",
    "A2X2",
    "ABX3",
    "AB2X4",
    "AO2",
    "A2BO3",
    "AA'X2",
    "ABX",
    "NaX",
    "Na2O2",
    "A'B'6",
    "A3X",
    "AA'BX",
]


def formulas_of(automaton: Automaton, most: int = 100_000) -> list[str]:
    """Every formula that an automaton lets a model write, in canonical order; fails at a prefix with no way on."""
    live = np.zeros((1, 0), dtype=np.int64)
    found: list[str] = []
    while len(live):
        may = automaton.allowed(live)
        assert may.any(axis=1).all(), "a dead end"
        found += ["".join(SYMBOLS[z - 1] for z in row) for row in live[may[:, 0]].tolist()]
        rows, following = np.nonzero(may[:, 1:])
        live = np.concatenate([live[rows], following[:, None] + 1], axis=1)
        assert len(found) + len(live) <= most
    return sorted(str(Formula.parse(text)) for text in found)


def following(automaton: Automaton, *atoms: str) -> set[str]:
    """What may come after some atoms, "end" for the end."""
    may = automaton.allowed(np.array([[ATOMIC_NUMBER[atom] for atom in atoms]], dtype=np.int64))[0]
    return {"end" if z == 0 else SYMBOLS[z - 1] for z in np.flatnonzero(may).tolist()}


@functools.cache
def everything(elements: str, atoms: int) -> tuple[Formula, ...]:
    """All reduced formulas of two elements or more, up to a number of atoms as written."""
    symbols = sorted(elements.split(), key=RANK.__getitem__)
    found = []
    for amounts in itertools.product(range(atoms + 1), repeat=len(symbols)):
        if sum(amounts) <= atoms and np.count_nonzero(amounts) >= 2:
            formula = Formula(tuple((s, n) for s, n in zip(symbols, amounts, strict=True) if n))
            if formula.reduced == formula:
                found.append(formula)
    return tuple(found)


def slots_of(template: str) -> list[tuple[str, int]]:
    """The terms of the templates of these tests, spelled out."""
    spelled = {
        "A'B'6": [("A", 1), ("=B", 6)],
        "Na2O2": [("=Na", 1), ("=O", 1)],
        "NaX": [("=Na", 1), ("X", 1)],
    }
    spelled |= {
        "AO2": [("A", 1), ("=O", 2)],
        "A2BO3": [("A", 2), ("B", 1), ("=O", 3)],
        "A2X2": [("A", 1), ("X", 1)],
    }
    if template in spelled:
        return spelled[template]
    slots: list[tuple[str, int]] = []
    for character in template:
        if character.isdigit():
            slots[-1] = (slots[-1][0], int(character))
        elif character == "'":
            slots[-1] = (slots[-1][0] + "'", 1)
        else:
            slots.append((character, 1))
    return slots


def keeps_template(formula: Formula, template: str, sites: dict[str, list[str]]) -> bool:
    slots = slots_of(template)
    fixed = {letter[1:] for letter, _ in slots if letter.startswith("=")}
    total, own = sum(amount for _, amount in slots), formula.atoms
    for order in itertools.permutations(formula.counts):
        if len(order) == len(slots) and all(
            count * total == amount * own
            and (symbol == letter[1:] if letter.startswith("=") else symbol not in fixed)
            and symbol in sites.get(letter, [symbol])
            for (symbol, count), (letter, amount) in zip(order, slots, strict=True)
        ):
            return True
    return False


def kept(asked: dict[str, Any], formula: Formula) -> bool:
    """Judge one formula in plain Python, charges by `screening`."""
    counts = dict(formula.counts)
    partial = asked.get("partial", {})
    if asked["balanced"] or asked["neutral"]:
        verdicts = judge(Compositions.of([formula]), asked["states"])
        if not (verdicts.electronegativity_balanced if asked["balanced"] else verdicts.charge_neutral)[0]:
            return False
    return (
        set(asked["require"]) <= counts.keys()
        and not counts.keys() & set(asked["forbid"])
        and asked["elements"][0] <= len(counts) <= asked["elements"][1]
        and asked["atoms"][0] <= formula.atoms <= asked["atoms"][1]
        and (not partial or counts.keys() == partial.keys())
        and all(partial.get(symbol) in (None, count) for symbol, count in counts.items())
        and (asked["template"] is None or keeps_template(formula, asked["template"], asked["sites"]))
        and formula not in asked["exclude"]
    )


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Rules over a few elements that may clash or not."""
    family = draw(st.sampled_from(FAMILIES))
    symbols = family.split()
    most = draw(st.integers(2, 9 if len(symbols) < 4 else 7))
    some = st.lists(st.sampled_from(symbols), max_size=2, unique=True)
    rarely = draw(st.integers(0, 3))
    template = draw(st.none() | st.sampled_from(TEMPLATES))
    letters = [letter for letter, _ in slots_of(template or "") if not letter.startswith("=")]
    amount = st.none() | st.integers(1, 3)
    sited = draw(st.integers(0, len(letters)))
    sites = {
        letter: sorted(draw(st.sets(st.sampled_from(symbols), min_size=1))) for letter in letters[:sited]
    }
    named = draw(st.permutations(symbols))[: draw(st.integers(2, len(symbols)))]
    partial = {symbol: draw(amount) for symbol in named} if rarely == 0 else {}
    atoms = draw(st.integers(2, most))
    elements = draw(st.integers(2, 4))
    possible = everything(family, most)
    share = draw(st.sampled_from([0, 0, 0.5, 0.9, 1]))
    excluded = draw(st.randoms(use_true_random=False)).sample(possible, int(share * len(possible)))
    spared = draw(st.lists(st.sampled_from(possible), max_size=2)) if possible else []
    return {
        "family": family,
        "require": draw(some) if rarely > 1 else [],
        "forbid": draw(some) if rarely == 2 else [],
        "elements": draw(st.sampled_from([(2, 8), (elements, elements), (2, elements), (elements, 8)])),
        "atoms": draw(st.sampled_from([(2, most), (2, most), (atoms, most), (atoms, atoms)])),
        "template": template,
        "sites": sites,
        "partial": partial,
        "neutral": draw(st.booleans()),
        "balanced": draw(st.booleans()),
        "states": draw(st.sampled_from(["smact14", "icsd24", "wiki"])),
        "exclude": set(excluded) - set(spared),
    }


def rules_of(asked: dict[str, Any]) -> Rules:
    partial = " ".join(f"{symbol}{amount or '?'}" for symbol, amount in asked["partial"].items())
    return Rules.of(
        allow=asked["family"],
        require=asked["require"] or None,
        forbid=asked["forbid"] or None,
        n_elements=asked["elements"],
        n_atoms=asked["atoms"],
        template=asked["template"],
        sites=asked["sites"] or None,
        partial=partial or None,
        charge_neutral=asked["neutral"],
        electronegativity_balanced=asked["balanced"],
        oxidation_states=asked["states"],
        exclude=np.sort(Compositions.of(list(asked["exclude"])).fingerprints()) if asked["exclude"] else None,
    )


def walk(automaton: Automaton, count: int, seed: int) -> list[Formula]:
    """Write formulas, what follows drawn from all that may; the end as likely as all elements together."""
    random = np.random.default_rng(seed)
    live = np.zeros((count, 0), dtype=np.int64)
    found: list[Formula] = []
    while len(live):
        may = automaton.allowed(live)
        assert may.any(axis=1).all(), "a dead end"
        chances = may * random.random(may.shape)
        chances[:, 0] *= 1 + random.random(len(may))
        chosen = chances.argmax(axis=1)
        found += [Formula.from_tokens([SYMBOLS[z - 1] for z in row]) for row in live[chosen == 0].tolist()]
        live = np.concatenate([live, chosen[:, None]], axis=1)[chosen > 0]
    return found


@settings(max_examples=150)
@given(requests())
def test_a_walk_finds_exactly_the_compositions_that_keep_the_rules(asked: dict[str, Any]) -> None:
    possible = everything(asked["family"], asked["atoms"][1])
    wanted = sorted(str(formula) for formula in possible if kept(asked, formula))
    if not wanted:
        with pytest.raises(ConstraintError) as refusal:
            Automaton(rules_of(asked))
        assert "\n" not in str(refusal.value)
        return
    automaton = Automaton(rules_of(asked))
    assert formulas_of(automaton) == wanted
    judged = automaton.keeps(Compositions.of(list(possible)))
    assert sorted(str(possible[at]) for at in np.flatnonzero(judged)) == wanted


def test_all_balanced_nitrides_and_oxides_of_tungsten_up_to_thirty_atoms_are_found() -> None:
    """Sums of charges go as far as they can here, up to 30 atoms of W6+."""
    possible = Compositions.of(list(everything("W N O", 30)))
    balanced = np.flatnonzero(judge(possible).electronegativity_balanced)
    found = formulas_of(Automaton(Rules.of(allow="W N O", electronegativity_balanced=True)))
    assert found == sorted(str(possible.formula(at)) for at in balanced.tolist())


@pytest.mark.parametrize("states", ["smact14", "icsd24", "wiki", "icsd24:consensus=3"])
@pytest.mark.parametrize("rule", ["charge_neutral", "electronegativity_balanced"])
def test_random_walks_among_all_elements_end_in_compositions_that_keep_the_rule(
    rule: str, states: str
) -> None:
    asked: dict[str, Any] = {rule: True, "oxidation_states": states}
    automaton = Automaton(Rules.of(**asked))
    found = walk(automaton, 1_000, seed=1)
    assert len(found) == 1_000
    assert all(formula.reduced == formula for formula in found)
    assert automaton.keeps(Compositions.of(found)).all()


@pytest.mark.parametrize("states", ["smact14", "icsd24"])
@pytest.mark.parametrize("pauling", [False, True])
def test_smact_itself_passes_what_random_walks_write(pauling: bool, states: str) -> None:
    from smact.screening import smact_validity

    rule = "electronegativity_balanced" if pauling else "charge_neutral"
    # SMACT tries all combinations of states, so that four elements are what it can do in a moment.
    asked: dict[str, Any] = {rule: True, "oxidation_states": states, "n_elements": (None, 4)}
    for formula in walk(Automaton(Rules.of(**asked)), 1_000, seed=2):
        assert smact_validity(
            str(formula), use_pauling_test=pauling, include_alloys=False, oxidation_states_set=states
        )


def test_random_walks_without_rules_end_in_reduced_formulas_of_two_to_eight_elements() -> None:
    found = walk(Automaton(Rules.of()), 1_000, seed=3)
    assert all(formula.reduced == formula for formula in found)
    assert {len(formula.counts) for formula in found} <= set(range(2, 9))
    assert max(formula.atoms for formula in found) <= 30


def test_random_walks_write_nothing_that_is_excluded() -> None:
    rules = Rules.of(chemical_system="Li-P-S", charge_neutral=True, n_atoms=(None, 12))
    all_of_them = formulas_of(Automaton(rules))
    listed = [Formula.parse(text) for text in all_of_them[::2]]
    automaton = Automaton(replace(rules, exclude=np.sort(Compositions.of(listed).fingerprints())))
    assert formulas_of(automaton) == all_of_them[1::2]


def test_strontium_titanate_is_written_as_a_perovskite() -> None:
    automaton = Automaton(Rules.of(template="ABX3", charge_neutral=True))
    assert "O" not in following(automaton)  # only fluorine may follow it
    assert "Ti" in following(automaton, "Sr")
    assert following(automaton, "Sr", "Ti", "O") == {"O"}
    assert following(automaton, "Sr", "Ti", "O", "O", "O") == {"end"}
    # Three times strontium is X, and two other elements have to follow it.
    assert "end" not in following(automaton, "Sr", "Sr", "Sr")


def test_a_double_perovskite_has_the_elements_of_its_sites() -> None:
    rules = Rules.of(template="A2BB'X6 A=Cs B=Ag,Na B'=Bi,In X=Cl,Br", charge_neutral=True)
    automaton = Automaton(rules)
    assert following(automaton) == {"Cs"}
    assert following(automaton, "Cs", "Cs") == {"Na", "In", "Ag"}
    assert following(automaton, "Cs", "Cs", "Ag") == {"Bi"}  # In comes before Ag
    assert len(formulas_of(automaton)) == 8


def test_open_amounts_of_a_phosphate_are_any_that_are_neutral() -> None:
    rules = Rules.of(partial="Li? P? O4", charge_neutral=True)
    found = formulas_of(Automaton(rules))
    assert "Li3PO4" in found
    assert all(re.fullmatch("Li[0-9]*P[0-9]*O4", text) for text in found)
    assert formulas_of(Automaton(replace(rules, n_atoms=(2, 8)))) == [
        text for text in found if Formula.parse(text).atoms <= 8
    ]


def test_sodium_peroxide_is_written_doubled_and_never_as_nao() -> None:
    automaton = Automaton(Rules.of(chemical_system="Na-O", charge_neutral=True))
    assert formulas_of(automaton) == ["Na2O", "Na2O2"]
    assert following(automaton, "Na") == {"Na"}
    assert following(automaton, "Na", "Na", "O", "O") == {"end"}


def test_a_template_of_one_to_one_holds_rock_salt_and_peroxides() -> None:
    """As the same template in `screen`, by proportions: Na2O2 is one to one."""
    automaton = Automaton(Rules.of(template="AX X=O", allow="Na Mg O", charge_neutral=True))
    assert formulas_of(automaton) == ["MgO", "Na2O2"]
    assert formulas_of(Automaton(Rules.of(template="AX", allow="Na Mg O", n_atoms=2))) == ["MgO", "NaMg"]


def test_other_formulas_are_written_reduced() -> None:
    automaton = Automaton(Rules.of(chemical_system="Mg-O"))
    assert "end" in following(automaton, "Mg", "O")
    assert "end" not in following(automaton, "Mg", "Mg", "O", "O")
    assert "end" in following(automaton, "Mg", "Mg", "O", "O", "O")


def test_magnetite_is_not_neutral_with_one_state_an_element() -> None:
    automaton = Automaton(Rules.of(chemical_system="Fe-O", charge_neutral=True))
    assert {"FeO", "Fe2O3"} <= set(formulas_of(automaton))
    assert "end" not in following(automaton, "Fe", "Fe", "Fe", "O", "O", "O", "O")
    with pytest.raises(ConstraintError, match=r"^partial 'Fe3 O4' and charge_neutral with smact14 clash: "):
        Automaton(Rules.of(partial="Fe3 O4", charge_neutral=True))


def test_tungsten_is_less_electronegative_than_tellurium_as_smact_has_it() -> None:
    """It comes after Te in a formula, and is the cation of tungsten ditelluride all the same."""
    automaton = Automaton(Rules.of(chemical_system="Te-W", electronegativity_balanced=True))
    assert "Te2W" in formulas_of(automaton)


def test_elements_never_return_and_never_stand_before_less_electronegative_ones() -> None:
    automaton = Automaton(Rules.of(allow="Sr Ti O"))
    assert following(automaton, "Ti") == {"Ti", "O"}
    assert following(automaton, "Ti", "Sr") == set()
    assert following(automaton, "Sr", "Ti", "Sr") == set()
    assert following(automaton, "Fe") == set()


def test_the_last_way_is_closed_when_the_only_compound_is_excluded() -> None:
    salt = Compositions.of([Formula.parse("NaCl")]).fingerprints()
    rules = Rules.of(chemical_system="Na-Cl", n_atoms=(None, 3), exclude=salt)
    automaton = Automaton(rules)
    assert formulas_of(automaton) == ["Na2Cl", "NaCl2"]
    assert following(automaton, "Na", "Cl") == {"Cl"}
    with pytest.raises(
        ConstraintError,
        match=r"^chemical_system Na-Cl, electronegativity_balanced with smact14 and exclude of 1 compositions clash",
    ):
        Automaton(replace(rules, electronegativity_balanced=True))


def test_an_excluded_peroxide_is_known_by_its_proportions() -> None:
    peroxide = Compositions.of([Formula.parse("Na2O2")]).fingerprints()
    rules = Rules.of(chemical_system="Na-O", charge_neutral=True, exclude=peroxide)
    assert formulas_of(Automaton(rules)) == ["Na2O"]


def test_prefixes_of_a_batch_are_judged_alike_and_each_for_itself() -> None:
    automaton = Automaton(Rules.of(electronegativity_balanced=True))
    prefixes = np.array([[11, 17], [38, 22], [26, 8], [8, 26]], dtype=np.uint8)
    together = automaton.allowed(prefixes)
    assert together.shape == (4, 119)
    for prefix, row in zip(prefixes, together, strict=True):
        assert (automaton.allowed(prefix[None].astype(np.int32))[0] == row).all()
    assert automaton.allowed(np.zeros((0, 3), dtype=np.int64)).shape == (0, 119)
    assert automaton.allowed(np.zeros((2, 0), dtype=np.uint8)).any(axis=1).all()


@pytest.mark.parametrize("prefixes", [[[0]], [[119]], [[-1]], [1, 2], [[1.5]], [[True]], [["Na"]]])
def test_what_are_no_atomic_numbers_is_refused(prefixes: list[Any]) -> None:
    automaton = Automaton(Rules.of(allow="Na Cl"))
    with pytest.raises(ConstraintError, match="they are not atomic numbers; give 1 to 118"):
        automaton.allowed(np.array(prefixes))


def test_an_automaton_says_which_elements_it_knows() -> None:
    automaton = Automaton(Rules.of(allow="O Ti Sr Ne", forbid="Ti", charge_neutral=True))
    assert automaton.elements == ("Sr", "O")
