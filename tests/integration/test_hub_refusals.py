"""What can be wrong about publishing and opening: each ends in one line with the name, the reason and the way out.

The hub on loopback fails at every step of the exchange in turn. Whatever it is, nothing is published by halves.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mattransformer.hub.contents import RESULTS
from mattransformer.models.checkpoints import SHIPPED
from tests.hub.faults import AFTER, BEFORE, Fault, page, refused
from tests.hub.people import Person
from tests.hub.server import Hub, running
from tests.hub.store import Account, Blob, Files, Repository

WRITES, READS, NOBODY = "hf_SecretThatWrites", "hf_SecretThatReads", "hf_SecretOfNobody"
BLM = SHIPPED / "blm"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running(Hub()) as served:
        served.accounts |= {WRITES: Account("ada"), READS: Account("ada", role="read")}
        yield served


@pytest.fixture(scope="module")
def ada(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    person = Person(hub, tmp_path_factory.mktemp("people") / "ada", WRITES)
    yield person
    log = person.log()
    person.leave()
    assert not any(secret in log for secret in (WRITES, READS, NOBODY))


@pytest.fixture(autouse=True)
def _all_is_well(hub: Hub) -> None:
    hub.faults.clear()
    hub.objects.clear()
    hub.log.clear()


def checkpoint(**changed: bytes | None) -> Files:
    """The files of a checkpoint in a repository, some of them changed, or left out."""
    files: Files = {path.name: Blob(path.read_bytes(), path.name == WEIGHTS) for path in BLM.iterdir()}
    for name, content in changed.items():
        files.pop(name, None)
        if content is not None:
            files[name] = Blob(content, name.endswith((".safetensors", ".bin")))
    return files


def with_repository(hub: Hub, name: str, files: Files) -> Repository:
    made = hub.repositories[name] = Repository(name)
    made.commit("main", files)
    return made


def of_json(change: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Make a change in place into one that gives what it changed."""

    def changed(content: Any) -> Any:
        change(content)
        return content

    return changed


def said_of(file: str, **facts: Any) -> Fault:
    """Tell something else of a file where a repository is listed."""

    def change(info: Any) -> None:
        next(one for one in info["siblings"] if one["rfilename"] == file).update(facts)

    return Fault("info", change=of_json(change))


def edited(file: str, **entries: Any) -> bytes:
    return json.dumps(json.loads((BLM / file).read_bytes()) | entries).encode()


def declaring(size: int) -> bytes:
    """Weights of some bytes whose header says that they have a number of bytes."""
    header = {"weight": {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size]}}
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + b"\0" * 64


PICKLE = pickle.dumps({"weight": [0.5] * 1000})
WHOLE = (BLM / WEIGHTS).read_bytes()
HUGE = declaring(10_000_000_000)
NO_TOKEN = {"as_": None}

