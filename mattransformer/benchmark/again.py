"""All that records hold, measured anew: every system, setting, way of asking and number of suggestions, by one call.

measure_again(Path("results/benchmark"), Path("again"), Path("configs"), Path("runs"), train=True)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mattransformer.benchmark.lists import DATA, read_lists
from mattransformer.benchmark.records import LISTS, read_all
from mattransformer.benchmark.run import Request, make_checkpoint, measure_lists, measure_system
from mattransformer.benchmark.systems import BenchmarkError, check_checkpoint, find


@dataclass(frozen=True)
class Recorded:
    """What a record holds of one setting and way of asking.

    Attributes:
        system: its name.
        data: its data set.
        request: that measures the same.
    """

    system: str
    data: str
    request: Request


def recorded(results: Path) -> Iterator[Recorded]:
    """Go through records.

    Args:
        results: the folder of results.

    Yields:
        What they hold, system by system, as far as it was measured.

    Raises:
        BenchmarkError: a record that cannot be read.
    """
    for data in DATA:
        for system, record in read_all(data, results).items():
            if system == LISTS:
                continue
            for setting, methods in record["settings"].items():
                for method, measured in methods.items():
                    numbers = [int(n) for n in measured if n.isdecimal()]
                    if numbers:
                        yield Recorded(
                            system, data, Request(max(numbers), (setting,), (method,), int(record["seed"]))
                        )


def measure_again(earlier: Path, results: Path, configs: Path, runs: Path, *, train: bool = False) -> None:
    """Measure what records hold into another folder, with a progress bar on a terminal.

    Args:
        earlier: the folder of the records.
        results: the folder for the new ones; what is there already is not measured again.
        configs: the folder of configurations.
        runs: the folder of checkpoints that they make.
        train: train what has no checkpoint.

    Raises:
        MattransformerError: no records, the same folder twice, data that is not at hand, no checkpoint.
    """
    from tqdm import tqdm

    if earlier.resolve() == results.resolve():
        raise BenchmarkError(
            f"{earlier} is the folder for the new records too: name another one in --results"
        )
    wanted = list(recorded(earlier))
    if not wanted:
        raise BenchmarkError(f"{earlier} has no records: name a folder such as results/benchmark")
    if not train:
        for own in wanted:
            check_checkpoint(find(own.system, own.data, configs, runs))
    lists = None
    with tqdm(wanted, unit="measurement", disable=None) as bar:
        for own in bar:
            bar.set_description(f"{own.system} on {own.data}, {own.request.settings[0]}")
            if lists is None or lists.data != own.data:
                lists = read_lists(own.data)
                measure_lists(lists, results)
            system = find(own.system, own.data, configs, runs)
            if train:
                make_checkpoint(system)
            measure_system(system, lists, own.request, results)
