"""Samples as sequences of tokens: how a distribution is changed before they are drawn, and orders to fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

ROUND: Final = 65_536
"""Samples that are drawn together."""


@dataclass(frozen=True)
class Truncation:
    """How the model's distribution is changed before it is sampled.

    Attributes:
        temperature: divides the logits; 1 samples the model itself.
        top_k: only that many most probable tokens.
        top_p: only the most probable tokens that hold this share together; after temperature and `top_k`.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None


@dataclass(frozen=True)
class SampledSequence:
    """One distinct sequence.

    Attributes:
        ids: token ids after the prompt, without the end token.
        count: how many samples gave it.
        log_prob: natural logarithm of the model's own probability, end token included, conditions given; for an
            unfinished one that of its tokens. NaN where a sample is drawn in an order of its own, whose probability
            says nothing of the sequence.
        finished: whether it ended; otherwise it was cut after `max_tokens`, or at a token that is no element, after
            which no formula can follow.
    """

    ids: tuple[int, ...]
    count: int
    log_prob: float
    finished: bool


def probabilities(log_probs: np.ndarray, truncation: Truncation) -> np.ndarray:
    """Apply temperature, top-k and top-p.

    Args:
        log_probs: the model's, (nodes, V), float64.
        truncation: what to apply.

    Returns:
        Probabilities, (nodes, V), each row adding up to 1.
    """
    scaled = log_probs / truncation.temperature
    values = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    if truncation.top_k is not None and truncation.top_k < values.shape[1]:
        least = np.partition(values, -truncation.top_k, axis=1)[:, -truncation.top_k, None]
        values = np.where(values >= least, values, 0.0)
    values /= values.sum(axis=1, keepdims=True)
    if truncation.top_p is not None and truncation.top_p < 1:
        order = np.argsort(-values, axis=1, kind="stable")
        ranked = np.take_along_axis(values, order, axis=1)
        before = np.cumsum(ranked, axis=1) - ranked  # the first token beyond the share is kept
        np.put_along_axis(values, order, np.where(before < truncation.top_p, ranked, 0.0), axis=1)
        values /= values.sum(axis=1, keepdims=True)
    return values


def filling_orders(ids: np.ndarray, orders: int, seed: int) -> np.ndarray:
    """Draw orders in which the atoms of sequences are filled in; those of a sequence depend on it and the seed alone.

    Args:
        ids: token ids of the atoms, (B, n).
        orders: how many a sequence.
        seed: decides them.

    Returns:
        The rank of each atom in each order, (B, orders, n), int64.
    """
    draws = np.stack([np.random.default_rng([seed, *row]).random((orders, len(row))) for row in ids.tolist()])
    return draws.argsort(axis=-1).argsort(axis=-1)
