"""Formulas are read as chemists mean them, and as pymatgen does where it is right; nothing else is let in."""

from __future__ import annotations

import csv
import gzip
import math
import pickle
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition, reduce_formula
from pymatgen.core.periodic_table import DummySpecies, Element, Species

from mattransformer.elements import ORDER, SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula, FormulaError
from mattransformer.notation import MAX_AMOUNT, read_plain, read_text

no_electronegativity = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


@pytest.fixture(scope="module")
def corpus_formulas(shared_data: Path) -> list[str]:
    """Every distinct formula of the three corpora."""
    formulas: set[str] = set()
    for name in ("mp", "oqmd", "icsd"):
        with gzip.open(shared_data / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            formulas.update(row["formula"] for row in csv.DictReader(file))
    assert len(formulas) > 400_000
    return sorted(formulas)


# Against pymatgen


@no_electronegativity
def test_every_corpus_formula_is_read_and_reduced_as_pymatgen_does(corpus_formulas: list[str]) -> None:
    special = Composition.special_formulas
    for text in corpus_formulas:
        amounts = {element.symbol: amount for element, amount in Composition(text).items()}
        counts = read_plain(text)
        assert counts is not None, text
        assert dict(counts) == amounts, text
        # what Composition.reduced_formula does, in half of its time
        reduced, _ = reduce_formula(amounts)
        assert Formula.parse(text).reduced_formula == special.get(reduced, reduced) == text


@no_electronegativity
def test_cells_of_corpus_formulas_have_the_reduced_and_anonymous_formulas_of_pymatgen(
    corpus_formulas: list[str],
) -> None:
    for number, text in enumerate(corpus_formulas[::40]):
        formula = Formula.parse(text)
        cell = Formula(tuple((symbol, count * (number % 4 + 1)) for symbol, count in formula.counts))
        composition = cell.composition()
        assert cell.reduced_formula == composition.reduced_formula
        assert cell.anonymous == composition.anonymized_formula, text
        assert cell.reduced == Formula.parse(composition.reduced_formula)


def test_the_general_reader_agrees_with_the_fast_one(corpus_formulas: list[str]) -> None:
    for text in corpus_formulas[::100]:
        counts = read_plain(text)
        assert counts is not None
        assert read_text(text) == dict(counts), text


@pytest.mark.parametrize(
    ("text", "reduced"),
    [
        ("NaO", "Na2O2"),
        ("Na4O4", "Na2O2"),
        ("LiO", "Li2O2"),
        ("KO", "K2O2"),
        ("RbO", "Rb2O2"),
        ("CsO", "Cs2O2"),
        ("HO", "H2O2"),
        ("O", "O2"),
        ("N4", "N2"),
        ("F", "F2"),
        ("Cl3", "Cl2"),
        ("H", "H2"),
        ("Br2", "Br"),
        ("FeO", "FeO"),
        ("Ca3P2O8", "Ca3(PO4)2"),
        ("AcAg2O4", "Ac(AgO2)2"),
        ("CaAl2F8", "CaAl2F8"),
        ("XeO2F2", "Xe(OF)2"),
        ("NaHe2Ar4", "NaAr4He2"),
        ("MgH2O2", "Mg(HO)2"),
    ],
)
@no_electronegativity
def test_reduced_formula_is_the_one_pymatgen_writes(text: str, reduced: str) -> None:
    formula = Formula.parse(text)
    assert Composition(text).reduced_formula == reduced
    assert formula.reduced == Formula.parse(formula.reduced_formula)
    assert formula.reduced.reduced_formula == formula.reduced_formula
    assert formula.reduced_formula == reduced


# Notations


@pytest.mark.parametrize(
    "text",
    [
        "CuSO4·5H2O",
        "CuSO4•5H2O",
        "CuSO4∙5H2O",
        "CuSO4⋅5H2O",
        "CuSO4*5H2O",
        "CuSO4.5H2O",
        "CuSO4 · 5 H2O",
        "CuSO₄·5H₂O",
        "CuSO₄.5H₂O",
        "CuSO4.5(H2O)",
        "CuSO4.3H2O.2H2O",
        "CuSO4(H2O)5",
        "Cu[SO4](H2O)5",
        "{Cu(H2O)4}SO4·(H2O)",
        "5H2O·CuSO4",
        " Cu1 S1 O4 (H2 O)5 \n",
    ],
)
def test_blue_vitriol_has_five_waters_in_every_notation(text: str) -> None:
    assert Formula.parse(text) == Formula.parse("CuH10SO9")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Na2SO4.10H2O", "Na2SO14H20"),
        ("LiOH.H2O", "LiO2H3"),
        ("CoCl2.6NH3", "CoCl2N6H18"),
        ("Al2O3·2SiO2", "Al2Si2O7"),
        ("Al2O3·2½H2O", "Al4O11H10"),
        ("CaSO4·0.5H2O", "Ca2S2O9H2"),
        ("CaSO4.0.5H2O", "Ca2S2O9H2"),
        ("CaSO4·½H2O", "Ca2S2O9H2"),
        ("CaSO4.½H2O", "Ca2S2O9H2"),
        ("CaSO4.1/2H2O", "Ca2S2O9H2"),
        ("CaSO4·1/2H2O", "Ca2S2O9H2"),
        ("CaSO4·1/3H2O", "Ca3S3O13H2"),
        ("Na2B4O7.2.5H2O", "Na4B8O19H10"),
        ("3CdSO4·8H2O", "Cd3S3O20H16"),
        ("KAl(SO4)2·12H2O", "KAlS2O20H24"),
        ("Al2O3.SiO2", "Al2SiO5"),
        ("K4[Fe(CN)6]", "K4FeC6N6"),
        ("Y3N@C80", "Y3NC80"),
        ("((Ca(OH)2)2)3", "Ca6O12H12"),
        ("SrTiO₃", "SrTiO3"),
        ("NH4NO3", "N2H4O3"),
        ("NaN", "NaN"),
        ("CO", "CO"),
        ("Co", "Co"),
        ("O02", "O2"),
    ],
)
def test_notation_is_read_as_chemists_mean_it(text: str, cell: str) -> None:
    assert Formula.parse(text) == Formula.parse(cell)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ba0.9Sr0.1TiO3", "Ba9SrTi10O30"),
        ("Ba.9Sr.1TiO3", "Ba9SrTi10O30"),
        ("Li[Li0.2Mn0.8]O2", "Li3Mn2O5"),
        ("Na₀.₅CoO₂", "NaCo2O4"),
        ("Fe2.0O3.0", "Fe2O3"),
        ("Fe4.0O6", "Fe4O6"),
        ("Fe1.5O1.5", "FeO"),
        ("Li0.5O0.25", "Li2O"),
        ("Bi0.5Na0.5TiO3", "BiNaTi2O6"),
        ("Li0.333333Co0.666667O2", "LiCo2O6"),
        ("Ba0.995La0.005TiO3", "Ba199LaTi200O600"),
        ("La0.7(Sr0.3Ca0.7)0.3MnO3", "La70Sr9Ca21Mn100O300"),
        ("Li0.5H2O", "LiH4O2"),
        ("TiO1.8H2O", "Ti5O14H10"),
    ],
)
def test_fractions_become_the_smallest_whole_number_cell(text: str, cell: str) -> None:
    assert Formula.parse(text) == Formula.parse(cell)


