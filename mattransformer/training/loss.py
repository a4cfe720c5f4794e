"""The negative log-likelihood of formulas, or the bound of it that a model has. Condition tokens are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mattransformer.data.batches import length_batches
from mattransformer.data.encoding import EncodedFormulas
from mattransformer.objectives.table import objective_of
from mattransformer.training.processes import in_float32

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel

_EVALUATION_TOKENS = 8192
_SEED = 0  # of the orders that bounds are averaged over
ORDERS = 4
"""Orders that a bound is averaged over, where the mean over many formulas is asked for."""


@torch.no_grad()
def formula_losses(
    model: PreTrainedModel, formulas: EncodedFormulas, rows: np.ndarray | None = None, *, orders: int = ORDERS
) -> np.ndarray:
    """Score sequences with a model in evaluation mode.

    Args:
        model: of any architecture.
        formulas: the sequences.
        rows: which of them; None for all.
        orders: that a bound is averaged over.

    Returns:
        Nats a formula, (rows,), float64, in the order of `rows`: exact, or an upper bound (`Objective.exact`).
    """
    model.eval()
    objective = objective_of(model)
    rows = np.arange(len(formulas)) if rows is None else rows
    nats = np.zeros(len(formulas))
    for batch in length_batches(formulas.lengths, rows, _EVALUATION_TOKENS, 0, 0):
        ids = torch.from_numpy(formulas.rows(batch)).to(model.device)
        nats[batch] = objective.nats(model, ids, _SEED, orders).double().cpu().numpy()
    return nats[rows]


def mean_formula_loss(accelerator: Accelerator, model: PreTrainedModel, formulas: EncodedFormulas) -> float:
    """Measure the mean loss over sequences, shared among the processes.

    Args:
        accelerator: of the run.
        model: unwrapped.
        formulas: the sequences.

    Returns:
        Nats a formula, in float32 arithmetic; the same number in every process.
    """
    rows = np.arange(len(formulas))[accelerator.process_index :: accelerator.num_processes]
    with in_float32(model):
        nats = float(formula_losses(model, formulas, rows, orders=1).sum())
    total = torch.tensor(nats, dtype=torch.float64, device=accelerator.device)
    return float(accelerator.reduce(total, "sum")) / len(formulas)
