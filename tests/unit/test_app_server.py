"""The command of the page: what keeps it from starting is one line, and nothing heavy is loaded before it has to be."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import socket
import subprocess
import sys
from typing import Any

import pytest

from mattransformer.app.guards import BodyLimit, OwnSourcesOnly
from mattransformer.app.server import _no_stubs_written
from mattransformer.cli import main


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
    with _no_stubs_written():
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
    asyncio.run(application({"type": "http", "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"], sent[0]["headers"]


def test_a_body_within_the_limit_passes_and_a_larger_one_does_not() -> None:
    limited = BodyLimit(_echo, most=10)
    assert answered(limited, [b"12345", b"67890"], 10)[:2] == (200, b"10")
    status, words, _ = answered(limited, [b"1"], 200_000_000)
    assert status == 413
    assert b"the command line has no such limit" in words


def test_a_body_that_does_not_tell_its_length_is_cut_off_at_the_limit() -> None:
    limited = BodyLimit(_echo, most=10)
    assert answered(limited, [b"12345", b"67890", b"1"], None)[1] == b"-1"


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
