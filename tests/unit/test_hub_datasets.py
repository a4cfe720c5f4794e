"""Data sets laid out like those of the Hugging Face hub, streamed from a folder: no network is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mattransformer as mt
from mattransformer.data.databases import hub
from mattransformer.data.databases.addresses import read_address
from mattransformer.data.databases.cards import card_path
from mattransformer.data.databases.fetching import fetch_corpus
from mattransformer.data.databases.hub import HubDataset
from mattransformer.data.databases.origin import Request
from mattransformer.data.databases.properties import optimade_columns
from mattransformer.data.readers import CorpusError

FORMULAS = [f"Ba{n % 7 + 1}Ti{n % 3 + 1}O{n % 5 + 1}" for n in range(100)]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def bulk(folder: Path, licence: str = "cc-by-4.0") -> Path:
    """Lay out a folder with the columns of LeMat-Bulk that matter here, in two Parquet files."""
    folder.mkdir()
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# Crystals\n", encoding="utf-8")
    table = pd.DataFrame(
        {
            "elements": [["Ba", "O", "Ti"]] * 100,
            "chemical_formula_descriptive": [f"{formula} (made up)" for formula in FORMULAS],
            "chemical_formula_reduced": FORMULAS,
            "immutable_id": [f"agm{n:04}" for n in range(100)],
            "energy": [-float(n) for n in range(100)],
            "band_gap": [None if n % 2 else n / 10 for n in range(100)],
            "lattice_vectors": [[[1.0, 0.0, 0.0]] * 3] * 100,
        }
    )
    for part in (0, 1):
        table.iloc[50 * part : 50 * part + 50].to_parquet(folder / f"train-{part:05}-of-00002.parquet")
    return folder


def test_the_formulas_of_lemat_bulk_are_found_by_name_with_their_licence(tmp_path: Path) -> None:
    card = fetch_corpus(f"hf:{bulk(tmp_path / 'bulk')}", tmp_path / "bulk.parquet")
    table = pd.read_parquet(tmp_path / "bulk.parquet")
    assert list(table.columns) == ["id", "formula", "band_gap"]
    assert table["formula"].tolist() == FORMULAS
    assert table["id"].iloc[99] == "agm0099"
    assert card.licence == "cc-by-4.0"
    columns = json.loads(card_path(tmp_path / "bulk.parquet").read_text(encoding="utf-8"))["columns"]
    assert columns["formula"]["fields"] == ["chemical_formula_reduced"]
    assert columns["band_gap"]["unit"] == "eV"
    assert columns["band_gap"]["rows_with_value"] == 50
    assert mt.load_corpus(tmp_path / "bulk.parquet").sources == ("user",)


def test_json_lines_with_amounts_by_element_are_formulas_too(tmp_path: Path) -> None:
    folder = tmp_path / "salts"
    folder.mkdir()
    rows = [{"composition": {"Na": 1, "Cl": 1}}, {"composition": {"Mg": 1, "O": 1}}]
    (folder / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    fetch_corpus(f"hf:{folder}?split=validation", tmp_path / "salts.csv")
    assert pd.read_csv(tmp_path / "salts.csv")["formula"].tolist() == ["NaCl", "MgO"]


def test_reading_goes_on_at_any_page_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_PAGE_ROWS", 15)
    address = read_address(f"hf:{bulk(tmp_path / 'bulk')}")
    origin = HubDataset(address, Request()).begin()
    pages = list(HubDataset(address, Request()).pages(origin, None))
    assert [len(page.rows) for page in pages] == [15, 15, 15, 15, 15, 15, 10, 0]
    assert [page.position is None for page in pages] == [False] * 7 + [True]
    for number, page in enumerate(pages[:-1]):
        position: Any = json.loads(json.dumps(page.position))  # as it is kept between two runs
        rest = list(HubDataset(address, Request()).pages(origin, position))
        found = pd.concat([part.rows for part in rest], ignore_index=True)
        expected = pd.concat([part.rows for part in pages[number + 1 :]], ignore_index=True)
        pd.testing.assert_frame_equal(found, expected)


def test_a_readme_without_a_licence_states_none(tmp_path: Path) -> None:
    folder = bulk(tmp_path / "bulk")
    (folder / "README.md").write_text("# Crystals\n", encoding="utf-8")
    card = fetch_corpus(f"hf:{folder}", tmp_path / "bulk.csv", limit=3)
    assert card.licence.startswith("not stated")
    assert len(pd.read_csv(tmp_path / "bulk.csv")) == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("?split=nothing", "nothing"),
        ("?config=nothing", "nothing"),
        ("?what=nothing", "options of a data set are config, split, revision"),
    ],
)
def test_what_a_data_set_does_not_have_is_told_in_one_line(tmp_path: Path, options: str, reason: str) -> None:
    name = f"hf:{bulk(tmp_path / 'bulk')}{options}"
    with pytest.raises(CorpusError) as refused:
        fetch_corpus(name, tmp_path / "x.csv")
    message = str(refused.value)
    assert message.startswith(name)
    assert reason in message
    assert "\n" not in message


def test_a_column_is_named_where_several_hold_formulas(tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    (folder / "train.csv").write_text("precursor,product\nNaCl,Na2O\nMgO,MgCl2\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="several columns hold formulas"):
        fetch_corpus(f"hf:{folder}", tmp_path / "x.csv")
    fetch_corpus(f"hf:{folder}", tmp_path / "x.csv", column="product")
    assert pd.read_csv(tmp_path / "x.csv")["formula"].tolist() == ["Na2O", "MgCl2"]


def data_set(folder: Path, text: str | bytes) -> str:
    """Lay out a data set of one CSV file, and name it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"hf:{folder}"


