"""Causal models as ONNX files, for programs without PyTorch (extra `onnx`).

    export_onnx(load_model(folder), Path("gpt2.onnx"))

The graph takes token ids, `input_ids` of (batch, length), int64, and gives `logits` of (batch, length, vocabulary):
at each place those of the next token. Batch and length are free, the length up to the positions of the model. Rows of
different lengths are padded on the right; a causal model does not see what comes later. The metadata of the file hold
the `vocabulary` (JSON, a token a place) and its SHA-256. Sampling, rules and scores stay with this package.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from mattransformer.errors import MattransformerError
from mattransformer.files import real, replacing
from mattransformer.models.architectures import BY_MODEL_TYPE, CAUSAL, positions
from mattransformer.tokenization import VOCABULARY, VOCABULARY_SHA256

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ENDING: Final = ".onnx"
_EXAMPLE: Final = (2, 7)  # the batch and length that the graph is traced with; both stay free
_OPSET: Final = 18


class ExportError(MattransformerError):
    """A model cannot be written as ONNX."""


class _NextTokens(torch.nn.Module):
    """A causal model from ids to logits alone."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Give the logits of the next tokens, (batch, length, vocabulary)."""
        logits: torch.Tensor = self.model(input_ids=input_ids, use_cache=False).logits
        return logits


def check_onnx_target(path: Path) -> None:
    """Refuse a name that a model could not be written to.

    Args:
        path: of the file to make or replace.

    Raises:
        ExportError: another ending, or no such folder.
    """
    if path.suffix.lower() != ENDING:
        raise ExportError(f"cannot write {path}: its name should end in {ENDING}")
    if path.is_dir() or not real(path).parent.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder, or its folder is not there; make that first")


def export_onnx(model: PreTrainedModel, path: Path, name: str = "model") -> None:
    """Write a causal model as one ONNX file, whole or not at all.

    Args:
        model: GPT, GPT-2, GPT-Neo or GPT-J, float32.
        path: see `check_onnx_target`.
        name: of the model, for messages.

    Raises:
        ExportError: another kind of model, the extra is not installed, or a wrong path.
    """
    check_onnx_target(path)
    row = BY_MODEL_TYPE[model.config.model_type]
    if row.objective != CAUSAL:
        causal = ", ".join(
            sorted(entry.name for entry in BY_MODEL_TYPE.values() if entry.objective == CAUSAL)
        )
        raise ExportError(f"{name} ({row.name}) is no causal model; those that can be exported are {causal}")
    try:
        import onnxscript  # noqa: F401 - what torch writes graphs with
    except ImportError as error:
        raise ExportError(
            f'cannot export {name}: onnxscript is not installed ({error}); pip install "mattransformer[onnx]"'
        ) from error
    program = _traced(model)
    program.model.metadata_props.update(
        {
            "vocabulary": json.dumps(VOCABULARY, ensure_ascii=False),
            "vocabulary_sha256": VOCABULARY_SHA256,
            "positions": str(positions(model.config)),
            "architecture": row.name,
        }
    )
    with replacing(path) as temporary:
        program.save(str(temporary), external_data=False)


def _traced(model: PreTrainedModel) -> Any:  # noqa: ANN401 - an ONNXProgram, whose class torch does not show
    """Trace the graph of a model on a small example, with batch and length free."""
    batch, length = (torch.export.Dim(axis) for axis in ("batch", "length"))
    ids = torch.arange(_EXAMPLE[0] * _EXAMPLE[1]).reshape(_EXAMPLE)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch tells of its own deprecations
        return torch.onnx.export(
            _NextTokens(model).eval(),
            (ids,),
            input_names=["input_ids"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": {0: batch, 1: length}},
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
