"""Random numbers that belong to a place in the tree and to nothing else.

Every node has a 64-bit key made of the seed and the tokens that lead to it, and its numbers are a hash of the key and
of a counter (Steele, Lea, Flood: SplitMix, OOPSLA 2014). So they depend neither on the order in which nodes are
visited, nor on how many are evaluated together: a choice that falls otherwise, by rounding, changes what lies below it
alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.objectives.sampling import cumulated, placed

Keys = NDArray[np.uint64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_UNIT: Final = 2.0**-53
_MOST: Final = 2**20  # draws at a time


def root_key(seed: int | list[int]) -> Keys:
    """Give the key of the root, (1,)."""
    return np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)


def child_keys(keys: Keys, tokens: NDArray[np.integer]) -> Keys:
    """Give the keys of children.

    Args:
        keys: of their parents, (n,).
        tokens: that lead to them, (n,).

    Returns:
        (n,).
    """
    return _mixed(keys ^ _mixed(_GOLDEN * (tokens.astype(np.uint64) + np.uint64(1))))


def uniforms(keys: Keys, counters: NDArray[np.integer]) -> NDArray[np.float64]:
    """Give numbers from 0 to below 1.

    Args:
        keys: of nodes, of a shape that fits the counters.
        counters: which number of each.

    Returns:
        The shape of both together.
    """
    hashed = _mixed(keys + _GOLDEN * (counters.astype(np.uint64) + np.uint64(1)))
    return (hashed >> np.uint64(11)).astype(np.float64) * _UNIT


def gumbels(keys: Keys, size: int) -> NDArray[np.float64]:
    """Give standard Gumbel numbers, (n, size)."""
    numbers = uniforms(keys[:, None], np.arange(size)[None])
    return -np.log(-np.log(np.maximum(numbers, _UNIT / 2)))


def split(
    keys: Keys, counts: NDArray[np.int64], probabilities: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Let every sample of every node draw its next token.

    The first samples of a node draw the same, however many there are.

    Args:
        keys: of the nodes, (nodes,).
        counts: samples a node, (nodes,).
        probabilities: of the tokens, (nodes, V); rows add up to 1.

    Returns:
        Node, token and number of samples of each child, by node and token, all (children,).
    """
    shares, size = cumulated(probabilities), probabilities.shape[1]
    ends = np.cumsum(counts)
    together = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # Some draws at a time: a root has as many as there are samples.
    for first in range(0, int(counts.sum()), _MOST):
        draws = np.arange(first, min(first + _MOST, int(ends[-1])))
        nodes = np.searchsorted(ends, draws, side="right")
        numbers = uniforms(keys[nodes], draws - (ends - counts)[nodes])
        children, times = np.unique(placed(nodes, numbers, shares), return_counts=True)
        found, where = np.unique(np.concatenate([together[0], children]), return_inverse=True)
        sums = np.bincount(where, np.concatenate([together[1], times])).astype(np.int64)
        together = found, sums
    return together[0] // size, together[0] % size, together[1]


def _mixed(values: Keys) -> Keys:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: Keys = values ^ (values >> np.uint64(31))
    return mixed
