"""The files of a checkpoint, read whole or refused in one line: JSON, and weights in safetensors.

    read_json(folder / "config.json")
    read_weights(folder / "model.safetensors")

No file is trusted: what is no JSON, a pickle, or cut off is told by its name, and nothing in it is run.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.errors import MattransformerError

if TYPE_CHECKING:
    import torch

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
GENERATION: Final = "generation_config.json"
TOKENIZER: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
RUN: Final = "run.json"

# How the pickles of Python and of torch begin. The first eight bytes of safetensors are the length of its header.
_PICKLES: Final = (b"\x80", b"PK\x03\x04")
# Far above the header of any model here, and below what the first bytes of a pickle say.
_LARGEST_HEADER: Final = 1 << 26
_LARGEST_FILE: Final = 1 << 62


class CheckpointError(MattransformerError):
    """A checkpoint that is missing, damaged, or made for another vocabulary."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: of a file of a checkpoint.

    Returns:
        Its entries.

    Raises:
        CheckpointError: no such file, or one that cannot be read, or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} is no checkpoint: it has no {path.name}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: not JSON ({error}); copy it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is damaged: not a JSON object; copy it again")
    return content


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read weights.

    Args:
        path: a safetensors file.

    Returns:
        Tensors by name, on the CPU, of any type.

    Raises:
        CheckpointError: no such file, a pickle, a truncated or a damaged one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _check_weights(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged ({' '.join(str(error).split())[:200]}); copy it again"
        ) from error


def _check_weights(path: Path) -> None:
    """Hold the length that a safetensors header states against the file, for a message that a person understands."""
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*.bin")] + [
            o.name for o in path.parent.glob("*.pt")
        ]
        why = (
            f"only {', '.join(others)}, and pickled weights are never opened" if others else f"no {path.name}"
        )
        raise CheckpointError(f"{path.parent} has {why}; save the model as safetensors")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        header_size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if header_size > _LARGEST_HEADER and start.startswith(_PICKLES):
            raise CheckpointError(
                f"{path} is a pickle by another name, and pickled weights are never opened; save the model as "
                "safetensors"
            )
        if not 0 < header_size <= size - 8:
            raise CheckpointError(f"{path} is truncated or not safetensors ({size} bytes); copy it again")
        whole = 8 + header_size + _stated_length(path, file.read(header_size))
    if size != whole:
        wrong = "truncated" if size < whole else "damaged"
        raise CheckpointError(f"{path} is {wrong}: {size} bytes of {whole}; copy it again")


def _stated_length(path: Path, header: bytes) -> int:
    """Give the bytes of tensors that a safetensors header tells of."""
    try:
        entries = json.loads(header).items()
        ends = [entry["data_offsets"][1] for name, entry in entries if name != "__metadata__"]
        if not all(type(end) is int and 0 <= end < _LARGEST_FILE for end in ends):
            raise ValueError("an offset that is none")
        return max(ends)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its header cannot be read; copy it again") from error