def test_a_cell_within_the_given_limit_is_accepted_and_one_beyond_is_not() -> None:
    assert Formula.parse("Ba0.999La0.001TiO3", max_cell_atoms=5000).atoms == 5000
    with pytest.raises(
        FormulaError, match=r"5,000 atoms, more than 1,000; round the amounts, or raise max_cell_atoms"
    ):
        Formula.parse("Ba0.999La0.001TiO3")
    with pytest.raises(FormulaError, match=r"50 atoms, more than 49"):
        Formula.parse("Ba0.9Sr0.1TiO3", max_cell_atoms=49)


def test_heavy_water_is_water_on_request_only() -> None:
    for value in ("D2O", "DTO", "HDO", {"D": 2, "O": 1}, Composition("D2O"), {Species("D", 1): 2, "O": 1}):
        assert Formula.parse(value, heavy_hydrogen=True) == Formula.parse("H2O")
        with pytest.raises(FormulaError, match="is an isotope of H; count it as H with heavy_hydrogen=True"):
            Formula.parse(value)
    assert Formula.parse("MgSO4.7D2O", heavy_hydrogen=True) == Formula.parse("MgSO4·7H2O")
    assert Formula.parse("DyTi") == Formula.parse({"Dy": 1, "Ti": 1})


# Mappings and Compositions


