"""A run of the benchmark: system by system, setting by setting, what is missing of the records is measured.

run(["gpt2", "matgan"], ["mp"], Request(), Path("results/benchmark"), Path("configs"), Path("runs"))
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.benchmark.lists import Lists, read_lists
from mattransformer.benchmark.measurement import measure_list, measure_sample
from mattransformer.benchmark.records import KIND, LISTS, Record, folder_of, record_of, write
from mattransformer.benchmark.sources import ladder
from mattransformer.benchmark.systems import BenchmarkError, System, check_checkpoint, chosen, open_source
from mattransformer.data.variants import VARIANTS
from mattransformer.evaluation.settings import DEFAULT
from mattransformer.generation.language_model import load
from mattransformer.metrics.formulas import FormulaList
from mattransformer.training.record import machine, versions

RUNGS: Final = (1_000, 10_000, 100_000, 1_000_000)
"""Numbers of distinct suggestions that are measured."""

SAMPLING: Final = "sampling"
WITHOUT: Final = "without replacement"
TOP: Final = "top-n"
METHODS: Final = (SAMPLING, WITHOUT, TOP)
"""Ways of asking: plain samples; samples without replacement; the most probable ones. The last two are of language
models whose probabilities are known exactly, in the setting `default`."""

SHORT: Final = "shorter"
"""Names a sample that ended before its rung."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        up_to: the largest number of suggestions.
        settings: of the systems that have them; none for all.
        methods: of `METHODS`.
        seed: of draws and intervals.
    """

    up_to: int = 10_000
    settings: Sequence[str] = ()
    methods: Sequence[str] = (SAMPLING,)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.up_to not in RUNGS:
            raise BenchmarkError(
                f"up to {self.up_to:,} suggestions: choose one of {', '.join(f'{n:,}' for n in RUNGS)}"
            )
        for name in self.settings:
            if name not in (*VARIANTS, DEFAULT.name):
                raise BenchmarkError(
                    f"there is no setting {name!r}; the settings are {', '.join((*VARIANTS, DEFAULT.name))}"
                )
        for name in self.methods:
            if name not in METHODS:
                raise BenchmarkError(f"there is no method {name!r}; the methods are {', '.join(METHODS)}")

    @property
    def rungs(self) -> tuple[int, ...]:
        """The numbers of suggestions that are measured."""
        return tuple(n for n in RUNGS if n <= self.up_to)


def measure_lists(lists: Lists, results: Path) -> None:
    """Write the figures of the lists themselves: of training rows in every setting, and the size of what is sought."""
    record = {"kind": KIND, "data": lists.data, "lists_sha256": dict(lists.sha256), **lists.as_dict()}
    write(folder_of(lists.data, results) / f"{LISTS}.json", record)


def measure_system(system: System, lists: Lists, request: Request, results: Path) -> Path:
    """Measure what the record of a system lacks.

    Args:
        system: with its checkpoint.
        lists: of its data set.
        request: what is wanted.
        results: the folder of results; the record is written after every measurement.

    Returns:
        The file of the record.

    Raises:
        MattransformerError: no checkpoint, or a damaged one.
    """
    check_checkpoint(system)
    record = record_of(system, lists, results, request.seed)
    settings = [name for name in system.settings if not request.settings or name in request.settings]
    for setting in settings:
        if SAMPLING in request.methods:
            _climb(system, lists, request, record, setting)
        for method in (WITHOUT, TOP):
            if method in request.methods and setting == DEFAULT.name and system.learned:
                _ask(system, lists, request, record, method)
    return record.path


def _missing(request: Request, measured: dict[str, Any]) -> list[int]:
    if SHORT in measured:
        return []
    return [n for n in request.rungs if str(n) not in measured]


def _climb(system: System, lists: Lists, request: Request, record: Record, setting: str) -> None:
    """Measure plain samples, rung by rung."""
    missing = _missing(request, record.measured(setting, SAMPLING))
    if not missing:
        return
    _log.info("%s on %s, %s: sampling %s", system.name, system.data, setting, _words(missing))
    source = open_source(system, lists, setting)
    clock = _Clock()
    last = 0
    for n, sample in ladder(source.batches(request.seed), missing):
        facts = _facts(clock.lap())
        record.store(setting, SAMPLING, n, measure_sample(sample, lists, request.seed) | facts)
        clock.start()
        last = n
    if last < missing[-1]:
        _log.warning("%s, %s: hardly anything new comes after %s", system.name, setting, f"{last:,}")
        record.store(setting, SAMPLING, SHORT, {"rung": missing[missing.index(last) + 1 if last else 0]})


def _ask(system: System, lists: Lists, request: Request, record: Record, method: str) -> None:
    """Measure samples without replacement, or the most probable compositions, each number by itself."""
    missing = _missing(request, record.measured(DEFAULT.name, method))
    if not missing or system.checkpoint is None:
        return
    lm = load(system.checkpoint)
    if not lm.objective.exact:
        _log.info("%s: its probabilities are not known exactly, so no %s", system.name, method)
        return
    source, variant = DEFAULT.conditions[0]
    for n in missing:
        _log.info("%s on %s, %s: %s, %s", system.name, system.data, DEFAULT.name, method, f"{n:,}")
        clock = _Clock()
        if method == WITHOUT:
            table = lm.generate(n, request.seed, source=source, variant=variant, replace=False)
        else:
            table = lm.likeliest(n, source=source, variant=variant)
        facts = _facts(clock.lap())
        found = FormulaList.of(table["formula"])
        record.store(DEFAULT.name, method, n, measure_list(found, lists, request.seed) | facts)


def _words(numbers: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in numbers)


class _Clock:
    """Adds up the time of drawing, without that of measuring."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        self._begun = time.perf_counter()

    def lap(self) -> float:
        self.seconds += time.perf_counter() - self._begun
        return self.seconds


