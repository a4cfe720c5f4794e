"""The training of a generator: steps of its method, and every so often a measurement, a checkpoint and the state.

    train_generator(load_generator_config("configs/matgan-mp.yaml"))

The folder of the run holds the checkpoint that `checkpoints.load_generator` opens, `run.json` and the state that
`--resume` goes on from. The checkpoint is the running mean of the weights. There is no validation loss that would say
which weights are best, so the newest are kept; `run.json` lists what samples were like on the way.
"""

from __future__ import annotations

import errno
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mattransformer.baselines.checkpoints import save_generator
from mattransformer.baselines.config import GeneratorConfig
from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.baselines.recipes import Recipe, recipe_of
from mattransformer.baselines.state import GeneratorProgress, load_state, save_state
from mattransformer.models.checkpoints import RUN, WEIGHTS
from mattransformer.screening.judgement import judge
from mattransformer.training.averaging import WeightAverage
from mattransformer.training.config import ConfigError
from mattransformer.training.record import machine, versions, write_record
from mattransformer.training.state import STATE, TrainingError

if TYPE_CHECKING:
    from tqdm import tqdm

MEASURED: Final = 2_000
"""Samples that a measurement is made on."""


@dataclass(frozen=True)
class GeneratorResult:
    """What a training ended with.

    Attributes:
        folder: of the checkpoint.
        steps: steps of the generator done.
        seconds: spent in all.
        samples: what the last samples were like, see `measure`.
    """

    folder: Path
    steps: int
    seconds: float
    samples: dict[str, float]


def train_generator(config: GeneratorConfig, *, resume: bool = False) -> GeneratorResult:
    """Train a generator, or go on with one.

    Args:
        config: settings.
        resume: go on from the state in the output folder.

    Returns:
        What the training ended with.

    Raises:
        MattransformerError: settings or data that make no sense; a loss that is no number; a full disk. The last good
            checkpoint stays.
    """
    return _Run(config).go(resume=resume)


def measure(generator: DrawingGenerator, known: np.ndarray) -> dict[str, float]:
    """Say what samples are like, by shares that need no other model.

    Args:
        generator: whose samples.
        known: sorted fingerprints of the training rows.

    Returns:
        Shares: `within_limits` of the draws, `distinct` of these, and of the distinct ones `charge_neutral` and
        `electronegativity_balanced` (smact14, one state an element) and `in_training`; 0 where there is none.
    """
    draws = generator.sample(MEASURED, seed=0)
    good = draws.compositions.take(np.flatnonzero(draws.failure == 0))
    prints, first = np.unique(good.fingerprints(), return_index=True)
    verdicts = judge(good.take(first), "smact14", mixed=False)
    shares = {
        "within_limits": len(good) / len(draws),
        "distinct": len(first) / max(len(good), 1),
        "charge_neutral": verdicts.charge_neutral.sum() / max(len(first), 1),
        "electronegativity_balanced": verdicts.electronegativity_balanced.sum() / max(len(first), 1),
        "in_training": np.isin(prints, known).sum() / max(len(first), 1),
    }
    return {name: round(float(share), 4) for name, share in shares.items()}


