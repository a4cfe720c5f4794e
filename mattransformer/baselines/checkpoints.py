"""Checkpoints of generators: `config.json`, `model.safetensors` and, of a training, `run.json`.

save_generator(StoichiometryRandom.fit(formulas), Path("runs/random"))
load_generator("runs/matgan-mp").generate(1000, seed=0)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.files import write_bytes, write_text
from mattransformer.models.checkpoints import CONFIG, GENERATOR, WEIGHTS
from mattransformer.models.reading import CheckpointError, read_json, read_weights

# By name: the module, imported when a checkpoint asks for it, and the class.
_CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "pseudo-random": ("pseudo_random", "PseudoRandom"),
    "stoichiometry-random": ("pseudo_random", "StoichiometryRandom"),
    "matgan": ("matgan", "MATGAN"),
    "cgan": ("conditional", "ConditionalGAN"),
    "cvae": ("conditional", "ConditionalVAE"),
}
NAMES: Final = tuple(_CLASSES)
"""Generators that have checkpoints."""


def save_generator(generator: DrawingGenerator, folder: Path) -> None:
    """Write a checkpoint; a kill at any moment leaves the old weights or the new ones.

    Args:
        generator: one of `NAMES`.
        folder: made if missing.
    """
    import numpy as np
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    settings, arrays = generator.parts()
    text = json.dumps({GENERATOR: generator.name, **settings}, indent=2, sort_keys=True)
    write_text(folder / CONFIG, f"{text}\n")
    write_bytes(folder / WEIGHTS, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_generator(folder: str | Path) -> DrawingGenerator:
    """Open a checkpoint.

    Args:
        folder: as `save_generator` or a training wrote it.

    Returns:
        The generator; weights are on the CPU.

    Raises:
        CheckpointError: a missing, damaged or foreign checkpoint; the file and the reason are named.
    """
    folder = Path(folder)
    settings = read_json(folder / CONFIG)
    name = settings.get(GENERATOR)
    if name not in NAMES:
        raise CheckpointError(
            f"{folder / CONFIG}: generator {name!r} is none of {', '.join(NAMES)}; open a language model with "
            "mattransformer.load"
        )
    weights = read_weights(folder / WEIGHTS)
    try:
        arrays = {key: tensor.numpy() for key, tensor in weights.items()}
        return _class_of(name).of_parts(settings, arrays)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit {folder / CONFIG} ({' '.join(str(error).split())[:200]}); copy both "
            "files from the same checkpoint"
        ) from error


def is_generator(folder: str | Path) -> bool:
    """Tell whether a folder holds a checkpoint of a generator, and none of a language model.

    Args:
        folder: what is wrong with it is for `load_generator` or `mattransformer.load` to say.
    """
    try:
        settings = read_json(Path(folder).expanduser() / CONFIG)
    except CheckpointError:
        return False
    return GENERATOR in settings and "model_type" not in settings


def _class_of(name: str) -> type[DrawingGenerator]:
    module, kind = _CLASSES[name]
    return getattr(import_module(f"mattransformer.baselines.{module}"), kind)