# What is wrong: the files of the repository, what the hub does, how it is asked for, and what has to be said.
LOADS: dict[str, tuple[dict[str, bytes | None], list[Fault], dict[str, Any], list[str]]] = {
    "no such repository": ({}, [], {"name": "ada/none"}, ["no such repository on", "check the name"]),
    "a private one, and no token": (
        {},
        [Fault("info", 401, b"{}", {"X-Error-Code": "RepoNotFound"})],
        NO_TOKEN,
        ["or a private one", "set HF_TOKEN, or run `hf auth login`"],
    ),
    "a token that the hub does not know": (
        {},
        [],
        {"as_": NOBODY},
        ["does not accept the token", "make a new"],
    ),
    "a gated repository": (
        {},
        [Fault("info", 403, b"{}", {"X-Error-Code": "GatedRepo"})],
        {},
        ["asks for consent", "ask for access"],
    ),
    "a repository that was closed": (
        {},
        [Fault("info", 403, b"{}", {"X-Error-Message": "Access to this resource is disabled."})],
        {},
        ["has closed it", "take another"],
    ),
    "forbidden": (
        {},
        [refused("info", 403)],
        {},
        ["forbids it (said by the hub)", "a token that has the right"],
    ),
    "no such revision": (
        {},
        [],
        {"revision": "v9"},
        ["no revision 'v9'", "name a branch, a tag or a commit"],
    ),
    "a revision that leads out of the cache": (
        {},
        [],
        {"revision": "../../secret"},
        ["no branch, tag or commit is called '../../secret'", "such as main"],
    ),
    "a revision of a shipped checkpoint": (
        {},
        [],
        {"name": "gpt2", "revision": "v1"},
        ["'v1'", "gpt2 is at hand", "leave it out"],
    ),
    "two revisions": (
        {},
        [],
        {"name": "ada/x@v1", "revision": "v2"},
        ["'v2' is another", "leave one of them"],
    ),
    "a name with two dashes": ({}, [], {"name": "ada/per--ovskites"}, ["'--'", "such as ada/perovskites"]),
    "a name with a blank": ({}, [], {"name": "ada/my model"}, ["no name of a repository", "letters, digits"]),
    "a name that is too long": ({}, [], {"name": f"ada/{'x' * 200}"}, ["204 characters", "96 are possible"]),
    "a name of three parts": (
        {},
        [],
        {"name": "ada/my/model"},
        ["neither a folder nor a shipped checkpoint"],
    ),
    "too many requests": ({}, [refused("info", 429)], {}, ["too many requests", "wait some minutes"]),
    "a hub that fails": ({}, [refused("info", 503)], {}, ["the hub fails (503", "try again later"]),
    "a login page": ({}, [page("info")], {}, ["no JSON", "login page"]),
    "a list in place of an object": (
        {},
        [Fault("info", change=lambda _: [1])],
        {},
        ["in a form that no hub has", "check HF_ENDPOINT"],
    ),
    "a commit that leads out of the cache": (
        {},
        [Fault("info", change=of_json(lambda info: info.update(sha="../../secret")))],
        {},
        ["names no commit", "check HF_ENDPOINT"],
    ),
    "a connection that is cut": (
        {},
        [Fault("info", cut=BEFORE)],
        {},
        ["the connection broke", "run it again"],
    ),
    "no hub at that address": (
        {},
        [],
        {"endpoint": "http://127.0.0.1:9"},
        ["cannot be reached (http://127.0.0.1:9)", "check the network"],
    ),
    "an address that is none": (
        {},
        [],
        {"endpoint": "hub.example"},
        ["no address of a hub", "check HF_ENDPOINT"],
    ),
    "a hub that does not answer": (
        {},
        [Fault("info", seconds=1, times=1)],
        {"timeout": 0.1},
        ["did not answer in time", "try again later"],
    ),
    "offline, and never fetched": ({}, [], {"offline": True}, ["HF_HUB_OFFLINE is set", "unset it"]),
    "10 GB of weights": (
        {},
        [said_of(WEIGHTS, size=10_000_000_000)],
        {},
        ["said to have 10,000,000,000 bytes", "give another repository"],
    ),
    "a header that promises 10 GB of weights": (
        {WEIGHTS: HUGE},
        [],
        {},
        ["is truncated", "tell its owner"],
    ),
    "a record of 1 GB": (
        {},
        [said_of("run.json", size=10**9)],
        {},
        ["run.json is said to have 1,000,000,000"],
    ),
    "weights of no size": (
        {},
        [said_of(WEIGHTS, size=None)],
        {},
        ["does not say how large model.safetensors is"],
    ),
    "a file that leads out of the repository": (
        {"../../.bashrc": b"echo"},
        [],
        {},
        ["'../../.bashrc', which leads out of the repository", "take another"],
    ),
    "a file from the root": ({"/etc/passwd": b"root"}, [], {}, ["'/etc/passwd', which leads out"]),
    "a file with a drive": ({"C:\\evil.dll": b"MZ"}, [], {}, ["evil.dll', which leads out"]),
    "pickled weights alone": (
        {WEIGHTS: None, "pytorch_model.bin": PICKLE},
        [],
        {},
        ["only pytorch_model.bin, and pickled weights are never opened", "safetensors"],
    ),
    "a pickle that is named like safetensors": (
        {WEIGHTS: PICKLE},
        [],
        {},
        ["model.safetensors is a pickle by another name", "tell its owner"],
    ),
    "a repository of something else": (
        {"config.json": None, "tokenizer.json": None},
        [],
        {},
        ["no checkpoint of this package: it has no config.json, tokenizer.json", "give another repository"],
    ),
    "a model of somebody else": (
        {"config.json": b'{"model_type": "llama", "vocab_size": 32000}'},
        [],
        {},
        ["config.json: model type 'llama' is none of", "tell its owner"],
    ),
    "a configuration that asks for code": (
        {"config.json": edited("config.json", auto_map={"AutoModel": "evil.Model"})},
        [],
        {},
        ["asks for code from elsewhere (auto_map), which is never run", "tell its owner"],
    ),
    "a tokenizer of another vocabulary": (
        {"tokenizer.json": b'{"model": {"vocab": {"a": 0}}}'},
        [],
        {},
        ["another vocabulary", "tell its owner"],
    ),
    "a page in place of the configuration": (
        {"config.json": b"<!doctype html>"},
        [],
        {},
        ["config.json is damaged: not JSON", "tell its owner"],
    ),
    "truncated weights in the repository": (
        {WEIGHTS: WHOLE[:-9]},
        [],
        {},
        ["is truncated", "tell its owner"],
    ),
    "weights that end too soon": (
        {},
        [Fault("storage", body_of=lambda body: body[:-9])],
        {},
        ["a file came truncated", "run it again"],
    ),
    "weights with one bit flipped": (
        {},
        [Fault("storage", body_of=lambda body: body[:-1] + bytes([body[-1] ^ 1]))],
        {},
        ["model.safetensors came damaged: its size or hash is not the one listed", "run it again"],
    ),
    "another configuration than the one listed": (
        {},
        [Fault("download", body_of=lambda body: b"X" + body[1:])],
        {},
        ["came damaged: its size or hash is not the one listed"],
    ),
    "a download that is cut each time": (
        {},
        [Fault("storage", cut=0)],
        {},
        ["the connection broke", "again"],
    ),
    "a file that is listed and not there": (
        {},
        [Fault("head", 404, b"", {"X-Error-Code": "EntryNotFound"})],
        {},
        ["a file that it lists is not there", "run it again"],
    ),
    "a login page for the list of files": ({}, [page("tree")], {}, ["no JSON", "login page"]),
    "a file that is larger than listed": (
        {},
        [said_of("run.json", size=3)],
        {},
        ["run.json has", "and 3 were listed", "give another repository"],
    ),
    "a hash that leads out of the cache": (
        {},
        [Fault("head", headers={"ETag": '"../../../../evil"'})],
        {},
        ["the hash '../../../../evil', which is none", "check HF_ENDPOINT"],
    ),
    "a token with a letter that none has": (
        {},
        [],
        {"as_": "hf_SecrétOfAda"},
        ["the token has a character that none has", "copy it again"],
    ),
    "a hub that fails at every file": ({}, [refused("head", 500)], {}, ["the hub fails (500", "later"]),
    "a commit made meanwhile": (
        {},
        [Fault("info", change=of_json(lambda info: info.update(sha="0" * 40)), times=1)],
        {},
        ["main was changed while it was fetched", "run it again"],
    ),
}


