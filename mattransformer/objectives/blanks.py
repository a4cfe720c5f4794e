"""Blank filling: the training loss, the bound of the likelihood, and batched sampling.

A formula of n atoms is reached along n! paths, one an order in which its atoms are placed, and its probability is the
sum over them. Training and scoring use Jensen's bound, with the mean over orders (Shen et al., arXiv:2002.03079):

    log p(x) >= log n! + sum over t of E[log p(action | canvas of t placed atoms)]

where the t placed atoms are a random subset and each of the n - t missing ones is equally likely to be the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch

from mattransformer.errors import MattransformerError
from mattransformer.models.blank_filling import LEFT, RIGHT
from mattransformer.objectives.sampling import ROUND, TILE, SampledSequence, Truncation, split
from mattransformer.tokenization import BLANK_ID, FIRST_ELEMENT_ID, MASK_ID, PAD_ID, PROMPT_LENGTH

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture
    from mattransformer.models.blank_filling import BlankFillingModel

# Steps whose actions are scored together: bounds the memory where one tile holds many samples.
_STEPS: Final = 8192


class CanvasError(MattransformerError):
    """A canvas that cannot be filled."""


@dataclass(frozen=True)
class Canvases:
    """Formulas of n atoms with some of their atoms placed, and the step that would place each of the others.

    Attributes:
        input_ids: condition tokens, placed atoms, and one blank for every run of missing ones, (B, L).
        attention_mask: 1 for tokens and 0 for the padding behind them, (B, L).
        positions: where in L each atom stands: itself or its blank, (B, n).
        actions: what would stay beside each missing atom, a sum of `LEFT` and `RIGHT`, (B, n); 0 for placed ones.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    positions: torch.Tensor
    actions: torch.Tensor


def canvases(ids: torch.Tensor, placed: torch.Tensor) -> Canvases:
    """Take atoms away from formulas.

    Args:
        ids: condition tokens, n atoms and end, (B, T); no padding.
        placed: which atoms stay, bool, (B, n).

    Returns:
        The canvases, padded to the longest.
    """
    missing = torch.nn.functional.pad(~placed, (1, 1))  # (B, n + 2), with no missing atom beyond the ends
    left, missing, right = missing[:, :-2], missing[:, 1:-1], missing[:, 2:]
    kept = ~(missing & left)  # placed, or the first of its run
    positions = PROMPT_LENGTH - 1 + kept.long().cumsum(dim=1)
    lengths = positions[:, -1:] + 1
    length = int(lengths.max())
    atoms = ids[:, PROMPT_LENGTH:-1].masked_fill(missing, BLANK_ID)
    input_ids = ids.new_full((len(ids), length), PAD_ID)
    input_ids[:, :PROMPT_LENGTH] = ids[:, :PROMPT_LENGTH]
    input_ids.scatter_(1, positions, atoms)  # the atoms of a run all write the same blank
    attention_mask = (torch.arange(length, device=ids.device) < lengths).long()
    actions = (LEFT * left + RIGHT * right) * missing
    return Canvases(input_ids, attention_mask, positions, actions)


