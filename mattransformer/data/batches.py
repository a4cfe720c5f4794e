"""Batches of equal length: no padding, as many sequences as a token budget holds, in an order that a seed decides."""

from __future__ import annotations

import numpy as np


def epoch_rows(weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Choose the rows of one epoch: each as often as its weight says.

    Args:
        weights: how often a row is wanted an epoch, (rows,), at least 0. With a weight of 1.5, every row is taken once
            and half of the rows twice, another half each epoch.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Row indices, (chosen,), int64.
    """
    generator = np.random.default_rng([seed, epoch, 0])
    times = np.floor(weights + generator.random(len(weights))).astype(np.int64)
    return np.repeat(np.arange(len(weights)), times)


def length_batches(
    lengths: np.ndarray, rows: np.ndarray, budget: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Divide rows into batches of one length each, shuffled within and among themselves.

    Args:
        lengths: tokens of every row of the corpus.
        rows: the rows to divide.
        budget: most tokens a batch; at least one row is taken whatever its length.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Arrays of row indices; together they hold each of `rows` once.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    rows = generator.permutation(rows)
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    batches: list[np.ndarray] = []
    for group in np.split(rows, np.flatnonzero(np.diff(lengths[rows])) + 1):
        size = max(1, budget // int(lengths[group[0]])) if len(group) else 1
        batches.extend(group[start : start + size] for start in range(0, len(group), size))
    return [batches[index] for index in generator.permutation(len(batches))]
