"""The command of the page: what keeps it from starting is one line, and nothing heavy is loaded before it has to be."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mattransformer.app.guards import BodyLimit, NothingFetched, OwnSourcesOnly
from mattransformer.app.quick_start import no_stubs_written
from mattransformer.cli import main
from mattransformer.cli.web_page import web_page

ROOT = Path(__file__).parents[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["app", "--no-browser", *arguments])
    assert left.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_a_port_that_is_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refused(capsys, "--port", str(port))
    assert f"port {port}" in message
    assert "choose another with --port" in message


def test_without_the_extra_the_way_to_it_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert 'pip install "mattransformer[app]"' in refused(capsys)


def test_gradio_is_told_of_no_file_of_its_classes_and_everybody_else_is_told_all() -> None:
    here = inspect.getfile(BodyLimit)
    class_of_gradio = type("Button", (), {"__module__": "gradio.components.button"})
    with no_stubs_written():
        with pytest.raises(OSError, match="not looked for"):
            inspect.getfile(class_of_gradio)
        assert inspect.getfile(BodyLimit) == here
    assert inspect.getfile(BodyLimit) == here


Message = dict[str, Any]


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Read all of a body, and say how long it was, or that its sender has gone."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            length = -1
            break
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def answered(application: Any, parts: list[bytes], told: int | None) -> tuple[int, bytes, list[Any]]:
    """Send a body in parts, with its length told or not."""
    sent: list[Message] = []
    waiting = [
        {"type": "http.request", "body": part, "more_body": at + 1 < len(parts)}
        for at, part in enumerate(parts)
    ]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if told is None else [(b"content-length", str(told).encode())]
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": headers}
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], sent[0]["headers"]


def test_a_body_within_the_limit_passes_and_a_larger_one_does_not() -> None:
    limited = BodyLimit(_echo, most=10)
    assert answered(limited, [b"12345", b"67890"], 10)[:2] == (200, b"10")
    status, words, _ = answered(limited, [b"1"], 200_000_000)
    assert status == 413
    assert b"the command line has no such limit" in words


def test_a_body_that_does_not_tell_its_length_is_refused_in_words_at_the_limit() -> None:
    status, words, _ = answered(BodyLimit(_echo, most=10), [b"12345", b"67890", b"1", b"23"], None)
    assert status == 413
    assert b"the command line has no such limit" in words


@pytest.mark.parametrize(
    "file",
    [
        {"path": "http://192.0.2.1/x.cif", "meta": {"_type": "gradio.FileData"}},
        {"path": "x.cif", "url": "https://192.0.2.1/x.cif"},
    ],
)
def test_a_file_that_lies_elsewhere_is_refused_however_it_is_written(file: dict[str, Any]) -> None:
    plain = json.dumps({"data": [[file]]}).encode()
    for body in (plain, plain.replace(b"/", b"\\/"), plain.replace(b":/", b"\\u003a/")):
        status, words, _ = answered(NothingFetched(_echo), [body[:9], body[9:]], None)
        assert status == 403
        assert b"drop the file itself" in words


def test_a_file_that_was_dropped_and_formulas_with_addresses_pass() -> None:
    own = {"path": "/tmp/x/a.cif", "url": "http://127.0.0.1:7860/gradio_api/file=/tmp/x/a.cif"}
    for data in ([own], ["http://NaCl", {"formula": "http://x"}], ["CuSO4·5H2O"]):
        body = json.dumps({"data": data}).encode()
        assert answered(NothingFetched(_echo), [body[:9], body[9:]], None)[:2] == (200, b"%d" % len(body))


def test_no_page_of_others_may_show_this_one_in_a_frame_but_those_that_are_named() -> None:
    headers = dict(answered(OwnSourcesOnly(_echo), [b""], 0)[2])
    assert headers[b"content-security-policy"].endswith(b"; frame-ancestors 'self'")
    assert headers[b"x-frame-options"] == b"SAMEORIGIN"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    hosted = OwnSourcesOnly(_echo, frames=["https://huggingface.co"])
    headers = dict(answered(hosted, [b""], 0)[2])
    assert headers[b"content-security-policy"].endswith(b"frame-ancestors 'self' https://huggingface.co")
    assert b"x-frame-options" not in headers


def test_an_address_of_a_frame_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no address of a site" in refused(capsys, "--frame", "https://a.b; script-src *")


def test_what_a_space_installs_is_the_version_that_is_tested() -> None:
    pinned = re.search(r"^gradio==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    named = re.search(r"^sdk_version: (\S+)$", (ROOT / "spaces" / "README.md").read_text(), re.MULTILINE)
    assert pinned is not None
    assert named is not None
    assert pinned[1] == named[1]


def test_the_container_copies_what_is_there_and_starts_a_command_that_exists() -> None:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    command = json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert command[0] in project["scripts"]
    known = {option for own in inspect.signature(web_page).parameters.values() for option in options_of(own)}
    assert command[1] == "app"
    assert {word for word in command if word.startswith("--")} <= known
    extras = re.search(r"\.\[([a-z,]+)\]", (ROOT / "Containerfile").read_text())
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])


def options_of(parameter: inspect.Parameter) -> list[str]:
    name = parameter.name.replace("_", "-")
    return [f"--{name}", f"--no-{name}"]


def test_while_a_page_is_served_its_process_connects_to_no_other_machine() -> None:
    """In a process of its own, since what watches over one stays as long as it."""
    code = """
import socket
from mattransformer.app.guards import no_connections
with socket.create_server(("127.0.0.1", 0)) as here, no_connections("127.0.0.1"):
    socket.create_connection(here.getsockname(), timeout=5).close()
    for ask in (
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.getaddrinfo("dns.google", 443),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
    ):
        try:
            ask()
        except PermissionError as error:
            print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["the page connects to no other machine"] * 3


def test_pages_may_load_nothing_from_elsewhere() -> None:
    headers = dict(answered(OwnSourcesOnly(_echo), [b""], 0)[2])
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy
