"""The training: the loss of a model's objective, one formula a sequence, over accelerate.

Batches hold sequences of one length, so nothing is padded and no position is wasted. With several processes
(`torchrun --nproc_per_node 2 -m mattransformer train …`) each takes its share of the rows of every batch, and the
gradient is that of the whole batch. The folder of the run holds the best checkpoint, `state.safetensors` for
`--resume`, `run.json` and the TensorBoard logs.
"""

from __future__ import annotations

import errno
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from mattransformer.data.batches import length_batches
from mattransformer.models.architectures import build_config, build_model, positions
from mattransformer.models.checkpoints import (
    RUN,
    WEIGHTS,
    describe,
    find_checkpoint,
    load_model,
    save_checkpoint,
)
from mattransformer.objectives.causal import Causal
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import PROMPT_LENGTH, VOCABULARY_SHA256
from mattransformer.training.averaging import WeightAverage
from mattransformer.training.config import ConfigError, TrainingConfig
from mattransformer.training.loss import mean_formula_loss
from mattransformer.training.optimizer import make_optimizer
from mattransformer.training.processes import make_accelerator
from mattransformer.training.record import run_record, write_record
from mattransformer.training.rows import OwnSampler, WeightedRows, join, load_training_data
from mattransformer.training.schedule import learning_rate
from mattransformer.training.state import STATE, Progress, TrainingError, load_state, save_state

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel

    from mattransformer.objectives.losses import Losses


@dataclass(frozen=True)
class TrainingResult:
    """What a training ended with.

    Attributes:
        folder: of the checkpoint with the lowest validation loss.
        steps: optimizer steps done.
        best_valid_nll: lowest validation loss, nats a formula.
        seconds: spent in all.
        stopped_early: whether the validation loss had stopped falling before the last epoch.
    """

    folder: Path
    steps: int
    best_valid_nll: float
    seconds: float
    stopped_early: bool


def train(
    config: TrainingConfig, *, resume: bool = False, own_sampler: OwnSampler | None = None
) -> TrainingResult:
    """Train a model, or go on with one.

    Args:
        config: settings.
        resume: go on from the state in the output folder.
        own_sampler: samples the model where the settings ask for `own_samples`.

    Returns:
        What the training ended with.

    Raises:
        MattransformerError: settings, data or a checkpoint that make no sense; a loss that is no number; a full disk.
            The last good checkpoint stays.
    """
    return _Run(config, own_sampler).go(resume=resume)


