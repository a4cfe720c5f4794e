"""The systems of the benchmark: which checkpoint each is, what it learned from, and what trains it.

    system = find("matgan", "mp")
    source = open_source(system, lists, "mix")

Checkpoints that do not ship are made by `mattransformer train CONFIG`; random generators are matched to the rows on the
spot. A folder stands for a system of one's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.baselines.checkpoints import is_generator, load_generator
from mattransformer.baselines.pseudo_random import PseudoRandom, StoichiometryRandom
from mattransformer.benchmark.lists import DATA, Lists
from mattransformer.benchmark.sources import GeneratorSource, LanguageModelSource, Source
from mattransformer.data.variants import VARIANTS
from mattransformer.errors import MattransformerError
from mattransformer.evaluation.settings import DEFAULT
from mattransformer.generation.language_model import load
from mattransformer.models.architectures import ARCHITECTURES
from mattransformer.models.checkpoints import RUN, WEIGHTS, find_checkpoint
from mattransformer.models.reading import read_json

RANDOM: Final[dict[str, type[PseudoRandom] | type[StoichiometryRandom]]] = {
    "pseudo-random": PseudoRandom,
    "stoichiometry-random": StoichiometryRandom,
}
"""Generators that are matched to the training rows."""

LANGUAGE_MODELS: Final = tuple(row.name for row in ARCHITECTURES)
KEPT: Final = Path("benchmarks/checkpoints")
"""Checkpoints of baselines that a checkout holds, since they take an hour to train."""

_TRAINED: Final = {"mp": ("matgan", "cvae", "cgan"), "mp+oqmd": ("matgan",)}


class BenchmarkError(MattransformerError):
    """A request to the benchmark that makes no sense, or a checkpoint that it lacks."""


@dataclass(frozen=True)
class System:
    """A system, trained on the rows of a data set.

    Attributes:
        name: what tables call it.
        data: the data set.
        checkpoint: a shipped name or a folder; None of a random generator.
        config: what trains it, where it does not ship.
    """

    name: str
    data: str
    checkpoint: str | Path | None
    config: Path | None = None

    @property
    def missing(self) -> bool:
        """Whether its checkpoint has to be trained first."""
        return self.config is not None and not (Path(self.checkpoint or "") / WEIGHTS).is_file()

    @property
    def steps_left(self) -> int:
        """Steps that the training of a generator, which keeps a checkpoint on the way, has still to do."""
        if self.missing or self.checkpoint is None or not is_generator(self.checkpoint):
            return 0
        run = Path(self.checkpoint) / RUN
        if not run.is_file():
            return 0
        record: Mapping[str, Any] = read_json(run)
        return int(record["config"]["steps"]) - int(record["steps"])

    @property
    def learned(self) -> bool:
        """Whether it is a language model, which answers to conditions."""
        return self.checkpoint is not None and not is_generator(self.checkpoint)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that it has: a trained generator is of the rows that it was trained on, all of them."""
        if self.checkpoint is None:
            return VARIANTS
        if not self.learned:
            return (VARIANTS[0],)
        return (*VARIANTS, DEFAULT.name) if len(DATA[self.data]) > 1 else VARIANTS

    def sha256(self) -> str | None:
        """Give the hash of the weights; None of a random generator, which the rows decide."""
        if self.checkpoint is None:
            return None
        return hashlib.sha256((find_checkpoint(self.checkpoint) / WEIGHTS).read_bytes()).hexdigest()


def names(data: str) -> tuple[str, ...]:
    """List the systems of a data set."""
    return (*RANDOM, *_TRAINED[data], *LANGUAGE_MODELS)


def find(name: str, data: str, configs: Path = Path("configs"), runs: Path = Path("runs")) -> System:
    """Find a system.

    Args:
        name: one of `names`, or a folder with a checkpoint that was trained on this data set.
        data: the data set.
        configs: the folder of configurations.
        runs: the folder of checkpoints that they make; one that is not there is looked for in `KEPT`.

    Returns:
        The system, perhaps without its checkpoint.

    Raises:
        BenchmarkError: neither a system nor a folder.
    """
    if name in RANDOM:
        return System(name, data, None)
    if name in LANGUAGE_MODELS and data == "mp+oqmd":
        return System(name, data, name)
    if name in names(data):
        stem = f"{name}-{data.replace('+', '-')}" + ("-small" if name in LANGUAGE_MODELS else "")
        own = runs / stem if (runs / stem / WEIGHTS).is_file() or not (KEPT / stem).is_dir() else KEPT / stem
        return System(name, data, own, configs / f"{stem}.yaml")
    folder = Path(name).expanduser()
    if (folder / WEIGHTS).is_file():
        return System(folder.name, data, folder)
    raise BenchmarkError(
        f"{name!r} is neither a system of the data set {data} nor a folder with a checkpoint; the systems are "
        f"{', '.join(names(data))}"
    )


def open_source(system: System, lists: Lists, setting: str) -> Source:
    """Open what a system is drawn from in a setting.

    Args:
        system: with its checkpoint.
        lists: of its data set.
        setting: one of `System.settings`.

    Returns:
        The source.

    Raises:
        BenchmarkError: the checkpoint is not there.
        CheckpointError: it is damaged.
    """
    if system.missing:
        raise BenchmarkError(
            f"{system.name} on {system.data} has no checkpoint in {system.checkpoint}: add --train, or run "
            f"mattransformer train {system.config}"
        )
    if system.steps_left:
        raise BenchmarkError(
            f"{system.name} on {system.data}: the training in {system.checkpoint} has {system.steps_left:,} steps to "
            "do; add --train to go on with it"
        )
    chosen = lists.setting(setting)
    if system.checkpoint is None:
        return GeneratorSource(RANDOM[system.name].fit(chosen.rows(lists.rows)["formula"].tolist()))
    if not system.learned:
        return GeneratorSource(load_generator(system.checkpoint))
    lm = load(system.checkpoint)
    counts = lists.rows.value_counts(["source", "variant"])
    return LanguageModelSource(
        lm, chosen.conditions, [int(counts.get(pair, 0)) for pair in chosen.conditions]
    )


def chosen(models: Sequence[str], data: Sequence[str], configs: Path, runs: Path) -> list[System]:
    """Give the systems that were asked for.

    Args:
        models: names or folders; none for all.
        data: data sets.
        configs: see `find`.
        runs: see `find`.

    Returns:
        Data set by data set; a name that is a system of another data set alone is left out of this one.

    Raises:
        BenchmarkError: no such data set, or no such system in any of them.
    """
    for own in data:
        if own not in DATA:
            raise BenchmarkError(f"there is no data set {own!r}; the data sets are {', '.join(DATA)}")
    found = []
    for own in data:
        others = {name for other in data if other != own for name in names(other)}
        wanted = models or names(own)
        found += [
            find(name, own, configs, runs) for name in wanted if name in names(own) or name not in others
        ]
    return found
