"""A checkpoint goes to a hub and comes back: real clients in processes of their own, and a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file

from mattransformer.models.checkpoints import SHIPPED
from tests.hub.faults import BEFORE, Fault
from tests.hub.people import Person
from tests.hub.server import ROUTES, Hub, running
from tests.hub.store import Account

TOKEN = "hf_ThisIsTheSecretOfAda"
GPT2 = SHIPPED / "gpt2"
FILES = {
    "README.md",
    "config.json",
    "evaluation.json",
    "generation_config.json",
    "model.safetensors",
    "run.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
PUSHED = ["whoami", "info", "create", "info", "validate", "preupload", "batch", "upload", "verify", "commit"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running(Hub()) as served:
        served.accounts[TOKEN] = Account("ada", groups=("crystals",))
        yield served


@pytest.fixture(scope="module")
def ada(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Who publishes."""
    person = Person(hub, tmp_path_factory.mktemp("people") / "ada", TOKEN)
    yield person
    person.leave()


@pytest.fixture(scope="module")
def ben(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Who opens what is published: another process, with an empty cache and no token."""
    person = Person(hub, tmp_path_factory.mktemp("people") / "ben", None)
    yield person
    person.leave()


@pytest.fixture(autouse=True)
def _all_is_well(hub: Hub) -> None:
    hub.faults.clear()
    hub.log.clear()


@pytest.fixture(scope="module")
def published(hub: Hub, ada: Person) -> dict[str, Any]:
    """The shipped GPT-2, pushed from Python."""
    hub.log.clear()
    said = ada.does("push", checkpoint="gpt2", repository="ada/first")
    said["steps"] = [step for step in hub.steps() if step]
    return said


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of somebody's own: other weights, a file of theirs, and nothing measured."""
    folder = Path(shutil.copytree(SHIPPED / "gpt", tmp_path_factory.mktemp("own") / "oxides"))
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    save_file(weights | {name: weights[name] * 0.99}, folder / "model.safetensors", {"format": "pt"})
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["init_from"] = None
    run["config"]["corpora"] = ["/home/ada/secret project/oxides.csv"]
    run["data"]["sources"] = [run["data"]["sources"][0] | {"name": "oxides.csv", "source": "user"}]
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


# Published


def test_a_dry_run_shows_files_sizes_and_the_card_and_asks_the_hub_for_nothing(hub: Hub, ada: Person) -> None:
    said = ada.does("command", arguments=["publish", "gpt2", "ada/dry", "--dry-run"], as_=None)
    assert said["code"] == 0
    for file in FILES:
        assert re.search(rf"^{re.escape(file)} +[\d,]+ bytes$", said["out"], re.MULTILINE)
    assert f"{(GPT2 / 'model.safetensors').stat().st_size:,} bytes" in said["out"]
    assert "\n# ada/dry: a language model of inorganic compositions\n" in said["out"]
    assert said["out"].splitlines()[-1].startswith(f"nothing was sent: {hub.url}/ada/dry, 8 files, ")
    assert hub.log == []
    assert "ada/dry" not in hub.repositories


def test_all_files_are_there_after_one_commit_and_the_weights_have_the_same_bits(
    hub: Hub, published: dict[str, Any]
) -> None:
    assert published["outcome"] == "published"
    assert published["steps"] == PUSHED
    repository = hub.repositories["ada/first"]
    assert [message for _, message in repository.history][1:] == [
        "Publish a checkpoint: weights, tokenizer, record of the run, evaluation and card"
    ]
    assert published["commit"] == repository.branches["main"]
    files = repository.files()
    assert set(files) == FILES | {".gitattributes"}
    for name in FILES - {"README.md", "evaluation.json"}:
        assert files[name].content == (GPT2 / name).read_bytes(), name
    assert files["model.safetensors"].large
    measured = json.loads((Path(__file__).resolve().parents[2] / "results" / "gpt2.json").read_bytes())
    assert json.loads(files["evaluation.json"].content) == measured


def test_publishing_the_same_again_changes_nothing_and_sends_no_weights(
    hub: Hub, ada: Person, published: dict[str, Any]
) -> None:
    said = ada.does("command", arguments=["publish", "gpt2", "ada/first"])
    assert said["code"] == 0
    assert (
        said["out"].splitlines()[-1].startswith(f"unchanged: {hub.url}/ada/first/tree/{published['commit']}")
    )
    assert not {"upload", "commit"} & set(hub.steps())
    assert len(hub.repositories["ada/first"].history) == 2


def test_a_branch_is_made_and_the_main_one_stays_as_it_is(
    hub: Hub, ada: Person, ben: Person, published: dict[str, Any]
) -> None:
    settings = {"revision": "v2", "licence": "cc-by-4.0"}
    said = ada.does("publish", checkpoint="gpt2", repository="ada/first", settings=settings)
    repository = hub.repositories["ada/first"]
    assert repository.branches == {"main": published["commit"], "v2": said["commit"]}
    assert 'mt.load("ada/first", revision="v2")' in said["card"]
    opened = ben.does("load", name="ada/first", revision="v2")
    assert opened["commit"] == said["commit"]
    assert ben.does("load", name="ada/first@v2")["files"] == opened["files"]


def test_a_private_repository_of_a_group_is_for_its_members(hub: Hub, ada: Person, ben: Person) -> None:
    said = ada.does("publish", checkpoint="gpt2", repository="crystals/hidden", settings={"private": True})
    assert said["outcome"] == "published"
    assert hub.repositories["crystals/hidden"].private
    assert ada.does("load", name="crystals/hidden")["commit"] == said["commit"]
    assert "or a private one" in ben.refused("load", name="crystals/hidden")


def test_what_somebody_trained_is_published_with_what_its_record_says_and_no_more(
    hub: Hub, ada: Person, ben: Person, own: Path
) -> None:
    said = ada.does("publish", checkpoint=str(own), repository="ada/oxides")
    files = hub.repositories["ada/oxides"].files()
    assert set(files) == FILES | {".gitattributes"}
    run = json.loads(files["run.json"].content)
    assert run["config"]["corpora"] == ["oxides.csv"]
    assert "secret project" not in said["card"]
    metadata = yaml.safe_load(said["card"].split("---\n")[1])
    assert set(metadata) == {"library_name", "pipeline_tag", "tags"}
    assert "No results of these weights were at hand when this card was made." in said["card"]
    assert "Nobody has stated a licence of the weights" in said["card"]
    record = json.loads(files["evaluation.json"].content)
    assert list(record["stages"]) == ["examples"]
    assert record["checkpoint"]["sha256"] == sha256((own / "model.safetensors").read_bytes())
    for row in record["stages"]["examples"]["rows"]:
        assert f"| {row['formula']} | {row['score']:.2f} |" in said["card"]
    assert record["stages"]["examples"]["settings"]["source"] == "user"
    assert ben.does("load", name="ada/oxides")["commit"] == said["commit"]
    assert ada.does("publish", checkpoint=str(own), repository="ada/oxides")["outcome"] == "unchanged"


# Opened


def test_another_process_with_an_empty_cache_gets_the_same_bits_and_generates_the_same(
    hub: Hub, ada: Person, tmp_path: Path, published: dict[str, Any]
) -> None:
    here = ada.does("load", name="gpt2", generate=5)
    hub.log.clear()
    cleo = Person(hub, tmp_path / "cleo", None)
    there = cleo.does("load", name="ada/first", generate=5)
    cleo.leave()
    assert "storage" in hub.steps()
    assert there["name"] == "ada/first"
    assert there["commit"] == published["commit"]
    files = hub.repositories["ada/first"].files()
    assert there["files"] == {name: sha256(files[name].content) for name in FILES}
    assert there["files"]["model.safetensors"] == here["files"]["model.safetensors"]
    assert there["log_prob"] == here["log_prob"]
    assert there["formulas"] == here["formulas"]
    assert len(there["formulas"]) == 5


def test_the_storage_of_large_files_never_sees_the_token(
    hub: Hub, ada: Person, published: dict[str, Any]
) -> None:
    hub.objects.clear()
    hub.repositories.pop("ada/again", None)
    ada.does("publish", checkpoint="gpt2", repository="ada/again")
    ada.does("load", name="ada/again")
    shown = {call.step: "authorization" in call.headers for call in hub.log}
    assert shown["upload"] is shown["storage"] is False
    assert shown["commit"] is shown["head"] is shown["info"] is True


def test_what_was_opened_once_opens_without_a_network(
    hub: Hub, ben: Person, published: dict[str, Any]
) -> None:
    online = ben.does("load", name="ada/first")
    hub.log.clear()
    assert ben.does("load", name="ada/first", offline=True) == online
    assert hub.log == []
    nowhere = "http://127.0.0.1:9"  # where nothing listens
    assert ben.does("load", name="ada/first", endpoint=nowhere) == online
    hub.faults.extend(Fault(step, cut=BEFORE) for _, _, step, _ in ROUTES)
    assert ben.does("load", name="ada/first") == online
    log = ben.log()
    assert f"what was fetched of ada/first before is used, commit {published['commit'][:12]}" in log
    assert f"the hub cannot be reached ({nowhere})" in log


def test_a_commit_that_is_in_the_cache_is_not_asked_for_again(
    hub: Hub, ben: Person, published: dict[str, Any]
) -> None:
    first = ben.does("load", name="ada/first", revision=published["commit"])
    hub.log.clear()
    assert ben.does("load", name="ada/first", revision=published["commit"]) == first
    assert hub.log == []


def test_plain_transformers_opens_it_by_its_name(ben: Person, published: dict[str, Any]) -> None:
    by_name = ben.does("plain", name="ada/first")
    assert by_name == ben.does("plain", name=str(GPT2))
    assert ben.does("plain", name="ada/first", offline=True) == by_name


def test_what_plain_transformers_fetched_a_part_of_is_fetched_whole_and_checked(
    hub: Hub, published: dict[str, Any], tmp_path: Path
) -> None:
    """It fetches no record of the run, and looks at no hash; a commit's part is no reason not to ask."""
    cleo = Person(hub, tmp_path / "cleo", None)
    cleo.does("plain", name="ada/first")
    (snapshot,) = (cleo.home / "huggingface").rglob("snapshots/*")
    assert not (snapshot / "run.json").exists()
    unchecked = cleo.does("load", name="ada/first", offline=True)
    assert "its hashes were not looked at" in cleo.log()
    opened = cleo.does("load", name="ada/first", revision=published["commit"])
    assert set(unchecked["files"]) < set(opened["files"]) == FILES
    weights = (snapshot / "model.safetensors").resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    (mark,) = (cleo.home / "huggingface").rglob("mattransformer/*.json")
    mark.unlink()  # as if another program had fetched what is there
    assert "its size or hash is not the one listed" in cleo.refused("load", name="ada/first")
    assert cleo.does("load", name="ada/first")["files"] == opened["files"]
    cleo.leave()


def test_the_python_in_a_published_card_runs(ben: Person, published: dict[str, Any]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", published["card"], re.DOTALL)
    assert len(blocks) == 2
    printed = [ben.does("run", code=block)["printed"] for block in blocks]
    assert "[10 rows x 7 columns]" in printed[0]
    assert printed[1].startswith("<mp> <strict> ")


def test_the_command_line_opens_a_repository_by_its_name(ben: Person, published: dict[str, Any]) -> None:
    arguments = ["generate", "--model", "ada/first@main", "-n", "3", "-o", "new.csv"]
    said = ben.does("command", arguments=arguments)
    assert said["code"] == 0, said["err"]
    assert "ada/first@main (seed 0, source mp, " in said["out"]
    assert (ben.home / "new.csv").read_text(encoding="utf-8").count("\n") == 4


def test_a_download_that_is_cut_off_goes_on_where_it_was(
    hub: Hub, ben: Person, published: dict[str, Any]
) -> None:
    hub.repositories["ada/large"] = hub.repositories["ada/first"]
    hub.faults.append(Fault("storage", cut=1_000_000, times=1))
    assert ben.does("load", name="ada/large", chunk=100_000)["commit"] == published["commit"]
    asked = [call.headers.get("range") for call in hub.log if call.step == "storage"]
    assert asked == [None, "bytes=1000000-"]


# Secrets


def test_the_token_is_in_no_log_and_in_no_file(hub: Hub, ada: Person, published: dict[str, Any]) -> None:
    said = f'{{"error": "{TOKEN} is not good enough for me"}}'.encode()
    hub.faults.append(Fault("commit", 403, said, {"Content-Type": "application/json"}))
    answer = ada.does("publish", checkpoint="gpt2", repository="ada/told")
    assert answer["told"]
    assert "<secret> is not good enough for me" in answer["refused"]
    assert any(call.headers.get("authorization") == f"Bearer {TOKEN}" for call in hub.log)
    log = ada.log()
    assert "authorization: <TOKEN>" in log  # the requests themselves were logged
    assert TOKEN not in log + json.dumps(answer) + json.dumps(published)
    for path in ada.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    for repository in hub.repositories.values():
        assert not any(TOKEN.encode() in blob.content for blob in repository.files().values())


@pytest.mark.parametrize("before", [170, 180, 190])
def test_no_piece_of_a_token_is_told_where_a_message_is_cut(hub: Hub, ada: Person, before: int) -> None:
    said = json.dumps({"error": f"{'x' * before} {TOKEN}"}).encode()
    hub.faults.append(Fault("commit", 403, said, {"Content-Type": "application/json"}))
    answer = ada.does("publish", checkpoint="gpt2", repository="ada/told")
    assert answer["told"]
    assert not any(TOKEN[at : at + 8] in json.dumps(answer) for at in range(len(TOKEN) - 8))


def test_a_password_in_the_address_of_the_hub_is_not_told(hub: Hub, ada: Person) -> None:
    secret = "ada:s3cretpassword@"
    for address, says in (
        (hub.url.replace("//", f"//{secret}"), "ada/none"),
        (f"http://{secret}127.0.0.1:9", "cannot be reached (http://127.0.0.1:9)"),
    ):
        answer = ada.does("load", name="ada/none", endpoint=address)
        assert answer["told"]
        assert says in answer["refused"]
        assert "s3cret" not in json.dumps(answer)
