"""The page as other programs and agents use it, and misuse it: the library's own answers, or one kind line."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from gradio_client.exceptions import AppError

from mattransformer.app import api, limits, requests
from tests.app_server import AppServer, free_port, serving

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0
HOST = ("SrTiO3", "Ti", 0.05, 5)
LIST = ["SrTiO3", "NaCl2", "<script>alert(1)</script>", "NaCl", "=1+1"]
CANARY = "a canary that sings to nobody"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serving(tmp_path_factory.mktemp("programs")) as found:
        yield found
        assert found.attempts.read_text() == "", "the server tried to reach others"


@pytest.fixture(scope="module")
def client(server: AppServer) -> Any:
    from gradio_client import Client

    return Client(server.address, verbose=False)


def plain(given: Any) -> Any:
    """Give what JSON makes of it."""
    return json.loads(json.dumps(given if isinstance(given, dict) else api.records(given)))


def same(given: list[dict[str, Any]], own: list[dict[str, Any]]) -> None:
    """Compare tables, numbers to six digits: sums over batches of other sizes end in other ones."""
    assert [list(row) for row in given] == [list(row) for row in own]
    for row, expected in zip(given, own, strict=True):
        assert row == {
            name: pytest.approx(value, rel=1e-5, abs=1e-8) if isinstance(value, float) else value
            for name, value in expected.items()
        }


# What is asked, and the library's own answer

ASKED: dict[str, tuple[dict[str, Any], Any]] = {
    "tinker": (
        dict(zip(("formula", "site", "fraction", "top"), HOST, strict=True)),
        lambda: requests.tinker(*HOST),
    ),
    "generate": (
        {"model": "gpt2", "n": 20, "seed": 7, "charge_neutral": True},
        lambda: requests.generate(n=20, seed=7, charge_neutral=True),
    ),
    "screen": ({"formulas": LIST}, lambda: requests.screen(LIST)),
}


@pytest.mark.parametrize("name", list(ASKED))
def test_a_program_gets_the_table_of_the_library(client: Any, name: str) -> None:
    values, own = ASKED[name]
    same(client.predict(**values, api_name=f"/{name}"), plain(own()))


def test_agents_get_the_tables_of_the_library_and_read_units_and_limits(server: AppServer) -> None:
    asked = {name: values for name, (values, _) in ASKED.items()}
    tools, answers = asyncio.run(_called(server.address, list(asked.items())))
    assert set(tools) == {"tinker", "generate", "screen", "evaluate"}
    for name, (_, own) in ASKED.items():
        assert not answers[name].isError
        same(literal_eval(answers[name].content[0].text), plain(own()))
    says = {name: json.dumps(tool.inputSchema) for name, tool in tools.items()}
    assert "from 0.005 to 1 (no unit)" in says["tinker"]
    assert "from 1 to 10,000" in says["generate"]
    for name in ("screen", "evaluate"):
        assert "up to 100,000 formulas" in says[name]
    arguments = tools["generate"].inputSchema["properties"]
    assert arguments["n"]["type"] == "integer"
    assert "progress" not in arguments
    assert "Raises" not in tools["generate"].description
    assert "natural logarithm" in tools["generate"].description
    assert "eV/atom" in tools["evaluate"].description
    for tool in tools.values():
        assert not re.search(r",,|\(in,|listed, neither", tool.description)


def test_programs_and_agents_get_the_scores_of_the_library(client: Any, server: AppServer) -> None:
    own = plain(requests.evaluate(LIST, seed=3).record)
    assert client.predict(LIST, seed=3, api_name="/evaluate") == own
    _, answers = asyncio.run(_called(server.address, [("evaluate", {"formulas": LIST, "seed": 3})]))
    assert literal_eval(answers["evaluate"].content[0].text) == own


def test_programs_find_the_four_functions_and_none_of_the_page(client: Any) -> None:
    named = client.view_api(return_format="dict", print_info=False)
    assert set(named["named_endpoints"]) == {"/tinker", "/generate", "/screen", "/evaluate"}
    assert named["unnamed_endpoints"] == {}


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "ten million samples": ("generate", {"n": 10_000_000}, "10,000,000 is more than the 10,000"),
    "no number": ("generate", {"n": "many"}, "give a whole number from 1 to 10,000"),
    "a path as a model": (
        "generate",
        {"model": "../../etc/passwd"},
        "is not possible here; choose one of bart",
    ),
    "10,000 characters": ("tinker", {"formula": "SrTiO3" * 1_667, "site": "Ti"}, "10,002 characters"),
    "HTML": ("tinker", {"formula": "<img src=x onerror=alert(1)>", "site": "Ti"}, "cannot be read"),
    "no site": ("tinker", {"formula": "SrTiO3", "site": "Xx"}, "Xx"),
    "a fraction in words": ("tinker", {"formula": "SrTiO3", "site": "Ti", "fraction": "a half"}, "fraction"),
    "thirty holes": ("tinker", {"formula": "<mask> " * 30}, "30 holes are more than one request may have"),
    "a blank and a mask": ("tinker", {"formula": "Sr <mask> <blank>"}, "2 holes are more than one request"),
    "a switch in words": ("generate", {"charge_neutral": "false"}, "'false' is neither true nor false"),
    "no list": ("screen", {"formulas": "NaCl"}, "give texts such as SrTiO3 in a list"),
    "an empty list": ("evaluate", {"formulas": []}, "the list is empty"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_line_for_programs(client: Any, case: str) -> None:
    name, values, words = BAD[case]
    with pytest.raises(AppError) as error:
        client.predict(**values, api_name=f"/{name}")
    message = str(error.value)
    assert words in message
    assert "Traceback" not in message
    assert "\n" not in message


def test_bad_input_is_one_line_for_agents(server: AppServer) -> None:
    for name, values, words in BAD.values():
        _, answers = asyncio.run(_called(server.address, [(name, values)]))
        message = answers[name].content[0].text
        assert answers[name].isError
        # What is not of the type in the schema does not come as far as the function.
        assert words in message or "Input validation error" in message
        assert "Traceback" not in message


async def _called(
    address: str, calls: list[tuple[str, dict[str, Any]]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{address}gradio_api/mcp/") as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        return tools, {name: await session.call_tool(name, values) for name, values in calls}


# More than is read


def pieces(number: int) -> Iterator[bytes]:
    """Give a body in pieces of a megabyte, so that its length is not told."""
    yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="large.csv"\r\n\r\n'
    for _ in range(number):
        yield b"0" * 1_000_000


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("path", ["upload", "queue/join"])
def test_200_megabytes_are_refused_in_one_line_by_who_tells_the_length_and_who_does_not(
    server: AppServer, path: str, told: bool
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x" if path == "upload" else "application/json"}
    if told:
        headers["Content-Length"] = str(sum(map(len, pieces(200))))
    answer = httpx.post(
        f"{server.address}gradio_api/{path}", content=pieces(200), headers=headers, timeout=PATIENCE
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == (
        "a request of more than 20 MB is not read here; the command line has no such limit"
    )


def test_a_large_body_in_chunks_is_answered_though_more_is_to_come(server: AppServer) -> None:
    place = urlsplit(server.address)
    assert place.hostname is not None
    with socket.create_connection((place.hostname, place.port or 80), timeout=PATIENCE) as sending:
        sending.sendall(
            b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n" % (1_000_000, b" " * 1_000_000)
        for _ in range(23):
            sending.sendall(chunk)
        answer = b""
        while b"command line" not in answer:
            got = sending.recv(65_536)
            assert got, answer
            answer += got
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_bomb_that_is_dropped_is_refused_and_gone(server: AppServer) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        for _ in range(limits.MOST_UNPACKED // 10_000_000 + 1):
            stream.write(b"0" * 10_000_000)
    path = dropped(server, "bomb.csv.gz", packed.getvalue())
    words = told_by_the_page(server, "screen-file", {"path": path, "meta": {"_type": "gradio.FileData"}})
    assert "larger than the 100 MB" in words
    assert not Path(path).exists()


# Files of the server, and of others


def dropped(server: AppServer, name: str, body: bytes) -> str:
    """Send a file as a browser does, and give its path."""
    answer = httpx.post(f"{server.address}gradio_api/upload", files={"files": (name, body)}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    path: str = answer.json()[0]
    return path


def told_by_the_page(server: AppServer, box: str, file: dict[str, Any]) -> str:
    """Drop a file, as the page's own script would, and give what the server says."""
    config = httpx.get(f"{server.address}config", timeout=PATIENCE).json()
    number = next(own["id"] for own in config["components"] if own["props"].get("elem_id") == box)
    event = next(own for own in config["dependencies"] if [number, "upload"] in own["targets"])
    body = {"data": [file], "fn_index": event["id"], "session_hash": "somebody", "event_data": None}
    answer = httpx.post(f"{server.address}gradio_api/queue/join", json=body, timeout=PATIENCE)
    if answer.status_code != 200:
        return answer.text
    address = f"{server.address}gradio_api/queue/data?session_hash=somebody"
    with httpx.stream("GET", address, timeout=PATIENCE) as lines:
        return next(line for line in lines.iter_lines() if "process_completed" in line)


