"""Models that place atoms in any order, led from left to right, so that rules can be kept atom by atom.

RoBERTa unmasks the first mask of a given number, BLM fills the one blank at the end and says whether it stays. What
they sample this way is another distribution than that of their own orders, and a proposal for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from mattransformer.models.blank_filling import RIGHT
from mattransformer.tokenization import (
    BLANK_ID,
    END_ID,
    FIRST_ELEMENT_ID,
    MASK_ID,
    PROMPT_LENGTH,
    VOCABULARY,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.models.blank_filling import BlankFillingModel


class MaskStepper:
    """RoBERTa over formulas of one number of atoms."""

    def __init__(self, model: PreTrainedModel, atoms: int) -> None:
        """Take a model in evaluation mode and the number of atoms, after which a formula ends for certain."""
        self._model, self._atoms = model, atoms

    @torch.no_grad()
    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """See `Stepper.step`."""
        del ancestors
        placed = prefixes.shape[1] - PROMPT_LENGTH
        scores = torch.full((len(prefixes), len(VOCABULARY)), -torch.inf, device=prefixes.device)
        if placed < 0 or placed == self._atoms:
            scores[:, END_ID] = 0.0
            return scores
        masks = prefixes.new_full((len(prefixes), self._atoms - placed), MASK_ID)
        canvas = torch.cat([prefixes, masks, prefixes.new_full((len(prefixes), 1), END_ID)], dim=1)
        logits = self._model(input_ids=canvas).logits[:, PROMPT_LENGTH + placed, FIRST_ELEMENT_ID:].float()
        scores[:, FIRST_ELEMENT_ID:] = torch.log_softmax(logits, dim=-1)
        return scores


class BlankStepper:
    """BLM with its actions restricted to placing an element with a blank behind it, or with none, which is the end."""

    def __init__(self, model: PreTrainedModel, places: int, depths: int) -> None:
        """Take a model in evaluation mode, the most nodes of a tile, and the most tokens of a sequence."""
        self._model = cast("BlankFillingModel", model)
        # What the model says of the blank of every prefix, of which the action of the next atom depends.
        self._blanks = torch.empty((depths, places, model.config.hidden_size), device=model.device)

    @torch.no_grad()
    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """See `Stepper.step`."""
        nodes, depth = prefixes.shape
        scores = torch.full((nodes, len(VOCABULARY)), -torch.inf, device=prefixes.device)
        if depth < PROMPT_LENGTH:
            scores[:, END_ID] = 0.0
            return scores
        canvas = torch.cat([prefixes, prefixes.new_full((nodes, 1), BLANK_ID)], dim=1)
        hidden = self._model(input_ids=canvas, blanks_only=True).last_hidden_state
        assert hidden is not None
        blank = hidden[:, -1]
        self._blanks[depth - 1, :nodes] = blank
        going_on: torch.Tensor | float = 0.0
        if depth > PROMPT_LENGTH:
            before = self._blanks[depth - 2][ancestors[:, -1]]
            actions = self._model.action_log_probs(before, prefixes[:, -1])[:, [0, RIGHT]].float()
            ending, going_on = torch.log_softmax(actions, dim=-1).unbind(dim=-1)
            scores[:, END_ID] = ending
            going_on = going_on[:, None]
        elements = torch.log_softmax(self._model.element_log_probs(blank).float(), dim=-1)
        scores[:, FIRST_ELEMENT_ID:] = elements + going_on
        return scores