class _Run:
    """One training."""

    def __init__(self, config: GeneratorConfig) -> None:
        self.config, self.folder = config, Path(config.output)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.recipe: Recipe = recipe_of(config)
        self.method = self.recipe.method
        self.network = self.method.networks["generator"]
        self.average = WeightAverage(self.network, config.average_steps)
        self.known = np.unique(self.recipe.rows.fingerprints())
        self.progress = GeneratorProgress()
        self.rates = {name: o.param_groups[0]["lr"] for name, o in self.method.optimizers.items()}
        self.identity = {
            **{key: value for key, value in config.as_dict().items() if key not in ("output", "threads")},
            "data": self.recipe.corpus.sha256,
        }

    def go(self, *, resume: bool) -> GeneratorResult:
        """Do the steps that are left."""
        state = self.folder / STATE
        if resume:
            self.progress = load_state(state, self.recipe, self.average, self.identity)
        elif state.exists():
            raise TrainingError(f"{self.folder} holds a run already; add --resume, or choose another output")
        elif (self.folder / WEIGHTS).exists():
            raise TrainingError(
                f"{self.folder} holds a checkpoint, which would be replaced; choose another output"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"output: {self.folder} cannot be made: {error.strerror}") from error
        self.started = time.monotonic() - self.progress.seconds
        try:
            self._steps()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                way_out = "add --resume" if state.exists() else "start again with another output"
                raise TrainingError(
                    f"{self.folder}: the disk is full; what was kept stays: free some space and {way_out}"
                ) from error
            raise
        progress = self.progress
        return GeneratorResult(self.folder, progress.step, progress.seconds, progress.history[-1]["samples"])

    def _steps(self) -> None:
        from tqdm import tqdm

        steps = self.config.steps
        totals: dict[str, float] = {}
        since = self.progress.step
        with tqdm(
            total=steps, initial=since, desc=f"training {self.config.generator}", unit="step", disable=None
        ) as bar:
            while self.progress.step < steps:
                self._set_rates()
                losses = self.method.step()
                self._require_numbers(losses)
                totals = {name: totals.get(name, 0.0) + loss for name, loss in losses.items()}
                self.average.update(self.network, self.progress.step)
                self.progress.step += 1
                bar.update()
                if self.progress.step % self.config.measure_every == 0 or self.progress.step == steps:
                    count = self.progress.step - since
                    self._keep({name: total / count for name, total in totals.items()}, bar)
                    totals, since = {}, self.progress.step

    def _set_rates(self) -> None:
        left = 1 - self.progress.step / self.config.steps
        final = self.config.final_learning_rate
        share = min(1.0, final + (1 - final) * 2 * left)
        for name, optimizer in self.method.optimizers.items():
            optimizer.param_groups[0]["lr"] = self.rates[name] * share

    def _require_numbers(self, losses: dict[str, float]) -> None:
        for name, loss in losses.items():
            if not math.isfinite(loss):
                kept = f"; the last good checkpoint stays in {self.folder}" if self.progress.history else ""
                raise TrainingError(
                    f"the {name.replace('_', ' ')} is {loss} at step {self.progress.step}; start again with lower "
                    f"learning rates and another output{kept}"
                )

    def _keep(self, losses: dict[str, float], bar: tqdm[Any]) -> None:
        """Measure the averaged weights, and keep them, the record and the state."""
        progress = self.progress
        self.average.swap(self.network)
        generator = self.recipe.sampler(self.network)
        self.average.swap(self.network)
        samples = measure(generator, self.known)
        progress.seconds = time.monotonic() - self.started
        progress.history.append(
            {
                "step": progress.step,
                "seconds": round(progress.seconds, 1),
                "losses": {name: round(loss, 6) for name, loss in losses.items()},
                "samples": samples,
            }
        )
        save_generator(generator, self.folder)
        write_record(self.folder / RUN, self._record())
        save_state(self.folder / STATE, self.recipe, self.average, progress, self.identity)
        told = ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in samples.items())
        bar.write(f"step {progress.step}: {told}")

    def _record(self) -> dict[str, Any]:
        progress, recipe = self.progress, self.recipe
        sizes = {name: sum(p.numel() for p in net.parameters()) for name, net in self.method.networks.items()}
        return {
            "config": {**self.config.as_dict(), "output": self.folder.name},
            "data": recipe.corpus.report.as_dict(),
            "rows": {"train": len(recipe.rows), "left_out": recipe.left_out},
            "model": {"generator": self.config.generator, "parameters": sizes},
            "steps": progress.step,
            "seconds": round(progress.seconds, 1),
            "history": progress.history,
            "surroundings": {"threads": torch.get_num_threads(), **machine()},
            "versions": versions(),
        }
