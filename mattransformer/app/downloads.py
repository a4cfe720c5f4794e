"""Tables as files to download, in a folder that the server removes: at the latest an hour later, or when it ends."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def new_folder() -> Path:
    """Make a folder where Gradio serves files from, and removes them."""
    served = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
    served.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=served))


def written(table: pd.DataFrame, stem: str) -> tuple[str, str]:
    """Write a table as CSV and as Parquet.

    Args:
        table: plain columns.
        stem: of the names.

    Returns:
        The paths of both.
    """
    from mattransformer.data.tables import write_table

    folder = new_folder()
    paths = [folder / f"{stem}{ending}" for ending in (".csv", ".parquet")]
    for path in paths:
        write_table(table, path)
    return str(paths[0]), str(paths[1])


def sweep(folder: Path, age: float) -> int:
    """Remove the files in a folder, and in those in it, that are older than some seconds.

    Args:
        folder: of `new_folder`; it stays itself.
        age: in seconds.

    Returns:
        How many files were removed.
    """
    before, removed = time.time() - age, 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        try:
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
            elif path.is_dir() and path.stat().st_mtime < before:
                path.rmdir()  # fails where something is left in it
        except OSError:
            continue
    return removed
