"""Tables to files: CSV, Parquet, JSON lines and Arrow, by the ending of the name; whole or not at all.

check_target(path)        # before the work: a wrong ending is not found out after it
write_table(table, path)
with table_writer(path) as writer:  # a table too large for the memory
    writer.add(piece)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mattransformer.errors import MattransformerError
from mattransformer.files import real, replacing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq


_PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")


class TableError(MattransformerError):
    """A table cannot be written under the given name."""


def check_target(path: Path) -> None:
    """Refuse a name that a table could not be written to.

    Args:
        path: of the file to make or replace.

    Raises:
        TableError: an ending that stands for no format or for a compressed file, no such folder, a folder in place
            of the file, or no permission.
    """
    if path.suffix.lower() in _PACKED and path.with_suffix("").suffix.lower() in WRITERS:
        raise TableError(
            f"cannot write {path}: tables are not compressed; name it {path.with_suffix('').name}"
        )
    if path.suffix.lower() not in WRITERS:
        raise TableError(f"cannot tell the format of {path}: its name should end in {', '.join(WRITERS)}")
    if path.is_dir():
        raise TableError(f"cannot write {path}: it is a folder")
    folder = real(path).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise TableError(f"cannot write {path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise TableError(f"cannot write {path}: the folder {folder} is not writable")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table; the index is left out.

    Args:
        table: plain columns.
        path: see `check_target`; its ending decides the format.

    Raises:
        TableError: see `check_target`.
        OSError: the disk is full, or fails.
    """
    with table_writer(path) as writer:
        writer.add(table)


@contextmanager
def table_writer(path: Path) -> Iterator[TableWriter]:
    """Write a table piece by piece; the file is there when the last piece is written, or not at all.

    Args:
        path: see `check_target`; its ending decides the format.

    Yields:
        What takes the pieces, at least one, all with the same columns.

    Raises:
        TableError: see `check_target`.
        OSError: the disk is full, or fails.
    """
    check_target(path)
    with replacing(path) as temporary:
        writer = WRITERS[path.suffix.lower()](temporary)
        try:
            yield writer
        finally:
            writer.close()


class TableWriter(Protocol):
    """Adds rows to a file."""

    def add(self, table: pd.DataFrame) -> None:
        """Write the rows of a table; the index is left out."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class _CsvWriter:
    def __init__(self, path: Path) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._begun = False

    def add(self, table: pd.DataFrame) -> None:
        table.to_csv(self._stream, index=False, header=not self._begun, lineterminator="\n")
        self._begun = True

    def close(self) -> None:
        self._stream.close()


class _ArrowWriter:
    """Writes the IPC format, which Feather is a name of too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | pa.ipc.RecordBatchFileWriter | None = None
        self._schema: pa.Schema | None = None

    def _opened(self, schema: pa.Schema) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
        import pyarrow as pa

        return pa.ipc.new_file(str(self._path), schema)

    def add(self, table: pd.DataFrame) -> None:
        import pandas as pd
        import pyarrow as pa

        if self._writer is None:
            rows = pa.Table.from_pandas(table, preserve_index=False)
            if any(isinstance(kind, pd.ArrowDtype) for kind in table.dtypes):
                # Arrow's types are in the schema; pandas would not know all of its own names for them again.
                rows = rows.replace_schema_metadata(None)
            self._schema = rows.schema
            self._writer = self._opened(rows.schema)
        else:
            rows = pa.Table.from_pandas(table, schema=self._schema, preserve_index=False)
        self._writer.write_table(rows)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _ParquetWriter(_ArrowWriter):
    def _opened(self, schema: pa.Schema) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(self._path, schema)


class _JsonLinesWriter:
    def __init__(self, path: Path) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="")

    def add(self, table: pd.DataFrame) -> None:
        table.to_json(
            self._stream,
            orient="records",
            lines=True,
            force_ascii=False,
            double_precision=15,
            date_format="iso",
        )

    def close(self) -> None:
        self._stream.close()


WRITERS: dict[str, Callable[[Path], TableWriter]] = {
    ".csv": _CsvWriter,
    ".parquet": _ParquetWriter,
    ".jsonl": _JsonLinesWriter,
    ".arrow": _ArrowWriter,
    ".feather": _ArrowWriter,
}
