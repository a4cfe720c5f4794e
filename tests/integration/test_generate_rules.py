"""`mattransformer generate` with rules, as a user types it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import mattransformer as mt
from mattransformer.cli.app import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["generate", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["generate", *arguments])
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if line.startswith("mattransformer: error: ")]
    return line


def test_thiophosphates_of_lithium_are_listed_with_their_rules() -> None:
    output = run("--chemical-system", "Li-P-S", "--charge-neutral", "--likeliest", "-n", "20")
    assert "Li3PS4" in output
    assert "charge_neutral True" in output
    assert "charge-neutral               20 100.0%" in output


def test_perovskites_go_to_a_file_without_what_is_toxic_or_known(tmp_path: Path) -> None:
    target = tmp_path / "perovskites.parquet"
    rules = [
        "--template",
        "ABX3 X=O,F",
        "--forbid",
        "toxic,RADIOACTIVE noble-gases Cs",
        "--electronegativity-balanced",
    ]
    output = run(*rules, "--exclude", "known", "-n", "300", "-o", str(target))
    table = pd.read_parquet(target)
    assert len(table) == 300
    assert table["novel"].all()
    assert table["electronegativity_balanced"].all()
    forbidden = mt.elements.TOXIC | mt.elements.RADIOACTIVE | mt.elements.NOBLE_GASES | {"Cs"}
    assert not any(forbidden & set(mt.Formula.parse(formula).elements) for formula in table["formula"])
    assert "300 rows" in output


@pytest.mark.parametrize(
    "way",
    [["--no-replacement"], ["--exact"], ["--likeliest"], ["--precision", "bfloat16"]],
    ids=lambda way: way[0],
)
def test_every_way_of_drawing_gives_as_many_as_are_asked_for(way: list[str], tmp_path: Path) -> None:
    target = tmp_path / "oxides.csv"
    run("--require", "O", "--n-elements", "3", "--n-atoms", "4-12", *way, "-n", "30", "-o", str(target))
    table = pd.read_csv(target)
    assert len(table) == 30
    assert ("inclusion_probability" in table) == (way == ["--no-replacement"])
    for formula in table["formula"]:
        assert len(mt.Formula.parse(formula).elements) == 3
        assert 4 <= mt.Formula.parse(formula).atoms <= 12


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--template", "ABX3", "--n-elements", "2"], "template ABX3 and n_elements 2 clash"),
        (["--n-atoms", "four"], "--n-atoms: 'four' is no range; write 3, 2-4, 2- or -4"),
        (["--require", "Li,Xx"], "require 'Li,Xx' cannot be used: 'Xx' is not an element"),
        (["--exclude", "nowhere.csv"], "nowhere.csv"),
        (["--exact", "--no-replacement"], "exact samples and samples without replacement exclude each other"),
        (["--model", "blm", "--likeliest"], "its probabilities of formulas are not known exactly"),
        (["--likeliest", "--exact"], "--exact: with --likeliest nothing is sampled; leave one of them out"),
        (["--template", ""], "template ''"),
        (["--precision", "int8"], "precision: 'int8' is not possible"),
    ],
)
def test_rules_that_cannot_be_kept_end_in_one_line(arguments: list[str], reason: str) -> None:
    assert reason in refused(*arguments)