def losses(
    model: torch.nn.Module, ids: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Estimate the negative lower bound of each formula's log-probability, for training.

    One canvas a formula is drawn: t placed atoms, t uniform in 0..n-1, every subset alike; all missing atoms are scored
    on it. The estimate is unbiased. The t of a batch are spread evenly, which lowers the variance of its mean.

    Args:
        model: a `BlankFillingModel`, or a wrapper of it.
        ids: condition tokens, n atoms and end, (B, T); no padding.
        generator: draws; None for torch's default.

    Returns:
        Nats a formula, (B,), float32, with gradient.
    """
    rows, n = len(ids), ids.shape[1] - PROMPT_LENGTH - 1
    device = ids.device if generator is None else generator.device
    offset = torch.rand((), generator=generator, device=device)
    shares = (offset + torch.randperm(rows, generator=generator, device=device) / rows) % 1
    sizes = (shares * n).long().clamp_(max=n - 1)
    keys = torch.rand(rows, n, generator=generator, device=device)
    placed = (keys.argsort(dim=1).argsort(dim=1) < sizes[:, None]).to(ids.device)
    steps = n / (n - placed.sum(dim=1))
    return -math.lgamma(n + 1) - steps * _scores(model, ids, placed)


def _scores(model: torch.nn.Module, ids: torch.Tensor, placed: torch.Tensor) -> torch.Tensor:
    """Add up the log-probabilities of placing each missing atom next, (B,)."""
    drawn = canvases(ids, placed)
    log_probs = model(
        input_ids=drawn.input_ids,
        attention_mask=drawn.attention_mask,
        positions=drawn.positions,
        elements=ids[:, PROMPT_LENGTH:-1],
        actions=drawn.actions,
    ).log_probs
    return log_probs.masked_fill(placed, 0.0).sum(dim=1)


@torch.no_grad()
def bound(
    model: BlankFillingModel, ids: torch.Tensor, orders: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Bound the probability of each formula from below: every t, and `orders` random orders of its atoms.

    Where all 2^n - 1 canvases of a formula cost no more than those of the random orders, all are taken and the bound is
    exact. Otherwise the orders of a formula depend on the formula and on one draw of `generator`, and not on the
    other rows: a generator with a fresh seed gives a formula the same number in every batch.

    Args:
        model: in evaluation mode.
        ids: condition tokens, n atoms and end, (B, T); no padding.
        orders: random orders a formula, at least 1.
        generator: draws; None for torch's default.

    Returns:
        The negative bound in nats a formula, (B,), float64, on the CPU. Its expectation does not depend on `orders`.
    """
    n = ids.shape[1] - PROMPT_LENGTH - 1
    device = "cpu" if generator is None else generator.device
    seed = int(torch.randint(2**62, (), generator=generator, device=device))
    if 2**n - 1 <= n * orders:
        placed, weights = _all_subsets(n)
        placed = placed[:, None].repeat(len(ids), axis=1)
    else:
        placed, weights = _prefixes(ids[:, PROMPT_LENGTH:-1].cpu().numpy(), orders, seed)
    sizes = placed.sum(axis=2)  # (S, B)
    shares = weights[:, None] / (n - sizes)
    which = np.tile(np.arange(len(ids)), len(placed))
    flat = torch.from_numpy(placed.reshape(-1, n))
    scores = np.concatenate(
        [
            _scores(model, ids[torch.from_numpy(which[at])], flat[at].to(ids.device)).double().cpu().numpy()
            for at in (slice(start, start + TILE) for start in range(0, len(flat), TILE))
        ]
    )
    nats = -math.lgamma(n + 1) - (shares * scores.reshape(sizes.shape)).sum(axis=0)
    return torch.from_numpy(nats)


def _all_subsets(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give every set of placed atoms but the full one, smallest first, and its probability among those of its size.

    Args:
        n: atoms.

    Returns:
        The sets, bool, (2^n - 1, n), and the probabilities, (2^n - 1,).
    """
    placed = (np.arange(2**n - 1)[:, None] >> np.arange(n) & 1).astype(bool)
    placed = placed[np.argsort(placed.sum(axis=1), kind="stable")]
    return placed, np.array([1 / math.comb(n, int(size)) for size in placed.sum(axis=1)])


def _prefixes(atoms: np.ndarray, orders: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw sets of placed atoms: the prefixes of random orders, shortest first; the empty one once.

    Args:
        atoms: (B, n).
        orders: how many orders a formula.
        seed: decides them, with the atoms.

    Returns:
        The sets, bool, (S, B, n), and the weight of each, which add up to 1 a size, (S,).
    """
    rows, n = atoms.shape
    ranks = np.empty((orders, rows, n), dtype=np.int64)
    for row, formula in enumerate(atoms):
        generator = np.random.default_rng([seed, *formula.tolist()])
        ranks[:, row] = generator.permuted(np.tile(np.arange(n), (orders, 1)), axis=1)
    placed = [np.zeros((1, rows, n), dtype=bool), *(ranks < size for size in range(1, n))]
    return np.concatenate(placed), np.repeat([1.0, 1 / orders], [1, (n - 1) * orders])


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


class BlankFilling:
    """BLM."""

    exact = False

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; an unbiased draw of the bound."""
        return losses(model, ids)

    def nats(self, model: PreTrainedModel, ids: torch.Tensor, seed: int, orders: int) -> torch.Tensor:
        """See `Objective.nats`; the bound."""
        return bound(cast("BlankFillingModel", model), ids, orders, torch.Generator().manual_seed(seed))

    def sample(
        self,
        model: PreTrainedModel,
        prompt: list[int],
        n: int,
        seed: int | list[int],
        truncation: Truncation | None = None,
        *,
        max_tokens: int,
    ) -> Iterator[SampledSequence]:
        """See `Objective.sample`; from a canvas of one blank."""
        blank_model = cast("BlankFillingModel", model)
        return sample_blanks(blank_model, prompt, n, seed, truncation, max_tokens=max_tokens)

    def fill(
        self,
        canvas: Sequence[int],
        model: PreTrainedModel,
        n: int,
        seed: int | list[int],
        truncation: Truncation | None = None,
        *,
        max_tokens: int,
    ) -> Iterator[SampledSequence]:
        """Draw whole formulas given a canvas; holes that follow each other are one blank of any length.

        Args:
            canvas: condition tokens, atoms, masks and blanks, end token.
            model: in evaluation mode.
            n: samples.
            seed: decides them.
            truncation: temperature, top-k and top-p.
            max_tokens: a sample with more atoms is cut.

        Yields:
            As `Objective.sample` does.
        """
        holes = [BLANK_ID if token == MASK_ID else token for token in canvas[PROMPT_LENGTH:-1]]
        start = [
            token for token, before in zip(holes, [-1, *holes], strict=False) if {token, before} != {BLANK_ID}
        ]
        blank_model = cast("BlankFillingModel", model)
        prompt = list(canvas[:PROMPT_LENGTH])
        return sample_blanks(blank_model, prompt, n, seed, truncation, max_tokens=max_tokens, canvas=start)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`; a canvas has no end token, which gets the last atom's."""
        hidden: torch.Tensor = model(input_ids=ids[:, :-1]).last_hidden_state
        return torch.cat([hidden, hidden[:, -1:]], dim=1)
