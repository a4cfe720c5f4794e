"""What samplers of every objective share: their result, and how samples are split among the choices of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

# Nodes evaluated together, and samples drawn together: constants, so that a seed decides the samples.
TILE: Final = 1024
ROUND: Final = 65_536


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
            unfinished one that of its tokens. nan where a sequence is reached along many paths and its probability is
            their sum, as for `sample_blanks`: the path that a sample took says little about it.
        finished: whether it ended; otherwise it was cut after `max_tokens`, or at a token that is no element, after
            which no formula can follow. One from `sample_blanks` holds the blanks that it was cut with.
    """

    ids: tuple[int, ...]
    count: int
    log_prob: float
    finished: bool


def split(
    counts: np.ndarray, log_probs: np.ndarray, generator: np.random.Generator, truncation: Truncation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let every sample of every node draw its next token.

    Args:
        counts: samples a node, (nodes,).
        log_probs: the model's, (nodes, V).
        generator: of the run.
        truncation: temperature, top-k and top-p.

    Returns:
        Node, token and number of samples of each child, all (children,).
    """
    shares = cumulated(probabilities(log_probs, truncation))
    nodes = np.repeat(np.arange(len(counts)), counts)
    children, times = np.unique(placed(nodes, generator.random(len(nodes)), shares), return_counts=True)
    return children // log_probs.shape[1], children % log_probs.shape[1], times


def cumulated(probabilities: np.ndarray) -> np.ndarray:
    """Add up the probabilities of each node, (nodes, V), so that the last sum is 1 whatever their rounding.

    Node i owns the interval from i to i + 1: one sorted list for all nodes, (nodes * V,), float64.
    """
    sums = torch.from_numpy(probabilities).cumsum(dim=1, dtype=torch.float64)  # in several threads
    return (sums / sums[:, -1:] + torch.arange(len(sums))[:, None]).numpy().ravel()


def placed(nodes: np.ndarray, numbers: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Find the choices that draws fall on.

    Args:
        nodes: of the draws, (draws,).
        numbers: uniform from 0 to below 1, (draws,).
        shares: of all nodes, from `cumulated`.

    Returns:
        Places in `shares`: node times V plus choice, (draws,).
    """
    # Rounding must not reach the next node.
    return np.searchsorted(shares, np.minimum(numbers + nodes, np.nextafter(nodes + 1.0, 0)), side="right")


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