@pytest.mark.parametrize("wrong", LOADS)
def test_what_cannot_be_opened_is_refused_in_one_line(
    wrong: str, hub: Hub, ada: Person, refused_in: Callable[[str, str, str], None]
) -> None:
    changed, faults, asked, says = LOADS[wrong]
    asked = {"name": f"ada/load-{list(LOADS).index(wrong)}", **asked}
    if asked["name"].startswith("ada/load-"):
        with_repository(hub, asked["name"], checkpoint(**changed))
    hub.faults.extend(faults)
    message = ada.refused("load", **asked)
    assert asked["name"][:20].partition("@")[0] in message
    assert "; " in message or "(those are: " in message
    for words in says:
        assert words in message
    refused_in("load", wrong, message)


@pytest.mark.parametrize(
    "wrong", ["a hub that fails", "weights with one bit flipped", "weights that end too soon"]
)
def test_what_was_wrong_once_is_no_trouble_when_it_is_over(wrong: str, hub: Hub, ada: Person) -> None:
    name = f"ada/load-{list(LOADS).index(wrong)}"  # of the case above, or of none yet
    with_repository(hub, name, checkpoint())
    for fault in LOADS[wrong][1]:
        hub.faults.append(Fault(fault.step, fault.status, fault.body, fault.headers, body_of=fault.body_of))
        ada.refused("load", name=name)
    hub.faults.clear()
    assert ada.does("load", name=name)["name"] == name