@pytest.mark.parametrize(
    "value",
    [
        {"Fe": 3, "O": 4},
        {"O": 4.0, "Fe": 3.0},
        {"Fe2+": 1, "Fe3+": 2, "O2-": 4},
        {"Fe": np.int64(3), "O": np.float32(4)},
        {"Fe": Fraction(3), "O": Fraction(4)},
        {Element("Fe"): 3, "O": 4},
        Composition("Fe3O4"),
        Composition({"Fe2+": 1, "Fe3+,spin=5": 2, "O2-": 4}),
        Composition({Species("Fe", 2.5): 3, "O": 4}),
        Composition({"Fe2+": 0.5, "Fe3+": 2.5, "O2-": 4}),
        Formula.parse("Fe3O4"),
    ],
)
def test_magnetite_is_the_same_whatever_holds_it(value: Any) -> None:
    assert Formula.parse(value) == Formula.parse("Fe3O4")


def test_composition_with_fractions_becomes_a_whole_number_cell() -> None:
    assert Formula.parse(Composition("BaTiO3") / 5) == Formula.parse("BaTiO3")
    assert Formula.parse(Composition({"Ba": 1 / 3, "Sr": 2 / 3, "O": 1})) == Formula.parse("BaSr2O3")
    assert Formula.parse({"Ba": np.float32(0.9), "Sr": 0.1 + 1e-9, "O": 1}) == Formula.parse("Ba9SrO10")


def test_composition_comes_back_from_pymatgen_unchanged() -> None:
    formula = Formula.parse("Na4O4")
    assert formula.composition() == Composition("Na4O4")
    assert Formula.parse(formula.composition()) == formula