@contextmanager
def listener() -> Iterator[tuple[int, list[Any]]]:
    """Listen on loopback, and write down who comes."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    came.append(listening.accept()[1])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1], came


def test_a_file_that_lies_elsewhere_is_refused_and_nobody_is_asked_for_it(server: AppServer) -> None:
    with listener() as (port, came):
        address = f"http://127.0.0.1:{port}/mine.cif"
        kinds = {"meta": {"_type": "gradio.FileData"}, "orig_name": "mine.cif"}
        for file in ({"path": address, **kinds}, {"path": "mine.cif", "url": address, **kinds}):
            assert "fetches nothing from elsewhere" in told_by_the_page(server, "tinker-cif", file)
            call = httpx.post(
                f"{server.address}gradio_api/call/screen",
                json={"data": [[file], "smact14", False, False]},
                timeout=PATIENCE,
            )
            assert call.status_code == 403
            assert "drop the file itself" in call.json()["error"]
        assert came == []


@pytest.mark.parametrize(
    "name",
    ["../../../canary.csv", "/etc/canary.csv", "..\\..\\canary.csv", "a\0b.csv", "%2e%2e%2fcanary.csv"],
)
def test_no_name_of_a_file_leads_out_of_the_folder_for_uploads(server: AppServer, name: str) -> None:
    canary = server.folder.parent / "canary.csv"
    canary.write_text(CANARY)
    before = {own for own in server.folder.parent.rglob("*") if server.folder not in own.parents}
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=PATIENCE)
    connection.request(
        "POST",
        "/gradio_api/upload",
        head.encode() + b"formula\nNaCl\r\n--x--\r\n",
        {"Content-Type": "multipart/form-data; boundary=x"},
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status == 200:
        assert server.folder in Path(json.loads(body)[0]).resolve().parents
    assert {own for own in server.folder.parent.rglob("*") if server.folder not in own.parents} == before
    assert canary.read_text() == CANARY


def test_no_address_shows_a_file_that_is_not_the_pages_own(server: AppServer) -> None:
    canary = server.folder.parent / "canary.csv"
    canary.write_text(CANARY)
    own = Path(dropped(server, "mine.csv", b"formula\nNaCl\n"))
    shown = httpx.get(f"{server.address}gradio_api/file={own}", timeout=PATIENCE)
    assert shown.text == "formula\nNaCl\n"
    out = "/".join([".."] * (len(own.parent.relative_to(server.folder.parent).parts)))
    for path in (
        str(canary),
        f"{own.parent}/{out}/canary.csv",
        f"{canary}%00.csv",
        "/etc/passwd",
        "~/canary.csv",
    ):
        for written in (path, quote(path, safe=""), path.replace("..", "%2e%2e")):
            connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=PATIENCE)
            connection.request("GET", f"/gradio_api/file={written}")
            answer = connection.getresponse()
            assert answer.status in (400, 403, 404), written
            assert CANARY.encode() not in answer.read()
            connection.close()
    words = told_by_the_page(
        server, "screen-file", {"path": str(canary), "meta": {"_type": "gradio.FileData"}}
    )
    assert CANARY not in words
    assert canary.read_text() == CANARY


def test_every_answer_tells_browsers_to_load_nothing_from_elsewhere(server: AppServer) -> None:
    headers = httpx.get(server.address, timeout=PATIENCE).headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"


def test_the_file_of_the_space_serves_the_page_to_everybody_and_in_the_frame_of_the_hub(
    tmp_path: Path,
) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "spaces" / "app.py")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "GRADIO_SERVER_PORT": str(port)},
    )
    try:
        assert process.stdout is not None
        assert any(line.strip() == f"the page is at http://localhost:{port}/" for line in process.stdout)
        answer = httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        assert answer.status_code == 200
        assert "mattransformer" in answer.text
        assert "https://huggingface.co" in answer.headers["content-security-policy"]
    finally:
        process.terminate()
        process.wait(60)


def test_the_page_is_served_on_loopback_of_ipv6_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mattransformer", "app", "--host", "::1", "--port", str(free_port())]
    process = subprocess.Popen(
        [*command, "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if "the page is at " in line), "no page")
        answer = httpx.get(line.split("the page is at ")[1].split()[0], timeout=PATIENCE)
        assert "mattransformer" in answer.text
    finally:
        process.terminate()
        process.wait(60)
