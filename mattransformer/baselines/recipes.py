"""What a configuration makes of a corpus: training rows, networks, and the method that trains them.

recipe = recipe_of(load_generator_config("configs/matgan-mp.yaml"))
recipe.method.step()
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from mattransformer.baselines.adversarial import AdversarialMethod
from mattransformer.baselines.conditional import (
    ConditionalGAN,
    ConditionalVAE,
    CountVectorGenerator,
    Decoder,
    Encoder,
    VectorCritic,
    scaled,
)
from mattransformer.baselines.config import (
    CganConfig,
    CountVectorConfig,
    CvaeConfig,
    GeneratorConfig,
    MatganConfig,
)
from mattransformer.baselines.count_vectors import CountVectors
from mattransformer.baselines.descriptors import descriptors
from mattransformer.baselines.matgan import (
    MATGAN,
    NOISE,
    MatganCritic,
    MatganGenerator,
    sizes_of,
    with_settled_norms,
)
from mattransformer.baselines.method import Method, Noise, Sampler
from mattransformer.baselines.one_hot import fits, matrices
from mattransformer.baselines.variational import VariationalMethod
from mattransformer.data.corpora import Corpus, load_corpus
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions
from mattransformer.training.config import ConfigError
from mattransformer.training.processes import has_fast_bfloat16

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Recipe:
    """A training that is ready to start.

    Attributes:
        method: its networks and steps.
        sampler: what users get of the network `generator`.
        corpus: where the rows come from.
        rows: compositions that are learned from.
        left_out: why training rows of the corpus are not among them, and how many.
        rng: the stream of random numbers of batches and noise.
    """

    method: Method
    sampler: Sampler
    corpus: Corpus
    rows: Compositions
    left_out: dict[str, int]
    rng: torch.Generator


class _MatrixRows:
    """Compositions as matrices, encoded when they are asked for."""

    def __init__(self, compositions: Compositions) -> None:
        self.compositions = compositions

    def __len__(self) -> int:
        return len(self.compositions)

    def take(self, rows: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(matrices(self.compositions.take(rows.numpy()))), None


class _VectorRows:
    """Vectors with their conditions."""

    def __init__(self, vectors: np.ndarray, conditions: np.ndarray) -> None:
        self.vectors, self.conditions = torch.from_numpy(vectors), torch.from_numpy(conditions)

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.vectors[rows], self.conditions[rows]


def recipe_of(config: GeneratorConfig) -> Recipe:
    """Prepare a training.

    Args:
        config: its settings.

    Returns:
        The recipe; weights, batches and noise are decided by the seed.

    Raises:
        MattransformerError: no such corpus, one that must not be learned from, or no rows to learn from.
    """
    corpus = load_corpus(list(config.corpora), column=config.column, variant=config.variant)
    if not corpus.trainable:
        raise ConfigError(
            f"corpora: {corpus.name} is for measuring only and never trains a model; leave it out"
        )
    table = corpus.split("train").drop_duplicates(
        "formula", ignore_index=True
    )  # once, whichever sources list it
    if config.limit is not None and config.limit < len(table):
        chosen = np.random.default_rng(config.seed).permutation(len(table))[: config.limit]
        table = table.iloc[np.sort(chosen)].reset_index(drop=True)
    rng = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):  # the user's random numbers stay as they are
        torch.manual_seed(config.seed)
        if isinstance(config, MatganConfig):
            return _matgan(config, corpus, table, rng)
        return _count_vectors(cast("CountVectorConfig", config), corpus, table, rng)


def _matgan(config: MatganConfig, corpus: Corpus, table: pd.DataFrame, rng: torch.Generator) -> Recipe:
    compositions = read_column(table["formula"]).compositions
    fitting = fits(compositions)
    rows = compositions.take(np.flatnonzero(fitting))
    _require_rows(rows, corpus, "that fits into 85 elements and 8 atoms of each")
    sizes = sizes_of(config.preset, config.width)
    generator, critic = MatganGenerator(sizes), MatganCritic(sizes)
    method = AdversarialMethod(
        generator,
        critic,
        _MatrixRows(rows),
        lambda n: torch.randn((n, NOISE), generator=rng),
        rng,
        batch_size=config.batch_size,
        rates=(config.learning_rate, config.critic_learning_rate),
        betas=(config.betas[0], config.betas[1]),
        critic_steps=config.critic_steps,
        gradient_penalty=config.gradient_penalty,
        autocast=_autocast(config.precision),
    )
    return Recipe(
        method,
        lambda network: MATGAN(with_settled_norms(cast("MatganGenerator", network))),
        corpus,
        rows,
        {"does not fit into the matrix": int((~fitting).sum())},
        rng,
    )


def _count_vectors(
    config: CountVectorConfig, corpus: Corpus, table: pd.DataFrame, rng: torch.Generator
) -> Recipe:
    if config.condition not in table:
        raise ConfigError(f"condition: {corpus.name} has no {config.condition}; choose corpora that have it")
    known = table[config.condition].notna()
    kept = table[known]
    rows = read_column(kept["formula"]).compositions
    _require_rows(rows, corpus, f"with a known {config.condition}")
    conditions = kept[config.condition].to_numpy(np.float32)
    vectors = CountVectors.of(rows, config.representation)
    encoded = vectors.encode(rows)
    if config.descriptors:
        encoded = np.concatenate([encoded, scaled(descriptors(rows))], axis=1)
    decoder = Decoder(config.noise, config.widths, encoded.shape[1])
    data = _VectorRows(encoded, scaled(conditions))

    def sampler(network: torch.nn.Module) -> CountVectorGenerator:
        own = cast("Decoder", copy.deepcopy(network))
        kind = ConditionalVAE if isinstance(config, CvaeConfig) else ConditionalGAN
        return kind(own, vectors, conditions, config.condition)

    method = _conditional_method(config, decoder, data, _noise(config, rng), rng)
    return Recipe(method, sampler, corpus, rows, {f"no {config.condition}": int((~known).sum())}, rng)


def _conditional_method(
    config: CountVectorConfig, decoder: Decoder, data: _VectorRows, noise: Noise, rng: torch.Generator
) -> Method:
    betas = config.betas[0], config.betas[1]
    if isinstance(config, CvaeConfig):
        return VariationalMethod(
            decoder,
            Encoder(config.noise, config.widths, decoder.outputs),
            data,
            noise,
            rng,
            batch_size=config.batch_size,
            rate=config.learning_rate,
            betas=betas,
            kl_weight=config.kl_weight,
        )
    adversarial = cast("CganConfig", config)
    return AdversarialMethod(
        decoder,
        VectorCritic(config.widths, decoder.outputs),
        data,
        noise,
        rng,
        batch_size=config.batch_size,
        rates=(config.learning_rate, adversarial.critic_learning_rate),
        betas=betas,
        critic_steps=adversarial.critic_steps,
        gradient_penalty=adversarial.gradient_penalty,
    )


def _noise(config: CountVectorConfig, rng: torch.Generator) -> Noise:
    if isinstance(config, CvaeConfig):
        return lambda n: torch.randn((n, config.noise), generator=rng)
    return lambda n: 2 * torch.rand((n, config.noise), generator=rng) - 1


def _require_rows(rows: Compositions, corpus: Corpus, wanted: str) -> None:
    if not len(rows):
        raise ConfigError(f"corpora: {corpus.name} has no training row {wanted}; give more formulas")


def _autocast(precision: str) -> Callable[[], AbstractContextManager[Any]]:
    if precision == "bf16" or (precision == "auto" and has_fast_bfloat16()):
        return lambda: torch.autocast("cpu", torch.bfloat16)
    return nullcontext
