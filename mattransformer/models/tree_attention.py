"""Attention of the newest tokens of many sequences that share their beginnings.

Keys and values are kept once for every distinct prefix: `pool[t, layer, 0]` and `pool[t, layer, 1]` hold those of the
prefixes of t + 1 tokens, and each sequence names the row of its own prefix at every t. Compiled by numba on a
processor, which reads shared rows where they lie; gathered by torch elsewhere.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import torch
from numba import njit, prange

_FAST: Final = {"reassoc", "contract", "nsz"}
_compiled: Any = njit(cache=True, nogil=True, parallel=True, fastmath=_FAST)
_inlined: Any = njit(cache=True, nogil=True, fastmath=_FAST)


def attend(
    query: torch.Tensor, pool: torch.Tensor, layer: int, rows: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    """Mix the values of all tokens of each sequence.

    Args:
        query: of the newest tokens, (N, W), float32.
        pool: keys and values, (depths, layers, 2, places, W), float32.
        layer: which.
        rows: the place of each prefix, the newest last, (N, T), int64.
        heads: that W is divided among.
        scale: of the scores.

    Returns:
        (N, W).
    """
    if query.device.type == "cpu":
        mixed = np.zeros(tuple(query.shape), dtype=np.float32)
        _attend(
            query.contiguous().numpy(), pool.numpy(), layer, rows.numpy(), heads, np.float32(scale), mixed
        )
        return torch.from_numpy(mixed)
    depths = torch.arange(rows.shape[1], device=rows.device)
    key, value = (
        pool[depths, layer, kind, rows].unflatten(-1, (heads, -1)) for kind in (0, 1)
    )  # (N, T, H, D)
    scores = (query.unflatten(-1, (heads, -1))[:, None] * key).sum(dim=-1) * scale  # (N, T, H)
    return (scores.softmax(dim=1)[..., None] * value).sum(dim=1).flatten(1)


@_inlined
def _soften(scores: np.ndarray) -> None:
    """Make shares of the scores of each head, (tokens, heads), in place."""
    tokens, heads = scores.shape
    for head in range(heads):
        highest = scores[0, head]
        for token in range(1, tokens):
            highest = max(highest, scores[token, head])
        total = np.float32(0)
        for token in range(tokens):
            share = np.float32(math.exp(scores[token, head] - highest))
            scores[token, head] = share
            total += share
        for token in range(tokens):
            scores[token, head] /= total


@_inlined
def _product(first: np.ndarray, second: np.ndarray) -> np.float32:
    # Slices that are counted from 0 let the compiler use vectors.
    total = np.float32(0)
    for unit in range(len(first)):
        total += first[unit] * second[unit]
    return total


@_inlined
def _add(target: np.ndarray, share: np.float32, source: np.ndarray) -> None:
    for unit in range(len(target)):
        target[unit] += share * source[unit]


@_compiled
def _attend(
    query: np.ndarray,
    pool: np.ndarray,
    layer: int,
    rows: np.ndarray,
    heads: int,
    scale: np.float32,
    mixed: np.ndarray,
) -> None:
    count, tokens = rows.shape
    width = query.shape[1] // heads
    for node in prange(count):
        scores = np.empty((tokens, heads), dtype=np.float32)
        for token in range(tokens):
            key = pool[token, layer, 0, rows[node, token]]
            for head in range(heads):
                first, last = head * width, (head + 1) * width
                scores[token, head] = _product(query[node, first:last], key[first:last]) * scale
        _soften(scores)
        for token in range(tokens):
            value = pool[token, layer, 1, rows[node, token]]
            for head in range(heads):
                first, last = head * width, (head + 1) * width
                _add(mixed[node, first:last], scores[token, head], value[first:last])
