"""Charge neutrality in three settings, chemistry classes, and how sure a share is."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.periodic_table import Element
from smact.screening import smact_validity

from mattransformer.data.known import KnownFormulas
from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.metrics.classes import CLASSES, KINDS, by_kind, class_names, classes, kinds
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import (
    Ratio,
    mean,
    percent_ends,
    ratio,
    ratio_of,
    recorded,
    share,
    share_of,
    wilson,
)
from mattransformer.metrics.novelty import novelty
from mattransformer.metrics.uniqueness import curve_sizes, uniqueness
from mattransformer.metrics.validity import SETTINGS, validity
from mattransformer.screening.screen import Known


def verdict(setting: str, formula: str) -> tuple[bool, bool]:
    own = validity(FormulaList.of([formula]).compositions)[setting]
    return bool(own.charge_neutral[0]), bool(own.balanced[0])


@pytest.mark.parametrize("setting", [setting.name for setting in SETTINGS])
def test_perovskite_is_valid_in_every_setting_and_sodium_dichloride_in_none(setting: str) -> None:
    assert verdict(setting, "SrTiO3") == (True, True)
    assert verdict(setting, "NaCl2") == (False, False)
    assert verdict(setting, "Fe3O4") == (False, False)  # one state an element


def test_brass_is_valid_by_the_default_of_smact_alone_since_that_exempts_alloys() -> None:
    assert verdict("smact14", "CuZn") == (False, False)
    assert verdict("icsd24", "CuZn") == (False, False)
    assert verdict("smact-default", "CuZn") == (True, True)


def test_a_neutral_alloy_of_lithium_and_sodium_is_not_balanced() -> None:
    assert verdict("smact14", "LiNa") == (True, False)


@pytest.mark.parametrize("setting", [setting.name for setting in SETTINGS])
@pytest.mark.parametrize("element", ["Fe", "O2", "Na"])
def test_a_single_element_is_valid_in_no_setting(setting: str, element: str) -> None:
    assert verdict(setting, element) == (False, False)


def test_the_settings_are_those_of_smact_itself() -> None:
    compositions = FormulaList.of_corpus("mp-transport:test").compositions
    texts = [compositions.formula(at).reduced_formula for at in range(60)]
    texts += ["CuZn", "Ni3Al", "NaXe", "KO2", "He2O"]
    verdicts = validity(FormulaList.of(texts).compositions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for pauling, mask in ((False, "charge_neutral"), (True, "balanced")):
            default = [smact_validity(text, use_pauling_test=pauling) for text in texts]
            assert getattr(verdicts["smact-default"], mask).tolist() == default
            for states in ("smact14", "icsd24"):
                theirs = [
                    smact_validity(
                        text, use_pauling_test=pauling, include_alloys=False, oxidation_states_set=states
                    )
                    for text in texts
                ]
                assert getattr(verdicts[states], mask).tolist() == theirs
    assert 0 < verdicts["smact14"].balanced.sum() < len(texts)


def test_the_first_setting_is_that_of_published_figures_and_says_so() -> None:
    assert [setting.name for setting in SETTINGS] == ["smact14", "smact-default", "icsd24"]
    assert SETTINGS[0].in_words.startswith("smact14, one oxidation state an element, no alloys, Pauling test")
    assert "consensus=3,commonality=low" in SETTINGS[1].in_words
    assert "alloys are valid" in SETTINGS[1].in_words


def test_classes_of_well_known_compounds() -> None:
    expected = {
        "SrTiO3": "oxide",
        "BiOCl": "oxide",  # O is more electronegative than Cl
        "SF6": "halide",
        "CsPbBr3": "halide",
        "MoS2": "chalcogenide",
        "Bi2Te3": "chalcogenide",
        "GaN": "nitride",
        "GaAs": "pnictide",
        "Ni3Al": "intermetallic",
        "MgB2": "intermetallic",
        "SiC": "other",
        "PdH": "other",
    }
    assert (
        dict(zip(expected, class_names(FormulaList.of(list(expected)).compositions), strict=True)) == expected
    )


def class_by_pymatgen(formula: Formula) -> str:
    """Class one compound by its last element in the canonical order, metals and metalloids being pymatgen's."""
    anions = {
        "oxide": {"O"},
        "halide": {"F", "Cl", "Br", "I"},
        "chalcogenide": {"S", "Se", "Te"},
        "nitride": {"N"},
        "pnictide": {"P", "As", "Sb", "Bi"},
    }
    if len(formula.elements) == 1:
        return "other"
    for name, symbols in anions.items():
        if formula.elements[-1] in symbols:
            return name
    metallic = all(Element(symbol).is_metal or Element(symbol).is_metalloid for symbol in formula.elements)
    return "intermetallic" if metallic else "other"


