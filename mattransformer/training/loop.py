"""The training: next-token loss on every position of a formula, one formula a sequence, over accelerate.

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

from mattransformer.data.batches import epoch_rows, length_batches
from mattransformer.data.corpora import Corpus, load_corpus
from mattransformer.data.encoding import EncodedFormulas, encode_table
from mattransformer.models.architectures import CAUSAL, architecture, build_config, build_model
from mattransformer.models.checkpoints import RUN, load_model, save_checkpoint
from mattransformer.tokenization import CONDITIONS, PROMPT_LENGTH, VOCABULARY_SHA256
from mattransformer.training.averaging import WeightAverage
from mattransformer.training.config import ConfigError, TrainingConfig
from mattransformer.training.loss import formula_loss, mean_formula_loss
from mattransformer.training.processes import make_accelerator
from mattransformer.training.record import run_record, write_record
from mattransformer.training.schedule import learning_rate
from mattransformer.training.state import STATE, Progress, TrainingError, load_state, save_state

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel


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


@dataclass(frozen=True)
class TrainingData:
    """Encoded rows of a corpus.

    Attributes:
        corpus: where they come from.
        train: the sequences to learn from.
        weights: how often each is seen an epoch.
        valid: the sequences to measure on.
    """

    corpus: Corpus
    train: EncodedFormulas
    weights: np.ndarray
    valid: EncodedFormulas


def train(config: TrainingConfig, *, resume: bool = False) -> TrainingResult:
    """Train a model, or go on with one.

    Args:
        config: settings.
        resume: go on from the state in the output folder.

    Returns:
        What the training ended with.

    Raises:
        MattransformerError: settings, data or a checkpoint that make no sense; a loss that is no number; a full disk.
            The last good checkpoint stays.
    """
    return _Run(config).go(resume=resume)


def load_training_data(config: TrainingConfig) -> TrainingData:
    """Load and encode what a configuration names.

    Args:
        config: settings.

    Returns:
        The rows, each with how often it is seen an epoch.

    Raises:
        MattransformerError: no such corpus, one that models must not learn from, or no rows to train or measure on.
    """
    corpus = load_corpus(list(config.corpora), column=config.column, variant=config.variant)
    if not corpus.trainable:
        raise ConfigError(f"corpora: {corpus.name} is for measuring only and never trains a model; leave it out")
    for source in config.weights:
        if source not in CONDITIONS[0].values:
            raise ConfigError(f"weights: no source {source!r}; the sources are {', '.join(CONDITIONS[0].values)}")
    table = corpus.split("train")
    if config.limit is not None and config.limit < len(table):
        chosen = np.random.default_rng(config.seed).permutation(len(table))[: config.limit]
        table = table.iloc[np.sort(chosen)].reset_index(drop=True)
    valid = corpus.split("valid")
    if valid.empty:
        valid = table  # a user's handful of formulas may leave no validation row
    if config.validation_rows is not None and len(valid) > config.validation_rows:
        chosen = np.random.default_rng(0).permutation(len(valid))[: config.validation_rows]
        valid = valid.iloc[np.sort(chosen)]
    if table.empty:
        raise ConfigError(f"corpora: {corpus.name} has no training row; give more formulas")
    weights = table["source"].map(lambda source: config.weights.get(source, 1.0)).to_numpy(np.float64)
    if not weights.any():
        raise ConfigError("weights: every row of the corpora has weight 0; leave one source a weight above 0")
    return TrainingData(corpus, encode_table(table), weights, encode_table(valid))


class _Run:
    """One training in one process of possibly several."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.folder = Path(config.output)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.accelerator: Accelerator = make_accelerator(config.precision, self.folder)
        self.main = self.accelerator.is_main_process
        torch.manual_seed(config.seed)
        self.model = self._make_model()
        with self.accelerator.main_process_first():  # the others find the corpus in the cache
            self.data = load_training_data(config)
        longest = int(self.data.train.lengths.max())
        if longest > self.model.config.max_position_embeddings:
            raise ConfigError(
                f"sizes: the longest sequence has {longest} tokens, but the model {self.model.config.max_position_embeddings} "
                "positions; raise its positions"
            )
        self.model.to(self.accelerator.device)
        self.average = WeightAverage(self.model, config.average_steps)
        optimizer = make_optimizer(self.model, config)
        self.wrapped, self.optimizer = self.accelerator.prepare(self.model, optimizer)
        self.progress = Progress()
        self.identity = {
            **{key: value for key, value in config.as_dict().items() if key not in ("output", "threads")},
            "vocabulary": VOCABULARY_SHA256,
            "data": self.data.corpus.sha256,
        }

    def _make_model(self) -> PreTrainedModel:
        config = self.config
        if config.init_from is not None:
            return load_model(config.init_from).train()
        if architecture(config.architecture).objective != CAUSAL:
            raise ConfigError(f"architecture: {config.architecture} is not trained by this loop")
        return build_model(build_config(config.architecture, config.preset, config.sizes, config.dropout))

    def go(self, *, resume: bool) -> TrainingResult:
        """Run the epochs that are left."""
        state = self.folder / STATE
        raw = self.optimizer.optimizer
        if resume:
            self.progress = load_state(state, self.model, self.average, raw, self.identity)
        elif state.exists():
            raise TrainingError(f"{self.folder} holds an unfinished or finished run; add --resume, or choose another output")
        if self.main:
            self._make_folder()
        self.accelerator.init_trackers("logs")
        self.started = time.monotonic() - self.progress.seconds
        try:
            stopped = self._epochs()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise TrainingError(
                    f"{self.folder}: the disk is full; the last good checkpoint stays, free some space and add --resume"
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
            batches = self._batches()
            marks = _evaluation_marks(len(batches), config.evaluations_per_epoch)
            total = torch.zeros(2, dtype=torch.float64)
            while progress.batch < len(batches) and not self._finished(len(batches)):
                total += self._step(batches[progress.batch], len(batches), bar)
                progress.batch += 1
                if progress.batch in marks or self._finished(len(batches)):
                    self._evaluate(total, bar)
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

    def _batches(self) -> list[np.ndarray]:
        config, epoch = self.config, self.progress.epoch
        rows = epoch_rows(self.data.weights, config.seed, epoch)
        return length_batches(self.data.train.lengths, rows, config.tokens_per_batch, config.seed, epoch)

    def _step(self, rows: np.ndarray, batches: int, bar: Any) -> torch.Tensor:  # noqa: ANN401 - tqdm has no types
        """Do one optimizer step; return the summed loss and the number of formulas, of all processes."""
        accelerator, progress, config = self.accelerator, self.progress, self.config
        mine = rows[accelerator.process_index :: accelerator.num_processes]
        idle = len(mine) == 0  # fewer rows than processes: take part with a row that does not count
        ids = torch.from_numpy(self.data.train.rows(rows[:1] if idle else mine)).to(accelerator.device)
        positions = len(rows) * (ids.shape[1] - PROMPT_LENGTH)
        summed = formula_loss(self.wrapped(input_ids=ids, use_cache=False).logits, ids).sum() * (0.0 if idle else 1.0)
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
        nats = accelerator.reduce(summed.detach().double().cpu(), "sum")
        if not math.isfinite(float(nats)):
            raise TrainingError(
                f"the loss is {float(nats)} at step {progress.step}; the last good checkpoint in {self.folder} stays: "
                "lower learning_rate and start again, or --resume from the last state"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.model, progress.step)
        tokens = len(rows) * ids.shape[1]
        progress.step += 1
        progress.tokens += tokens
        bar.update(tokens)
        bar.set_postfix_str(f"{float(nats) / positions:.3f} nats a token, best {progress.best:.3f} a formula", refresh=False)
        return torch.tensor([float(nats), len(rows)], dtype=torch.float64)

    def _evaluate(self, total: torch.Tensor, bar: Any) -> None:  # noqa: ANN401
        """Measure on the validation rows with the averaged weights; keep them if they are the best so far."""
        progress = self.progress
        generator = torch.get_rng_state()
        self.average.swap(self.model)
        valid = mean_formula_loss(self.accelerator, self.model, self.data.valid)
        progress.seconds = time.monotonic() - self.started
        progress.stale = 0 if valid < progress.best else progress.stale + 1
        better = progress.stale == 0
        progress.best = min(valid, progress.best)
        entry = {
            "step": progress.step,
            "epoch": progress.epoch,
            "train_nll": float(total[0] / total[1]),
            "valid_nll": valid,
            "tokens": progress.tokens,
            "seconds": round(progress.seconds, 1),
        }
        progress.history.append(entry)
        if better and self.main:
            save_checkpoint(self.model, self.folder)
        self.average.swap(self.model)
        torch.set_rng_state(generator)
        self.model.train()
        if self.main:
            write_record(self.folder / RUN, run_record(self.config, self.data.corpus, self.model, progress, self._facts()))
            raw = cast("torch.optim.Optimizer", self.optimizer.optimizer)
            save_state(self.folder / STATE, self.model, self.average, raw, progress, self.identity)
            bar.write(
                f"step {progress.step}: train {entry['train_nll']:.3f}, validation {valid:.3f} nats a formula"
                f"{' (best)' if better else ''}"
            )
        self.accelerator.log({"train_nll": entry["train_nll"], "valid_nll": valid}, step=progress.step)
        self.accelerator.wait_for_everyone()

    def _facts(self) -> dict[str, Any]:
        return {
            "precision": self.accelerator.mixed_precision,
            "processes": self.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            "device": self.accelerator.device.type,
            "train_rows": len(self.data.train),
            "valid_rows": len(self.data.valid),
        }


def make_optimizer(model: PreTrainedModel, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make AdamW over a model; vectors (biases and norms) do not decay.

    Args:
        model: gives the parameters.
        config: gives rate, decay and betas.

    Returns:
        The optimizer, fused.
    """
    parameters = list(model.parameters())
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.betas[0], config.betas[1]),
        fused=True,
    )


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {round(batches * (number + 1) / times) for number in range(times)}
