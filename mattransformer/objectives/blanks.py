"""Blank filling: the training loss and the bound of the likelihood.

A formula of n atoms is reached along n! paths, one an order in which its atoms are placed, and its probability is the
sum over them. Training and scoring use Jensen's bound, with the mean over orders (Shen et al., arXiv:2002.03079):

    log p(x) >= log n! + sum over t of E[log p(action | canvas of t placed atoms)]

where the t placed atoms are a random subset and each of the n - t missing ones is equally likely to be the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from mattransformer.models.blank_filling import LEFT, RIGHT
from mattransformer.objectives.blank_sampling import sample_blanks
from mattransformer.objectives.losses import Losses, broken_choice_loss
from mattransformer.objectives.sampling import TILE, SampledSequence, Truncation, filling_orders
from mattransformer.tokenization import BLANK_ID, MASK_ID, PAD_ID, PROMPT_LENGTH

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture
    from mattransformer.models.blank_filling import BlankFillingModel


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
    model: torch.nn.Module,
    ids: torch.Tensor,
    generator: torch.Generator | None = None,
    *,
    ruled: bool = False,
) -> Losses:
    """Estimate the negative lower bound of each formula's log-probability, for training.

    One canvas a formula is drawn: t placed atoms, t uniform in 0..n-1, every subset alike; all missing atoms are scored
    on it. The estimate is unbiased. The t of a batch are spread evenly, which lowers the variance of its mean. Where
    one atom alone is missing, placing it with no blank beside it ends the formula.

    Args:
        model: a `BlankFillingModel`, or a wrapper of it.
        ids: condition tokens, n atoms and end, (B, T); no padding.
        generator: draws; None for torch's default.
        ruled: whether to ask for the rule of the conditions.

    Returns:
        Nats a formula, float32, with gradient.
    """
    rows, n = len(ids), ids.shape[1] - PROMPT_LENGTH - 1
    device = ids.device if generator is None else generator.device
    offset = torch.rand((), generator=generator, device=device)
    shares = (offset + torch.randperm(rows, generator=generator, device=device) / rows) % 1
    sizes = (shares * n).long().clamp_(max=n - 1)
    keys = torch.rand(rows, n, generator=generator, device=device)
    placed = (keys.argsort(dim=1).argsort(dim=1) < sizes[:, None]).to(ids.device)
    steps = n / (n - placed.sum(dim=1))
    last = torch.nonzero(placed.sum(dim=1) == n - 1)[:, 0] if ruled else None
    output = _placing(model, ids, placed, last)
    nats = -math.lgamma(n + 1) - steps * output.log_probs.masked_fill(placed, 0.0).sum(dim=1)
    broken = torch.zeros_like(nats)
    if last is not None:
        at = (~placed[last]).long().argmax(dim=1)
        broken = broken.index_add(0, last, n * broken_choice_loss(output.endings, ids[last], at))
    return Losses(nats, broken)


def _placing(
    model: torch.nn.Module, ids: torch.Tensor, placed: torch.Tensor, last: torch.Tensor | None = None
) -> Any:  # noqa: ANN401 - a BlankFillingOutput, maybe of a wrapper
    """Score the steps that would place each atom next, and those that end the formulas `last`."""
    drawn = canvases(ids, placed)
    return model(
        input_ids=drawn.input_ids,
        attention_mask=drawn.attention_mask,
        positions=drawn.positions,
        elements=ids[:, PROMPT_LENGTH:-1],
        actions=drawn.actions,
        last=last,
    )


def _scores(model: torch.nn.Module, ids: torch.Tensor, placed: torch.Tensor) -> torch.Tensor:
    """Add up the log-probabilities of placing each missing atom next, (B,)."""
    log_probs: torch.Tensor = _placing(model, ids, placed).log_probs
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
    ranks = filling_orders(atoms, orders, seed).transpose(1, 0, 2)
    placed = [np.zeros((1, rows, n), dtype=bool), *(ranks < size for size in range(1, n))]
    return np.concatenate(placed), np.repeat([1.0, 1 / orders], [1, (n - 1) * orders])


class BlankFilling:
    """BLM."""

    exact = False
    fills_blanks = True

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; an unbiased draw of the bound."""
        return losses(model, ids, ruled=ruled)

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
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """See `Objective.fill`; holes that follow each other are one blank of any length."""
        holes = [BLANK_ID if token == MASK_ID else token for token in canvas[PROMPT_LENGTH:-1]]
        start = [
            token for token, before in zip(holes, [-1, *holes], strict=False) if {token, before} != {BLANK_ID}
        ]
        blank_model = cast("BlankFillingModel", model)
        prompt = list(canvas[:PROMPT_LENGTH])
        return sample_blanks(blank_model, prompt, n, seed, max_tokens=max_tokens, canvas=start)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`; a canvas has no end token, which gets the last atom's."""
        hidden: torch.Tensor = model(input_ids=ids[:, :-1]).last_hidden_state
        return torch.cat([hidden, hidden[:, -1:]], dim=1)