class _Run:
    """One training in one process of possibly several."""

    def __init__(self, config: TrainingConfig, own_sampler: OwnSampler | None) -> None:
        self.config = config
        self.own_sampler = own_sampler
        if config.own_samples and own_sampler is None:
            raise ConfigError("own_samples: this training was started without a sampler; set it to 0")
        self.folder = Path(config.output)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.accelerator: Accelerator = make_accelerator(config.precision, self.folder)
        self.main = self.accelerator.is_main_process
        torch.manual_seed(config.seed)
        # Found once: a branch on a hub may move while a training runs.
        origin = None if config.init_from is None else find_checkpoint(config.init_from)
        self.tutor = None if config.teacher is None else find_checkpoint(config.teacher)
        self.model = self._make_model(origin)
        self.parent = None if origin is None else describe(origin)
        with self.accelerator.main_process_first():  # the others find the corpus in the cache
            self.data = load_training_data(config)
        longest = max(int(formulas.lengths.max()) for formulas in (self.data.train, self.data.valid))
        room = positions(self.model.config)
        if longest > room:
            raise ConfigError(
                f"sizes: the longest sequence has {longest} tokens, but the model {room} positions; raise its positions"
            )
        self.objective = objective_of(self.model)
        self.teacher = self._load_teacher()
        self.objective.observe(self.model, self.data.train, self.data.weights)
        self.model.to(self.accelerator.device)
        self.average = WeightAverage(self.model, config.average_steps)
        optimizer = make_optimizer(self.model, config)
        self.wrapped, self.optimizer = self.accelerator.prepare(self.model, optimizer)
        self.progress = Progress()
        self.identity = {
            **{key: value for key, value in config.as_dict().items() if key not in ("output", "threads")},
            "vocabulary": VOCABULARY_SHA256,
            "data": self.data.corpus.sha256,
            "parent": self.parent and self.parent["sha256"],
            "teacher_sha256": self._teacher_facts().get("sha256"),
        }

    def _make_model(self, origin: Path | None) -> PreTrainedModel:
        config = self.config
        if origin is not None:
            return load_model(origin, dropout=config.dropout).train()
        return build_model(build_config(config.architecture, config.preset, config.sizes, config.dropout))

    def go(self, *, resume: bool) -> TrainingResult:
        """Run the epochs that are left."""
        state = self.folder / STATE
        raw = self.optimizer.optimizer
        if resume:
            self.progress = load_state(state, self.model, self.average, raw, self.identity)
            if self.config.own_samples and self.progress.batch:
                # The epoch was saved at its end, and the weights that its samples came from are gone.
                self.progress.epoch, self.progress.batch = self.progress.epoch + 1, 0
        elif state.exists():
            raise TrainingError(f"{self.folder} holds a run already; add --resume, or choose another output")
        elif (self.folder / WEIGHTS).exists():
            raise TrainingError(
                f"{self.folder} holds a checkpoint, which would be replaced; choose another output"
            )
        if self.main:
            self._make_folder()
        self.accelerator.init_trackers("logs")
        self.started = time.monotonic() - self.progress.seconds
        try:
            stopped = self._epochs()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                way_out = "add --resume" if state.exists() else "start again with another output"
                raise TrainingError(
                    f"{self.folder}: the disk is full; what was kept stays: free some space and {way_out}"
                ) from error
            raise
        finally:
            self.accelerator.end_training()
        progress = self.progress
        return TrainingResult(self.folder, progress.step, progress.best, progress.seconds, stopped)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"output: {self.folder} cannot be made: {error.strerror}") from error

    def _epochs(self) -> bool:
        from tqdm import tqdm

        progress, config = self.progress, self.config
        self.model.train()
        bar = tqdm(desc="training", unit="tok", unit_scale=True, disable=None if self.main else True)
        while progress.epoch < math.ceil(config.epochs):
            if self._stale():
                return True
            if config.stop_after is not None and progress.epoch >= config.stop_after:
                return False
            self.rows = self._rows()
            batches = length_batches(
                self.rows.formulas.lengths,
                np.arange(len(self.rows.formulas)),
                config.tokens_per_batch,
                config.seed,
                progress.epoch,
            )
            marks = _evaluation_marks(len(batches), config.evaluations_per_epoch)
            total = torch.zeros(3, dtype=torch.float64)
            while progress.batch < len(batches) and not self._finished(len(batches)):
                total += self._step(batches[progress.batch], len(batches), bar)
                progress.batch += 1
                if progress.batch in marks or self._finished(len(batches)):
                    self._evaluate(total, len(batches), bar)
                    total.zero_()
                    if self._stale():
                        return True
            if self._finished(len(batches)):
                return False
            progress.epoch, progress.batch = progress.epoch + 1, 0
        return False

    def _stale(self) -> bool:
        return 0 < self.config.patience <= self.progress.stale

    def _finished(self, batches: int) -> bool:
        return self.progress.epoch + self.progress.batch / batches >= self.config.epochs

    def _over(self, batches: int) -> bool:
        """Tell whether nothing is left to do for this configuration: what `run.json` says of the checkpoint."""
        stop = self.config.stop_after
        stopped = stop is not None and self.progress.epoch + self.progress.batch / batches >= stop
        return self._finished(batches) or self._stale() or stopped

    def _rows(self) -> WeightedRows:
        """Choose what this epoch learns from; with own samples, from the weights at its start."""
        config, epoch = self.config, self.progress.epoch
        rows = self.data.epoch(config.seed, epoch)
        self.corpus_rows = len(rows.formulas)
        if self.data.analogues is not None:
            rows = join(rows, self.data.analogues.epoch(config.seed, epoch))
        if not config.own_samples or self.own_sampler is None:
            return rows
        generator = torch.get_rng_state()
        own = self.own_sampler(self.model.eval(), config.own_samples, [config.seed, epoch])
        self.model.train()
        torch.set_rng_state(generator)
        return join(rows, own)

    def _step(self, rows: np.ndarray, batches: int, bar: Any) -> torch.Tensor:  # noqa: ANN401 - tqdm has no types
        """Do one optimizer step.

        Returns:
            Summed loss, number and summed broken ends of the rows of corpora, of all processes.
        """
        accelerator, progress, config = self.accelerator, self.progress, self.config
        mine = rows[accelerator.process_index :: accelerator.num_processes]
        idle = len(mine) == 0  # fewer rows than processes: take part with a row that does not count
        taken = rows[:1] if idle else mine
        ids = torch.from_numpy(self.rows.formulas.rows(taken)).to(accelerator.device)
        weights = torch.from_numpy(self.rows.loss_weights[taken] * (not idle)).to(ids.device, torch.float32)
        positions = len(rows) * (ids.shape[1] - PROMPT_LENGTH)
        losses, broken = self._losses(ids, torch.from_numpy(taken >= self.corpus_rows).to(ids.device))
        summed = (losses * weights).sum() + config.rule_weight * (broken * (weights != 0)).sum()
        # Processes average their gradients: with this factor the average is the gradient of the whole batch.
        accelerator.backward(summed * (accelerator.num_processes / positions))
        accelerator.clip_grad_norm_(self.model.parameters(), config.clip)
        share = (progress.epoch + progress.batch / batches) / config.epochs
        rate = learning_rate(
            progress.step,
            share,
            peak=config.learning_rate,
            warmup_steps=config.warmup_steps,
            final_share=config.final_learning_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._require_number("loss", float(accelerator.reduce(summed.detach().double(), "sum")))
        of_corpora = torch.from_numpy(taken < self.corpus_rows).to(ids.device) & (weights > 0)
        sums = [losses.detach()[of_corpora].sum(), of_corpora.sum(), broken.detach()[of_corpora].sum()]
        measured = torch.stack(sums).double()
        measured = accelerator.reduce(measured, "sum").cpu()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.model, progress.step)
        tokens = len(rows) * ids.shape[1]
        progress.step += 1
        progress.tokens += tokens
        bar.update(tokens)
        bar.set_postfix_str(f"validation {progress.best:.3f} nats a formula", refresh=False)
        return measured

    def _losses(self, ids: torch.Tensor, own: torch.Tensor) -> Losses:
        """Give the losses of a batch; where there is a teacher, own samples are taught."""
        ruled = bool(self.config.rule_weight)
        if self.teacher is None or not own.any():
            return self.objective.losses(self.wrapped, ids, ruled=ruled)
        with torch.no_grad(), self.accelerator.autocast():
            said = self.teacher(input_ids=ids, use_cache=False).logits
        return cast("Causal", self.objective).taught(self.wrapped, ids, own, said, ruled=ruled)

    def _load_teacher(self) -> PreTrainedModel | None:
        if self.tutor is None:
            return None
        teacher = load_model(self.tutor)
        if not isinstance(self.objective, Causal) or not isinstance(objective_of(teacher), Causal):
            raise ConfigError(
                f"teacher: only causal models teach and are taught, not {self.model.config.model_type}"
            )
        return teacher.to(self.accelerator.device)

    def _require_number(self, name: str, nats: float) -> None:
        if math.isfinite(nats):
            return
        kept = "no checkpoint was kept yet"
        if (self.folder / WEIGHTS).exists():
            kept = f"the last good checkpoint stays in {self.folder}, and init_from={self.folder} goes on from it"
        raise TrainingError(
            f"the {name} is {nats} at step {self.progress.step}; start again with a lower learning_rate and another "
            f"output ({kept})"
        )

    def _evaluate(self, total: torch.Tensor, batches: int, bar: Any) -> None:  # noqa: ANN401
        """Measure on the validation rows with the averaged weights; keep them if they are the best so far."""
        progress = self.progress
        generator = torch.get_rng_state()
        self.average.swap(self.model)
        valid = mean_formula_loss(self.accelerator, self.model, self.data.valid)
        self._require_number("validation loss", valid)
        progress.seconds = time.monotonic() - self.started
        progress.stale = 0 if valid < progress.best else progress.stale + 1
        better = progress.stale == 0 or self.config.keep == "last"
        progress.best = min(valid, progress.best)
        entry = {
            "step": progress.step,
            "epoch": progress.epoch,
            "train_nll": float(total[0] / total[1]),
            "valid_nll": valid,
            "tokens": progress.tokens,
            "seconds": round(progress.seconds, 1),
            **({"train_broken": float(total[2] / total[1])} if self.config.rule_weight else {}),
            **self.rows.facts,
        }
        progress.history.append(entry)
        if better and self.main:
            save_checkpoint(self.model, self.folder)
        self.average.swap(self.model)
        torch.set_rng_state(generator)
        self.model.train()
        if self.main:
            record = run_record(
                self.config,
                self.data.corpus,
                self.model,
                progress,
                self._facts(),
                self.parent,
                finished=self._over(batches),
            )
            write_record(self.folder / RUN, record)
            raw = cast("torch.optim.Optimizer", self.optimizer.optimizer)
            save_state(self.folder / STATE, self.model, self.average, raw, progress, self.identity)
            bar.write(
                f"step {progress.step}: train {entry['train_nll']:.3f}, validation {valid:.3f} nats a formula"
                f"{' (kept)' if better else ''}"
            )
        self.accelerator.log({"train_nll": entry["train_nll"], "valid_nll": valid}, step=progress.step)
        self.accelerator.wait_for_everyone()

    def _teacher_facts(self) -> dict[str, Any]:
        if self.tutor is None:
            return {}
        facts = describe(self.tutor)
        return {"name": facts["name"], "sha256": facts["sha256"]}

    def _facts(self) -> dict[str, Any]:
        return {
            "precision": self.accelerator.mixed_precision,
            "processes": self.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            "device": self.accelerator.device.type,
            **({"teacher": self._teacher_facts()} if self.teacher is not None else {}),
            "train_rows": len(self.data.train),
            "valid_rows": len(self.data.valid),
        }


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {round(batches * (number + 1) / times) for number in range(times)}
