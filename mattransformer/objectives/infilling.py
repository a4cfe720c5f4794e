"""Text infilling: an encoder reads a formula with holes, and a decoder writes the whole formula from left to right.

Of the training batches half are all one hole, so that the decoder learns to generate; in a quarter spans of atoms are
replaced by one hole each, which may also stand for no atom (lengths are Poisson with mean 3, about 30 % of the atoms;
Lewis et al., ACL 2020); in a quarter single atoms are masked one by one at a rate drawn from 0 to 1. A hole of any
length is the token `<blank>`, one of a single atom `<mask>`. The probability of a formula is that of the decoder with
one hole in the encoder, which is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from mattransformer.models.architectures import positions
from mattransformer.models.stepping import TreeDecoder, read_decoder
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.losses import Losses, broken_ending_loss, formula_loss
from mattransformer.objectives.prefix_tree import TILE, Plan, PrefixTree
from mattransformer.objectives.sampling import SampledSequence, Truncation
from mattransformer.objectives.sequences import one_by_one
from mattransformer.tokenization import BLANK_ID, END_ID, MASK_ID, PAD_ID, PROMPT_LENGTH

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture

_WHOLE: Final = 0.5  # share of batches that are one hole
_SPANS: Final = 0.75  # and, from there to here, with spans
_SPAN_MEAN: Final = 3.0
_SPAN_SHARE: Final = 0.3


class Infilling:
    """BART."""

    exact = True
    fills_blanks = True
    fills_in_order = False
    left_to_right = True

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; of the whole formula given its canvas."""
        kind = float(torch.rand(()))
        canvas = one_hole(ids) if kind < _WHOLE else with_spans(ids) if kind < _SPANS else with_masks(ids)
        logits = self._written(model, ids, canvas)
        nats = formula_loss(logits, ids)
        return Losses(nats, broken_ending_loss(logits, ids) if ruled else torch.zeros_like(nats))

    def nats(
        self,
        model: PreTrainedModel,
        ids: torch.Tensor,
        seed: int,
        orders: int,
        given: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Objective.nats`; exact, with one hole in the encoder."""
        del seed, orders, given
        return formula_loss(self._written(model, ids, one_hole(ids)), ids)

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
        """See `Objective.sample`; along a tree of prefixes of the decoder."""
        plan = Plan(prompt, Samples(n, truncation or Truncation()), seed, max_tokens)
        return one_by_one(block for tree in self.trees(model, plan) for block in tree.walk())

    def fill(
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """See `Objective.fill`; the decoder may change the atoms that are there."""
        plan = Plan(list(canvas[:PROMPT_LENGTH]), Samples(n), seed, max_tokens)
        return one_by_one(self._tree(model, plan, canvas).walk())

    def trees(self, model: PreTrainedModel, plan: Plan) -> Iterator[PrefixTree]:
        """See `Objective.trees`; with one hole in the encoder."""
        yield self._tree(model, plan, [*plan.prompt, BLANK_ID, END_ID])

    @torch.no_grad()
    def _tree(self, model: PreTrainedModel, plan: Plan, canvas: Sequence[int]) -> PrefixTree:
        """Prepare a walk of the decoder given a canvas in the encoder."""
        states = model.get_encoder()(input_ids=torch.tensor([list(canvas)], device=model.device))[0]
        decoder = read_decoder(model, plan.precision, states)
        return PrefixTree(TreeDecoder(decoder, TILE, positions(model.config)), plan, model.device)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`; the encoder's, which reads the formula without holes."""
        return model.get_encoder()(input_ids=ids)[0]

    def _written(self, model: Any, ids: torch.Tensor, canvas: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        logits: torch.Tensor = model(
            input_ids=canvas,
            attention_mask=(canvas != PAD_ID).long(),
            decoder_input_ids=ids,
            use_cache=False,
        ).logits
        return logits


def one_hole(ids: torch.Tensor) -> torch.Tensor:
    """Give canvases of conditions, one blank and the end, (B, PROMPT_LENGTH + 2)."""
    hole = ids.new_tensor([BLANK_ID, END_ID]).expand(len(ids), -1)
    return torch.cat([ids[:, :PROMPT_LENGTH], hole], dim=1)


def with_masks(ids: torch.Tensor) -> torch.Tensor:
    """Mask single atoms at a rate that each sequence draws for itself, (B, T)."""
    rows, atoms = ids.shape[0], ids.shape[1] - PROMPT_LENGTH - 1
    masked = torch.rand(rows, atoms) < torch.rand(rows, 1)
    canvas = ids.clone()
    canvas[:, PROMPT_LENGTH:-1][masked.to(ids.device)] = MASK_ID
    return canvas


def with_spans(ids: torch.Tensor) -> torch.Tensor:
    """Replace spans of atoms by one blank each, (B, L) with padding after the end.

    Spans begin at places drawn at random; their lengths are Poisson, and one of no atom adds a blank between two.
    """
    rows, atoms = ids.shape[0], ids.shape[1] - PROMPT_LENGTH - 1
    lengths = torch.poisson(torch.full((rows, atoms + 1), _SPAN_MEAN)).long()
    begins = torch.rand(rows, atoms + 1) < _SPAN_SHARE / _SPAN_MEAN
    begins[~begins.any(dim=1), 0] = True
    at = torch.arange(atoms + 1)
    # An atom is gone where a span begins at or before it and goes beyond it.
    ends = torch.where(begins, at + lengths, -1).cummax(dim=1).values
    gone = (ends > at)[:, :-1]
    kept_ids = torch.where(gone, PAD_ID, ids[:, PROMPT_LENGTH:-1].cpu())
    # One blank where a span begins and none before it reaches here; it stands before the atom of this place.
    fresh = begins & torch.cat([torch.ones(rows, 1, dtype=torch.bool), ends[:, :-1] < at[1:]], dim=1)
    blanks = torch.where(fresh, BLANK_ID, PAD_ID)
    paired = torch.stack([blanks, torch.cat([kept_ids, torch.full((rows, 1), END_ID)], dim=1)], dim=2)
    canvas = torch.cat([ids[:, :PROMPT_LENGTH].cpu(), paired.view(rows, -1)], dim=1)
    order = (canvas == PAD_ID).long().argsort(dim=1, stable=True)  # what is left moves to the front
    width = int((canvas != PAD_ID).sum(dim=1).max())
    return canvas.gather(1, order)[:, :width].to(ids.device)
