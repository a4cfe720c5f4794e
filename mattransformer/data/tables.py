"""Tables to files: CSV, Parquet and JSON lines, by the ending of the name; whole or not at all.

check_target(path)        # before the work: a wrong ending is not found out after it
write_table(table, path)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mattransformer.errors import MattransformerError
from mattransformer.files import replacing

if TYPE_CHECKING:
    import pandas as pd


class TableError(MattransformerError):
    """A table cannot be written under the given name."""


def check_target(path: Path) -> None:
    """Refuse a name that a table could not be written to.

    Args:
        path: of the file to make or replace.

    Raises:
        TableError: an ending that stands for no format, no such folder, a folder in place of the file, or no
            permission.
    """
    if path.suffix.lower() not in WRITERS:
        raise TableError(f"cannot tell the format of {path}: its name should end in {', '.join(WRITERS)}")
    if path.is_dir():
        raise TableError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise TableError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise TableError(f"cannot write {path}: the folder {path.parent} is not writable")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table; the index is left out.

    Args:
        table: plain columns.
        path: see `check_target`; its ending decides the format.

    Raises:
        TableError: see `check_target`.
        OSError: the disk is full, or fails.
    """
    check_target(path)
    with replacing(path) as temporary:
        WRITERS[path.suffix.lower()](table, temporary)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n")


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, index=False, engine="pyarrow")


def _write_json_lines(table: pd.DataFrame, path: Path) -> None:
    table.to_json(path, orient="records", lines=True, force_ascii=False, double_precision=15)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonl": _write_json_lines,
}
