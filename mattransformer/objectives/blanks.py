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
from mattransformer.objectives.left_to_right import BlankStepper
from mattransformer.objectives.losses import Losses, broken_choice_loss
from mattransformer.objectives.orders import mean_over_orders
from mattransformer.objectives.prefix_tree import TILE, Plan, PrefixTree
from mattransformer.objectives.sampling import SampledSequence, Truncation
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


@torch.no_grad()
def bound(
    model: BlankFillingModel, ids: torch.Tensor, orders: int, seed: int = 0, given: torch.Tensor | None = None
) -> torch.Tensor:
    """Bound the probability of each formula from below: the mean over the orders of its atoms, see `mean_over_orders`.

    Args:
        model: in evaluation mode.
        ids: condition tokens, n atoms and end, (B, T); no padding.
        orders: random orders a formula, at least 1; few atoms are placed in all orders.
        seed: decides them.
        given: atoms that are there from the start, bool, (B, n), as many in each row; None for none.

    Returns:
        The negative bound in nats a formula, (B,), float64, on the CPU. Its expectation does not depend on `orders`.
    """

    def score(rows: np.ndarray, placed: np.ndarray) -> np.ndarray:
        there = torch.from_numpy(placed).to(ids.device)
        log_probs = _placing(model, ids[torch.from_numpy(rows)], there).log_probs
        found: np.ndarray = log_probs.masked_fill(there, 0.0).sum(dim=1).double().cpu().numpy()
        return found

    atoms = ids[:, PROMPT_LENGTH:-1].cpu().numpy()
    missing = atoms.shape[1] - (0 if given is None else int(given[0].sum()))
    known = None if given is None else given.cpu().numpy()
    return torch.from_numpy(-math.lgamma(missing + 1) - mean_over_orders(score, atoms, orders, seed, known))


class BlankFilling:
    """BLM."""

    exact = False
    fills_blanks = True
    fills_in_order = False
    left_to_right = False

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; an unbiased draw of the bound."""
        return losses(model, ids, ruled=ruled)

    def nats(
        self,
        model: PreTrainedModel,
        ids: torch.Tensor,
        seed: int,
        orders: int,
        given: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Objective.nats`; the bound."""
        return bound(cast("BlankFillingModel", model), ids, orders, seed, given)

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

    def trees(self, model: PreTrainedModel, plan: Plan) -> Iterator[PrefixTree]:
        """See `Objective.trees`."""
        stepper = BlankStepper(model, TILE, model.config.max_position_embeddings)
        yield PrefixTree(stepper, plan, model.device)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`; a canvas has no end token, which gets the last atom's."""
        hidden: torch.Tensor = model(input_ids=ids[:, :-1]).last_hidden_state
        return torch.cat([hidden, hidden[:, -1:]], dim=1)