def _facts(seconds: float) -> dict[str, Any]:
    """What a measurement was made with; the seconds are those of drawing."""
    import torch

    return {
        "seconds": round(seconds, 2),
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "versions": versions(),
    }


def run(
    models: Sequence[str],
    data: Sequence[str],
    request: Request,
    results: Path,
    configs: Path,
    runs: Path,
    *,
    train: bool = False,
) -> None:
    """Measure systems on data sets, with a progress bar on a terminal.

    Args:
        models: names or folders; none for all.
        data: data sets.
        request: what is wanted of each.
        results: the folder of results.
        configs: the folder of configurations.
        runs: the folder of checkpoints that they make.
        train: train what has no checkpoint.

    Raises:
        MattransformerError: a request that makes no sense, data that is not at hand, no checkpoint.
    """
    from tqdm import tqdm

    systems = chosen(models, data, configs, runs)
    if not any(_asked(system, request) for system in systems):
        raise BenchmarkError(
            "none of these systems has what was asked for: the setting default and the methods without replacement and "
            "top-n are of language models on mp+oqmd, pure and strict of language models and random generators"
        )
    if not train:
        systems = _ready(systems, named=bool(models))
    lists: Lists | None = None
    with tqdm(systems, unit="system", disable=None) as bar:
        for system in bar:
            bar.set_description(f"{system.name} on {system.data}")
            if lists is None or lists.data != system.data:
                lists = read_lists(system.data)
                measure_lists(lists, results)
            if train:
                make_checkpoint(system)
            measure_system(system, lists, request, results)


def _ready(systems: Sequence[System], *, named: bool) -> list[System]:
    """Leave out what has no checkpoint, with the way to one; refuse it before anything is measured if it was named."""
    ready = []
    for system in systems:
        try:
            check_checkpoint(system)
        except BenchmarkError as error:
            if named:
                raise
            _log.warning("left out: %s", error)
        else:
            ready.append(system)
    return ready


def _asked(system: System, request: Request) -> bool:
    """Tell whether a request means anything for a system."""
    settings = [name for name in system.settings if not request.settings or name in request.settings]
    others = system.learned and DEFAULT.name in settings and set(request.methods) - {SAMPLING}
    return bool(settings) and bool(SAMPLING in request.methods or others)


def make_checkpoint(system: System) -> None:
    """Train a system that can be trained and has no checkpoint of a finished training; see `train_system`."""
    if system.config is not None and (system.missing or system.cut_off is not None):
        train_system(system)


def train_system(system: System) -> None:
    """Train the checkpoint of a system, or go on with a training that was cut off.

    Args:
        system: with a configuration.

    Raises:
        MattransformerError: no such configuration, or data that is not at hand.
    """
    from mattransformer.baselines.config import load_generator_config, names_generator
    from mattransformer.baselines.training import train_generator
    from mattransformer.training.config import load_config
    from mattransformer.training.loop import train
    from mattransformer.training.state import STATE

    assert system.config is not None
    assert system.checkpoint is not None
    folder = Path(system.checkpoint)
    output, resume = [f"output={folder}"], (folder / STATE).is_file()
    _log.info("training %s with %s", system.name, system.config)
    if names_generator(system.config):
        train_generator(load_generator_config(system.config, output), resume=resume)
    else:
        train(load_config(system.config, output), resume=resume)
