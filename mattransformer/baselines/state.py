"""The state of an unfinished training of a generator, in one safetensors file, as `training.state` for language models.

It holds the networks with the statistics of their batch normalisation, the running mean of the generator's weights, the
moments of the optimizers, the state of the random numbers and, as metadata, where the run is and what it is. It is
replaced whole, so a kill leaves the last state or the new one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from mattransformer.baselines.recipes import Recipe
from mattransformer.files import write_bytes
from mattransformer.training.averaging import WeightAverage
from mattransformer.training.state import read_state


@dataclass
class GeneratorProgress:
    """Where a run is.

    Attributes:
        step: steps of the generator done.
        seconds: spent so far, over all resumptions.
        history: one entry a measurement.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    path: Path, recipe: Recipe, average: WeightAverage, progress: GeneratorProgress, identity: dict[str, Any]
) -> None:
    """Write the state at once or not at all.

    Args:
        path: the file.
        recipe: networks, optimizers and random numbers.
        average: running mean of the generator's weights.
        progress: where the run is.
        identity: what must be the same when the run is resumed (configuration, data).
    """
    tensors = {f"average:{name}": tensor for name, tensor in average.weights.items()}
    tensors["rng"] = recipe.rng.get_state()
    for name, network in recipe.method.networks.items():
        tensors |= {f"network:{name}:{key}": tensor for key, tensor in network.state_dict().items()}
    for name, optimizer in recipe.method.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer:{name}:{index}:{key}": value for key, value in moments.items()}
    metadata = {"progress": json.dumps(asdict(progress)), "identity": json.dumps(identity)}
    write_bytes(
        path, save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata)
    )


def load_state(
    path: Path, recipe: Recipe, average: WeightAverage, identity: dict[str, Any]
) -> GeneratorProgress:
    """Restore a state.

    Args:
        path: the file.
        recipe: its networks, optimizers and random numbers are set.
        average: likewise.
        identity: of the run that wants to go on.

    Returns:
        Where the run was.

    Raises:
        TrainingError: no such file, a damaged one, or a run with other settings or data; the first difference is named.
    """
    saved = read_state(path, identity)
    tensors = saved.tensors
    for name, network in recipe.method.networks.items():
        network.load_state_dict(_under(f"network:{name}:", tensors))
    for name, optimizer in recipe.method.optimizers.items():
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in _under(f"optimizer:{name}:", tensors).items():
            index, _, moment = key.partition(":")
            moments.setdefault(int(index), {})[moment] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    average.weights |= _under("average:", tensors)
    recipe.rng.set_state(tensors["rng"])
    return GeneratorProgress(**saved.progress)


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
