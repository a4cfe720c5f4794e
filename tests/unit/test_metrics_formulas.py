"""One list of formulas, read once: which rows are one composition, and what becomes of the rest."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.data import streams
from mattransformer.data.readers import CorpusError
from mattransformer.formula import Formula, FormulaError
from mattransformer.metrics.formulas import FormulaList, parts_of

ROWS = st.lists(
    st.sampled_from(["NaCl", "ClNa", "Na2Cl2", "SrTiO3", "Fe", "Fe2O3", "O3Ti1Sr1", "Xx2", "", "H2O"])
)


def names(formulas: FormulaList) -> list[str]:
    return [formulas.compositions.formula(at).reduced_formula for at in range(len(formulas))]


def test_salt_in_either_order_and_doubled_is_one_composition() -> None:
    read = FormulaList.of(["SrTiO3", "NaCl", "ClNa", "Na2Cl2", "SrTiO3", "KCl"])
    assert names(read) == ["SrTiO3", "NaCl", "KCl"]
    assert read.rows.tolist() == [0, 1, 1, 1, 0, 2]
    assert read.positions.tolist() == [0, 1, 5]
    assert (len(read), read.readable, read.drawn) == (3, 6, 6)


def test_compositions_are_reduced() -> None:
    assert FormulaList.of(["Na2Cl2"]).compositions.amounts.tolist() == [1, 1]


def test_unreadable_rows_keep_their_places_and_reasons() -> None:
    read = FormulaList.of(["Xx2", "NaCl", None, "KCl", "NaCl"])  # type: ignore[list-item]
    assert names(read) == ["NaCl", "KCl"]
    assert read.positions.tolist() == [1, 3]
    assert read.rows.tolist() == [0, 1, 0]
    assert list(read.unreadable) == [0, 2]
    assert "Xx is not an element" in read.unreadable[0]
    assert read.drawn == 5


@given(ROWS)
def test_first_appearances_are_those_of_a_walk_through_the_rows(rows: list[str]) -> None:
    seen: dict[str, int] = {}
    places: list[int] = []
    positions: list[int] = []
    for row, text in enumerate(rows):
        try:
            name = Formula.parse(text).reduced_formula
        except FormulaError:
            continue
        if name not in seen:
            seen[name] = len(seen)
            positions.append(row)
        places.append(seen[name])
    read = FormulaList.of(rows)
    assert names(read) == list(seen)
    assert read.rows.tolist() == places
    assert read.positions.tolist() == positions
    assert read.drawn == len(rows)


@given(ROWS, ROWS, ROWS)
def test_lists_one_behind_another_are_the_list_of_all_rows(
    first: list[str], second: list[str], third: list[str]
) -> None:
    joined = FormulaList.joined([FormulaList.of(first), FormulaList.of(second), FormulaList.of(third)])
    whole = FormulaList.of([*first, *second, *third])
    assert names(joined) == names(whole)
    assert joined.rows.tolist() == whole.rows.tolist()
    assert joined.positions.tolist() == whole.positions.tolist()
    assert joined.unreadable == whole.unreadable


def test_columns_of_pandas_and_polars_are_read_as_lists_are() -> None:
    rows = ["NaCl", "Xx2", "ClNa", "SrTiO3"]
    lists = [FormulaList.of(rows), FormulaList.of(pd.Series(rows)), FormulaList.of(pl.Series(rows))]
    assert {tuple(names(read)) for read in lists} == {("NaCl", "SrTiO3")}
    assert {tuple(read.unreadable) for read in lists} == {(1,)}


def test_oxides_selected_from_a_list_keep_their_rows() -> None:
    read = FormulaList.of(["NaCl", "MgO", "Xx2", "CaO", "MgO"])
    chosen = read.select(np.array([False, True, True]))
    assert names(chosen) == ["MgO", "CaO"]
    assert chosen.rows.tolist() == [0, 1, 0]
    assert chosen.positions.tolist() == [1, 3]
    assert chosen.drawn == 3


def test_compositions_are_found_in_another_list_by_their_proportions() -> None:
    read = FormulaList.of(["NaCl", "MgO", "CaO"])
    wanted = FormulaList.of(["Ca2O2", "KCl", "ClNa"])
    assert read.find(wanted).tolist() == [2, -1, 0]
    assert FormulaList.of([]).find(wanted).tolist() == [-1, -1, -1]
    assert read.find(FormulaList.of([])).tolist() == []
    assert read.lists(wanted.compositions).tolist() == [True, False, True]


def test_a_file_read_in_pieces_is_the_list_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{a}{b}{n}" for n in (1, 2, 3) for a in ("Na", "K", "Mg", "Xx") for b in ("Cl", "O")]
    monkeypatch.setattr(streams, "PIECE", 5)
    (tmp_path / "list.csv").write_text(
        "id,formula\n" + "".join(f"{at},{row}\n" for at, row in enumerate(rows))
    )
    read = FormulaList.of_file(tmp_path / "list.csv")
    whole = FormulaList.of(rows)
    assert names(read) == names(whole)
    assert read.rows.tolist() == whole.rows.tolist()
    assert read.positions.tolist() == whole.positions.tolist()
    assert list(read.unreadable) == list(whole.unreadable)


def test_a_line_with_too_many_cells_is_a_row_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("formula,energy\nNaCl,1\nMgO,2,3\nXx2,1\nKCl,1\nCaO,1,1\n")
    read = FormulaList.of_file(path)
    assert names(read) == ["NaCl", "KCl"]
    assert read.positions.tolist() == [0, 3]
    assert list(read.unreadable) == [1, 2, 4]
    assert read.unreadable[1].startswith("line 3: 3 cells instead of 2")
    assert read.unreadable[2].startswith("line 4: not parseable: 'Xx2'")
    assert read.drawn == 5


@pytest.mark.parametrize("ending", ["csv", "txt", "txt.gz", "parquet", "jsonl", "json"])
def test_every_format_is_read(ending: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"formula": ["NaCl", "ClNa", "SrTiO3"]})
    path = tmp_path / f"list.{ending}"
    lines = "\n".join(table["formula"])
    if ending == "csv":
        table.to_csv(path, index=False)
    elif ending == "txt":
        path.write_text(lines)
    elif ending == "txt.gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif ending == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=ending == "jsonl")
    assert names(FormulaList.of_file(path)) == ["NaCl", "SrTiO3"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ""),
        ("a.csv", "formula\n"),
        ("a.csv", "id,formula\n\n"),
        ("a.txt", "# none\n\n"),
        ("a.jsonl", "\n"),
        ("a.json", "[]"),
        ("a.json", '{"formula": []}'),
    ],
)
def test_a_file_without_rows_gives_an_empty_list(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    read = FormulaList.of_file(tmp_path / name)
    assert (len(read), read.drawn, read.compositions.starts.tolist()) == (0, 0, [0])


def test_a_table_without_rows_gives_an_empty_list(tmp_path: Path) -> None:
    pd.DataFrame({"formula": pd.Series([], dtype=str)}).to_parquet(tmp_path / "a.parquet")
    assert FormulaList.of_file(tmp_path / "a.parquet").drawn == 0


def test_a_compressed_list_that_was_cut_off_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(gzip.compress(b"NaCl\n")[:15])
    with pytest.raises(CorpusError, match="cut"):
        FormulaList.of_file(path)


def test_a_file_without_a_column_of_formulas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,energy\nsalt,1\nlime,2\n")
    with pytest.raises(CorpusError, match="no column holds formulas"):
        FormulaList.of_file(tmp_path / "a.csv")
    with pytest.raises(CorpusError, match="cannot read"):
        FormulaList.of_file(tmp_path / "missing.csv")


def test_a_corpus_is_the_sum_of_its_splits() -> None:
    parts = FormulaList.of_corpus("mp-transport:train+mp-transport:valid+mp-transport:test")
    assert sorted(names(parts)) == sorted(names(FormulaList.of_corpus("mp-transport")))
    train, test = (FormulaList.of_corpus(f"mp-transport:{split}") for split in ("train", "test"))
    assert len(train) > 10 * len(test) > 0
    assert (train.find(test) == -1).all()


def test_a_whole_corpus_has_the_elements_that_the_admitted_rows_leave_out() -> None:
    whole, admitted = (FormulaList.of_corpus("mp-transport", whole=whole) for whole in (True, False))
    actinium = FormulaList.of(["Ac"])
    assert whole.find(actinium) >= 0
    assert admitted.find(actinium) == -1


def test_a_file_has_splits_too_and_a_plus_in_its_name_is_no_sum(tmp_path: Path) -> None:
    path = tmp_path / "a+b.txt"
    path.write_text("\n".join(["NaCl", "KCl", "MgO", "Fe"]))
    assert parts_of(str(path)) == [(str(path), "")]
    assert len(FormulaList.of_corpus(str(path))) == 4
    assert parts_of("mp:train+my:file.csv") == [("mp", "train"), ("my:file.csv", "")]
    with pytest.raises(CorpusError, match="mq is neither a file nor a corpus"):
        FormulaList.of_corpus("mq:train")
