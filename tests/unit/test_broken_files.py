"""Files with broken lines: a line that cannot be read is told by its number and takes no others with it."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pandas as pd
import pytest

import mattransformer as mt
from mattransformer.data import readers, separated
from mattransformer.data.readers import CorpusError, read_rows
from mattransformer.data.screened import screen_pieces
from mattransformer.data.streams import FormulaStream
from mattransformer.screening.screen import screen


def read(path: Path, content: str | bytes) -> tuple[dict[int, object], dict[int, str]]:
    """Line to formula, and line to what is wrong with it."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    stream = FormulaStream(path)
    found = {number: value for piece in stream.pieces() for number, value in piece["formula"].items()}
    return {int(str(number)): value for number, value in found.items()}, stream.skipped


@pytest.fixture(params=[1, 1 << 17], ids=["a-line-at-a-time", "at-once"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A file is read the same however it is cut in blocks."""
    monkeypatch.setattr(separated, "_BLOCK", request.param)
    return int(request.param)


@pytest.mark.usefixtures("block")
def test_a_quote_that_is_not_closed_costs_its_own_line_alone(tmp_path: Path) -> None:
    found, skipped = read(tmp_path / "salts.csv", 'formula,x\nNaCl,1\n"KCl,2\nMgO,3\nCaF2,4\n')
    assert found == {2: "NaCl", 4: "MgO", 5: "CaF2"}
    assert skipped == {3: "a quote is not closed"}


@pytest.mark.usefixtures("block")
def test_a_quote_that_the_next_quoted_cell_seems_to_close_costs_its_own_line_alone(tmp_path: Path) -> None:
    found, skipped = read(tmp_path / "salts.csv", 'formula,x\n"NaCl,1\nMgO,2\n"KCl",3\n"CaF2"x,4\nAl2O3,5\n')
    assert found == {3: "MgO", 4: "KCl", 6: "Al2O3"}
    assert skipped == {2: "a quote is not closed", 5: "a quote stands in the middle of a cell"}


@pytest.mark.usefixtures("block")
def test_cells_over_several_lines_and_blank_lines_are_counted(tmp_path: Path) -> None:
    content = '\n"the\nformula",note\nNaCl,"salt\nof the\nsea"\n\nMgO,periclase\nKCl\n"Al2O3","co\nrundum"\nCaO,lime\n'
    path = tmp_path / "salts.csv"
    path.write_text(content, encoding="utf-8")
    stream = FormulaStream(path, "the\nformula")
    pieces = list(stream.pieces())
    assert [number for piece in pieces for number in piece.index] == [4, 8, 10, 12]
    assert [cell for piece in pieces for cell in piece["formula"]] == ["NaCl", "MgO", "Al2O3", "CaO"]
    assert next(cell for piece in pieces for cell in piece["note"]) == "salt\nof the\nsea"
    assert stream.skipped == {9: "1 cell instead of 2"}


def test_a_long_table_with_cells_over_several_lines_is_read_like_any_other(tmp_path: Path) -> None:
    content = "formula,cif\n" + 'MgO,"data_\n_cell_length_a 4.2\n"\n' * 300
    found, skipped = read(tmp_path / "cells.csv", content)
    assert list(found) == list(range(2, 902, 3))
    assert set(found.values()) == {"MgO"}
    assert not skipped


@pytest.mark.parametrize("line", ['x","', '"', ',"""', '"a'])
def test_lines_that_all_open_quotes_are_refused_without_end_in_bounded_time(
    tmp_path: Path, line: str
) -> None:
    begun = time.perf_counter()
    _, skipped = read(tmp_path / "salts.csv", "formula,x\nNaCl,1\n" + f"{line}\n" * 10_001)
    assert time.perf_counter() - begun < 20
    assert skipped


def test_a_cell_without_end_is_refused(tmp_path: Path) -> None:
    long = "x" * (csv.field_size_limit() + 1)
    found, skipped = read(tmp_path / "salts.csv", f"formula,x\nNaCl,{long}\nMgO,1\n")
    assert found == {3: "MgO"}
    assert skipped == {2: "a cell has more than 131,072 characters"}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, ending: str) -> None:
    table = ending.join(["formula,x", "NaCl,1", "MgO,2"])
    assert read(tmp_path / "salts.csv", table)[0] == {2: "NaCl", 3: "MgO"}
    assert read(tmp_path / "salts.txt", ending.join(["# salts", "NaCl", "", "MgO"]))[0] == {
        2: "NaCl",
        4: "MgO",
    }


def test_a_byte_that_is_no_utf8_costs_no_row(tmp_path: Path) -> None:
    content = b"formula,author\nNaCl,M\xfcller\nMg\xff,M\xc3\xbcller\nKCl,x\n"
    found, skipped = read(tmp_path / "salts.csv", content)
    assert found == {2: "NaCl", 3: "Mg�", 4: "KCl"}
    assert not skipped


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"formula,x\nNaCl,1\n', "line 1: a quote is not closed"),
        ("formula\nNaCl,1\nMgO,2\n", "line 2: 2 cells instead of 1"),
        ("\n\n", "is empty"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_first_line_that_shows_it(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "salts.csv", content)


def test_lines_of_json_are_counted_with_those_that_are_blank(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "salts.jsonl", '\n{"formula": "NaCl"}\n\n{"formula": "MgO"}\n')
    assert found == {2: "NaCl", 4: "MgO"}


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"formula": ' + "[" * 500 + "]" * 500 + "}",
        '{"formula": {"Na": ' + "9" * 5_000 + "}}",
        '{"formula": ' + "9" * 4_299 + "}",
        '{"formula": "\\ud800"}',
        '{"formula": {"Na\\uDC00": 1}}',
        '{"formula": "MgO", "note": "\\ud800"}',
        '{"formula": {"Na": 1e999}}',
        '{"formula": [NaN]}',
        "null",
    ],
    ids=range(10),
)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_json_that_breaks_programs_is_a_row_that_is_no_formula(
    tmp_path: Path, line: str, ending: str
) -> None:
    path = tmp_path / "salts.jsonl"
    path.write_text(f'{{"formula": "NaCl", "note": "a"}}\n{line}\n{{"formula": "MgO"}}\n', encoding="utf-8")
    summary = screen_pieces([("salts.jsonl", FormulaStream(path))], screen, tmp_path / f"screened.{ending}")
    assert (summary.rows, summary.passing, summary.unreadable) == (3, 2, 1)
    assert summary.named[0].startswith("salts.jsonl, line 2: not parseable")


