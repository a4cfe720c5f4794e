"""The other columns of a file stay beside its formulas: identifiers and energies come out as they went in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mattransformer.data import streams
from mattransformer.data.screened import screen_pieces
from mattransformer.data.streams import FormulaStream
from mattransformer.data.tables import TableError
from mattransformer.screening.screen import screen


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE", 2)


def screened(target: Path, *sources: Path | str, column: str | None = None) -> pd.DataFrame:
    screen_pieces(
        [
            (source.name, FormulaStream(source, column)) if isinstance(source, Path) else ("", [source])
            for source in sources
        ],
        screen,
        target,
    )
    if target.suffix == ".csv":
        return pd.read_csv(target, dtype=str, keep_default_na=False)
    return (
        pd.read_parquet(target)
        if target.suffix == ".parquet"
        else pd.read_json(target, lines=True, dtype=False)
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_identifiers_and_energies_stand_between_the_formula_and_the_verdicts(
    tmp_path: Path, ending: str
) -> None:
    source = tmp_path / "salts.csv"
    source.write_text('id,Formula,e\n007,NaCl,-3.40\nx,MgO,\n"a,b",KCl2,1e-3\n', encoding="utf-8")
    table = screened(tmp_path / f"screened.{ending}", source)
    assert list(table)[:4] == ["formula", "id", "e", "oxidation_states_set"]
    assert list(table)[-1] == "reason"
    assert table["formula"].tolist() == ["NaCl", "MgO", "KCl2"]
    assert table["id"].tolist() == ["007", "x", "a,b"]
    assert table["e"].tolist() == ["-3.40", "", "1e-3"]


def test_a_screened_file_can_be_screened_again(tmp_path: Path) -> None:
    source = tmp_path / "salts.csv"
    source.write_text("id,formula\na,NaCl\nb,KCl2\nc,MgO\n", encoding="utf-8")
    once = screened(tmp_path / "once.csv", source)
    again = screened(tmp_path / "again.csv", tmp_path / "once.csv")
    pd.testing.assert_frame_equal(once, again)


def test_columns_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    source = tmp_path / "salts.csv"
    source.write_text("formula,x,x,,x.1\nNaCl,1,2,3,4\n", encoding="utf-8")
    table = screened(tmp_path / "screened.parquet", source)
    assert list(table)[1:5] == ["x", "x.1", "Unnamed: 3", "x.1.1"]
    assert table.iloc[0, 1:5].tolist() == ["1", "2", "3", "4"]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([1, None, 3], pa.int32()),
        "formula": pa.array(["NaCl", "MgO", "KCl"]).dictionary_encode(),
        "group": pa.array(["Fm-3m", None, "Fm-3m"]).dictionary_encode(),
        "sites": pa.array([[{"x": 0.5}], [], None]),
        "when": pa.array([0, 1, None], pa.timestamp("ms")),
        "stable": pa.array([True, None, False]),
        "nothing": pa.nulls(3),
    }
    source = tmp_path / "salts.parquet"
    pq.write_table(pa.table(columns), source)
    screened(tmp_path / "screened.parquet", source)
    table = pq.read_table(tmp_path / "screened.parquet")
    assert table.column("formula").to_pylist() == ["NaCl", "MgO", "KCl"]
    for name in ("id", "group", "sites", "when", "stable", "nothing"):
        assert table.column(name).to_pylist() == columns[name].to_pylist()
        assert table.schema.field(name).type == columns[name].type
    for ending in ("csv", "jsonl"):
        assert len(screened(tmp_path / f"screened.{ending}", source)) == 3


def test_formulas_in_parquet_may_be_bytes_or_amounts_by_element(tmp_path: Path) -> None:
    elements = pa.struct(
        [("Na", pa.float64()), ("Cl", pa.float64()), ("Mg", pa.float64()), ("O", pa.float64())]
    )
    for values in (
        pa.array([b"NaCl", b"MgO", None, b"\xff"], pa.binary()),
        pa.array([{"Na": 1, "Cl": 1}, {"Mg": 2, "O": 2}, None, {}], elements),
        pa.array([[("Na", 1), ("Cl", 1)], [("Mg", 1), ("O", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    ):
        pq.write_table(pa.table({"phase": values}), tmp_path / "salts.parquet")
        summary = screen_pieces([("", FormulaStream(tmp_path / "salts.parquet"))], screen, None)
        assert (summary.rows, summary.passing, summary.unreadable) == (4, 2, 2)


def test_wide_rows_of_parquet_come_in_smaller_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE", 1_000)
    monkeypatch.setattr(streams, "_PIECE_BYTES", 100_000)
    pq.write_table(
        pa.table({"formula": ["NaCl"] * 500, "cif": [f"{at}" * 1_000 for at in range(500)]}),
        tmp_path / "a.parquet",
    )
    sizes = [len(piece) for piece in FormulaStream(tmp_path / "a.parquet").pieces()]
    assert sum(sizes) == 500
    assert max(sizes) <= 100


def test_values_of_json_are_text_and_later_keys_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "salts.jsonl"
    first = '{"id": "007", "formula": "NaCl", "e": -3.5, "tags": ["a", {"b": "\\u00fc"}], "x": null}\n'
    source.write_text(first + '"MgO"\n{"formula": "KCl", "new": 1}\n', encoding="utf-8")
    table = screened(tmp_path / "screened.csv", source)
    assert list(table)[:6] == ["formula", "id", "e", "tags", "x", "oxidation_states_set"]
    assert table.iloc[0, :5].tolist() == ["NaCl", "007", "-3.5", '["a", {"b": "ü"}]', ""]
    assert table.iloc[1, :5].tolist() == ["MgO", "", "", "", ""]
    assert "new" not in table


def test_the_first_file_says_which_columns_there_are(tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": ["NaCl"], "id": [1], "e": [0.5]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("formula,e,other\nMgO,0.25,x\nKCl,,y\n", encoding="utf-8")
    table = screened(tmp_path / "all.parquet", "CaO", tmp_path / "a.parquet", tmp_path / "b.csv")
    assert list(table)[:4] == ["formula", "id", "e", "oxidation_states_set"]
    assert table["formula"].tolist() == ["CaO", "NaCl", "MgO", "KCl"]
    assert table["id"].fillna(0).tolist() == [0, 1, 0, 0]
    assert table["e"].fillna(0).tolist() == [0, 0.5, 0.25, 0]


def test_a_column_of_another_kind_than_in_the_first_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": ["NaCl"], "id": [1]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("formula,id\nMgO,mp-1265\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"b\.csv: its column id is not int64"):
        screened(tmp_path / "all.parquet", tmp_path / "a.parquet", tmp_path / "b.csv")
    assert not (tmp_path / "all.parquet").exists()


def test_a_file_is_never_written_over_itself(tmp_path: Path) -> None:
    source = tmp_path / "salts.csv"
    source.write_text("formula\nNaCl\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv", tmp_path / ".." / tmp_path.name / "salts.csv"):
        with pytest.raises(TableError, match="it is the file that is read"):
            screened(target, "MgO", source)
    assert source.read_text(encoding="utf-8") == "formula\nNaCl\n"
