"""The index of known formulas: what is in it, what is not, and how it is built."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mattransformer.data import known
from mattransformer.data.corpora import DATA_VARIABLE
from mattransformer.data.known import KnownFormulas
from mattransformer.data.readers import CorpusError, sha256_of
from mattransformer.formula import FormulaError
from mattransformer.screening.compositions import Compositions


@pytest.fixture(scope="module")
def index() -> KnownFormulas:
    return KnownFormulas.load()


def formulas_of(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [row["formula"] for row in csv.DictReader(stream)]


def test_strontium_titanate_is_known_and_an_invented_compound_is_not(index: KnownFormulas) -> None:
    assert index.contains(["SrTiO3", "Xe7Cs3Og2", "NaCl"]).tolist() == [True, False, True]
    assert index.contains([]).tolist() == []


def test_every_formula_of_mp_and_oqmd_is_known(index: KnownFormulas, shared_data: Path) -> None:
    listed = {name: formulas_of(shared_data / f"{name}.csv.gz") for name in ("mp", "oqmd")}
    assert all(index.contains(formulas).all() for formulas in listed.values())
    assert len(index) == len({formula for formulas in listed.values() for formula in formulas})


def test_nothing_of_the_icsd_is_in_the_index(index: KnownFormulas, shared_data: Path) -> None:
    outside = set(formulas_of(shared_data / "icsd.csv.gz"))
    for name in ("mp", "oqmd"):
        outside.difference_update(formulas_of(shared_data / f"{name}.csv.gz"))
    assert len(outside) > 5_000
    assert not index.contains(sorted(outside)).any()


def test_spelling_order_and_multiples_of_a_formula_are_one_entry() -> None:
    index = KnownFormulas.of(["NaCl", "ClNa", "Na4Cl4"])
    assert len(index) == 1
    assert index.contains(["Na2Cl2", "NaCl2", "Na2Cl"]).tolist() == [True, False, False]


def test_the_million_compositions_of_four_elements_have_as_many_fingerprints() -> None:
    amounts = np.arange(1, 32)
    grid = np.stack(np.meshgrid(amounts, amounts, amounts, amounts), axis=-1).reshape(-1, 4)
    numbers = np.tile(np.array([3, 15, 8, 1], dtype=np.uint8), len(grid))
    columns = Compositions(np.arange(0, numbers.size + 1, 4), numbers, grid.ravel().astype(np.int32))
    reduced = np.unique(grid // np.gcd.reduce(grid, axis=1)[:, None], axis=0)
    assert len(np.unique(columns.fingerprints())) == len(reduced)


def test_a_new_formula_beyond_the_last_fingerprint_is_not_known() -> None:
    low, high = sorted(["NaCl", "MgO"], key=lambda formula: int(KnownFormulas.of([formula]).hashes[0]))
    assert KnownFormulas.of([low]).contains([high, low]).tolist() == [False, True]
    assert KnownFormulas.of([]).contains(["MgO"]).tolist() == [False]


def test_the_record_beside_the_index_names_its_sources_and_its_size(index: KnownFormulas) -> None:
    record = json.loads(known.RECORD_FILE.read_text(encoding="utf-8"))
    assert record["formulas"] == len(index)
    assert record["sha256"] == sha256_of(known.INDEX_FILE)
    assert list(record["corpora"]) == ["mp", "oqmd"]
    assert known.INDEX_FILE.stat().st_size < 3_200_000


def test_one_command_builds_the_shipped_index_again(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(shared_data))
    known.build(tmp_path)
    assert (tmp_path / "known.npy").read_bytes() == known.INDEX_FILE.read_bytes()
    assert (tmp_path / "known.json").read_bytes() == known.RECORD_FILE.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known.json", "known.npy"]


def test_without_the_corpora_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    before = sha256_of(known.INDEX_FILE)
    assert known.main() == 2
    assert DATA_VARIABLE in capsys.readouterr().err
    assert sha256_of(known.INDEX_FILE) == before


def test_a_list_of_ones_own_makes_its_compounds_known_in_any_spelling(
    index: KnownFormulas, tmp_path: Path
) -> None:
    new = ["Xe2Cs2O14", "CsXeOg"]
    reduced = ["CsXeO7", "CsXeOg"]
    assert not index.contains(reduced).any()
    (tmp_path / "mine.txt").write_text("\n".join(new), encoding="utf-8")
    for added in (index.with_formulas(new), index.with_formulas(tmp_path / "mine.txt")):
        assert added.contains([*reduced, "SrTiO3"]).all()
        assert len(added) == len(index) + 2
    assert index.with_formulas(str(tmp_path / "mine.txt")).contains(reduced).all()
    assert not index.contains(reduced).any()


def test_a_list_with_a_typing_error_is_refused_by_name(index: KnownFormulas) -> None:
    with pytest.raises(FormulaError, match="Xx2O3"):
        index.with_formulas(["MgO", "Xx2O3"])


def test_a_file_with_a_typing_error_is_refused_by_its_name_and_line(
    index: KnownFormulas, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text("id,formula\n1,MgO\n2,Xx2O3\n", encoding="utf-8")
    with pytest.raises(FormulaError, match=r"mine\.csv, line 3: 'Xx2O3'"):
        index.with_formulas(tmp_path / "mine.csv")
    (tmp_path / "mine.csv").write_text("id,formula\n1,MgO\n2,CaO,3\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"mine\.csv, line 3: 3 cells"):
        index.with_formulas(tmp_path / "mine.csv")


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot read the index"):
        KnownFormulas.load(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("SrTiO3", encoding="utf-8")
    with pytest.raises(CorpusError, match="cannot read the index"):
        KnownFormulas.load(tmp_path / "text.npy")
    np.save(tmp_path / "unsorted.npy", np.array([3, 1, 2], dtype=np.uint64))
    with pytest.raises(CorpusError, match="ascending"):
        KnownFormulas.load(tmp_path / "unsorted.npy")
