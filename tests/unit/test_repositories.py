"""Names of repositories, and what of one is fetched; the exchange itself is in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattransformer.models.checkpoints import find_checkpoint
from mattransformer.models.hub_failures import HubError
from mattransformer.models.repositories import (
    LARGEST,
    as_repository,
    check_names,
    check_repository,
    check_revision,
    name_of,
)

CHECKPOINT = ["config.json", "tokenizer.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("given", "revision", "meant"),
    [
        ("ada/perovskites", None, ("ada/perovskites", "main")),
        ("ada/perovskites", "v2", ("ada/perovskites", "v2")),
        ("ada/perovskites@v2", None, ("ada/perovskites", "v2")),
        ("ada/perovskites@refs/pr/1", None, ("ada/perovskites", "refs/pr/1")),
        ("Crystals-2.0/a_b.c", None, ("Crystals-2.0/a_b.c", "main")),
    ],
)
def test_a_repository_is_an_owner_and_a_name(
    given: str, revision: str | None, meant: tuple[str, str]
) -> None:
    assert as_repository(given, revision) == meant


@pytest.mark.parametrize(
    "given",
    ["", "gpt2", "./gpt2", "../runs/gpt2", "~/gpt2", "/data/gpt2", "runs/oxides/gpt2", "runs/", "a\n/b"],
)
def test_a_path_of_another_form_is_never_asked_for_on_a_hub(given: str) -> None:
    assert as_repository(given) is None


@pytest.mark.parametrize(
    "given", ["a--b/c", "a/b..c", "-a/b", "a/b.", "a/b.git", "a/b c", "a\\b/c", f"a/{'b' * 95}"]
)
def test_a_name_that_no_repository_can_have_is_refused(given: str) -> None:
    with pytest.raises(HubError, match=r"is no name of a repository: .*; give one such as ada/perovskites"):
        check_repository(given)


@pytest.mark.parametrize(
    "revision", ["", "../main", "a..b", "-v", ".hidden", "a b", "a\nb", "x" * 201, "ünï"]
)
def test_a_revision_that_no_branch_can_have_is_refused(revision: str) -> None:
    with pytest.raises(HubError, match=r"^ada/x: no branch, tag or commit is called .*; give one"):
        check_revision("ada/x", revision)


def test_a_path_that_is_no_text_is_a_folder_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a folder nor a shipped checkpoint"):
        find_checkpoint(Path("ada/perovskites"))


def test_a_folder_of_the_cache_is_called_by_its_repository() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert name_of(Path("hub/models--ada--perovskites/snapshots") / commit) == "ada/perovskites"
    assert name_of(Path("runs/perovskites")) == "perovskites"
    assert name_of(Path("runs/models--ada/snapshots/x")) == "x"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a\\x", "c:x", "a\nx"])
def test_a_file_that_leads_out_of_a_repository_is_refused(name: str) -> None:
    with pytest.raises(HubError, match=r"^ada/x: a file is called .*, which leads out of the repository; "):
        check_names("ada/x", [*CHECKPOINT, name])


def test_what_lies_beside_a_checkpoint_is_no_trouble() -> None:
    check_names("ada/x", [*CHECKPOINT, "pytorch_model.bin", "code/modeling.py", "a.b/c..d"])


def test_pickles_and_code_are_not_among_what_is_fetched() -> None:
    assert all(name.endswith((".json", ".safetensors", ".md")) for name in LARGEST)
