"""Checkpoints of generators: `config.json`, `model.safetensors` and, of a training, `run.json`.

save_generator(StoichiometryRandom.fit(formulas), Path("runs/random"))
load_generator("runs/matgan-mp").generate(1000, seed=0)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.files import write_bytes, write_text
from mattransformer.models.checkpoints import CONFIG, WEIGHTS, CheckpointError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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

_GENERATOR: Final = "generator"


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
    text = json.dumps({_GENERATOR: generator.name, **settings}, indent=2, sort_keys=True)
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
    settings = _read_settings(folder / CONFIG)
    arrays = _read_arrays(folder / WEIGHTS)
    try:
        return _class_of(settings[_GENERATOR]).of_parts(settings, arrays)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit {folder / CONFIG} ({' '.join(str(error).split())[:200]}); copy both "
            "files from the same checkpoint"
        ) from error


def _class_of(name: str) -> type[DrawingGenerator]:
    module, kind = _CLASSES[name]
    return getattr(import_module(f"mattransformer.baselines.{module}"), kind)


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} is no checkpoint: it has no {path.name}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: not JSON ({error}); copy it again") from error
    name = settings.get(_GENERATOR) if isinstance(settings, Mapping) else None
    if name not in NAMES:
        raise CheckpointError(
            f"{path}: generator {name!r} is none of {', '.join(NAMES)}; open a language model with mattransformer.load"
        )
    return dict(settings)


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} has no {path.name}; copy it again") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged ({' '.join(str(error).split())[:200]}); copy it again"
        ) from error
