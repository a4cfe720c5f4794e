"""Compositions by the million into a file: pieces on disk as they come, then one table, the most probable first.

The pieces lie in a folder beside the file until the table is whole. A run that was cut off goes on from them, and ends
with the same table; memory holds some 100 bytes a composition and no more.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mattransformer.data.tables import check_target, table_writer
from mattransformer.files import replacing, write_text
from mattransformer.generation.drawing import Drawn, Piece
from mattransformer.generation.found import Found
from mattransformer.generation.requests import GenerationError
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    import pandas as pd

_ROWS: Final = 50_000  # of the table at a time
_REQUEST: Final = "request.json"
_FLAGS: Final = ("novel", "charge_neutral", "electronegativity_balanced")


def pieces_folder(path: Path) -> Path:
    """Name the folder of the pieces of a table."""
    return path.with_name(f".{path.name}.pieces")


class Pieces:
    """Pieces of a drawing in a folder: a `Store`."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        """Open the folder, or make it.

        Args:
            folder: may hold pieces of the same request.
            request: what decides the result, as plain values.

        Raises:
            GenerationError: it holds pieces of another request.
        """
        self._folder = folder
        text = json.dumps(request, indent=1, sort_keys=True) + "\n"
        kept = folder / _REQUEST
        if kept.is_file():
            if kept.read_text(encoding="utf-8") != text:
                raise GenerationError(
                    f"{folder} holds pieces of another request, model or version; remove the folder, or write to "
                    "another file"
                )
            return
        folder.mkdir(exist_ok=True)
        write_text(kept, text)

    def get(self, round_: int, branch: int) -> Piece | None:
        """See `Store.get`; a piece that is damaged is drawn again."""
        path = self._path(round_, branch)
        if not path.is_file():
            return None
        try:
            arrays = load_file(path)
            facts = json.loads(arrays["facts"].tobytes())
            compositions = Compositions(arrays["starts"], arrays["numbers"], arrays["amounts"])
            columns = [
                arrays[name] for name in ("fingerprints", "counts", "log_probs", "proposals", "arrivals")
            ]
        except (SafetensorError, OSError, KeyError, ValueError):
            return None
        return Piece(Found(compositions, *columns), **facts)

    def put(self, round_: int, branch: int, piece: Piece) -> None:
        """See `Store.put`; whole or not at all."""
        found = piece.found
        facts = json.dumps(
            {"drawn": piece.drawn, "failures": piece.failures, "complete": bool(piece.complete)}
        ).encode()
        arrays = {
            "facts": np.frombuffer(facts, dtype=np.uint8),
            "starts": found.compositions.starts,
            "numbers": found.compositions.numbers,
            "amounts": found.compositions.amounts,
            "fingerprints": found.fingerprints,
            "counts": found.counts,
            "log_probs": found.log_probs,
            "proposals": found.proposals,
            "arrivals": found.arrivals,
        }
        with replacing(self._path(round_, branch)) as temporary:
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, round_: int, branch: int) -> Path:
        return self._folder / f"piece-{round_:03}-{branch:05}.safetensors"


def write_ranked(
    drawn: Drawn, path: Path, rows: Callable[[Found], pd.DataFrame], show: Callable[[int], object]
) -> dict[str, int]:
    """Write a table, the most probable compositions first.

    Args:
        drawn: compositions.
        path: of the table.
        rows: makes rows of some compositions.
        show: is told how many rows were written.

    Returns:
        `rows`, and how many of them are `novel`, `charge_neutral`, `electronegativity_balanced`, and novel and balanced
        (`new_and_balanced`).
    """
    check_target(path)
    found = drawn.found
    order = np.lexsort((found.fingerprints, -found.log_probs))
    facts = dict.fromkeys((*_FLAGS, "new_and_balanced"), 0)
    with table_writer(path) as writer:
        for first in range(0, max(len(order), 1), _ROWS):
            table = rows(found.take(order[first : first + _ROWS]))
            writer.add(table)
            for name in _FLAGS:
                facts[name] += int(table[name].sum())
            facts["new_and_balanced"] += int((table["novel"] & table["electronegativity_balanced"]).sum())
            show(min(first + _ROWS, len(order)))
    return {"rows": len(order), **facts}
