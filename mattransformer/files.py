"""Files that are whole or absent: what is written goes to a temporary neighbour first and is renamed when complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to, and rename it to `path` when the block ends well.

    Args:
        path: the file to make or replace; its folder must exist. Of a symbolic link the target is replaced, and the
            link stays.

    Yields:
        The temporary file, with the same ending as `path`; who may read it is for the user's umask to say. After an
        exception (a full disk, an interrupt) it is removed and `path` is as it was.
    """
    target = real(path)
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{path.suffix}")
    temporary.touch(mode=0o666, exist_ok=False)  # less the umask
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())  # a rename must never outlive the bytes it names
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """Follow symbolic links, also those to a file that is not there yet."""
    return Path(os.path.realpath(path))


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