def test_another_folder_of_the_same_name_and_a_folder_that_changed_are_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for place, text in (("a", "formula\nMgO\n"), ("b", "formula\nNaCl\n"), ("b", "formula\nNaCl\nKCl\n")):
        data_set(tmp_path / place / "crystals", text)
        monkeypatch.chdir(tmp_path / place)
        fetch_corpus("hf:./crystals", tmp_path / "x.csv")
        found.append(pd.read_csv(tmp_path / "x.csv")["formula"].tolist())
    assert found == [["MgO"], ["NaCl"], ["NaCl", "KCl"]]


def test_of_a_formula_in_several_spellings_the_one_nearest_to_the_hull_comes_first(tmp_path: Path) -> None:
    name = data_set(tmp_path / "titania", "formula,e_above_hull\nTiO2,0.5\nNaCl,0.1\nTi2O4,0.0\n")
    fetch_corpus(name, tmp_path / "x.csv")
    rows = mt.load_corpus(tmp_path / "x.csv").table.set_index("formula")["e_above_hull"]
    assert rows.to_dict() == {"TiO2": 0.0, "NaCl": 0.1}


def test_numbers_that_are_not_finite_are_missing(tmp_path: Path) -> None:
    name = data_set(tmp_path / "gaps", "formula,band_gap\nTiO2,inf\nMgO,-inf\nCaO,abc\nBaO,1e999\nSrO,3.3\n")
    card = fetch_corpus(name, tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.csv")["band_gap"].dropna().tolist() == [3.3]
    assert card.facts["columns"]["band_gap"]["rows_with_value"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("formula,formula\nTiO2,SrO\nMgO,BaO\n", "has two columns 'formula'; rename one of them"),
        ("formula,n\nTiO2,é\n".encode() + "MgO,é\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_a_data_set_with_two_columns_of_a_name_or_two_encodings_is_refused(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(CorpusError, match=words) as refused:
        fetch_corpus(data_set(tmp_path / "odd", text), tmp_path / "x.csv")
    assert "\n" not in str(refused.value)
    assert "later" not in str(refused.value)


def test_a_unit_that_is_known_from_documentation_is_not_called_stated() -> None:
    served = {
        "_oqmd_delta_e": {"unit": "eV"},
        "_x_formation_energy_per_atom": {"unit": "eV/atom"},
        "_x_band_gap": {"unit": "eV/atom"},
    }
    columns = optimade_columns(served)
    energy = columns["formation_energy_per_atom"]
    assert (energy.fields, energy.unit, energy.stated) == (("_oqmd_delta_e",), "eV/atom", False)
    assert "the source states eV" in energy.note
    assert "band_gap" not in columns
    del served["_oqmd_delta_e"]
    assert optimade_columns(served)["formation_energy_per_atom"].stated
