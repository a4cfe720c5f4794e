"""Sampling from left to right along a tree of prefixes: each distinct prefix is evaluated once.

Every sample is drawn independently from the model's distribution. Samples that share a prefix share its evaluation:
at a node, each of them draws its own next token, and the node splits into one child a token drawn. The tree is walked
depth first in tiles of at most `TILE` nodes, so memory depends on the tile and not on the number of samples. Tile and
round sizes are constants: a seed decides the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mattransformer.objectives.sampling import ROUND, TILE, SampledSequence, Truncation, split
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID, PROMPT_LENGTH

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class _Tile:
    """Nodes of one depth, not yet evaluated.

    `cache` holds keys and values of the tile of their parents, `parents` which of those each node continues.
    """

    prefixes: np.ndarray  # (nodes, depth)
    counts: np.ndarray  # (nodes,)
    log_probs: np.ndarray  # (nodes,)
    cache: Any
    parents: np.ndarray | None


Step = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]
"""Prefixes (nodes, depth) and the keys and values of all but their last token (None at first, and where a model keeps
none) to the logits of the next token, (nodes, V), and the keys and values of all tokens."""


@torch.no_grad()
def sample_tree(
    step: Step,
    prompt: list[int],
    n: int,
    seed: int | list[int],
    truncation: Truncation | None = None,
    *,
    max_tokens: int,
    device: torch.device,
) -> Iterator[SampledSequence]:
    """Draw independent samples.

    Args:
        step: evaluates a model.
        prompt: condition tokens.
        n: samples.
        seed: decides them, together with `n`.
        truncation: temperature, top-k and top-p.
        max_tokens: a sample that has not ended after as many atoms is cut, with the atom that is too many.
        device: of the model.

    Yields:
        Distinct sequences of each round of `ROUND` samples, with counts that add up to `n`.
    """
    generator = np.random.default_rng(seed)
    truncation = truncation or Truncation()
    for start in range(0, n, ROUND):
        yield from _round(step, prompt, min(ROUND, n - start), generator, truncation, max_tokens, device)


def _round(
    step: Step,
    prompt: list[int],
    n: int,
    generator: np.random.Generator,
    truncation: Truncation,
    max_tokens: int,
    device: torch.device,
) -> Iterator[SampledSequence]:
    root = _Tile(np.array([prompt]), np.array([n]), np.zeros(1), None, None)
    pending = [root]
    while pending:
        tile = pending.pop()
        log_probs, cache = _evaluate(step, tile, device)
        nodes, tokens, counts = split(tile.counts, log_probs, generator, truncation)
        totals = tile.log_probs[nodes] + log_probs[nodes, tokens]
        atoms = tile.prefixes.shape[1] - PROMPT_LENGTH
        ended = tokens == END_ID
        for node, count, total in zip(nodes[ended], counts[ended], totals[ended], strict=True):
            ids = tuple(tile.prefixes[node, PROMPT_LENGTH:].tolist())
            yield SampledSequence(ids, int(count), float(total), finished=True)
        nodes, tokens, counts, totals = (array[~ended] for array in (nodes, tokens, counts, totals))
        prefixes = np.concatenate([tile.prefixes[nodes], tokens[:, None]], axis=1)
        cut = (tokens < FIRST_ELEMENT_ID) | (atoms + 1 > max_tokens)
        for prefix, count, total in zip(prefixes[cut], counts[cut], totals[cut], strict=True):
            ids = tuple(prefix[PROMPT_LENGTH:].tolist())
            yield SampledSequence(ids, int(count), float(total), finished=False)
        nodes, prefixes, counts, totals = (array[~cut] for array in (nodes, prefixes, counts, totals))
        pending.extend(
            _Tile(prefixes[at], counts[at], totals[at], cache, nodes[at])
            for at in (slice(first, first + TILE) for first in range(0, len(nodes), TILE))
        )


def _evaluate(step: Step, tile: _Tile, device: torch.device) -> tuple[np.ndarray, Any]:
    """Give the log-probabilities of the next token, (nodes, V), float64, and the keys and values of the tile."""
    cache = _select(tile.cache, tile.parents, device)
    logits, cache = step(torch.from_numpy(tile.prefixes).to(device), cache)
    return torch.log_softmax(logits.double(), dim=-1).cpu().numpy(), cache


def _select(cache: Any, nodes: np.ndarray | None, device: torch.device) -> Any:  # noqa: ANN401 - Cache has no stubs
    """Copy the keys and values of some nodes; their siblings in other tiles still need the original."""
    if cache is None or nodes is None:
        return None
    from transformers import DynamicCache

    chosen = torch.from_numpy(nodes).to(device)
    return DynamicCache([(layer.keys[chosen], layer.values[chosen]) for layer in cache.layers])
