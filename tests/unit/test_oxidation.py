"""Sets of oxidation states beside the named ones: SMACT's filter of ICSD reports, and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from smact.screening import ICSD24FilterConfig, smact_validity

from mattransformer.formula import Formula
from mattransformer.screening.judgement import COMPILED_FROM
from mattransformer.screening.oxidation import ScreeningError, oxidation_states
from mattransformer.screening.rules import charge_neutral, electronegativity_balanced
from mattransformer.screening.screen import screen

COMPOUNDS = [
    "SrTiO3",
    "Fe3O4",
    "NaCl2",
    "AuCl",
    "XeF2",
    "TiO",
    "Ti2O3",
    "CuO",
    "Cu2O",
    "MnO2",
    "HfO2",
    "Cs2AgBiBr6",
]


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("icsd24:", ICSD24FilterConfig()),
        ("icsd24:consensus=3,commonality=low", ICSD24FilterConfig()),
        ("icsd24:consensus=50", ICSD24FilterConfig(consensus=50)),
        ("icsd24:commonality=high", ICSD24FilterConfig(commonality="high")),
        ("icsd24:commonality=main", ICSD24FilterConfig(commonality="main")),
        ("icsd24:commonality=12.5", ICSD24FilterConfig(commonality=12.5)),
        ("icsd24:include_zero=true,consensus=10", ICSD24FilterConfig(include_zero=True, consensus=10)),
    ],
)
def test_the_filter_of_icsd_reports_is_smacts(text: str, config: ICSD24FilterConfig) -> None:
    for compound in COMPOUNDS:
        formula = Formula.parse(compound)
        for pauling, ours in ((False, charge_neutral), (True, electronegativity_balanced)):
            theirs = smact_validity(compound, pauling, include_alloys=False, icsd_filter=config)
            assert ours(formula, text) == theirs, compound


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("icsd24:consent=3", "no setting 'consent'; the settings are consensus, commonality, include_zero"),
        ("icsd24:consensus=few", "consensus cannot be 'few'"),
        ("icsd24:commonality=rare", "commonality cannot be 'rare'"),
        ("icsd24:consensus=-3", "consensus cannot be '-3'"),
        ("icsd24:commonality=nan", "commonality cannot be 'nan'"),
        ("icsd24:commonality=5000", "commonality cannot be '5000'"),
        ("icsd24:consensus=999999999", "leaves no oxidation state"),
        ("icsd24:include_zero=1", "include_zero cannot be '1'"),
        ("nowhere.txt", "unknown oxidation-state set 'nowhere.txt'"),
    ],
)
def test_a_set_that_cannot_be_made_is_refused(text: str, message: str) -> None:
    with pytest.raises(ScreeningError, match=message):
        oxidation_states(text)


def test_a_file_of_ones_own_states_decides_as_it_does_in_smact(tmp_path: Path) -> None:
    file = tmp_path / "halides.txt"
    file.write_text("# my states\nNa 1\nCl -1 1\nFe 2 3\nO -2  # oxides\n\nHe\n", encoding="utf-8")
    assert dict(oxidation_states(str(file))) == {"Na": (1,), "Cl": (-1, 1), "Fe": (2, 3), "O": (-2,)}
    table = screen(["NaCl", "FeO", "Fe3O4", "TiO2", "NaHe"], oxidation_states=str(file))
    assert table["charge_neutral"].tolist() == [True, True, False, False, False]
    assert table["charge_neutral_mixed"].tolist() == [True, True, True, False, False]
    assert table["oxidation_states_set"].unique().tolist() == ["halides.txt"]
    assert table["reason"][3] == "halides.txt lists no oxidation state for Ti"
    file.write_text(
        "Na 1\nCl -1 1\nFe 2 3\nO -2\n", encoding="utf-8"
    )  # SMACT takes comments on lines of their own
    for compound, verdict in zip(["NaCl", "FeO", "Fe3O4"], table["smact_valid"], strict=False):
        assert verdict == smact_validity(compound, include_alloys=False, oxidation_states_set=str(file))


def test_an_edited_file_of_states_counts_from_the_next_screening(tmp_path: Path) -> None:
    file = tmp_path / "sodium.txt"
    for rows in (1, COMPILED_FROM):
        file.write_text("Na 1\nCl -1\n", encoding="utf-8")
        assert screen(["NaCl", "NaCl2"] * rows, oxidation_states=file)["smact_valid"].tolist()[:2] == [
            True,
            False,
        ]
        file.write_text("Na 2\nCl -1\n#\n", encoding="utf-8")
        assert screen(["NaCl", "NaCl2"] * rows, oxidation_states=file)["smact_valid"].tolist()[:2] == [
            False,
            True,
        ]


def test_what_is_no_name_of_a_set_is_refused() -> None:
    with pytest.raises(ScreeningError, match="None is no set of oxidation states: name one of smact14"):
        screen(["NaCl"], oxidation_states=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Na +1\nXx 2\n", "line 2: 'Xx 2' is no element with its charges; write Fe 2 3"),
        ("Na one\n", "line 1: 'Na one'"),
        ("Na 99\n", "line 1: 'Na 99'"),
        ("# nothing\n", "lists no oxidation state"),
        ("", "lists no oxidation state"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_by_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "states.txt"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ScreeningError, match=message):
        oxidation_states(str(file))
