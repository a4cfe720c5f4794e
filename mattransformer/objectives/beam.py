"""Filling masks from left to right: canonical sequences that hold the atoms given, the likeliest prefixes at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mattransformer.elements import RANK, SYMBOLS
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.tokenization import FIRST_ELEMENT_ID, MASK_ID, PROMPT_LENGTH, TOKEN_ID

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_WIDTH: Final = 512  # prefixes that are kept


@torch.no_grad()
def fill_in_order(model: PreTrainedModel, canvas: Sequence[int]) -> Iterator[SampledSequence]:
    """Search the likeliest canonical sequences of the atoms of a canvas and one more for each of its masks.

    Args:
        model: causal, in evaluation mode.
        canvas: condition tokens, atoms and masks in any order, end token.

    Yields:
        The sequences that the beam ends with, likeliest first; their `log_prob` leaves the end token out, so it is NaN.
    """
    holes = list(canvas[PROMPT_LENGTH:-1])
    known = Counter(token for token in holes if token >= FIRST_ELEMENT_ID)
    masks = holes.count(MASK_ID)
    ids = np.array([TOKEN_ID[symbol] for symbol in sorted(SYMBOLS, key=RANK.__getitem__)])
    wanted = np.array([known[token] for token in ids.tolist()])
    counts = np.zeros((1, len(ids)), dtype=np.int64)
    prefixes, scores = np.array([list(canvas[:PROMPT_LENGTH])]), np.zeros(1)
    for _ in range(len(holes)):
        logits = model(input_ids=torch.from_numpy(prefixes).to(model.device)).logits[:, -1].double()
        log_probs = torch.log_softmax(logits, dim=-1).cpu().numpy()[:, ids]
        totals = np.where(_allowed(counts, wanted, masks), scores[:, None] + log_probs, -np.inf).ravel()
        best = np.argsort(-totals, kind="stable")[:_WIDTH]
        best = best[np.isfinite(totals[best])]
        rows, chosen = best // len(ids), best % len(ids)
        counts, scores = counts[rows], totals[best]
        counts[np.arange(len(rows)), chosen] += 1
        prefixes = np.concatenate([prefixes[rows], ids[chosen][:, None]], axis=1)
    for prefix in prefixes[:, PROMPT_LENGTH:].tolist():
        yield SampledSequence(tuple(prefix), 1, math.nan, finished=True)


def _allowed(counts: np.ndarray, wanted: np.ndarray, masks: int) -> np.ndarray:
    """Tell which elements may come next.

    Args:
        counts: atoms of each element in each prefix, elements in canonical order, (prefixes, elements).
        wanted: atoms of each element that are given, (elements,).
        masks: atoms beside them.

    Returns:
        Boolean, (prefixes, elements): elements not before the last one, with every given atom before them placed, and
        either given themselves or filling a mask that is left.
    """
    free = masks - np.maximum(counts - wanted, 0).sum(axis=1)
    missing = np.maximum(wanted - counts, 0)
    last = np.where(counts.any(axis=1), counts.shape[1] - 1 - (counts > 0)[:, ::-1].argmax(axis=1), 0)
    passed_over = missing.cumsum(axis=1) - missing
    possible = (missing > 0) | (free > 0)[:, None]
    return (np.arange(counts.shape[1]) >= last[:, None]) & (passed_over == 0) & possible
