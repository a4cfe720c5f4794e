"""Rediscovery: which formulas are sought, and how sure the share found is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mattransformer.evaluation.rediscovery import rediscovered, targets
from mattransformer.formula import Formula

CORPORA = pd.DataFrame(
    [
        ("NaCl", "mp", "train"),
        ("SrTiO3", "mp", "test"),
        ("SrTiO3", "oqmd", "test"),
        ("KBr", "oqmd", "valid"),
    ],
    columns=["formula", "source", "split"],
)
ICSD = pd.DataFrame(
    [("NaCl", "train"), ("SrTiO3", "test"), ("LiF", "valid"), ("CsI", "train"), ("RbI", "test")],
    columns=["formula", "split"],
)


def test_what_a_corpus_lists_is_not_sought_outside_it() -> None:
    sought = targets(CORPORA, ICSD)
    assert sought["icsd"] == {"LiF", "CsI", "RbI"}
    assert sought["icsd_valid"] == {"LiF"}
    assert sought["icsd_rest"] == {"CsI", "RbI"}


def test_only_rows_held_out_are_sought_in_the_corpora() -> None:
    sought = targets(CORPORA, ICSD)
    assert sought["mp"] == {"SrTiO3"}
    assert sought["oqmd"] == {"SrTiO3", "KBr"}


def test_caesium_iodide_found_twice_counts_once() -> None:
    found = rediscovered(["CsI", "CsI", "NaCl"], targets(CORPORA, ICSD))
    assert (found["icsd"]["found"], found["icsd"]["size"]) == (1, 3)
    assert found["icsd"]["share"] == pytest.approx(1 / 3)
    low, high = found["icsd"]["interval"]
    assert 0 < low < 1 / 3 < high < 1
    assert found["mp"]["found"] == 0


def test_an_empty_target_has_a_share_of_zero_and_says_nothing() -> None:
    assert rediscovered(["NaCl"], {"none": frozenset()})["none"] == {
        "size": 0,
        "found": 0,
        "share": 0.0,
        "interval": [0.0, 1.0],
    }


def test_7691_icsd_formulas_in_reach_are_outside_the_corpora_and_400_choose_recipes(
    shared_data: Path,
) -> None:
    corpora = pd.concat(
        [
            pd.read_csv(
                shared_data / f"{name}.csv.gz", usecols=["formula", "split"], keep_default_na=False
            ).assign(source=name)
            for name in ("mp", "oqmd")
        ]
    )
    icsd = pd.read_csv(shared_data / "icsd.csv.gz", usecols=["formula", "split"], keep_default_na=False)
    reach = [Formula.parse(formula) for formula in icsd["formula"]]
    sought = targets(
        corpora, icsd[[2 <= len(formula.counts) <= 8 and formula.atoms <= 30 for formula in reach]]
    )
    assert len(sought["icsd"]) == 7691
    assert len(sought["icsd_valid"]) == 400
    assert sought["icsd"] == sought["icsd_valid"] | sought["icsd_rest"]
