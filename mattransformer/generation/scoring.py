"""What a trained model says of formulas: their probabilities, and vectors of what it makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mattransformer.data.batches import length_batches
from mattransformer.data.encoding import EncodedFormulas, encode_formulas
from mattransformer.formula import Formula
from mattransformer.generation.requests import GenerationError, check_whole, conditions_of
from mattransformer.models.architectures import positions
from mattransformer.models.repositories import name_of
from mattransformer.notation import show
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import PROMPT_LENGTH
from mattransformer.training.loss import formula_losses

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Orders of atoms that the bound of a formula is averaged over. Up to 5 atoms 8 of them cost no less than all.
ORDERS: Final = 8
_EMBEDDED_TOKENS: Final = 8192


class ScoringModel:
    """A model that scores formulas.

    Attributes:
        model: the Hugging Face model, float32, in evaluation mode.
        folder: of its checkpoint.
        objective: what it was trained for.
    """

    def __init__(self, model: PreTrainedModel, folder: Path) -> None:
        """Wrap a model; `load` is the usual way."""
        self.model = model
        self.folder = folder
        self.objective = objective_of(model)

    @property
    def name(self) -> str:
        """The checkpoint as tables name it: a shipped name, that of a folder, or `owner/name` on a hub."""
        return name_of(self.folder)

    @property
    def most_atoms(self) -> int:
        """Atoms of the longest formula that the model has room for, beside the conditions and the end."""
        return positions(self.model.config) - PROMPT_LENGTH - 1

    def log_prob(
        self,
        formulas: Iterable[str | Formula],
        *,
        orders: int = ORDERS,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> np.ndarray:
        """Score formulas.

        Args:
            formulas: any number; each is reduced and put in canonical order.
            orders: for RoBERTa and BLM, the random orders of the atoms that the bound is averaged over. They depend on
                the formula alone. A formula of n atoms is averaged over all orders where 2^n - 1 <= n * orders, by
                default up to 5 atoms, with 32 up to 8; beyond that the error is one to two nats, and a fourfold
                number halves it.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            The natural logarithm of the probability of each canonical sequence, end token included, conditions given;
            float64, (n,). Exact for GPT, GPT-2, GPT-Neo, GPT-J and BART; for RoBERTa and BLM a lower bound of it, the
            mean over orders: exact for small formulas, for larger ones an estimate that is right on average.

        Raises:
            MattransformerError: a formula that cannot be read or is longer than the model's positions.
        """
        check_whole("orders", orders, 1)
        chosen = conditions_of(conditions, condition)
        encoded = self._encoded(formulas, chosen)
        return -formula_losses(self.model, encoded, orders=orders)

    @property
    def score(self) -> str:
        """What `log_prob` gives, as columns name it: `log_prob`, or `log_prob_bound` where it is a lower bound."""
        return "log_prob" if self.objective.exact else "log_prob_bound"

    @torch.no_grad()
    def embed(
        self,
        formulas: Iterable[str | Formula],
        *,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> np.ndarray:
        """Give each formula a vector: the mean over its atoms of the last hidden layer, of two stacks the encoder's.

        Args:
            formulas: any number; each is reduced and put in canonical order.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            float32, (n, width of the model).

        Raises:
            MattransformerError: a formula that cannot be read or is longer than the model's positions.
        """
        encoded = self._encoded(formulas, conditions_of(conditions, condition))
        found = np.zeros((len(encoded), self.model.config.hidden_size), dtype=np.float32)
        for batch in length_batches(encoded.lengths, np.arange(len(encoded)), _EMBEDDED_TOKENS, 0, 0):
            ids = torch.from_numpy(encoded.rows(batch)).to(self.model.device)
            hidden = self.objective.hidden(self.model, ids)
            found[batch] = hidden[:, PROMPT_LENGTH:-1].mean(dim=1).float().cpu().numpy()
        return found

    def to_onnx(self, path: str | Path) -> Path:
        """Write a causal model as an ONNX file, for programs without PyTorch: see `models.onnx_export`.

        Args:
            path: of the file, whose name ends in `.onnx`.

        Returns:
            The path.

        Raises:
            ExportError: a model that is not causal, a wrong path, or the extra `onnx` is not installed.
        """
        from mattransformer.models.onnx_export import export_onnx

        target = Path(path).expanduser()
        export_onnx(self.model, target, self.folder.name)
        return target

    def _encoded(self, formulas: Iterable[str | Formula], chosen: dict[str, str]) -> EncodedFormulas:
        """Encode formulas, each reduced and in canonical order."""
        if isinstance(formulas, str | Mapping) or not isinstance(formulas, Iterable):
            raise GenerationError(
                f"formulas: {show(formulas)} is no list of formulas; give one, such as ['SrTiO3']"
            )
        reduced = [Formula.parse(formula).reduced for formula in formulas]
        room = self.most_atoms
        for formula in reduced:
            if formula.atoms > room:
                raise GenerationError(f"{formula}: {formula.atoms} atoms, but the model has room for {room}")
        return encode_formulas(
            [formula.reduced_formula for formula in reduced],
            [chosen["source"]] * len(reduced),
            [chosen["variant"]] * len(reduced),
        )
