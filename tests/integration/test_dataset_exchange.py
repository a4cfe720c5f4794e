"""A data set of the hub is fetched over HTTP: the real client, and a hub on loopback that moves on meanwhile."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.hub.faults import Fault, refused
from tests.hub.people import Person
from tests.hub.server import Hub, running
from tests.hub.store import Account, Blob, Files, Repository

TOKEN = "hf_ThisIsTheSecretOfAda"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running(Hub()) as served:
        served.accounts[TOKEN] = Account("ada")
        yield served


@pytest.fixture(scope="module")
def ada(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    person = Person(hub, tmp_path_factory.mktemp("people") / "ada", TOKEN)
    yield person
    person.leave()


def crystals(formulas: list[str], licence: str) -> Files:
    """Lay out a data set in two Parquet files, with the head of a card."""
    files: Files = {"README.md": Blob(f"---\nlicense: {licence}\n---\n# Crystals\n".encode())}
    half = len(formulas) // 2
    for part, own in enumerate((formulas[:half], formulas[half:])):
        written = io.BytesIO()
        table = pd.DataFrame({"chemical_formula_reduced": own, "band_gap": [1.0] * len(own)})
        table.to_parquet(written, index=False)
        files[f"train-{part:05}-of-00002.parquet"] = Blob(written.getvalue())
    return files


def test_a_data_set_that_changes_while_it_is_fetched_is_read_as_it_was_when_the_fetch_began(
    hub: Hub, ada: Person, tmp_path: Path
) -> None:
    repository = hub.repositories["ada/crystals"] = Repository("ada/crystals")
    first = repository.commit("main", crystals(["NaCl", "MgO", "TiO2", "SrTiO3"], "cc-by-nc-4.0"))
    target = tmp_path / "crystals.csv"
    command = ["corpus", "hf:ada/crystals", "-o", str(target)]
    # The card and the head of the table are read, and the first file; the second one never comes.
    hub.faults.extend([Fault("download", times=6), refused("download", 503)])
    said = ada.does("command", arguments=command)
    assert said["code"] == 2
    assert said["err"].startswith("mattransformer: error: hf:ada/crystals: ")
    assert said["err"].count("\n") == 1
    assert not target.exists()
    hub.faults.clear()
    repository.commit("main", crystals(["KBr", "CaO"], "mit"))
    assert ada.does("command", arguments=command)["code"] in (None, 0)
    assert pd.read_csv(target)["formula"].tolist() == ["NaCl", "MgO", "TiO2", "SrTiO3"]
    card = json.loads(Path(f"{target}.card.json").read_text(encoding="utf-8"))
    assert (card["licence"], card["revision"]) == ("cc-by-nc-4.0", first)
    assert TOKEN not in ada.log()


def test_a_data_set_that_is_not_there_is_told_in_one_line(ada: Person, tmp_path: Path) -> None:
    said = ada.does("command", arguments=["corpus", "hf:ada/nothing", "-o", str(tmp_path / "x.csv")])
    assert said["code"] == 2
    assert said["err"].count("\n") == 1
    assert "hf:ada/nothing: " in said["err"]
    assert "(the hub answers 404)" in said["err"]
