"""The state of an unfinished training, in one safetensors file: from it, a run goes on as if never interrupted.

The file holds the weights, their running mean, the moments of AdamW, the state of torch's generator and, as metadata,
where the run is and what it has seen. It is replaced whole, so a kill leaves the last state or the new one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from mattransformer.errors import MattransformerError
from mattransformer.files import write_bytes
from mattransformer.training.averaging import WeightAverage

STATE = "state.safetensors"


class TrainingError(MattransformerError):
    """A training that cannot start, go on or be resumed."""


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        epoch: epochs done.
        batch: batches of the current epoch that are done.
        step: optimizer steps done.
        tokens: tokens seen, padding none.
        seconds: spent so far, over all resumptions.
        best: lowest validation loss, nats a formula.
        stale: evaluations since then.
        history: one entry an evaluation.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    path: Path,
    model: torch.nn.Module,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    identity: dict[str, Any],
) -> None:
    """Write the state at once or not at all.

    Args:
        path: the file.
        model: unwrapped.
        average: its running mean.
        optimizer: AdamW over its parameters.
        progress: where the run is.
        identity: what must be the same when the run is resumed (configuration, vocabulary, data).
    """
    tensors = {f"model.{name}": tensor.detach() for name, tensor in model.named_parameters()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.weights.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    tensors["generator"] = torch.get_rng_state()
    metadata = {"progress": json.dumps(asdict(progress)), "identity": json.dumps(identity)}
    write_bytes(path, save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, metadata))


def load_state(
    path: Path,
    model: torch.nn.Module,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
    identity: dict[str, Any],
) -> Progress:
    """Restore a state.

    Args:
        path: the file.
        model: unwrapped; its weights are replaced.
        average: likewise.
        optimizer: likewise.
        identity: of the run that wants to go on.

    Returns:
        Where the run was.

    Raises:
        TrainingError: no such file, a damaged one, or a run with other settings or data; the first difference is named.
    """
    saved = read_state(path, identity)
    tensors = saved.tensors
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
        for name, mean in average.weights.items():
            mean.copy_(tensors[f"average.{name}"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    torch.set_rng_state(tensors["generator"])
    return Progress(**saved.progress)


@dataclass(frozen=True)
class SavedState:
    """What a file of a state holds.

    Attributes:
        tensors: by name.
        progress: where the run is.
    """

    tensors: dict[str, torch.Tensor]
    progress: dict[str, Any]


def read_state(path: Path, identity: dict[str, Any]) -> SavedState:
    """Read a state of the run that wants to go on.

    Args:
        path: the file.
        identity: of the run.

    Returns:
        What the file holds.

    Raises:
        TrainingError: no such file, a damaged one, or a run with other settings or data; the first difference is named.
    """
    if not path.is_file():
        raise TrainingError(f"nothing to resume: {path} does not exist; start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        saved = {key: json.loads(metadata[key]) for key in ("identity", "progress")}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} is damaged ({' '.join(str(error).split())}); it cannot be resumed: start again with another output"
        ) from error
    _compare(saved["identity"], identity, path)
    return SavedState(tensors, saved["progress"])


def _compare(saved: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))
    for key in {**saved, **now}:
        if saved.get(key) != now.get(key):
            raise TrainingError(
                f"{path} belongs to another run: {key} was {saved.get(key)!r}, now {now.get(key)!r}; "
                "resume with the same settings and data, or start without --resume"
            )
