"""Put a trained checkpoint into the package: half precision, at most 4 MB, with its record.

python -m mattransformer.models.shipping runs/gpt2-mp-oqmd-final-unique gpt2
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from mattransformer.files import write_bytes
from mattransformer.models.checkpoints import (
    RUN,
    SHIPPED,
    WEIGHTS,
    CheckpointError,
    find_checkpoint,
    load_model,
    read_run,
    save_checkpoint,
)

MOST_BYTES: Final = 4_000_000


def ship(checkpoint: str | Path, name: str, folder: Path = SHIPPED) -> Path:
    """Copy a checkpoint into the package.

    Args:
        checkpoint: a trained folder with its `run.json`.
        name: what users call it.
        folder: where shipped checkpoints lie.

    Returns:
        The folder of the copy.

    Raises:
        CheckpointError: no record, or weights past `MOST_BYTES`.
    """
    import torch

    source = find_checkpoint(checkpoint)
    read_run(source)
    model = load_model(source)
    size = 2 * model.num_parameters()
    if size > MOST_BYTES:
        raise CheckpointError(
            f"{source}: {size} bytes in half precision, but at most {MOST_BYTES} are shipped"
        )
    target = folder / name
    save_checkpoint(model, target, dtype=torch.float16)
    write_bytes(target / RUN, (source / RUN).read_bytes())
    return target


def main() -> None:
    """Copy a trained checkpoint into the package, in half precision."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder of a training")
    parser.add_argument("name", help="what users call it, for example gpt2")
    arguments = parser.parse_args()
    target = ship(arguments.checkpoint, arguments.name)
    print(f"{target / WEIGHTS}: {(target / WEIGHTS).stat().st_size} bytes")


if __name__ == "__main__":
    main()
