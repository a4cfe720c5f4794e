"""Tables as files to download, in folders that the server removes: minutes later, or when their page is closed."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd


_COMMANDS: Final = ("=", "+", "-", "@", "\t", "\r")


def new_folder() -> Path:
    """Make a folder where Gradio serves files from, named after the session that asks for it."""
    served = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
    served.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_prefix(_session()), dir=served))


def written(table: pd.DataFrame, stem: str) -> tuple[str, str]:
    """Write a table as CSV and as Parquet.

    A text may begin like a command of a spreadsheet, which opens CSV: there it has an apostrophe before it.

    Args:
        table: plain columns.
        stem: of the names.

    Returns:
        The paths of both.
    """
    from mattransformer.data.tables import write_table

    folder = new_folder()
    paths = [folder / f"{stem}{ending}" for ending in (".csv", ".parquet")]
    write_table(as_plain_text(table), paths[0])
    write_table(table, paths[1])
    return str(paths[0]), str(paths[1])


def as_plain_text(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would take for a command: those that begin with = + - or @.

    Args:
        table: any; its numbers stay as they are.

    Returns:
        The same table if there are none.
    """
    told = {
        name: [f"'{own}" if _is_command(own) else own for own in table[name]]
        for name in table.columns
        if any(map(_is_command, table[name]))
    }
    return table.assign(**told) if told else table


def _is_command(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith(_COMMANDS)


def forget(folder: Path, session_id: str) -> None:
    """Remove the folders of a session that is over.

    Args:
        folder: that `new_folder` makes folders in.
        session_id: its name.
    """
    for own in folder.glob(f"{_prefix(session_id)}*"):
        shutil.rmtree(own, ignore_errors=True)


def sweep(folder: Path, age: float, most: float = math.inf) -> int:
    """Remove the files in a folder, and in those in it, that are older than some seconds, and the oldest of too many.

    Args:
        folder: of `new_folder`; it stays itself.
        age: in seconds.
        most: bytes that stay.

    Returns:
        How many files were removed.
    """
    before, removed = time.time() - age, 0
    stays = []
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        try:
            status = path.lstat()
            if path.is_dir():
                if status.st_mtime < before:
                    path.rmdir()  # fails where something is left in it
            elif status.st_mtime < before:
                path.unlink()
                removed += 1
            else:
                stays.append((status.st_mtime, status.st_size, path))
        except OSError:
            continue
    total = sum(size for _, size, _ in stays)
    for _, size, path in sorted(stays):
        if total <= most:
            break
        path.unlink(missing_ok=True)
        total -= size
        removed += 1
    return removed


def _prefix(session_id: str | None) -> str:
    """Give the beginning of the names of a session's folders; its own name could be anything."""
    return "" if session_id is None else f"{hashlib.sha256(session_id.encode()).hexdigest()[:24]}-"


def _session() -> str | None:
    """Give the name of the session that a request belongs to; None outside requests."""
    if "gradio.context" not in sys.modules:
        return None
    from gradio.context import LocalContext

    request = LocalContext.request.get(None)
    return None if request is None else request.session_hash
