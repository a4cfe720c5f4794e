"""Formula columns of files in pieces, and files screened piece by piece."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mattransformer.data import screened, streams
from mattransformer.data.readers import CorpusError
from mattransformer.data.screened import screen_pieces
from mattransformer.data.streams import FormulaStream
from mattransformer.screening.screen import screen

SALTS = ["NaCl", "KCl", "MgO", "CaF2", "Al2O3", "NaCl2", "CuSO4·5H2O"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of two rows, so that files of a few lines come in several."""
    monkeypatch.setattr(streams, "PIECE", 2)


def rows(path: Path, column: str | None = None) -> dict[int, object]:
    """Line or row to formula, as the pieces of a file give them."""
    return formulas_of(FormulaStream(path, column))


def formulas_of(stream: FormulaStream) -> dict[int, object]:
    pieces = list(stream.pieces())
    assert all(1 <= len(piece) <= 2 for piece in pieces) or stream.path.suffix == ".json"
    return {int(row): value for piece in pieces for row, value in piece["formula"].items()}  # type: ignore[call-overload]


def written(folder: Path, name: str) -> Path:
    path = folder / name
    table = pd.DataFrame({"id": range(len(SALTS)), "formula": SALTS})
    if name.endswith(".parquet"):
        table.to_parquet(path)
    elif ".jsonl" in name:
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    elif name.endswith(".json"):
        path.write_text(json.dumps(SALTS), encoding="utf-8")
    elif name.endswith(".txt"):
        path.write_text("# salts\n\n" + "\n".join(SALTS), encoding="utf-8")
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in name else ";" if "semicolons" in name else ",")
    return path


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("a.csv", 2),
        ("a.tsv", 2),
        ("semicolons.csv.gz", 2),
        ("a.csv.gz", 2),
        ("a.parquet", 1),
        ("a.jsonl", 1),
        ("a.jsonl.gz", 1),
        ("a.json", 1),
        ("a.txt", 3),
    ],
)
def test_every_format_gives_all_formulas_with_the_lines_of_an_editor_or_their_rows(
    tmp_path: Path, name: str, first: int
) -> None:
    assert rows(written(tmp_path, name)) == dict(enumerate(SALTS, start=first))


def test_a_csv_without_a_header_begins_with_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "salts.csv"
    path.write_text("\n".join(SALTS), encoding="utf-8")
    assert rows(path) == dict(enumerate(SALTS, start=1))


def test_sodium_mononitride_is_no_missing_cell(tmp_path: Path) -> None:
    path = tmp_path / "nitrides.csv"
    path.write_text("formula,x\nNaN,1\nBN,2\n,3\n", encoding="utf-8-sig")
    assert rows(path) == {2: "NaN", 3: "BN", 4: ""}


def test_lines_with_too_many_cells_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "salts.csv"
    path.write_text("formula,x\nNaCl,1\nMgO,2,3\nKCl,4\nCaF2\nAl2O3,5\n", encoding="utf-8")
    stream = FormulaStream(path)
    assert formulas_of(stream) == {2: "NaCl", 4: "KCl", 6: "Al2O3"}
    assert stream.skipped == {3: "3 cells instead of 2", 5: "1 cell instead of 2"}


def test_a_line_that_is_no_json_is_a_row_that_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "salts.jsonl"
    path.write_text('{"formula": "NaCl"}\n{"formula": \n{"formula": "MgO"}\n', encoding="utf-8")
    assert rows(path) == {1: "NaCl", 2: '{"formula":', 3: "MgO"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"formula\n", "holds no rows"),
        ("a.csv", b"x,y\n1,2\n", "no column holds formulas"),
        ("a.parquet", b"no parquet", "cannot read"),
        ("a.csv.gz", b"no gzip", "cannot read"),
        ("a.xlsx", b"", "cannot tell the format"),
        ("a.txt", b"# nothing\n", "holds no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as refused:
        rows(path)
    assert name in str(refused.value)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_screened_file_is_the_table_of_all_its_rows(tmp_path: Path, ending: str) -> None:
    source, target = written(tmp_path, "salts.csv"), tmp_path / f"screened.{ending}"
    summary = screen_pieces([("salts.csv", FormulaStream(source)), ("", ["SrTiO3"])], screen, target)
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        "csv": lambda path: pd.read_csv(path, keep_default_na=False),
        "parquet": pd.read_parquet,
        "jsonl": lambda path: pd.read_json(path, lines=True),
    }
    table = readers[ending](target)
    expected = screen([*SALTS, "SrTiO3"])
    assert table["formula"].tolist() == expected["formula"].tolist()
    for column in ("charge_neutral", "electronegativity_balanced", "smact_valid", "alloy", "metallic"):
        assert table[column].tolist() == expected[column].tolist()
    assert table["reason"].tolist() == expected["reason"].tolist()
    assert summary.rows == 8
    assert summary.passing == 7
    assert summary.verdicts["charge_neutral"] == 7
    assert summary.reasons["no smact14 oxidation states sum to zero"] == 1


def test_valid_rows_alone_are_kept_on_request(tmp_path: Path) -> None:
    target = tmp_path / "valid.csv"
    summary = screen_pieces([("", ["NaCl2", "NaCl", "??"])], screen, target, passing_only=True)
    assert pd.read_csv(target)["formula"].tolist() == ["NaCl"]
    assert (summary.rows, summary.passing) == (3, 1)


def test_where_nothing_is_valid_the_file_has_its_columns(tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        target = tmp_path / f"valid.{ending}"
        screen_pieces([("", ["NaCl2"])], screen, target, passing_only=True)
        table = pd.read_csv(target) if ending == "csv" else pd.read_parquet(target)
        assert len(table) == 0
        assert "smact_valid" in table


def test_bad_rows_are_named_with_their_numbers_and_the_rest_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PIECE", 200_000)
    path = tmp_path / "million.csv.gz"
    lines = ["SrTiO3,1"] * 1_000_000
    lines[776_543] = "Xx2O3,1"
    lines[12] = ",1"
    lines[999_999] = "Na+,1"
    lines[500_000] = "NaCl,1,2"
    with gzip.open(path, "wt", compresslevel=1) as stream:
        stream.write("formula,x\n" + "\n".join(lines))
    target = tmp_path / "screened.parquet"
    summary = screen_pieces([("million.csv.gz", FormulaStream(path))], screen, target)
    assert (summary.rows, summary.unreadable, summary.passing) == (999_999, 4, 999_996)
    text = "\n".join(summary.named)
    for row, words in ((14, "it is empty"), (776_545, "Xx is not"), (1_000_001, "Na+"), (500_002, "3 cells")):
        assert f"million.csv.gz, line {row:,}: " in text
        assert words in text
    assert len(pd.read_parquet(target, columns=["smact_valid"])) == 999_999


def test_no_more_bad_rows_are_named_than_fit_a_screen(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("\n".join(["Xx"] * 50), encoding="utf-8")
    summary = screen_pieces([("bad.txt", FormulaStream(path))], screen, None)
    assert summary.unreadable == 50
    assert len(summary.named) == screened._NAMED


def test_an_interrupted_screening_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "screened.csv"
    target.write_text("earlier", encoding="utf-8")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen_pieces([("", SALTS)], screen, target, progress=stop)
    assert target.read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["screened.csv"]