def test_classes_of_rows_go_by_the_anion_and_the_metals_of_pymatgen(shared_data: Path) -> None:
    for name in ("mp", "icsd", "oqmd"):
        read = FormulaList.of_file(shared_data / f"{name}.csv.gz")
        some = read.select(np.random.default_rng(0).random(len(read)) < 4000 / len(read))
        names = [class_by_pymatgen(some.compositions.formula(at)) for at in range(len(some))]
        assert class_names(some.compositions) == names
        assert set(names) == set(CLASSES)


def test_a_single_element_is_neither_an_oxide_nor_an_intermetallic() -> None:
    assert class_names(FormulaList.of(["O2", "Fe", "Cl2"]).compositions) == ["other"] * 3


def test_cobalt_makes_an_intermetallic_with_what_pymatgen_calls_a_metal_or_metalloid() -> None:
    others = [symbol for symbol in SYMBOLS if symbol != "Co"]
    named = dict(
        zip(others, class_names(FormulaList.of([f"Co{s}" for s in others]).compositions), strict=True)
    )
    no_metals = {s for s in others if not (Element(s).is_metal or Element(s).is_metalloid)}
    assert {s for s, name in named.items() if name == "other"} < no_metals
    assert {s for s, name in named.items() if name == "intermetallic"}.isdisjoint(no_metals)
    assert (named["Al"], named["Si"], named["H"], named["C"]) == (
        "intermetallic",
        "intermetallic",
        "other",
        "other",
    )


def test_kinds_by_number_of_elements() -> None:
    compositions = FormulaList.of(["Fe", "NaCl", "SrTiO3", "LiFePO4", "KAl(SO4)2H24O12"]).compositions
    assert [KINDS[at] for at in kinds(compositions).tolist()] == list(KINDS)
    assert list(by_kind(kinds(compositions))) == list(KINDS)
    assert list(by_kind(kinds(FormulaList.of(["NaCl"]).compositions))) == list(KINDS[1:])
    assert classes(FormulaList.of([]).compositions).tolist() == []


def test_three_of_four_rows_are_unique_and_the_curve_follows_the_rows() -> None:
    found = uniqueness(FormulaList.of(["NaCl", "ClNa", "KCl", "Xx", "KBr"]))
    assert found.new.tolist() == [True, False, True, True]
    assert found.value == 0.75
    # KCl and KBr came once: 1.96 sqrt(2 (1 - 2/4)) / 4 on either side
    assert found.interval == pytest.approx((0.75 - 0.489991, 1.0))
    assert found.as_dict()["curve"] == {"rows": [4], "unique": [3]}


def test_the_curve_of_a_list_that_repeats_itself_stops_rising() -> None:
    rows = [f"Na{n}Cl{m}" for n in range(1, 6) for m in range(7, 9)] * 100
    curve = uniqueness(FormulaList.of(rows)).as_dict()["curve"]
    assert curve["rows"][0] == 10
    assert curve["rows"][-1] == 1000
    assert curve["unique"] == [10] * len(curve["rows"])


def test_twenty_sizes_lead_from_ten_to_a_million() -> None:
    sizes = curve_sizes(1_000_000)
    assert (len(sizes), sizes[0], sizes[-1]) == (20, 10, 1_000_000)
    assert np.ptp(np.diff(np.log(sizes))) < 0.06
    assert curve_sizes(3).tolist() == [3]
    assert curve_sizes(0).tolist() == []


def test_single_elements_are_known_and_counted_apart() -> None:
    sample = FormulaList.of(["Fe", "O2", "NaCl", "KCl"])
    found = novelty(sample, {"compounds": FormulaList.of(["NaCl"])})
    assert found.new["compounds"].tolist() == [False, False, False, True]
    told = found.as_dict()
    assert told["single_elements"] == 2
    assert told["by_elements"]["unary"]["count"] == 0
    assert told["all"]["count"] == 1


def test_novelty_is_told_for_each_list_and_for_all() -> None:
    sample = FormulaList.of(["NaCl", "KCl", "Na5Cl", "SrTiO3"])
    lists: dict[str, Known] = {
        "salts": FormulaList.of(["KCl", "Na2Cl2"]),
        "index": KnownFormulas.of(["SrTiO3", "NaCl"]),
    }
    found = novelty(sample, lists)
    assert found.new["salts"].tolist() == [False, False, True, True]
    assert found.new["index"].tolist() == [False, True, True, False]
    assert found.everywhere.tolist() == [False, False, True, False]
    shares = found.as_dict()
    assert (shares["lists"]["salts"]["share"], shares["all"]["share"]) == (0.5, 0.25)
    assert shares["by_elements"]["binary"]["share"] == pytest.approx(1 / 3)
    assert shares["by_elements"]["ternary"]["share"] == 0.0