# What is no formula


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("Xx2O3", "Xx is not an element"),
        ("nacl", "'n', which is no part"),
        ("Nacl", "Nacl is not an element"),
        ("NaCl-", "'-', a charge or an amount below zero"),
        ("Na-2Cl", "'-', a charge or an amount below zero"),
        ("Fe3+", "'+', a charge or an amount below zero"),
        ("Fe³⁺", "'³', which is no part"),
        ("NaCl0", "an amount of zero"),
        ("Na(Cl)0", "an amount of zero"),
        ("CuSO4·0H2O", "the coefficient 0 is zero"),
        ("CuSO4·99999H2O", "a coefficient of 99,999, more than 10,000"),
        ("CuSO4·9999H2O", "10,003 atoms of O are more than 10,000"),
        ("CuSO4·1/" + "9" * 400 + "H2O", "is almost zero"),
        ("Al2O3.2SiO2", "the full stop in 3.2 may be a decimal point or a hydrate's dot"),
        ("MgO.2Al2O3", "the full stop in .2 may be"),
        ("CuSO4·1/0H2O", "the coefficient 1/0 is zero"),
        ("NaCl0.000000001", "the amount of Cl is almost zero"),
        ("NaCl0.0000001", "1e-07 of Cl is no fraction"),
        ("Na0.1234321Cl", "0.1234321 of Na is no fraction with a denominator up to 1,000"),
        ("NaO1000000", "an amount of 1,000,000, more than 10,000"),
        ("O9999(O2)2", "10,003 atoms of O are more than 10,000"),
        ("(O9999)9999", "atoms of O are more than 10,000"),
        ("O" + "9" * 400, "an amount of inf, more than 10,000"),
        ("(" * 90 + "O" + "9999)" * 90, "pymatgen says"),
        ("O1e3", "'e', which is no part"),
        ("CuSO4·nH2O", "'n', which is no part"),
        ("CuSO4 5H2O", "the number 5 follows another"),
        ("Na1.2.3", "the number .3 follows another"),
        ("2NaCl", "the number 2 stands before a symbol"),
        ("(2Na)Cl", "the number 2 stands before a symbol"),
        ("CuSO4·", "a part before or after a dot is empty"),
        ("CuSO4··5H2O", "a part before or after a dot is empty"),
        ("CuSO4·5", "a coefficient stands alone"),
        ("Ca(OH]2", "the bracket ']' closes nothing"),
        ("Ca(OH", "a bracket is not closed by ')'"),
        ("CaOH)", "the bracket ')' closes nothing"),
        ("Ca()2", "the bracket ')' closes nothing"),
        ("Na/Cl", "'/', which is no part"),
        ("Na\x00Cl", r"'\x00', which is no part"),
        ("Na" * 600, "1,200 characters, more than 1,000"),
        (None, "it is of type NoneType"),
        (float("nan"), "it is of type float"),
        (b"NaCl", "it is of type bytes"),
        (["Na", "Cl"], "it is of type list"),
        (11, "it is of type int"),
        (object(), "it is of type object"),
        ({}, "it is empty"),
        (Composition({}), "it is empty"),
        ({"Na": 0, "Cl": 1}, "the amount 0 of Na is not above zero"),
        ({"Na": -1}, "the amount -1 of Na is not above zero"),
        ({"Na": float("nan")}, "the amount nan of Na is not above zero"),
        ({"Na": float("inf")}, "inf atoms of Na are more than 10,000"),
        ({"Na": 10**6}, "1,000,000 atoms of Na are more than 10,000"),
        ({"Na": 10**400}, "inf atoms of Na are more than 10,000"),
        ({"Na": 10**6000}, "inf atoms of Na are more than 10,000"),
        ({"Na": "1"}, "the amount '1' of Na is not a number"),
        ({"Na": True}, "the amount True of Na is not a number"),
        ({"Na": 1j}, "the amount 1j of Na is not a number"),
        ({11: 1}, "the key 11 is not an element"),
        ({"Na2": 1}, "the key 'Na2' is not an element"),
        ({None: 1}, "the key None is not an element"),
        ({"Xx": 1}, "Xx is not an element"),
        (Composition({DummySpecies("X", 2): 1, "O": 1}), "X is not an element"),
        (Composition("Xx2O3"), "Xx is not an element"),
        (Composition({"Na": -1}, allow_negative=True), "the amount -1 of Na is not above zero"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_reason_on_one_line(value: Any, reason: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(reason)) as caught:
        Formula.parse(value)
    message = str(caught.value)
    assert isinstance(caught.value, MattransformerError)
    assert message.isprintable()
    assert len(message) < 260
    assert "; " in message, "the way out is missing"


def test_the_refused_input_is_named_and_shortened() -> None:
    with pytest.raises(FormulaError, match=r"^'NaCl-' is not a formula: "):
        Formula.parse("NaCl-")
    with pytest.raises(FormulaError, match=r"^'!{39}\.\.\.!{16}' is not a formula: "):
        Formula.parse("!" * 500)
    with pytest.raises(FormulaError, match=r"^'Na\\nCl!' is not a formula: "):
        Formula.parse("Na\nCl!")


def test_an_object_that_cannot_even_be_shown_is_refused() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(FormulaError, match=r"^<Hostile> is not a formula: "):
        Formula.parse(Hostile())  # type: ignore[arg-type]


# The type


def test_tokens_of_strontium_titanate_stand_in_order_of_electronegativity() -> None:
    formula = Formula.parse("TiO3Sr")
    assert formula.tokens == ("Sr", "Ti", "O", "O", "O")
    assert formula.elements == ("Sr", "Ti", "O")
    assert formula.atoms == 5
    assert str(formula) == "SrTiO3"
    assert formula.anonymous == "ABC3"


def test_formulas_are_equal_by_counts_and_differ_until_reduced() -> None:
    assert Formula.parse("Sr2Ti2O6") != Formula.parse("SrTiO3")
    assert Formula.parse("Sr2Ti2O6").reduced == Formula.parse("SrTiO3")
    assert len({Formula.parse("SrTiO3"), Formula.parse("O3TiSr"), Formula.parse("Ti(SrO3)")}) == 1
    assert str(Formula.parse("Ca3(PO4)2")) == "Ca3P2O8"


def test_formula_cannot_be_changed_and_survives_pickling() -> None:
    formula = Formula.parse("Ca3(PO4)2")
    with pytest.raises(AttributeError):
        formula.counts = ()  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(formula)) == formula


@pytest.mark.parametrize(
    "counts", [(), (("O", 3), ("Sr", 1)), (("O", 1), ("O", 1)), (("Xx", 1),), (("O", 0),), (("O", 1.0),)]
)
def test_counts_that_are_not_canonical_make_no_formula(counts: Any) -> None:
    with pytest.raises(FormulaError, match=r"use Formula\.parse"):
        Formula(counts)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ([], "it has no tokens"),
        (["Na", "Xx"], "'Xx' is not a formula: it is not an element"),
        (["Na", "</s>"], "it is not an element"),
        (["Na", "D"], "it is not an element"),
        (["Na2"], "it is not an element"),
        (["O"] * (MAX_AMOUNT + 1), "it comes 10,001 times, more than 10,000"),
    ],
)
def test_tokens_that_are_no_atoms_make_no_formula(tokens: list[str], reason: str) -> None:
    with pytest.raises(FormulaError, match=reason):
        Formula.from_tokens(tokens)


