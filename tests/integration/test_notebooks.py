"""The notebooks of `examples/` run, and show what is saved in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import notebooks
from tests.hub.server import Hub, running
from tests.hub.store import Account

NAMES = ("first_look", "own_data", "publishing", "tinkering")
TOKEN = "hf_ThisIsTheSecretOfAda"
_LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture(autouse=True)
def _needs_jupyter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="needs nbclient, of the extra test")
    pytest.importorskip("ipykernel", reason="needs ipykernel, of the extra test")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))  # put back afterwards


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub()) as served:
        served.accounts[TOKEN] = Account("ada")
        yield served


def shows_what_is_saved(name: str, executed: Any) -> None:
    saved, found = (notebooks.compared(notebook) for notebook in (notebooks.read(name), executed))
    assert len(saved) == len(found)
    for before, after in zip(saved, found, strict=True):
        assert notebooks.plain(after) == notebooks.plain(before), before.source


@pytest.mark.parametrize("name", ["first_look", "own_data", "tinkering"])
def test_a_notebook_shows_what_is_saved_in_it(name: str, tmp_path: Path) -> None:
    shows_what_is_saved(name, notebooks.execute(name, tmp_path, {}))


def test_the_notebook_of_publishing_sends_a_model_to_a_hub_and_opens_it_from_there(
    hub: Hub, tmp_path: Path
) -> None:
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "huggingface"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "600",
        "HF_HUB_ETAG_TIMEOUT": "600",
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
    }
    executed = notebooks.execute("publishing", tmp_path, settings, repository="'ada/first'", send="True")
    sent, opened = (notebooks.plain(cell) for cell in executed.cells if cell.source.startswith("if send:"))
    assert sent == ["published: ada/first, 8 files\n"]
    assert opened == ["ada/first gives the same probabilities: True\n"]
    assert "model.safetensors" in hub.repositories["ada/first"].files()
    assert TOKEN not in json.dumps(executed)


def test_the_same_notebook_as_it_is_saved_sent_nothing() -> None:
    cells = [cell for cell in notebooks.read("publishing").cells if cell.source.startswith("if send:")]
    assert [notebooks.plain(cell) for cell in cells] == [["nothing was sent\n"], ["nothing to open\n"]]


def test_all_notebooks_are_executed_here() -> None:
    assert tuple(notebooks.names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_holds_no_warning_and_nothing_of_the_machine_or_the_moment(name: str) -> None:
    notebook = notebooks.read(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert set(cell.metadata) <= {"tags"}
        assert {kind for kind, _ in notebooks.outputs(cell)} <= {"stdout", "text/plain", "text/html"}
        for _, text in notebooks.outputs(cell):
            assert len(text) < 4000
            assert not re.search(
                r"/home/|/root/|/tmp/|/work/|[A-Z]:\\\\|\b127\.0\.0\.1\b| 0x[0-9a-f]{6,}", text
            )
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_a_lesson_with_words_between_its_cells_and_links_that_lead_somewhere(name: str) -> None:
    cells = notebooks.read(name).cells
    assert cells[0].cell_type == "markdown"
    assert sum(cell.cell_type == "markdown" for cell in cells) >= 5
    headings = re.findall(
        r"^## (.+)$", (notebooks.ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    sections = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    links = [link for cell in cells if cell.cell_type == "markdown" for link in _LINK.findall(cell.source)]
    assert any(link.startswith("../README.md#") for link in links)
    for link in links:
        path, _, section = link.partition("#")
        assert (notebooks.EXAMPLES / path).resolve().is_file(), link
        assert not section or section in sections, link
