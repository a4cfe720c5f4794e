"""Next-token prediction: every atom and the end, each given what stands before it. Probabilities are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from mattransformer.objectives.beam import fill_in_order
from mattransformer.objectives.prefix_tree import sample_tree
from mattransformer.tokenization import PROMPT_LENGTH

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture
    from mattransformer.objectives.sampling import SampledSequence, Truncation


def formula_loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Give the negative log-likelihood of each formula.

    Args:
        logits: (B, T, V), of the sequences themselves.
        ids: (B, T), prompt, atoms and end; no padding.

    Returns:
        Nats a formula, end token included, conditions given, (B,), float32.
    """
    predicted = logits[:, PROMPT_LENGTH - 1 : -1].float()  # (B, T - PROMPT_LENGTH, V)
    nats = torch.nn.functional.cross_entropy(
        predicted.reshape(-1, predicted.shape[-1]), ids[:, PROMPT_LENGTH:].reshape(-1), reduction="none"
    )
    return nats.view(ids.shape[0], -1).sum(dim=1)


class Causal:
    """GPT, GPT-2, GPT-Neo and GPT-J."""

    exact = True
    fills_blanks = False

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        self._cached = row.cached

    def losses(self, model: Any, ids: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; no draw is needed here."""
        return formula_loss(model(input_ids=ids, use_cache=False).logits, ids)

    def nats(self, model: PreTrainedModel, ids: torch.Tensor, seed: int, orders: int) -> torch.Tensor:
        """See `Objective.nats`; the exact negative log-likelihood."""
        del seed, orders
        return self.losses(model, ids)

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

        def step(prefixes: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:  # noqa: ANN401
            if not self._cached:
                return model(input_ids=prefixes).logits[:, -1], None
            ids = prefixes if cache is None else prefixes[:, -1:]
            output = model(input_ids=ids, past_key_values=cache, use_cache=True)
            return output.logits[:, -1], output.past_key_values

        return sample_tree(step, prompt, n, seed, truncation, max_tokens=max_tokens, device=model.device)

    def fill(
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """See `Objective.fill`; the best canonical sequences that hold the atoms, by a beam, and none by chance."""
        del n, seed, max_tokens
        return fill_in_order(model, canvas)

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """See `Objective.observe`; nothing has to be known."""

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`."""
        return model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states[-1]
