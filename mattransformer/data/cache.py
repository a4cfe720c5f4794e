"""Admitted rows on disk, so that a corpus is labelled once.

A table is stored as a `datasets` folder under the SHA-256 of all that decides it: the contents of the file,
the options, the rules and the version of SMACT. The cache lies in `MATTRANSFORMER_CACHE`, or else in the
folder of the `datasets` library; it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FACTS = "facts.json"


def cache_folder() -> Path:
    """Name the folder of the cache; it need not exist yet."""
    chosen = os.environ.get("MATTRANSFORMER_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from datasets import config

    return Path(config.HF_DATASETS_CACHE) / "mattransformer"


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Hash what decides a table.

    Args:
        facts: plain values.

    Returns:
        32 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def load(key: str) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """Read a table back.

    Args:
        key: its fingerprint.

    Returns:
        The table and the facts stored with it, or None where there is no (whole) entry.
    """
    folder = cache_folder() / key
    if not (folder / _FACTS).is_file():
        return None
    import pyarrow as pa
    from datasets import Dataset

    try:
        with _bars_on_terminals_only():
            table = Dataset.load_from_disk(str(folder)).to_pandas()
        return table, json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError, pa.ArrowException):  # an empty table is an IndexError
        return None  # damaged: it is made anew


def store(key: str, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Write a table; where the folder cannot be written, warn and go on without.

    Args:
        key: its fingerprint.
        table: plain columns.
        facts: plain values to keep with it.
    """
    from datasets import Dataset

    target = cache_folder() / key
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as scratch:
            unfinished = Path(scratch) / key
            with _bars_on_terminals_only():
                Dataset.from_pandas(table, preserve_index=False).save_to_disk(str(unfinished))
            (unfinished / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
            if target.exists():  # damaged, or just written by another process: either way this one is whole
                shutil.rmtree(target, ignore_errors=True)
            unfinished.replace(target)
    except OSError as error:
        warnings.warn(
            f"the corpus is not cached: {error}; MATTRANSFORMER_CACHE names another folder", stacklevel=2
        )


@contextmanager
def _bars_on_terminals_only() -> Iterator[None]:
    import sys

    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
