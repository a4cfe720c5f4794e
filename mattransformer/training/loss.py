"""The loss of causal models: natural logarithms, on every position that predicts an atom or the end.

Condition tokens are given, not predicted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mattransformer.data.batches import length_batches
from mattransformer.data.encoding import EncodedFormulas
from mattransformer.tokenization import PROMPT_LENGTH
from mattransformer.training.processes import in_float32

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel

_EVALUATION_TOKENS = 8192


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


@torch.no_grad()
def formula_losses(
    model: PreTrainedModel, formulas: EncodedFormulas, rows: np.ndarray | None = None
) -> np.ndarray:
    """Score sequences with a model in evaluation mode.

    Args:
        model: causal.
        formulas: the sequences.
        rows: which of them; None for all.

    Returns:
        Nats a formula, (rows,), float64, in the order of `rows`.
    """
    model.eval()
    rows = np.arange(len(formulas)) if rows is None else rows
    nats = np.zeros(len(formulas))
    for batch in length_batches(formulas.lengths, rows, _EVALUATION_TOKENS, 0, 0):
        ids = torch.from_numpy(formulas.rows(batch)).to(model.device)
        nats[batch] = formula_loss(model(input_ids=ids, use_cache=False).logits, ids).double().cpu().numpy()
    return nats[rows]


def mean_formula_loss(accelerator: Accelerator, model: PreTrainedModel, formulas: EncodedFormulas) -> float:
    """Measure the mean loss over sequences, shared among the processes.

    Args:
        accelerator: of the run.
        model: causal, unwrapped.
        formulas: the sequences.

    Returns:
        Nats a formula, in float32 arithmetic; the same number in every process.
    """
    rows = np.arange(len(formulas))[accelerator.process_index :: accelerator.num_processes]
    with in_float32(model):
        nats = float(formula_losses(model, formulas, rows).sum())
    total = torch.tensor(nats, dtype=torch.float64, device=accelerator.device)
    return float(accelerator.reduce(total, "sum")) / len(formulas)
