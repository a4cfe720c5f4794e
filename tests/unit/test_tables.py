"""Tables to files and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mattransformer.data.tables import WRITERS, TableError, check_target, write_table
from mattransformer.screening.screen import screen

FORMULAS = ["SrTiO3", "NaCl2", "CuSO4·5H2O"]
READERS: dict[str, Any] = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".arrow": pd.read_feather,
    ".feather": pd.read_feather,
}


@pytest.mark.parametrize("ending", WRITERS)
def test_a_screened_perovskite_survives_every_format(ending: str, tmp_path: Path) -> None:
    table = screen(FORMULAS)
    table["log_prob"] = [-7.123456789012345, -30.25, -41.0]
    path = tmp_path / f"screened{ending}"
    write_table(table, path)
    back = READERS[ending](path)
    assert list(back.columns) == list(table.columns)
    assert back["formula"].tolist() == FORMULAS
    assert back["charge_neutral"].tolist() == table["charge_neutral"].tolist() == [True, False, True]
    assert back["log_prob"].tolist() == pytest.approx(table["log_prob"].tolist(), rel=1e-14)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_table_goes_on_in_polars_and_in_arrow_and_its_columns_come_back(tmp_path: Path) -> None:
    import polars as pl
    import pyarrow as pa

    table = screen(FORMULAS)
    in_polars, in_arrow = pl.from_pandas(table), pa.Table.from_pandas(table)
    assert in_polars["formula"].to_list() == in_arrow["formula"].to_pylist() == FORMULAS
    for column in (in_polars["formula"], in_arrow["formula"]):
        pd.testing.assert_frame_equal(screen(column), table)


def test_structures_of_pymatgen_are_screened_by_their_composition() -> None:
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert screen(salt)["smact_valid"].tolist() == [True]
    assert screen([salt, "NaCl2", salt.composition])["smact_valid"].tolist() == [True, False, True]


def test_an_ending_in_capitals_is_the_same_format(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"formula": FORMULAS}), tmp_path / "salts.CSV")
    assert (tmp_path / "salts.CSV").read_text(encoding="utf-8").splitlines() == ["formula", *FORMULAS]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("salts.xlsx", "should end in .csv, .parquet, .jsonl"),
        ("salts", "should end in .csv, .parquet, .jsonl"),
        ("salts.csv.gz", "tables are not compressed; name it salts.csv"),
        ("missing/salts.csv", "there is no folder"),
        ("folder.csv", "it is a folder"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_with_its_reason(
    name: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=reason) as error:
        check_target(tmp_path / name)
    assert name in str(error.value)


def test_a_failed_writing_leaves_the_old_table_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "salts.parquet"
    write_table(pd.DataFrame({"formula": ["NaCl"]}), path)
    before = path.read_bytes()
    mixed = pd.DataFrame({"formula": ["KCl", object()]})
    with pytest.raises(Exception, match="object"):
        write_table(mixed, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
