"""Every format gives the same rows, and what cannot be read is refused in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mattransformer.data.readers import READERS, CorpusError, read_rows, sha256_of
from mattransformer.formula import Formula

COMPOUNDS = ["SrTiO3", "NaN", "CaCO3", "Ba0.9Sr0.1TiO3"]
TABLE = pd.DataFrame({"id": ["a", "b", "c", "d"], "formula": COMPOUNDS, "band_gap": [3.25, None, 5.1, 0.0]})


def write_csv(path: Path) -> None:
    TABLE.to_csv(path, index=False)


def write_tsv(path: Path) -> None:
    TABLE.to_csv(path, index=False, sep="\t")


def write_with_semicolons(path: Path) -> None:
    """As spreadsheets do where the comma is decimal."""
    TABLE.to_csv(path, index=False, sep=";")


def write_records(path: Path) -> None:
    TABLE.to_json(path, orient="records")


def write_pandas_json(path: Path) -> None:
    TABLE.to_json(path)


def write_records_by_identifier(path: Path) -> None:
    TABLE.set_index("id").to_json(path, orient="index")


def write_columns(path: Path) -> None:
    path.write_text(json.dumps({"formula": COMPOUNDS, "band_gap": [3.25, None, 5.1, 0.0]}), encoding="utf-8")


def write_wrapped(path: Path) -> None:
    records = json.loads(TABLE.to_json(orient="records"))
    path.write_text(json.dumps({"data": records}), encoding="utf-8")


def write_json_lines(path: Path) -> None:
    TABLE.to_json(path, orient="records", lines=True)


def write_parquet(path: Path) -> None:
    TABLE.to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rows.csv", write_csv),
        ("rows.csv.gz", write_csv),
        ("rows.tsv", write_tsv),
        ("semicolons.csv", write_with_semicolons),
        ("rows.json", write_records),
        ("rows.json", write_pandas_json),
        ("rows.json", write_records_by_identifier),
        ("rows.json", write_columns),
        ("rows.json", write_wrapped),
        ("rows.jsonl", write_json_lines),
        ("rows.jsonl.gz", write_json_lines),
        ("rows.parquet", write_parquet),
    ],
)
def test_sodium_mononitride_and_band_gaps_survive_every_table(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    rows = read_rows(tmp_path / name)
    assert rows["formula"].tolist() == COMPOUNDS
    assert rows["band_gap"].tolist() == pytest.approx([3.25, float("nan"), 5.1, 0.0], nan_ok=True)


def test_plain_text_is_a_formula_a_line_without_comments(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# perovskites\nSrTiO3\n\n  BaTiO3 \r\nSrTiO₃\n", encoding="utf-8")
    assert read_rows(tmp_path / "list.txt")["formula"].tolist() == ["SrTiO3", "BaTiO3", "SrTiO₃"]


def test_a_json_list_of_formulas_needs_no_column(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(COMPOUNDS), encoding="utf-8")
    assert read_rows(tmp_path / "list.json")["formula"].tolist() == COMPOUNDS


def test_compositions_as_mappings_are_kept_as_mappings(tmp_path: Path) -> None:
    records = [{"composition": {"Na": 1, "Cl": 1}}, {"composition": {"Sr": 1, "Ti": 1, "O": 3}}]
    (tmp_path / "cells.json").write_text(json.dumps(records), encoding="utf-8")
    formulas = [Formula.parse(cell).reduced_formula for cell in read_rows(tmp_path / "cells.json")["formula"]]
    assert formulas == ["NaCl", "SrTiO3"]


CALCITE = """data_calcite
_cell_length_a 4.99
_cell_length_b 4.99
_cell_length_c 17.06
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
{stated}
_symmetry_space_group_name_H-M 'R -3 c'
_symmetry_Int_Tables_number 167
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ca1 Ca 0 0 0 1
C1 C 0 0 0.25 1
O1 O 0.257 0 0.25 1
"""


def test_a_folder_of_cifs_gives_stated_and_counted_compositions(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    stated = CALCITE.format(stated="_chemical_formula_sum 'C1 Ca1 O3'")
    (tmp_path / "a.cif").write_text(stated, encoding="utf-8")
    (tmp_path / "b.CIF").write_text(CALCITE.format(stated=""), encoding="utf-8")
    (tmp_path / "deeper" / "c.cif").write_text("no CIF at all", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("NaCl", encoding="utf-8")
    a, b, c = read_rows(tmp_path)["formula"]
    assert Formula.parse(a).reduced_formula == "CaCO3"
    assert Formula.parse(b).reduced_formula == "CaCO3"
    assert c is None
    assert read_rows(tmp_path / "a.cif")["formula"].tolist() == [a]


def test_the_hash_of_a_cif_folder_follows_its_structures_alone(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(CALCITE.format(stated=""), encoding="utf-8")
    before = sha256_of(tmp_path)
    (tmp_path / "notes.txt").write_text("NaCl", encoding="utf-8")
    assert sha256_of(tmp_path) == before
    (tmp_path / "a.cif").rename(tmp_path / "b.cif")
    assert sha256_of(tmp_path) != before


@pytest.mark.parametrize(
    "name", ["Formula", "pretty_formula", "reduced formula", "Composition", "full-formula"]
)
def test_the_formula_column_is_known_by_its_usual_names(tmp_path: Path, name: str) -> None:
    pd.DataFrame({"phase": ["TiN", "NaCl"], name: ["MgO", "CaO"]}).to_csv(tmp_path / "x.csv", index=False)
    assert read_rows(tmp_path / "x.csv")["formula"].tolist() == ["MgO", "CaO"]


def test_the_only_column_of_compounds_is_found_among_space_groups_and_elements(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "cation": ["Mg", "Ca", "Sr"],
            "group": ["Fm-3m", "Cc", "C2"],
            "number": [225, 9, 5],
            "phase": ["MgO", "CaO", "no idea"],
        }
    )
    table.to_csv(tmp_path / "x.csv", index=False)
    assert read_rows(tmp_path / "x.csv")["formula"].tolist() == ["MgO", "CaO", "no idea"]


def test_a_table_without_header_line_keeps_its_first_compound(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("SrTiO3,1\nBaTiO3,2\n", encoding="utf-8")
    assert read_rows(tmp_path / "x.csv")["formula"].tolist() == ["SrTiO3", "BaTiO3"]


def test_a_named_column_goes_before_a_known_one(tmp_path: Path) -> None:
    pd.DataFrame({"formula": ["MgO"], "product": ["CaO"]}).to_csv(tmp_path / "x.csv", index=False)
    assert read_rows(tmp_path / "x.csv", "product")["formula"].tolist() == ["CaO"]


def test_only_properties_that_become_conditions_are_carried_along(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "formula,e_above_hull,density,band_gap\nMgO,0.01,3.6,unknown\n", encoding="utf-8"
    )
    rows = read_rows(tmp_path / "x.csv")
    assert list(rows.columns) == ["formula", "e_above_hull", "band_gap"]
    assert rows["e_above_hull"].tolist() == [0.01]
    assert rows["band_gap"].isna().all()


@pytest.mark.parametrize(
    ("name", "content", "column", "reason"),
    [
        ("x.csv", b"", None, "is empty"),
        ("x.csv", b"formula\n", None, "holds no rows"),
        ("x.csv", b"formula\nMgO\n", "phase", "no column 'phase'; it has formula"),
        ("x.csv", b"a,b\nMgO,CaO\n", None, "several columns hold formulas (a, b); name the one to read"),
        ("x.csv", b"a,b\n1,2\n", None, "no column holds formulas; name the one to read"),
        ("x.csv", b"formula\n\xff\xfe\n", None, "cannot read"),
        ("x.csv", b'formula\n"MgO\n', None, "not a table"),
        ("x.csv.gz", b"formula\nMgO\n", None, "cannot read"),
        ("x.csv.gz", gzip.compress(b"formula\nMgO\n" * 50, mtime=0)[:-12], None, "cannot read"),
        ("x.json", b"[1, 2", None, "line 1: not JSON"),
        ("x.json", b'"MgO"', None, "should hold a list"),
        ("x.json", b'{"formula": ["MgO"], "band_gap": [1, 2]}', None, "differ in length"),
        ("x.jsonl", b'{"formula": "MgO"}\n{"formula": \n', None, "line 2: not JSON"),
        ("x.parquet", b"PAR1", None, "not a Parquet file"),
        ("x.xlsx", b"PK", None, f"its name should end in {', '.join(READERS)}"),
        ("x", b"MgO", None, "cannot tell the format"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_that_names_the_file(
    tmp_path: Path, name: str, content: bytes, column: str | None, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError) as refusal:
        read_rows(tmp_path / name, column)
    message = str(refusal.value)
    assert reason in message
    assert str(tmp_path / name) in message
    assert "\n" not in message


def test_a_folder_without_cifs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no \.cif files"):
        read_rows(tmp_path)
