"""Fifty people at once on the page: errors, memory and the time they wait for.

    python benchmarks/app.py                       # two minutes, into benchmarks/results/app.json
    python benchmarks/app.py --seconds 10 --users 5 --output build/app.json
    python benchmarks/readme.py                    # into the README

The command starts the page on loopback, fetches it as a browser does, and measures how long that takes. Then everybody
asks over HTTP, waits for the answer, thinks for two seconds, and asks again: half of the requests tinker, a fourth
generate 50 compositions, and a fourth screen 1,000 formulas. Of those that tinker, a fourth take an example, and the
others a compound of the Materials Project, one of its elements and a fraction of their own. In the end one asks for
10,000,000 compositions and one sends 200 MB.

Memory is what the server's process holds (VmRSS), looked at twenty times or every second: the highest of the last
quarter of the time may be larger than the highest of the second quarter by `memory_growth_mib`. Times are of the clock,
and depend on what else runs on the machine, whose load is given; beside them stand the milliseconds of the processor
that the server spent on a request, all kinds together.

The page is started twice, and the second start counts: the first lets Python keep what it compiled. It ends with 1
where any aim is missed, and says which.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import inspect
import json
import math
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
from urllib.parse import urlsplit

from mattransformer.app import requests
from mattransformer.data.corpora import load_corpus
from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.training.record import machine, versions

_HERE: Final = Path(__file__).parent
RESULTS: Final = _HERE / "results" / "app.json"
USERS: Final = 50
SECONDS: Final = 120.0
THINKING: Final = 2.0
PORT: Final = 7_869
AIMS: Final = {
    "start_seconds": 5.0,
    "tinker_median_seconds": 1.0,
    "errors": 0,
    "memory_growth_mib": 50.0,
    "kind_refusals": 2,
}
"""At most; of the refusals, all."""
HOSTS: Final = (
    *(("SrTiO3", "Ti", 0.05), ("LiFePO4", "Fe", None), ("BaTiO3", "Ba", 0.1), ("Y3Al5O12", "Y", 0.02)),
    *(("CsPbI3", "Pb", None), ("LiCoO2", "Co", 0.25), ("ZnO", "Zn", 0.05), ("MgAl2O4", "Mg", None)),
)
FORMULAS: Final = ("SrTiO3", "NaCl2", "Fe3O4", "CuZn", "LiFePO4", "BaSnO3", "K2SO4", "Xx2")


@contextmanager
def server(port: int) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Start the command, and give its process and the seconds until its page is whole."""
    environment = {own: value for own, value in os.environ.items() if own != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("PYTHONPYCACHEPREFIX", str(Path("build/compiled").resolve()))
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mattransformer", "app", "--port", str(port), "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
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
        if lot < 0.125:
            host, site, fraction = self._random.choice(HOSTS)
            return "tinker", {"formula": host, "site": site, "fraction": fraction}
        if lot < 0.5:
            formula = self._random.choice(_compounds())
            fractions = (None, round(self._random.uniform(0.01, 0.5), 3))
            site = self._random.choice(Formula.parse(formula).elements)
            return "tinker", {"formula": formula, "site": site, "fraction": self._random.choice(fractions)}
        if lot < 0.75:
            return "generate", {"n": 50, "seed": self._random.randrange(10**6)}
        return "screen", {"formulas": self._random.choices(FORMULAS, k=1_000)}


@functools.cache
def _compounds() -> list[str]:
    """Give the compounds of the corpus that comes with the package, of two elements and more."""
    found = {Formula.parse(own) for own in load_corpus("mp-transport").table["formula"]}
    return sorted(str(own) for own in found if 2 <= len(own.elements) <= 5 and own.atoms <= 30)


def refused_kindly(address: str) -> list[str]:
    """Ask for far too much, and give the answers that are one line with a limit and a way out."""
    kind = []
    try:
        ask(address, "generate", {"n": 10_000_000})
    except RuntimeError as error:
        kind += [str(error)] if "10,000 that one request may ask for" in str(error) else []
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.netloc, timeout=120)
    connection.putrequest("POST", "/gradio_api/upload")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", "200000000")
    connection.endheaders()
    answer = connection.getresponse()
    words = answer.read().decode()
    connection.close()
    kind += [words] if answer.status == 413 and "MB is not read here" in words else []
    return kind


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


def processor_seconds(process: subprocess.Popen[str]) -> float:
    """Give the time that a process had of the processor."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mebibytes(process: subprocess.Popen[str]) -> float:
    """Give the memory that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def measured(users: int, seconds: float, port: int) -> dict[str, Any]:
    """Let people ask, and say how it went."""
    address = f"http://127.0.0.1:{port}/"
    _compounds()
    with server(port):
        pass
    with server(port) as (process, start):
        ask(address, "tinker", {"formula": "SrTiO3", "site": "Ti"})  # models are loaded
        ask(address, "generate", {"n": 50})
        ask(address, "screen", {"formulas": ["NaCl"]})
        until = time.monotonic() + seconds
        crowd = [User(address, number, until) for number in range(users)]
        for user in crowd:
            user.start()
        memory, spent = [], processor_seconds(process)
        while time.monotonic() < until:
            time.sleep(min(1.0, seconds / 20))
            memory.append(mebibytes(process))
        for user in crowd:
            user.join(180)
        spent = processor_seconds(process) - spent
        refusals = refused_kindly(address)
    waited = {
        kind: [own for user in crowd for own in user.waited[kind]]
        for kind in ("tinker", "generate", "screen")
    }
    quarter = max(1, len(memory) // 4)
    return {
        "users": users,
        "seconds": seconds,
        "think_seconds": THINKING,
        "start_seconds": round(start, 2),
        "errors": [error for user in crowd for error in user.errors],
        "refusals": refusals,
        "processor_ms_per_request": round(1e3 * spent / max(1, sum(map(len, waited.values())))),
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
            "second_quarter": round(max(memory[quarter : 2 * quarter] or memory)),
            "last_quarter": round(max(memory[-quarter:])),
        },
    }


def missed(record: Mapping[str, Any]) -> list[str]:
    """Say which aims a record misses."""
    memory = record["memory_mib"]
    tinkering = record["requests"].get("tinker", {"median_seconds": math.inf})
    reached = {
        "start_seconds": record["start_seconds"],
        "tinker_median_seconds": tinkering["median_seconds"],
        "errors": len(record["errors"]),
        "memory_growth_mib": memory["last_quarter"] - memory["second_quarter"],
    }
    lines = [
        f"{name}: {value:g}, aim {AIMS[name]:g}" for name, value in reached.items() if value > AIMS[name]
    ]
    kind = len(record["refusals"])
    if kind < AIMS["kind_refusals"]:
        lines.append(f"kind_refusals: {kind}, aim {AIMS['kind_refusals']:g}")
    return lines


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
    record["missed"] = missed(record)
    record |= {"load": os.getloadavg()[0], "machine": machine(), "versions": versions(), "aims": AIMS}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(given.output, json.dumps(record, indent=1) + "\n")
    print(
        json.dumps(
            {name: own for name, own in record.items() if name not in ("machine", "versions")}, indent=1
        )
    )
    for line in record["missed"]:
        print(f"missed: {line}", file=sys.stderr)
    return int(bool(record["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
