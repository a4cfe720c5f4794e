"""Whose the data is, all the way: fetched with its card, learned from, recorded, and told where the model is published.

The databases are the reference server of OPTIMADE on loopback and a folder that is laid out like a data set of a hub.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import mattransformer as mt
from mattransformer.evaluation.card_metadata import metadata
from mattransformer.training.config import TrainingConfig
from mattransformer.training.loop import train
from tests.optimade_server import opened, reference_server

pytest.importorskip("optimade.client", reason="needs the optimade package with its client and server")
pytest.importorskip("uvicorn", reason="needs the server of the optimade package")

FILTER = "nelements<=7"
SALTS = ["NaCl", "KCl", "LiF", "MgCl2", "CaF2", "AlCl3", "KBr", "RbI", "CsCl", "BaF2", "SrI2", "NaBr"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two fetched files: `crystals.parquet`, not for commerce, and `salts.csv`, of a licence unknown."""
    folder = tmp_path_factory.mktemp("licences")
    salts = folder / "salts | of <ada>"
    salts.mkdir()
    (salts / "train.jsonl").write_text(
        "\n".join(json.dumps({"formula": salt}) for salt in SALTS), encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTRANSFORMER_CACHE", str(folder / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        with reference_server() as server, opened(server) as door:
            door.documents["/v1/info"] = {
                "data": {"type": "info", "id": "/", "attributes": {"available_licenses": ["CC-BY-NC-4.0"]}},
                "meta": {"provider": {"name": "Example | provider", "prefix": "exmpl"}},
            }
            mt.fetch_corpus(f"optimade:{door.url}", folder / "crystals.parquet", filter=FILTER)
        mt.fetch_corpus(f"hf:{salts}", folder / "salts.csv")
        yield folder


@pytest.fixture(scope="module")
def trained(home: Path) -> Path:
    """A model of one layer, of two epochs on both files."""
    config = TrainingConfig(
        output=str(home / "run"),
        corpora=[str(home / "crystals.parquet"), str(home / "salts.csv")],
        sizes={"n_layer": 1, "n_embd": 32, "n_head": 2},
        epochs=2,
        threads=1,
    )
    return train(config).folder


def test_the_record_says_of_each_fetched_file_from_where_it_is_what_was_asked_and_its_licence(
    trained: Path,
) -> None:
    first, second = json.loads((trained / "run.json").read_text(encoding="utf-8"))["data"]["sources"]
    assert first["name"] == "crystals.parquet"
    assert first["card"] == {
        "database": f"optimade:{first['card']['url']}",
        "title": "Example | provider",
        "url": first["card"]["url"],
        "revision": None,
        "filter": FILTER,
        "limit": None,
        "fetched": first["card"]["fetched"],
        "licence": "CC-BY-NC-4.0",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first["card"]["fetched"])
    assert second["card"]["licence"].startswith("not stated by the source")


def test_the_card_of_the_model_names_source_licence_and_query_and_no_folder_of_the_disk(
    home: Path, trained: Path
) -> None:
    card = mt.publish(trained, "ada/crystals", dry_run=True).card
    data = card.partition("## Training data")[2].partition("\n## ")[0]
    assert "| Example / provider (`crystals.parquet`) | CC-BY-NC-4.0 | " in data
    assert "| salts / of ‹ada> (`salts.csv`) | not stated by the source" in data
    assert "from `optimade:http://127.0.0.1:" in data
    assert f", filter `{FILTER}`; SHA-256 of the file" in data
    assert "- Example / provider: http://127.0.0.1:" in data
    assert "- salts" not in data  # a folder has no address to name
    assert str(home) not in card
    assert "datasets" not in yaml.safe_load(card.split("---\n")[1])  # neither is one that a hub has


def test_a_data_set_of_a_hub_is_in_the_front_matter_by_its_name() -> None:
    source = {"name": "lemat.parquet", "card": {"url": "hf:LeMaterial/LeMat-Bulk?config=compatible_pbe"}}
    record: dict[str, Any] = {"stages": {}}
    content = yaml.safe_load(metadata("ada/oxides", "gpt2", "causal", [source], record, None))
    assert content["datasets"] == ["LeMaterial/LeMat-Bulk"]


@pytest.mark.parametrize("licence", ["mit", "cc-by-sa-4.0"])
def test_a_licence_that_allows_more_than_the_data_is_warned_of_in_one_line(
    licence: str, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mattransformer"):
        publication = mt.publish(trained, "ada/crystals", dry_run=True, licence=licence)
    assert yaml.safe_load(publication.card.split("---\n")[1])["license"] == licence
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("mattransformer")]
    assert said.startswith(
        f"ada/crystals: the weights are to be under {licence}, but were trained on crystals.parquet"
    )
    assert (
        "CC-BY-NC-4.0, which allows non-commercial use only; choose a licence that asks for the same" in said
    )
    assert "\n" not in said


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "other", None])
def test_a_licence_that_fits_or_none_is_not_warned_of(
    licence: str | None, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mattransformer"):
        mt.publish(trained, "ada/crystals", dry_run=True, licence=licence)
    assert [record for record in caplog.records if record.name.startswith("mattransformer")] == []


def test_a_file_that_was_changed_since_it_was_fetched_has_no_licence_any_more(
    home: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "salts.csv"
    changed.write_bytes((home / "salts.csv").read_bytes() + b"MgO\n")
    (tmp_path / "salts.csv.card.json").write_bytes((home / "salts.csv.card.json").read_bytes())
    (source,) = mt.load_corpus(changed).report.as_dict()["sources"]
    assert "card" not in source
