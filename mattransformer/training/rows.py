"""What a training learns from: the rows of its corpora, and for each epoch which of them and how much each counts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mattransformer.data.analogues import analogue_table
from mattransformer.data.batches import epoch_rows
from mattransformer.data.corpora import Corpus, load_corpus
from mattransformer.data.encoding import EncodedFormulas, encode_formulas, encode_table
from mattransformer.data.variants import holding
from mattransformer.formula import Formula
from mattransformer.tokenization import CONDITIONS
from mattransformer.training.config import ConfigError, TrainingConfig

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightedRows:
    """Sequences, each with how much its loss counts.

    Attributes:
        formulas: the sequences.
        loss_weights: factor of the loss of each, (sequences,); below 0 the model is to unlearn it.
        facts: what the record is to say of them.
    """

    formulas: EncodedFormulas
    loss_weights: np.ndarray
    facts: Mapping[str, float] = field(default_factory=dict)


# Samples the model that is trained: model, number of samples and seed to what these samples teach it.
OwnSampler = Callable[["PreTrainedModel", int, list[int]], WeightedRows]


@dataclass(frozen=True)
class Analogues:
    """Compositions one swapped element away from the rows (`data.analogues`), to be learned beside them.

    Attributes:
        source: of the rows.
        names: their reduced formulas.
        formulas: their sequences.
        weights: how often each is seen an epoch.
    """

    source: str
    names: frozenset[str]
    formulas: EncodedFormulas
    weights: np.ndarray

    def epoch(self, seed: int, number: int) -> WeightedRows:
        """Choose those of an epoch, as `TrainingData.epoch` does with the rows."""
        rows = epoch_rows(self.weights, seed, number)
        return WeightedRows(self.formulas.take(rows), np.ones(len(rows)))


@dataclass(frozen=True)
class TrainingData:
    """Encoded rows of a corpus.

    Attributes:
        corpus: where they come from.
        train: the sequences to learn from.
        weights: how often each is seen an epoch.
        valid: the sequences to measure on.
        analogues: what is learned beside the rows, if anything.
    """

    corpus: Corpus
    train: EncodedFormulas
    weights: np.ndarray
    valid: EncodedFormulas
    analogues: Analogues | None = None

    def epoch(self, seed: int, number: int) -> WeightedRows:
        """Choose the rows of an epoch.

        Args:
            seed: of the run.
            number: of the epoch, from 0.

        Returns:
            The rows, each as often as its weight says; all count alike.
        """
        rows = epoch_rows(self.weights, seed, number)
        return WeightedRows(self.train.take(rows), np.ones(len(rows)))


def join(first: WeightedRows, second: WeightedRows) -> WeightedRows:
    """Put the rows of two sets together."""
    shifted = second.formulas.starts[1:] + first.formulas.starts[-1]
    formulas = EncodedFormulas(
        np.concatenate([first.formulas.ids, second.formulas.ids]),
        np.concatenate([first.formulas.starts, shifted]),
    )
    weights = np.concatenate([first.loss_weights, second.loss_weights])
    return WeightedRows(formulas, weights, {**first.facts, **second.facts})


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
        raise ConfigError(
            f"corpora: {corpus.name} is for measuring only and never trains a model; leave it out"
        )
    for source in config.weights:
        if source not in CONDITIONS[0].values:
            raise ConfigError(
                f"weights: no source {source!r}; the sources are {', '.join(CONDITIONS[0].values)}"
            )
    table = corpus.split("train")
    if config.limit is not None and config.limit < len(table):
        chosen = np.random.default_rng(config.seed).permutation(len(table))[: config.limit]
        table = table.iloc[np.sort(chosen)].reset_index(drop=True)
    valid = corpus.split("valid")
    if valid.empty:
        valid = table  # a user's handful of formulas may leave no validation row
        _log.warning(
            "%s has no row in the validation split: the loss is measured on the training rows", corpus.name
        )
    if config.validation_rows is not None and len(valid) > config.validation_rows:
        chosen = np.random.default_rng(0).permutation(len(valid))[: config.validation_rows]
        valid = valid.iloc[np.sort(chosen)]
    if table.empty:
        raise ConfigError(f"corpora: {corpus.name} has no training row; give more formulas")
    weights = table["source"].map(lambda source: config.weights.get(source, 1.0)).to_numpy(np.float64)
    if not weights.any():
        raise ConfigError("weights: every row of the corpora has weight 0; leave one source a weight above 0")
    return TrainingData(
        corpus, encode_table(table), weights, encode_table(valid), _load_analogues(corpus, table, config)
    )


def _load_analogues(corpus: Corpus, train: pd.DataFrame, config: TrainingConfig) -> Analogues | None:
    """Rank the analogues of the pure training rows of a source; what any split of any corpus lists is none."""
    if not config.analogues:
        return None
    source = config.analogues_of or corpus.sources[0]
    if source not in corpus.sources:
        raise ConfigError(
            f"analogues_of: no source {source!r} in this training: choose one of {', '.join(corpus.sources)}"
        )
    rows = train[(train["source"] == source) & train["variant"].isin(holding("pure"))]
    listed = set(corpus.table["formula"])
    table = analogue_table([Formula.parse(formula) for formula in rows["formula"]], listed, config.analogues)
    if table.empty:
        raise ConfigError("analogues: the rows are too few to have any; set it to 0")
    share = table["score"].to_numpy() / table["score"].sum()
    encoded = encode_formulas(table["formula"].tolist(), [source] * len(table), table["variant"].tolist())
    return Analogues(source, frozenset(table["formula"]), encoded, share * config.analogue_rows)
