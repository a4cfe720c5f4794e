"""Formula columns of files in pieces, so that a file of any length passes through a bounded memory.

CSV and Parquet, JSON lines and plain text come in pieces; the other formats are small and come whole. A line that is
no row of the table is left out and told to the caller, and the rest goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.readers import CorpusError, formula_column, head_of_csv, kind_of, opened, read_rows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PIECE: Final = 200_000
"""Rows of a piece."""

_BLOCK: Final = 1 << 23  # bytes of a CSV that are parsed at a time


@dataclass
class FormulaStream:
    """The formulas of one file.

    Attributes:
        path: of the file.
        column: that holds the formulas; found by name or content where it is None.
        skipped: lines that were no rows, with the reason; filled while the pieces are read.
    """

    path: Path
    column: str | None = None
    skipped: dict[int, str] = field(default_factory=dict)

    def pieces(self) -> Iterator[pd.Series]:
        """Read the file.

        Yields:
            Up to `PIECE` formulas as written; the index is the row of each in the file, from 1 after the header,
            lines that are no rows counted too.

        Raises:
            CorpusError: the file cannot be read or has no rows, or no column is, or several are, of formulas.
        """
        import pandas as pd
        import pyarrow as pa

        kind = kind_of(self.path)
        reader = {
            ".csv": self._csv,
            ".tsv": self._csv,
            ".parquet": self._parquet,
            ".jsonl": self._json_lines,
            ".ndjson": self._json_lines,
            ".txt": self._text,
        }.get(kind, self._whole)
        row = 0
        try:
            for values in reader():
                numbers = self._numbers(row + 1, len(values))
                row = numbers[-1] if numbers else row
                yield pd.Series(values, index=numbers, name="formula")
        except (OSError, EOFError, UnicodeDecodeError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or error
            raise CorpusError(f"cannot read {self.path}: {reason}") from error
        if not row:
            raise CorpusError(f"{self.path} holds no rows")

    def _numbers(self, first: int, count: int) -> list[int]:
        """Number the rows of a piece, with gaps where lines were left out."""
        numbers: list[int] = []
        while len(numbers) < count:
            if first not in self.skipped:
                numbers.append(first)
            first += 1
        return numbers

    def _csv(self) -> Iterator[pd.api.extensions.ExtensionArray]:
        import pyarrow as pa
        from pyarrow import csv

        head = head_of_csv(self.path)
        at = list(head.columns).index(formula_column(head, self.column, self.path))
        lines = 0 if head.attrs["has_header"] else -1

        def refuse(row: csv.InvalidRow) -> str:
            # pyarrow counts lines from 1, the header among them.
            number = len(self.skipped) + 1 if row.number is None else row.number - 1 - lines
            self.skipped[number] = f"{row.actual_columns} cells instead of {row.expected_columns}"
            return "skip"

        names = [f"{place}" for place in range(len(head.columns))]
        with opened(self.path) as stream:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=names, skip_rows=1 + lines
                ),
                parse_options=csv.ParseOptions(
                    delimiter=head.attrs["separator"], newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=csv.ConvertOptions(
                    include_columns=[str(at)],
                    column_types={str(at): pa.large_string()},
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield from _cut(batch.column(0))

    def _parquet(self) -> Iterator[pd.api.extensions.ExtensionArray]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            head = next(file.iter_batches(batch_size=200), None)
            if head is None:
                return
            column = formula_column(head.to_pandas(), self.column, self.path)
            for batch in file.iter_batches(batch_size=PIECE, columns=[column]):
                yield from _cut(batch.column(0))

    def _json_lines(self) -> Iterator[pd.api.extensions.ExtensionArray | list[object]]:
        import pandas as pd

        with opened(self.path) as stream:
            column: str | None = None
            for piece in _pieces(_lines(stream)):
                rows = [_decoded(str(line)) for line in piece]
                records = [row for row in rows if isinstance(row, dict)]
                if column is None and records:
                    column = formula_column(pd.DataFrame(records[:200]), self.column, self.path)
                yield [row.get(column) if isinstance(row, dict) else row for row in rows]

    def _text(self) -> Iterator[list[object]]:
        with opened(self.path) as stream:
            formulas = (line for line in _lines(stream) if not line.startswith("#"))
            yield from _pieces(formulas)

    def _whole(self) -> Iterator[list[object]]:
        yield read_rows(self.path, self.column)["formula"].tolist()


def _cut(values: pa.Array) -> Iterator[pd.api.extensions.ExtensionArray]:
    """Give an Arrow array as pandas arrays of at most `PIECE` values."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    for start in range(0, len(values), PIECE):
        part = values.slice(start, PIECE)
        text = pa.types.is_string(part.type) or pa.types.is_large_string(part.type)
        if text:
            yield pd.array(part, dtype=pd.StringDtype(na_value=np.nan))
        else:
            yield pd.array(part.to_pylist(), dtype=object)


def _pieces(lines: Iterator[str]) -> Iterator[list[object]]:
    while piece := list(islice(lines, PIECE)):
        yield piece  # type: ignore[misc]  # text is an object


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Give the lines that are not blank."""
    for number, line in enumerate(stream):
        text = line.decode("utf-8-sig" if number == 0 else "utf-8", errors="replace").strip()
        if text:
            yield text


def _decoded(line: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return line
