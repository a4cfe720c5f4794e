"""Next-token prediction: every atom and the end, each given what stands before it. Probabilities are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from mattransformer.models.architectures import positions
from mattransformer.models.stepping import TreeDecoder, read_decoder
from mattransformer.objectives.beam import fill_in_order
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.losses import Losses, broken_ending_loss, formula_loss, taught_loss
from mattransformer.objectives.prefix_tree import TILE, Plan, PrefixTree
from mattransformer.objectives.sampling import SampledSequence, Truncation
from mattransformer.objectives.sequences import one_by_one

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture


class Causal:
    """GPT, GPT-2, GPT-Neo and GPT-J."""

    exact = True
    fills_blanks = False
    fills_in_order = True
    left_to_right = True

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; no draw is needed here."""
        logits = model(input_ids=ids, use_cache=False).logits
        nats = formula_loss(logits, ids)
        return Losses(nats, broken_ending_loss(logits, ids) if ruled else torch.zeros_like(nats))

    def taught(
        self,
        model: Any,  # noqa: ANN401 - wrapped for several processes
        ids: torch.Tensor,
        rows: torch.Tensor,
        teacher: torch.Tensor,
        *,
        ruled: bool,
    ) -> Losses:
        """Give the losses where some rows are taught token by token.

        Args:
            model: in training mode.
            ids: (B, T).
            rows: which, bool, (B,).
            teacher: logits of the teacher, (B, T, V).
            ruled: see `losses`.
        """
        logits = model(input_ids=ids, use_cache=False).logits
        nats = torch.where(rows, taught_loss(logits, teacher, ids), formula_loss(logits, ids))
        return Losses(nats, broken_ending_loss(logits, ids) if ruled else torch.zeros_like(nats))

    def nats(
        self,
        model: PreTrainedModel,
        ids: torch.Tensor,
        seed: int,
        orders: int,
        given: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Objective.nats`; the exact negative log-likelihood."""
        del seed, orders, given
        return self.losses(model, ids).nats

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
        """See `Objective.sample`; along a tree of prefixes."""
        plan = Plan(prompt, Samples(n, truncation or Truncation()), seed, max_tokens)
        return one_by_one(block for tree in self.trees(model, plan) for block in tree.walk())

    def fill(
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """See `Objective.fill`; the best canonical sequences that hold the atoms, by a beam, and none by chance."""
        del n, seed, max_tokens
        return fill_in_order(model, canvas)

    def trees(self, model: PreTrainedModel, plan: Plan) -> Iterator[PrefixTree]:
        """See `Objective.trees`."""
        stepper = TreeDecoder(read_decoder(model, plan.precision), TILE, positions(model.config))
        yield PrefixTree(stepper, plan, model.device)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`."""
        return model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states[-1]