def test_anonymous_formula_goes_on_past_26_elements() -> None:
    every = Formula.from_tokens(SYMBOLS)
    assert every.anonymous.startswith("ABC")
    assert every.anonymous[24:30] == "YZAaAb"
    assert len(every.anonymous) == 26 + 2 * (118 - 26)


# Laws that hold for every formula

cells = st.dictionaries(st.sampled_from(ORDER), st.integers(1, 40), min_size=1, max_size=8)


@given(cells, st.randoms())
@settings(deadline=None)
def test_atoms_in_any_order_make_the_same_formula(cell: dict[str, int], random: Any) -> None:
    formula = Formula.parse(cell)
    tokens = list(formula.tokens)
    random.shuffle(tokens)
    assert Formula.from_tokens(tokens) == formula
    items = list(cell.items())
    random.shuffle(items)
    assert Formula.parse("".join(f"{symbol}{count}" for symbol, count in items)) == formula


@given(cells)
@settings(deadline=None)
@no_electronegativity
def test_written_formulas_are_read_back_and_agree_with_pymatgen(cell: dict[str, int]) -> None:
    formula = Formula.parse(cell)
    composition = Composition(cell)
    assert Formula.parse(str(formula)) == formula
    assert formula.reduced_formula == composition.reduced_formula
    assert formula.anonymous == composition.anonymized_formula
    assert Formula.parse(formula.reduced_formula) == formula.reduced
    assert formula.reduced.anonymous == formula.anonymous
    assert Formula.parse(composition.formula) == formula


@given(cells, st.integers(1, 20))
@settings(deadline=None)
def test_multiples_of_a_cell_reduce_to_the_same_formula(cell: dict[str, int], factor: int) -> None:
    formula = Formula.parse(cell)
    multiple = Formula.parse({symbol: count * factor for symbol, count in cell.items()})
    assert multiple.atoms == formula.atoms * factor
    assert multiple.reduced == formula.reduced
    assert multiple.reduced_formula == formula.reduced_formula
    assert multiple.anonymous == formula.anonymous


@given(
    st.dictionaries(st.sampled_from(ORDER), st.integers(1, 60), min_size=2, max_size=4), st.integers(2, 97)
)
@settings(deadline=None)
def test_fractions_of_a_cell_give_its_smallest_cell(cell: dict[str, int], divisor: int) -> None:
    formula = Formula.parse({symbol: count / divisor for symbol, count in cell.items()})
    assert formula.reduced == Formula.parse(cell).reduced
    if any(count % divisor for count in cell.values()):
        assert math.gcd(*(count for _, count in formula.counts)) == 1


@given(st.text(alphabet="NaClOH25·.()[]*+-/ \n₂eXx0", max_size=12))
@settings(deadline=None, max_examples=400)
def test_any_text_is_a_formula_or_refused_on_one_line(text: str) -> None:
    result: Formula | str
    try:
        result = Formula.parse(text)
    except FormulaError as error:
        result = str(error)
    assert result.isprintable() if isinstance(result, str) else Formula(result.counts) == result


@given(st.lists(st.sampled_from(["Na", "Ti", "O", "(", ")", "2", "3", "10", "(OH)2", "Co", "C"]), max_size=8))
@settings(deadline=None, max_examples=400)
def test_what_the_fast_reader_takes_the_general_one_reads_alike(pieces: list[str]) -> None:
    text = "".join(pieces)
    counts = read_plain(text)
    if counts is not None:
        assert read_text(text) == dict(counts)
        assert Composition(text).get_el_amt_dict() == dict(counts)


@pytest.mark.parametrize("counts", ["SrTiO3", 5, {"Na": 1}, (("Na", 1, 2),), [("Na", 1)]])
def test_the_constructor_takes_counts_and_refers_everything_else_to_parse(counts: object) -> None:
    with pytest.raises(FormulaError, match=r"Formula\.parse"):
        Formula(counts)  # type: ignore[arg-type]
