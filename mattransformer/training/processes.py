"""The processes of a training and the precision they compute in, through accelerate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import ProjectConfiguration

from mattransformer.training.config import ConfigError


def has_fast_bfloat16() -> bool:
    """Tell whether matrix products in bfloat16 run on instructions of their own here."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def make_accelerator(precision: str, folder: Path) -> Accelerator:
    """Join the processes of this training (one, or those that `torchrun` started).

    Args:
        precision: `auto`, `bf16` or `fp32`, see `TrainingConfig`.
        folder: of the run; TensorBoard logs go to `logs` in it.

    Returns:
        The accelerator.

    Raises:
        ConfigError: bf16 was insisted on where there is none.
    """
    if precision == "bf16" and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        raise ConfigError("precision: this GPU has no bfloat16; choose auto or fp32")
    half = precision == "bf16" or (precision == "auto" and has_fast_bfloat16())
    AcceleratorState._reset_state()  # an earlier training in this Python may have had another precision
    return Accelerator(
        mixed_precision="bf16" if half else "no",
        cpu=not torch.cuda.is_available(),
        log_with="tensorboard",
        project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder)),
    )


@contextmanager
def in_float32(model: torch.nn.Module) -> Iterator[None]:
    """Take the autocast off a prepared model, so that what is measured is what the saved weights give.

    Args:
        model: unwrapped; `Accelerator.prepare` gave it a forward pass that computes in the precision of the training.
    """
    prepared = model.__dict__.pop("forward", None)
    try:
        yield
    finally:
        if prepared is not None:
            model.__dict__["forward"] = prepared
