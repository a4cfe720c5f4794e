"""The record of a system: one JSON file, one entry a setting, a way of asking and a number of suggestions.

    results/benchmark/mp/matgan.json
    {"kind": "benchmark", "system": ..., "settings": {"mix": {"sampling": {"1000": {...}, "10000": {...}}}}}

What was measured is kept as long as weights, lists and seed are the same, so a run that was cut off goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from mattransformer.benchmark.lists import Lists
from mattransformer.benchmark.systems import BenchmarkError, System
from mattransformer.files import write_text

KIND: Final = "benchmark"
LISTS: Final = "lists"
"""Name of the file with the figures of the lists themselves, beside those of the systems."""

_DIGITS: Final = 6  # of shares and distances; beyond, a sample of any length says nothing


class Record:
    """What was measured of one system so far."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        """Go on with the record of a file, or start one.

        Args:
            path: of the JSON file.
            facts: what the measurements depend on; a record with others is started anew.

        Raises:
            BenchmarkError: the file is there and is no record of the benchmark.
        """
        self.path, self.facts = path, facts
        self.settings: dict[str, Any] = {}
        if path.exists():
            earlier = read(path)
            if all(earlier.get(key) == value for key, value in facts.items()):
                self.settings = earlier["settings"]

    def measured(self, setting: str, method: str) -> dict[str, Any]:
        """Give what there is, by number of suggestions."""
        found: dict[str, Any] = self.settings.get(setting, {}).get(method, {})
        return found

    def store(self, setting: str, method: str, n: int | str, measured: dict[str, Any]) -> None:
        """Add a measurement, and write the file whole or not at all."""
        own = self.settings.setdefault(setting, {}).setdefault(method, {})
        own[str(n)] = measured
        write(self.path, {"kind": KIND, **self.facts, "settings": self.settings})


def record_of(system: System, lists: Lists, results: Path, seed: int) -> Record:
    """Open the record of a system.

    Args:
        system: with its checkpoint.
        lists: of its data set.
        results: the folder of results.
        seed: of draws and intervals.

    Returns:
        The record.
    """
    facts = {
        "system": system.name,
        "data": system.data,
        "weights_sha256": system.sha256(),
        "lists_sha256": dict(lists.sha256),
        "seed": seed,
    }
    return Record(folder_of(system.data, results) / f"{system.name}.json", facts)


def folder_of(data: str, results: Path) -> Path:
    """Give the folder of the records of a data set."""
    return results / data.replace("+", "-")


def read(path: Path) -> dict[str, Any]:
    """Read a record.

    Args:
        path: of the JSON file.

    Returns:
        The record.

    Raises:
        BenchmarkError: it cannot be read, or is none of the benchmark.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path} cannot be read ({error}); remove it and measure again") from error
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise BenchmarkError(f"{path} is no record of the benchmark; choose another folder of results")
    return record


def read_all(data: str, results: Path) -> dict[str, dict[str, Any]]:
    """Read the records of a data set.

    Args:
        data: the data set.
        results: the folder of results.

    Returns:
        Name of the system to its record; `LISTS` to the figures of the lists. Empty where nothing was measured.
    """
    return {path.stem: read(path) for path in sorted(folder_of(data, results).glob("*.json"))}


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record, shares and distances to six digits, whole or not at all.

    Args:
        path: of the JSON file; its folder is made.
        record: ready for JSON.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_rounded(record), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")


def _rounded(value: Any) -> Any:  # noqa: ANN401 - anything JSON holds
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(own) for key, own in value.items()}
    return [_rounded(own) for own in value] if isinstance(value, list | tuple) else value
