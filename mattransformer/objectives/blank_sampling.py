"""Sampling by blank filling: many canvases at a time, each distinct one evaluated once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mattransformer.errors import MattransformerError
from mattransformer.models.blank_filling import LEFT, RIGHT
from mattransformer.objectives.sampling import ROUND, TILE, SampledSequence, Truncation, split
from mattransformer.tokenization import BLANK_ID, FIRST_ELEMENT_ID, PAD_ID, PROMPT_LENGTH

if TYPE_CHECKING:
    from mattransformer.models.blank_filling import BlankFillingModel

# Steps whose actions are scored together: bounds the memory where one tile holds many samples.
_STEPS: Final = 8192


class CanvasError(MattransformerError):
    """A canvas that cannot be filled."""


@torch.no_grad()
def sample_blanks(
    model: BlankFillingModel,
    prompt: list[int],
    n: int,
    seed: int | list[int],
    truncation: Truncation | None = None,
    *,
    max_tokens: int,
    canvas: Sequence[int] | None = None,
) -> Iterator[SampledSequence]:
    """Draw independent samples, many canvases at a time.

    Samples that stand at the same canvas share its evaluation, whichever way they came there. Temperature, top-k and
    top-p change the choice of elements; the choices of the blank and of the action follow the temperature alone, since
    they have few options, and leaving one out would keep whole formulas from being reached.

    Args:
        model: in evaluation mode.
        prompt: condition tokens.
        n: samples.
        seed: decides them, together with `n`.
        truncation: temperature, top-k and top-p.
        max_tokens: a sample with more atoms and blanks than that is cut, since each blank becomes at least one atom.
        canvas: elements and blanks to begin with; None for a single blank. No element of it changes.

    Yields:
        Distinct sequences of each round of `ROUND` samples, with counts that add up to `n`, shortest first; their
        `log_prob` is nan.

    Raises:
        CanvasError: a canvas with another token than elements and blanks, or more positions than the model has.
    """
    start = [BLANK_ID] if canvas is None else list(canvas)
    _check(model, start, max_tokens)
    generator = np.random.default_rng(seed)
    truncation = truncation or Truncation()
    for first in range(0, n, ROUND):
        size = min(ROUND, n - first)
        yield from _round(model, [*prompt, *start], size, generator, truncation, max_tokens)


def _check(model: BlankFillingModel, canvas: list[int], max_tokens: int) -> None:
    foreign = [token for token in canvas if token != BLANK_ID and token < FIRST_ELEMENT_ID]
    if foreign:
        raise CanvasError(f"token {foreign[0]} of the canvas is neither an element nor a blank; leave it out")
    room = model.config.max_position_embeddings - PROMPT_LENGTH
    if max_tokens > room:
        raise CanvasError(
            f"max_tokens {max_tokens} is more than the {room} that this model has positions for"
        )


def _round(
    model: BlankFillingModel,
    start: list[int],
    n: int,
    generator: np.random.Generator,
    truncation: Truncation,
    max_tokens: int,
) -> Iterator[SampledSequence]:
    # A step makes a canvas longer by at most two tokens.
    width = max(len(start), PROMPT_LENGTH + max_tokens + 2)
    canvas = np.full((1, width), PAD_ID, dtype=np.uint8)
    canvas[0, : len(start)] = start
    counts = np.array([n])
    while len(canvas):
        lengths = (canvas != PAD_ID).sum(axis=1)
        cut = lengths > PROMPT_LENGTH + max_tokens
        full = ~(canvas == BLANK_ID).any(axis=1)
        for row in np.flatnonzero(cut | full):
            ids = tuple(canvas[row, PROMPT_LENGTH : lengths[row]].tolist())
            yield SampledSequence(ids, int(counts[row]), math.nan, finished=not cut[row])
        canvas, counts, lengths = (array[~(cut | full)] for array in (canvas, counts, lengths))
        children = [
            _fill(model, canvas[at], counts[at], int(lengths[at[0]]), generator, truncation)
            for at in _tiles(lengths)
        ]
        canvas, counts = _merge(children, width)


def _tiles(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Divide canvases into tiles of one length, so that nothing is padding."""
    order = np.argsort(lengths, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        yield from (group[first : first + TILE] for first in range(0, len(group), TILE))


def _fill(
    model: BlankFillingModel,
    canvas: np.ndarray,
    counts: np.ndarray,
    length: int,
    generator: np.random.Generator,
    truncation: Truncation,
) -> tuple[np.ndarray, np.ndarray]:
    """Let every sample of every canvas of a tile take its step.

    Args:
        model: in evaluation mode.
        canvas: (canvases, W), all of one length.
        counts: samples a canvas, (canvases,).
        length: tokens of each.
        generator: of the run.
        truncation: temperature, top-k and top-p.

    Returns:
        New canvases, (children, W), and the number of samples of each, (children,); equal ones are not yet merged.
    """
    warm = Truncation(temperature=truncation.temperature)
    ids = torch.from_numpy(canvas[:, :length].astype(np.int64)).to(model.device)
    hidden = model(input_ids=ids, blanks_only=True).last_hidden_state
    assert hidden is not None
    blanks = model.blank_log_probs(hidden, ids).double().cpu().numpy()
    rows, positions, times = split(counts, blanks, generator, warm)
    chosen = hidden[torch.from_numpy(rows), torch.from_numpy(positions)]  # (pairs of canvas and blank, H)
    scores = model.element_log_probs(chosen).double().cpu().numpy()
    pairs, elements, times = split(times, scores, generator, truncation)
    elements = elements + FIRST_ELEMENT_ID
    steps = [
        _actions(model, chosen, pairs[at], elements[at])
        for at in (slice(start, start + _STEPS) for start in range(0, len(pairs), _STEPS))
    ]
    which, actions, times = split(times, np.concatenate(steps), generator, warm)
    pairs, elements = pairs[which], elements[which]
    return _step(canvas[rows[pairs]], positions[pairs], elements, actions), times


def _actions(
    model: BlankFillingModel, chosen: torch.Tensor, pairs: np.ndarray, elements: np.ndarray
) -> np.ndarray:
    """Give the log-probabilities of the actions, (steps, 4), float64."""
    tokens = torch.from_numpy(elements).to(chosen.device)
    return model.action_log_probs(chosen[torch.from_numpy(pairs)], tokens).double().cpu().numpy()


def _step(canvas: np.ndarray, positions: np.ndarray, elements: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Put an element in place of a blank of each canvas, with the blanks that stay beside it.

    Args:
        canvas: (steps, W), with padding for two more tokens.
        positions: of the blanks, (steps,).
        elements: (steps,).
        actions: sums of `LEFT` and `RIGHT`, (steps,).

    Returns:
        (steps, W).
    """
    left, right = (actions & LEFT) // LEFT, (actions & RIGHT) // RIGHT
    columns = np.arange(canvas.shape[1])[None]
    after = (positions + left + right)[:, None]
    old = np.where(columns > after, columns - (left + right)[:, None], columns)
    new = np.take_along_axis(canvas, old, axis=1)
    new[(columns >= positions[:, None]) & (columns <= after)] = BLANK_ID
    new[np.arange(len(new)), positions + left] = elements
    return new


def _merge(children: list[tuple[np.ndarray, np.ndarray]], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Merge equal canvases, whatever their parents, and add up their samples."""
    if not children:
        return np.zeros((0, width), dtype=np.uint8), np.zeros(0, dtype=np.int64)
    canvas = np.ascontiguousarray(np.concatenate([child for child, _ in children]))
    counts = np.concatenate([count for _, count in children])
    rows = canvas.view(np.dtype((np.void, width)))[:, 0]
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    merged = np.zeros(len(first), dtype=np.int64)
    np.add.at(merged, inverse, counts)
    return canvas[first], merged
