"""Compositions by the thousand into a file: bounded, resumed after any interruption, the same in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import mattransformer as mt
from mattransformer.constraints import Automaton, Rules
from mattransformer.errors import MattransformerError
from mattransformer.generation import drawing, streaming
from mattransformer.generation.found import Failures, Seen, gather, merged
from mattransformer.generation.language_model import LanguageModel
from mattransformer.generation.streaming import Pieces, pieces_folder
from mattransformer.objectives import prefix_tree
from mattransformer.objectives.sequences import SequenceBlock
from mattransformer.screening.columns import read_column
from mattransformer.tokenization import PAD_ID, TOKEN_ID

RULES: dict[str, Any] = {"electronegativity_balanced": True, "n_elements": (3, 4), "forbid": ["Pb", "Tl"]}


@pytest.fixture(scope="module")
def gpt2() -> LanguageModel:
    return mt.load("gpt2")


def ranked(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def test_the_file_holds_what_generate_gives(gpt2: LanguageModel, tmp_path: Path) -> None:
    table = gpt2.generate(300, seed=4, **RULES)
    facts = gpt2.generate_to(tmp_path / "new.parquet", 300, seed=4, **RULES)
    written = ranked(tmp_path / "new.parquet")
    assert set(written["formula"]) == set(table["formula"])
    assert written["log_prob"].is_monotonic_decreasing
    assert list(written) == list(table)
    assert facts["rows"] == len(written) == 300
    assert facts["novel"] == int(table["novel"].sum())
    assert facts["electronegativity_balanced"] == 300
    assert not pieces_folder(tmp_path / "new.parquet").exists()


@pytest.mark.parametrize("way", [{}, RULES, {"replace": False}], ids=["plain", "rules", "no replacement"])
def test_a_run_that_is_cut_off_again_and_again_ends_with_the_same_file(
    way: dict[str, Any], gpt2: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_tree, "_BRANCH", 150)
    gpt2.generate_to(tmp_path / "whole.parquet", 600, seed=1, **way)
    whole = (tmp_path / "whole.parquet").read_bytes()
    put = Pieces.put
    left = [0]

    def tired(self: Pieces, *arguments: Any) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        put(self, *arguments)

    monkeypatch.setattr(Pieces, "put", tired)
    target, cuts = tmp_path / "cut.parquet", 0
    while True:
        left[0] = 2
        try:
            gpt2.generate_to(target, 600, seed=1, **way)
            break
        except KeyboardInterrupt:
            cuts += 1
            assert not target.exists()
    assert cuts >= 1
    assert target.read_bytes() == whole


def test_a_run_that_is_cut_off_while_writing_ends_with_the_same_file(
    gpt2: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpt2.generate_to(tmp_path / "whole.csv", 200)
    monkeypatch.setattr(streaming, "_ROWS", 60)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", fail)
        with pytest.raises(OSError, match="no space"):
            gpt2.generate_to(tmp_path / "cut.csv", 200)
    assert [path.name for path in tmp_path.glob("*.csv")] == ["whole.csv"]
    gpt2.generate_to(tmp_path / "cut.csv", 200)
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_damaged_piece_is_drawn_again(
    gpt2: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpt2.generate_to(tmp_path / "whole.csv", 100)
    monkeypatch.setattr(Pieces, "remove", lambda self: None)
    gpt2.generate_to(tmp_path / "again.csv", 100)
    (piece, *_) = sorted(pieces_folder(tmp_path / "again.csv").glob("piece-*"))[1:]
    piece.write_bytes(piece.read_bytes()[:-7])
    gpt2.generate_to(tmp_path / "again.csv", 100)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_pieces_of_another_request_are_left_alone(
    gpt2: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Pieces, "remove", lambda self: None)
        gpt2.generate_to(tmp_path / "new.csv", 50, seed=1)
    with pytest.raises(MattransformerError, match="pieces of another request") as refused:
        gpt2.generate_to(tmp_path / "new.csv", 50, seed=2)
    assert "\n" not in str(refused.value)


def test_tiles_and_branches_change_no_composition(
    gpt2: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = set(gpt2.generate(1500, seed=2)["formula"])
    for name, value in (("TILE", 100), ("_BRANCH", 500)):
        with monkeypatch.context() as patch:
            patch.setattr(prefix_tree, name, value)
            assert (
                len(whole ^ set(gpt2.generate(1500, seed=2)["formula"])) <= 2
            )  # of draws that fall on a border


def test_numbers_of_threads_change_hardly_a_composition(gpt2: LanguageModel) -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(set(gpt2.generate(3000, seed=2)["formula"]))
    finally:
        torch.set_num_threads(threads)
    assert len(found[0] ^ found[1]) <= 2


def test_constrained_compositions_keep_every_rule(gpt2: LanguageModel) -> None:
    table = gpt2.generate(3000, seed=0, **RULES)
    compositions = read_column(table["formula"]).compositions
    assert Automaton(Rules.of(**RULES)).keeps(compositions).all()
    assert table["electronegativity_balanced"].all()
    assert table["formula"].is_unique


@pytest.mark.parametrize("name", ["gpt", "gpt-neo", "gpt-j", "bart", "roberta", "blm"])
def test_every_model_keeps_a_template(name: str) -> None:
    table = mt.load(name).generate(40, template="ABX3 X=O,F", charge_neutral=True)
    assert len(table) == 40
    assert table["charge_neutral"].all()
    verdicts = mt.screen(table["formula"].tolist(), limits=mt.Limits(template="ABX3"))
    assert not verdicts["reason"].str.contains("stoichiometry").any()


def test_excluded_compositions_never_come(gpt2: LanguageModel) -> None:
    assert gpt2.generate(200, exclude="known")["novel"].all()
    first = gpt2.likeliest(5)["formula"].tolist()
    assert not set(first) & set(gpt2.likeliest(5, exclude=first)["formula"])


def test_exact_samples_that_hardly_ever_keep_the_rules_end_with_a_reason(
    gpt2: LanguageModel, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_LEAST_EXACT", 0.3)
    table = gpt2.generate(50, chemical_system="Li-P-S", exact=True)
    assert len(table) < 50
    assert table.attrs["drawn"] < 10_000
    assert table.attrs["failures"]["breaks a rule"] == table.attrs["drawn"] - len(table)
    assert caplog.records[0].getMessage().endswith("leave out exact, or loosen the rules")


def test_a_search_for_the_likeliest_without_end_is_given_up_in_one_line(
    gpt2: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "MOST_NODES", 200)
    with pytest.raises(MattransformerError, match="too improbable to be searched for"):
        gpt2.likeliest(10, n_elements=8)


def test_exact_lithium_thiophosphates_come_although_only_one_sample_in_thousands_is_one(
    gpt2: LanguageModel,
) -> None:
    table = gpt2.generate(1, seed=0, chemical_system="Li-P-S", exact=True)
    assert len(table) == 1
    assert table.attrs["drawn"] > 256  # an empty first round is no reason to give up


def test_a_states_file_that_was_corrected_is_another_request(gpt2: LanguageModel, tmp_path: Path) -> None:
    states = tmp_path / "states.txt"
    states.write_text("Na 1\nCl -1\n")
    words = {"charge_neutral": True, "oxidation_states": str(states)}
    before = gpt2._request(10, 0, None, words).identity()
    states.write_text("Na 1\nCl -1\nO -2\n")
    assert gpt2._request(10, 0, None, words).identity() != before


# Sequences as compositions


def block(*formulas: str, finished: bool = True) -> SequenceBlock:
    ids = np.array([[TOKEN_ID[atom] for atom in formula.split()] for formula in formulas], dtype=np.uint8)
    log_probs = -np.arange(1.0, len(ids) + 1)
    nothing = np.full(len(ids), np.nan)
    return SequenceBlock(ids, np.arange(1, len(ids) + 1), log_probs, log_probs, nothing, finished)


def test_orders_and_multiples_of_salt_are_one_composition() -> None:
    failures = Failures()
    found = gather([block("Na Cl", "Cl Na"), block("Na Na Cl Cl", "K K O O"), block("Fe O")], failures)
    names = [found.compositions.formula(at).reduced.reduced_formula for at in range(len(found))]
    counts = dict(zip(names, found.counts.tolist(), strict=True))
    assert counts == {"NaCl": 1 + 2 + 1, "K2O2": 2, "FeO": 1}
    log_probs = dict(zip(names, found.log_probs.tolist(), strict=True))
    assert log_probs == {"NaCl": -1.0, "K2O2": -2.0, "FeO": -1.0}
    assert failures.counts == {}


def test_samples_that_are_no_composition_are_counted_by_reason() -> None:
    failures = Failures()
    elements = "Li Be B C N O F Na Mg"
    zero = np.zeros(1)
    pad = SequenceBlock(np.array([[PAD_ID]], dtype=np.uint8), np.array([3]), zero, zero, zero, finished=False)
    found = gather([block("Fe"), block(elements), block("Na Cl", finished=False), pad], failures)
    assert len(found) == 0
    assert failures.counts == {
        "single element": 1,
        "over 8 elements": 1,
        "over 30 atoms": 1,
        "malformed": 3,
    }


def test_what_was_seen_is_known_again() -> None:
    generator = np.random.default_rng(0)
    numbers = generator.permutation(np.arange(1, 5001, dtype=np.uint64) * np.uint64(7919))
    seen = Seen()
    for part in np.array_split(numbers[:4000], 37):
        assert not seen.holds(part).any()
        seen.add(part)
    assert len(seen) == 4000
    assert seen.holds(numbers[:4000]).all()
    assert not seen.holds(numbers[4000:]).any()
    assert len(merged([])) == 0
