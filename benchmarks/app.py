"""Fifty people at once on the page: errors, memory and the time they wait for.

    python benchmarks/app.py                       # two minutes, into benchmarks/results/app.json
    python benchmarks/app.py --seconds 10 --users 5 --output build/app.json
    python benchmarks/readme.py                    # into the README

The command starts the page on loopback, fetches it as a browser does, and measures how long that takes. Then everybody
asks over HTTP, waits for the answer, thinks for two seconds, and asks again: half of the requests tinker, a fourth
generate 50 compositions, and a fourth screen 1,000 formulas. Memory is that of the server's process, from the end of
the first quarter to the end. Times are of the clock, and depend on what else runs on the machine, whose load is given.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from mattransformer.app import requests
from mattransformer.files import write_text
from mattransformer.training.record import machine, versions

_HERE: Final = Path(__file__).parent
RESULTS: Final = _HERE / "results" / "app.json"
USERS: Final = 50
SECONDS: Final = 120.0
THINKING: Final = 2.0
PORT: Final = 7_869
AIMS: Final = {"start_seconds": 5.0, "tinker_median_seconds": 1.0, "errors": 0}
HOSTS: Final = (
    *(("SrTiO3", "Ti", 0.05), ("LiFePO4", "Fe", None), ("BaTiO3", "Ba", 0.1), ("Y3Al5O12", "Y", 0.02)),
    *(("CsPbI3", "Pb", None), ("LiCoO2", "Co", 0.25), ("ZnO", "Zn", 0.05), ("MgAl2O4", "Mg", None)),
)
FORMULAS: Final = ("SrTiO3", "NaCl2", "Fe3O4", "CuZn", "LiFePO4", "BaSnO3", "K2SO4", "Xx2")


@contextmanager
def server(port: int) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Start the command, and give its process and the seconds until its page is whole."""
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mattransformer", "app", "--port", str(port), "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while "the page is at" not in process.stdout.readline():
            if process.poll() is not None:
                raise SystemExit("the page did not start")
        _open(f"http://127.0.0.1:{port}/")
        yield process, time.perf_counter() - before
    finally:
        process.terminate()
        process.wait(60)


def _open(address: str) -> None:
    """Fetch the page and what it names, as a browser does."""
    page = urllib.request.urlopen(address, timeout=60).read().decode()
    for name in re.findall(r'(?:src|href)="(\./assets/[^"]+)"', page):
        urllib.request.urlopen(address + name[2:], timeout=60).read()


class User(threading.Thread):
    """Somebody who asks, waits and thinks until the time is over.

    Attributes:
        waited: kind of request to the seconds of each.
        errors: in words.
    """

    def __init__(self, address: str, number: int, until: float) -> None:
        """Take a seat."""
        super().__init__(daemon=True)
        self.waited: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self._address, self._until, self._random = address, until, random.Random(number)

    def run(self) -> None:
        """Ask again and again."""
        time.sleep(self._random.random() * THINKING)
        while time.monotonic() < self._until:
            kind, values = self._wish()
            before = time.perf_counter()
            try:
                ask(self._address, kind, values)
            except Exception as error:  # whatever goes wrong is counted
                self.errors.append(f"{kind}: {error}"[:300])
            self.waited[kind].append(time.perf_counter() - before)
            time.sleep(THINKING)

    def _wish(self) -> tuple[str, dict[str, Any]]:
        lot = self._random.random()
        if lot < 0.5:
            host, site, fraction = self._random.choice(HOSTS)
            return "tinker", {"formula": host, "site": site, "fraction": fraction}
        if lot < 0.75:
            return "generate", {"n": 50, "seed": self._random.randrange(10**6)}
        return "screen", {"formulas": self._random.choices(FORMULAS, k=1_000)}


def ask(address: str, name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a table in JSON
    """Call a function of the page over HTTP, and wait for what it gives; what is not said is as usual."""
    parameters = inspect.signature(getattr(requests, name)).parameters.values()
    given = [values.get(own.name, own.default) for own in parameters if own.kind is not own.KEYWORD_ONLY]
    call = f"{address}gradio_api/call/{name}"
    request = urllib.request.Request(
        call, json.dumps({"data": given}).encode(), {"Content-Type": "application/json"}
    )
    event = json.load(urllib.request.urlopen(request, timeout=120))["event_id"]
    kind = ""
    for line in urllib.request.urlopen(f"{call}/{event}", timeout=120):
        words = line.decode().strip()
        if words.startswith("event: "):
            kind = words.removeprefix("event: ")
        elif words.startswith("data: ") and kind in ("complete", "error"):
            if kind == "error":
                raise RuntimeError(words)
            return json.loads(words.removeprefix("data: "))[0]
    raise RuntimeError("the answer broke off")


def mebibytes(process: subprocess.Popen[str]) -> float:
    """Give the memory that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def measured(users: int, seconds: float, port: int) -> dict[str, Any]:
    """Let people ask, and say how it went."""
    address = f"http://127.0.0.1:{port}/"
    with server(port) as (process, start):
        ask(address, "tinker", {"formula": "SrTiO3", "site": "Ti"})  # models are loaded
        ask(address, "generate", {"n": 50})
        ask(address, "screen", {"formulas": ["NaCl"]})
        until = time.monotonic() + seconds
        crowd = [User(address, number, until) for number in range(users)]
        for user in crowd:
            user.start()
        memory = []
        while time.monotonic() < until:
            time.sleep(min(1.0, seconds / 20))
            memory.append(mebibytes(process))
        for user in crowd:
            user.join(180)
    waited = {
        kind: [own for user in crowd for own in user.waited[kind]]
        for kind in ("tinker", "generate", "screen")
    }
    return {
        "users": users,
        "seconds": seconds,
        "think_seconds": THINKING,
        "start_seconds": round(start, 2),
        "errors": [error for user in crowd for error in user.errors],
        "requests": {
            kind: {
                "count": len(own),
                "median_seconds": round(median(own), 3),
                "longest_seconds": round(max(own), 3),
            }
            for kind, own in waited.items()
            if own
        },
        "memory_mib": {
            "after_a_quarter": round(memory[len(memory) // 4]),
            "at_the_end": round(memory[-1]),
        },
    }


def main() -> int:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    record = measured(given.users, given.seconds, given.port)
    record |= {"load": os.getloadavg()[0], "machine": machine(), "versions": versions(), "aims": AIMS}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(given.output, json.dumps(record, indent=1) + "\n")
    print(
        json.dumps(
            {name: own for name, own in record.items() if name not in ("machine", "versions")}, indent=1
        )
    )
    return int(bool(record["errors"]))


if __name__ == "__main__":
    raise SystemExit(main())