def test_pickles_and_code_beside_a_checkpoint_are_not_even_fetched(hub: Hub, ada: Person) -> None:
    files = checkpoint(
        **{"pytorch_model.bin": PICKLE, "modeling.py": b"raise SystemExit", "sub/run.json": b"{}"}
    )
    with_repository(hub, "ada/mixed", files)
    assert set(ada.does("load", name="ada/mixed")["files"]) == {path.name for path in BLM.iterdir()}
    fetched = {call.parts["path"] for call in hub.log if call.step in ("head", "download")}
    assert fetched == {path.name for path in BLM.iterdir()}


# Publishing


def no_run(folder: Path) -> None:
    (folder / "run.json").unlink()


def foreign_run(folder: Path) -> None:
    (folder / "run.json").write_text('{"steps": 3}', encoding="utf-8")


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(WHOLE[:-9])


def promises_10_gb(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(HUGE)


def with_a_page(folder: Path) -> None:
    (folder / "config.json").write_text("<!doctype html>", encoding="utf-8")


def asks_for_code(folder: Path) -> None:
    content = edited("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})
    (folder / "tokenizer_config.json").write_bytes(content)


def measured_elsewhere(folder: Path) -> None:
    (folder / "evaluation.json").write_text(
        '{"kind": "checkpoint", "checkpoint": {"sha256": "0"}, "stages": {}}', encoding="utf-8"
    )


def measured_badly(folder: Path) -> None:
    content = {"kind": "checkpoint", "checkpoint": {}, "stages": {"validity": {"published": 3}}}
    (folder / "evaluation.json").write_text(json.dumps(content), encoding="utf-8")


def diverged(folder: Path) -> None:
    content = edited("run.json", history=[{"step": 5, "valid_nll": float("nan")}])
    (folder / "run.json").write_bytes(content)


def measured_as_nan(folder: Path) -> None:
    record = json.loads((RESULTS / "blm.json").read_text(encoding="utf-8"))
    record["stages"]["nll"]["mp"]["model"] = float("nan")
    (folder / "evaluation.json").write_text(json.dumps(record), encoding="utf-8")


def generator(folder: Path) -> None:
    (folder / "config.json").write_text('{"generator": "matgan"}', encoding="utf-8")


def nothing(_: Path) -> None:
    """Leave the checkpoint as it is."""


TAKEN = [{"name": "bob", "type": "org"}]
# What is wrong: the checkpoint, what the hub does, how it is asked for, and what has to be said.
PUBLISHES: dict[str, tuple[Callable[[Path], None], list[Fault], dict[str, Any], list[str]]] = {
    "no token": (nothing, [], NO_TOKEN, ["no token", "set HF_TOKEN, or run `hf auth login`"]),
    "a token that may only read": (
        nothing,
        [],
        {"as_": READS},
        ["the token may only read", "make one that may"],
    ),
    "a token that the hub does not know": (nothing, [], {"as_": NOBODY}, ["does not accept the token"]),
    "the repository of another owner": (
        nothing,
        [],
        {"repository": "bob/model"},
        ["the token is ada's, who is no member of bob", "publish as ada/model"],
    ),
    "a group that one may not write in": (
        nothing,
        [Fault("whoami", change=of_json(lambda user: user.update(orgs=TAKEN)))],
        {"repository": "bob/model"},
        ["forbids it (You don't have the rights", "a token that has the right"],
    ),
    "a name without an owner": (
        nothing,
        [],
        {"repository": "model"},
        ["owner/name", "such as ada/perovskites"],
    ),
    "a name that is a path": (nothing, [], {"repository": "../ada"}, ["no name of a repository"]),
    "a branch that leads out of the repository": (
        nothing,
        [],
        {"settings": {"revision": "../../main"}},
        ["'../../main'", "such as main"],
    ),
    "a branch that leads elsewhere": (
        nothing,
        [],
        {"settings": {"revision": "a b"}},
        ["'a b'", "such as main"],
    ),
    "a licence in words": (
        nothing,
        [],
        {"settings": {"licence": "Do what you like"}},
        ["'Do what you like'", "such as mit"],
    ),
    "no such checkpoint": (nothing, [], {"checkpoint": "gtp2"}, ["neither a folder", "did you mean 'gpt2'"]),
    "no record of the run": (
        no_run,
        [],
        {},
        ["no run.json, so nobody knows what it was made from", "train it"],
    ),
    "a record of something else": (
        foreign_run,
        [],
        {},
        ["its record lacks what the card needs", "make it anew"],
    ),
    "pickled weights": (pickled, [], {}, ["only pytorch_model.bin, and pickled weights are never opened"]),
    "truncated weights": (truncated, [], {}, ["model.safetensors is truncated", "copy it again"]),
    "a header that promises 10 GB of weights": (
        promises_10_gb,
        [],
        {},
        ["model.safetensors is truncated", "copy it again"],
    ),
    "a page in place of the configuration": (
        with_a_page,
        [],
        {},
        ["config.json is damaged: not JSON", "copy it again"],
    ),
    "a tokenizer that asks for code": (
        asks_for_code,
        [],
        {},
        ["asks for code (auto_map)", "take the entry out"],
    ),
    "results of other weights": (
        measured_elsewhere,
        [],
        {},
        ["measured on other weights", "benchmarks/checkpoint"],
    ),
    "damaged results": (measured_badly, [], {}, ["evaluation.json is damaged", "measure again"]),
    "a training that diverged": (diverged, [], {}, ["run.json holds NaN or infinity", "finite figures"]),
    "results of no number": (measured_as_nan, [], {}, ["evaluation.json holds NaN", "finite figures"]),
    "no such results": (nothing, [], {"settings": {"results": "none.json"}}, ["none.json does not exist"]),
    "another generator": (generator, [], {}, ["generator 'matgan', which is no language model"]),
    "too many requests": (nothing, [refused("whoami", 429)], {}, ["too many requests", "wait some minutes"]),
    "a login page": (nothing, [page("whoami")], {}, ["no JSON", "login page"]),
    "no hub at that address": (nothing, [], {"endpoint": "http://127.0.0.1:9"}, ["cannot be reached"]),
    "a hub that fails to look": (nothing, [refused("info", 500)], {}, ["the hub fails (500", "later"]),
    "a hub that cannot make repositories": (nothing, [refused("create", 500)], {}, ["the hub fails (500"]),
    "a repository made by somebody meanwhile": (
        nothing,
        [refused("create", 409)],
        {},
        ["conflict (said by the hub)"],
    ),
    "a branch that cannot be made": (
        nothing,
        [refused("branch", 403)],
        {"settings": {"revision": "v2"}},
        ["forbids it (said by the hub)"],
    ),
    "a card that the hub does not like": (
        nothing,
        [
            Fault(
                "validate", 400, b'{"errors": [{"message": "no good"}]}', {"Content-Type": "application/json"}
            )
        ],
        {},
        ["refuses the request (no good)"],
    ),
    "a hub that fails before the upload": (nothing, [refused("preupload", 503)], {}, ["the hub fails (503"]),
    "a page before the upload": (nothing, [page("preupload")], {}, ["no JSON"]),
    "a storage that is full": (nothing, [refused("batch", 507)], {}, ["the hub fails (507"]),
    "weights that the hub finds too large": (
        nothing,
        [refused("batch", 413)],
        {},
        ["too large (said by the hub)"],
    ),
    "an upload that is cut each time": (nothing, [Fault("upload", cut=BEFORE)], {}, ["the connection broke"]),
    "an upload that fails": (nothing, [refused("upload", 500)], {}, ["the hub fails (500"]),
    "an upload that did not come": (
        nothing,
        [refused("verify", 404)],
        {},
        ["the hub answers 404", "(said by the hub)"],
    ),
    "a commit that is refused": (nothing, [refused("commit", 403)], {}, ["forbids it (said by the hub)"]),
    "a commit made by somebody meanwhile": (
        nothing,
        [refused("commit", 412)],
        {},
        ["somebody else changed it meanwhile", "run it again"],
    ),
    "a commit that collides": (
        nothing,
        [refused("commit", 409)],
        {},
        ["conflict (said by the hub)", "run it again"],
    ),
    "a commit that fails": (nothing, [refused("commit", 500)], {}, ["the hub fails (500"]),
    "a commit that is cut": (
        nothing,
        [Fault("commit", cut=BEFORE)],
        {},
        ["the connection broke", "run it again"],
    ),
}


@pytest.mark.parametrize("wrong", PUBLISHES)
def test_what_cannot_be_published_is_refused_in_one_line_and_nothing_is_there(
    wrong: str, hub: Hub, ada: Person, tmp_path: Path, refused_in: Callable[[str, str, str], None]
) -> None:
    spoil, faults, asked, says = PUBLISHES[wrong]
    folder = Path(shutil.copytree(BLM, tmp_path / "blm"))
    spoil(folder)
    hub.faults.extend(faults)
    asked = {"checkpoint": str(folder), "repository": f"ada/publish-{list(PUBLISHES).index(wrong)}", **asked}
    message = ada.refused("publish", **asked)
    assert "; " in message
    named = [asked["repository"], asked["checkpoint"], *map(str, asked.get("settings", {}).values())]
    assert any(name in message for name in named)
    for words in says:
        assert words in message
    made = hub.repositories.get(asked["repository"])
    assert made is None or set(made.files()) == {".gitattributes"}
    assert made is None or all(
        set(made.commits[head]) == {".gitattributes"} for head in made.branches.values()
    )
    refused_in("publish", wrong, message)


@pytest.mark.parametrize(
    "step",
    ["whoami", "info", "create", "validate", "preupload", "batch", "upload", "verify", "commit"],
)
def test_a_run_that_was_cut_off_is_repeated_and_all_is_there(step: str, hub: Hub, ada: Person) -> None:
    asked = {"checkpoint": "blm", "repository": f"ada/cut-{step}"}
    hub.faults.append(Fault(step, cut=BEFORE))
    assert "the connection broke" in ada.refused("publish", **asked)
    hub.faults.clear()
    said = ada.does("publish", **asked)
    assert said["outcome"] == "published"
    assert said["commit"] == hub.repositories[asked["repository"]].branches["main"]


def test_a_commit_whose_answer_was_lost_is_found_to_be_there(hub: Hub, ada: Person) -> None:
    asked = {"checkpoint": "blm", "repository": "ada/lost"}
    hub.faults.append(Fault("commit", cut=AFTER))
    assert "the connection broke" in ada.refused("publish", **asked)
    hub.faults.clear()
    assert ada.does("publish", **asked)["outcome"] == "unchanged"
    assert len(hub.repositories["ada/lost"].history) == 2


def test_a_public_repository_is_not_taken_for_a_private_one(hub: Hub, ada: Person) -> None:
    asked = {"checkpoint": "blm", "repository": "ada/public"}
    ada.does("publish", **asked)
    message = ada.refused("publish", **asked, settings={"private": True})
    assert message.startswith("ada/public is there and public; make it private")


def test_the_command_says_it_in_one_line_and_leaves_with_2(ada: Person) -> None:
    said = ada.does("command", arguments=["publish", "blm", "bob/model"])
    assert said["code"] == 2
    assert said["out"] == ""
    assert said["err"].startswith("mattransformer: error: bob/model: the token is ada's")
    assert said["err"].count("\n") == 1
