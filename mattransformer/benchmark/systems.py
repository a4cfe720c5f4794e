"""The systems of the benchmark: which checkpoint each is, what it learned from, and what trains it.

    system = find("matgan", "mp")
    source = open_source(system, lists, "mix")

Checkpoints that do not ship are made by `mattransformer train CONFIG`; random generators are matched to the rows on the
spot. A folder stands for a system of one's own.
"""

from __future__ import annotations

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
from mattransformer.models.checkpoints import RUN, WEIGHTS, describe, find_checkpoint
from mattransformer.models.reading import read_json

RANDOM: Final[dict[str, type[PseudoRandom] | type[StoichiometryRandom]]] = {
    "pseudo-random": PseudoRandom,
    "stoichiometry-random": StoichiometryRandom,
}
"""Generators that are matched to the training rows."""

LANGUAGE_MODELS: Final = tuple(row.name for row in ARCHITECTURES)
KEPT: Final = Path("benchmarks/checkpoints")
"""Checkpoints of baselines that a checkout holds, since they take an hour to train."""

_TRAINED: Final = {"mp": ("matgan-pure", "cvae-pure", "matgan", "cvae", "cgan"), "mp+oqmd": ("matgan",)}
# A generator without conditions is asked for what is *pure* by training it on the rows that are.


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
    def cut_off(self) -> int | None:
        """Steps after which its training was cut off; a checkpoint that was kept on the way is no result.

        None where it was not. Records of language models that do not say whether they were finished count as such.
        """
        if self.missing or self.checkpoint is None:
            return None
        run = find_checkpoint(self.checkpoint) / RUN
        if not run.is_file():
            return None
        record: Mapping[str, Any] = read_json(run)
        steps = int(record["steps"])
        finished = record.get("finished", True) if self.learned else steps >= int(record["config"]["steps"])
        return None if finished else steps

    @property
    def learned(self) -> bool:
        """Whether it is a language model, which answers to conditions."""
        return self.checkpoint is not None and not is_generator(self.checkpoint)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that it has: a trained generator knows only that of the rows that it was trained on."""
        if self.checkpoint is None:
            return VARIANTS
        if not self.learned:
            run = Path(self.checkpoint) / RUN
            config = read_json(run)["config"] if run.is_file() else {}
            return (config.get("variant", VARIANTS[0]),)
        return (*VARIANTS, DEFAULT.name) if len(DATA[self.data]) > 1 else VARIANTS

    def sha256(self) -> str | None:
        """Give the hash of the weights; None of a random generator, which the rows decide."""
        if self.checkpoint is None:
            return None
        sha256: str | None = describe(self.checkpoint)["sha256"]
        return sha256


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
        stem = _stem(name, data)
        own = runs / stem if (runs / stem / WEIGHTS).is_file() or not (KEPT / stem).is_dir() else KEPT / stem
        return System(name, data, own, configs / f"{stem}.yaml")
    folder = Path(name).expanduser()
    if (folder / WEIGHTS).is_file():
        return System(folder.name, data, folder)
    raise BenchmarkError(
        f"{name!r} is neither a system of the data set {data} nor a folder with a checkpoint; the systems are "
        f"{', '.join(names(data))}"
    )


def _stem(name: str, data: str) -> str:
    """What the configuration of a system is called: gpt-j-mp-small, matgan-mp-oqmd, matgan-mp-pure."""
    if name in LANGUAGE_MODELS:
        return f"{name}-{data.replace('+', '-')}-small"
    method, *variant = name.split("-")
    return "-".join([method, data.replace("+", "-"), *variant])


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
    check_checkpoint(system)
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


def check_checkpoint(system: System) -> None:
    """Make sure that a system can be asked.

    Args:
        system: with or without its checkpoint.

    Raises:
        BenchmarkError: the checkpoint is not there, or of a training that was cut off.
    """
    if system.missing:
        raise BenchmarkError(
            f"{system.name} on {system.data} has no checkpoint in {system.checkpoint}: add --train, or run "
            f"mattransformer train {system.config}"
        )
    if system.cut_off is not None:
        way_out = (
            "add --train" if system.config else "run mattransformer train with its configuration and --resume"
        )
        raise BenchmarkError(
            f"{system.name} on {system.data}: the training in {system.checkpoint} was cut off after "
            f"{system.cut_off:,} steps; {way_out} to go on with it"
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
