"""The page in a process of its own, as its command starts it, that may connect to loopback alone.

Whatever else it tries to reach is refused and written down.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_GUARDED: Final = """
import sys
attempts = open(sys.argv.pop(1), "a", buffering=1)

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = arguments
    else:
        return
    host = address[0] if isinstance(address, tuple) else address
    host = host.decode() if isinstance(host, bytes) else str(host)
    if not (host.startswith(("127.", "/")) or host in ("localhost", "::1", "None", "")):
        attempts.write(f"{event} {address}\\n")
        raise PermissionError("this process may connect to loopback alone")

sys.addaudithook(guard)
from mattransformer.cli import main
main(sys.argv[1:])
"""
_PATIENCE: Final = 240.0  # seconds to start in, on a machine that has other things to do


@dataclass(frozen=True)
class AppServer:
    """A page that is served.

    Attributes:
        address: of the page.
        folder: for its temporary files.
        attempts: what it tried to reach beyond loopback, a line each.
        process: that serves.
    """

    address: str
    folder: Path
    attempts: Path
    process: subprocess.Popen[str]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
    return port


@contextmanager
def serving(folder: Path) -> Iterator[AppServer]:
    """Start the command, wait for its line, and end it as Ctrl-C does.

    Args:
        folder: for its files and its log.

    Yields:
        The server, with tools of agents.
    """
    attempts, temporary, log = folder / "attempts", folder / "temporary", folder / "log"
    temporary.mkdir()
    attempts.touch()
    command = [sys.executable, "-c", _GUARDED, str(attempts), "app", "--mcp", "--no-browser"]
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path.cwd()), environment.get("PYTHONPATH")])
    )
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, "--port", str(free_port())],
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
            env=environment,
        )
        try:
            yield AppServer(_address(process, log), temporary, attempts, process)
        finally:
            process.terminate()
            process.wait(60)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        line = process.stdout.readline()
        if "the page is at " in line:
            return line.split("the page is at ")[1].split()[0]
        assert process.poll() is None, f"the server ended: {log.read_text()}"
    raise AssertionError(f"no page: {log.read_text()}")
