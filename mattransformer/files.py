"""Files that are whole or absent: what is written goes to a temporary neighbour first and is renamed when complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to, and rename it to `path` when the block ends well.

    Args:
        path: the file to make or replace; its folder must exist.

    Yields:
        The temporary file, with the same ending as `path`. After an exception (a full disk, an interrupt) it is
        removed and `path` is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())  # a rename must never outlive the bytes it names
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file at once or not at all.

    Args:
        path: the file to make or replace; its folder must exist.
        content: all of it.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text at once or not at all.

    Args:
        path: the file to make or replace; its folder must exist.
        content: all of it.
    """
    write_bytes(path, content.encode())