@pytest.mark.parametrize("content", ["[" * 100_000, "[" + "9" * 5_000 + "]", '["\\ud800"]'])
def test_json_that_breaks_programs_is_refused_where_it_is_read_whole(tmp_path: Path, content: str) -> None:
    for name in ("salts.json", "salts.jsonl"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(readers.CorpusError, match=name):
            read_rows(tmp_path / name)


def test_what_could_not_be_read_is_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "salts.csv"
    path.write_text('formula,x\nXx,1\nMgO\nNaCl,2\n??,3\nKCl,1,2\nMgO,"4\n', encoding="utf-8")
    summary = screen_pieces([("salts.csv", FormulaStream(path))], screen, None)
    assert [words.split(":")[0] for words in summary.named] == [
        f"salts.csv, line {at}" for at in (2, 3, 5, 6, 7)
    ]
    assert (summary.rows, summary.unreadable) == (3, 5)


def test_rows_of_parquet_are_told_as_rows(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "salts.parquet"
    pd.DataFrame({"formula": ["NaCl", "Xx"]}).to_parquet(path)
    summary = screen_pieces([("salts.parquet", FormulaStream(path))], screen, None)
    assert summary.named[0].startswith("salts.parquet, row 2: not parseable")


def test_all_of_fifty_bad_rows_are_listed_beside_the_table(tmp_path: Path) -> None:
    source, target = tmp_path / "salts.csv", tmp_path / "screened.parquet"
    lines = ["formula,id", *("Xx2O3,bad" if at % 2 else "NaCl,1,ragged" for at in range(100)), "KCl,good"]
    source.write_text("\n".join(lines), encoding="utf-8")
    summary = mt.screen_file(source, target, keep_valid=True)
    assert summary.unreadable == 100
    assert pd.read_parquet(target)["formula"].tolist() == ["KCl"]
    assert summary.listed is not None
    listed = pd.read_csv(summary.listed)
    assert sorted(listed["number"]) == list(range(2, 102))
    assert listed["reason"].str.contains("3 cells instead of 2").sum() == 50


def test_a_table_without_bad_rows_has_no_list_beside_it(tmp_path: Path) -> None:
    (tmp_path / "salts.csv").write_text("formula\nNaCl\n", encoding="utf-8")
    assert mt.screen_file(tmp_path / "salts.csv", tmp_path / "screened.csv").listed is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["salts.csv", "screened.csv"]


@pytest.mark.parametrize("ending", ["arrow", "feather"])
def test_arrow_files_are_screened_as_parquet_is(ending: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"composition": ["NaCl", "NaCl2"], "energy": [-3.4, 0.2]})
    table.to_feather(tmp_path / f"salts.{ending}")
    mt.screen_file(tmp_path / f"salts.{ending}", tmp_path / "screened.csv")
    screened = pd.read_csv(tmp_path / "screened.csv")
    assert screened["smact_valid"].tolist() == [True, False]
    assert screened["energy"].tolist() == [-3.4, 0.2]
    assert mt.load_corpus(str(tmp_path / f"salts.{ending}")).table["formula"].tolist()[0] == "NaCl"