def test_the_interval_of_a_share_is_that_of_draws_one_by_one() -> None:
    mask = np.arange(200) < 60
    drawn = mask[np.random.default_rng(1).integers(200, size=(20_000, 200))].mean(axis=1)
    assert share(mask).interval == pytest.approx(
        np.percentile(drawn, [2.5, 97.5]), abs=0.0051
    )  # a step is 0.005
    # normal: 1.96 standard errors of sqrt(0.3 * 0.7 / 200)
    assert share(mask).interval == pytest.approx((0.3 - 0.0635, 0.3 + 0.0635), abs=0.0051)


def test_the_interval_of_a_share_of_a_million_is_drawn_at_once() -> None:
    low, high = share_of(300_000, 1_000_000).interval or (0, 0)
    assert (low, high) == pytest.approx((0.3 - 0.000898, 0.3 + 0.000898), abs=3e-5)


@pytest.mark.parametrize("n", [1, 20, 1_000_000])
def test_the_interval_of_none_and_of_all_is_wilsons_and_has_a_width(n: int) -> None:
    none, every = share_of(0, n).interval, share_of(n, n).interval
    assert none == wilson(0, n)
    assert every == wilson(n, n)
    assert none is not None
    assert none[0] == 0 < none[1]
    assert none[1] == pytest.approx(3.8415 / (n + 3.8415), abs=1e-5)


def test_a_share_that_was_recorded_without_width_is_read_with_wilsons_interval() -> None:
    older = {"share": 0.0, "interval": [0.0, 0.0], "count": 0, "of": 20}
    assert recorded(older) == wilson(0, 20)
    assert recorded({**older, "share": 0.5, "interval": [0.3, 0.7], "count": 10}) == (0.3, 0.7)
    assert recorded({**older, "share": None, "interval": None, "of": 0}) is None


def test_the_ends_of_a_narrow_interval_are_written_with_the_digits_that_tell_them_apart() -> None:
    assert percent_ends((0.0, 0.1611)) == ("0.0", "16.1")
    assert percent_ends(wilson(0, 1_000_000)) == ("0.0000", "0.0004")
    assert percent_ends((0.5, 0.5)) == ("50.0", "50.0")


def test_a_list_without_repetition_has_an_interval_of_uniqueness_below_all() -> None:
    found = uniqueness(FormulaList.of(["NaCl", "KCl", "MgO"]))
    assert found.value == 1
    assert found.interval == wilson(3, 3)
    assert found.as_dict()["interval"] == list(wilson(3, 3))


def test_a_seed_decides_an_interval() -> None:
    assert share_of(333, 1000, seed=1) == share_of(333, 1000, seed=1)
    assert len({share_of(333_333, 1_000_000, seed=seed).interval for seed in range(5)}) > 1


def test_a_share_of_nothing_is_none_and_says_why() -> None:
    assert share(np.zeros(0, dtype=np.bool_)).as_dict() == {
        "share": None,
        "interval": None,
        "count": 0,
        "of": 0,
        "reason": "there is no composition to take it of",
    }
    assert mean(np.zeros(0)).as_dict()["mean"] is None
    assert ratio(np.ones(3, dtype=np.bool_), np.zeros(3, dtype=np.bool_)).value is None


@pytest.mark.parametrize("n", [500, 4_000, 40_000])
def test_the_interval_of_a_mean_is_1_96_standard_errors_wide(n: int) -> None:
    values = np.random.default_rng(0).normal(2.0, 0.5, n)
    if n == 500:
        values = np.round(values, 1)
    found = mean(values)
    assert found.value == pytest.approx(values.mean())
    error = values.std() / np.sqrt(n)
    low, high = found.interval or (0, 0)
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error
    )
    assert mean(values[::-1]) == found


def test_a_ratio_is_resampled_by_the_same_compositions() -> None:
    one, other = np.arange(400) < 200, np.arange(400) < 100
    found = ratio(one, other)
    assert found.value == 2.0
    low, high = found.interval or (0, 0)
    assert 1.6 < low < 2.0 < high < 2.5
    assert ratio(one, one).interval == (1.0, 1.0)


def test_a_ratio_of_two_counts_has_the_published_interval() -> None:
    # Heart attacks under placebo and aspirin, of some 11,035 each: Agresti, Categorical Data Analysis, section 3.1
    found = ratio_of(189, 104, 11_035)
    assert found.value == pytest.approx(1.82, abs=0.005)
    assert found.interval == pytest.approx((1.43, 2.31), abs=0.005)
    assert ratio_of(3, 0, 10).value is None
    assert ratio_of(0, 3, 10) == Ratio(0.0, None)


@pytest.mark.parametrize(
    ("found", "size", "low", "high"),
    # Newcombe, Statistics in Medicine 17, 857 (1998), table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(found: int, size: int, low: float, high: float) -> None:
    assert wilson(found, size) == pytest.approx((low, high), abs=5e-5)


def test_no_trial_leaves_every_share_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
