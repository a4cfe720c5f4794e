"""Tables of formulas in pieces, so that a file of any length passes through a bounded memory.

CSV and Parquet, JSON lines and plain text come in pieces; the other formats are small and come whole. A line that is
no row of the table is left out and told to the caller, and the rest goes on.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from mattransformer.data.formula_columns import CorpusError, formula_column, is_header
from mattransformer.data.readers import (
    NoRowsError,
    check_text,
    kind_of,
    opened,
    read_rows,
    separator_of,
    unreadable,
)
from mattransformer.data.separated import records
from mattransformer.screening.columns import amounts_by_element

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

PIECE: Final = 200_000
"""Most rows of a piece; one of wide rows has fewer."""

_SAMPLE: Final = 200  # rows that tell the column of formulas, and the columns of JSON lines
_REFUSED: Final = 10_000  # lines before the first row, after which a file is no table
_PIECE_BYTES: Final = 1 << 25  # of a piece, about
_BLOCK: Final = 1 << 21  # characters of lines that are read at a time
_MOST_LEVELS: Final = 100  # of lists and mappings in each other in a line of JSON
_SURROGATE: Final = "\\ud"  # begins the escape of half a character, in small letters


@dataclass
class FormulaStream:
    """The rows of one file.

    Attributes:
        path: of the file.
        column: that holds the formulas; found by name or content where it is None.
        skipped: lines that were no rows, with the reason; filled while the pieces are read. A caller may empty it.
    """

    path: Path
    column: str | None = None
    skipped: dict[int, str] = field(default_factory=dict)

    @property
    def unit(self) -> Literal["line", "row"]:
        """What the rows are numbered by: the lines of a text file, as an editor counts them, or the rows."""
        return "line" if kind_of(self.path) in (".csv", ".tsv", ".jsonl", ".ndjson", ".txt") else "row"

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Read the file.

        Yields:
            Up to `PIECE` rows, all pieces with the same columns. The index is the line that each row begins on, or
            its row in formats without lines; both count from 1, lines also headers, comments and blank lines.
            The first column, `formula`, holds the formulas as written. The other columns of the file follow under
            their own names, but for one more `formula`: of CSV as text, exactly as written; of Parquet in its own
            types; of JSON lines as text, what is no text as its JSON, null as a missing cell, and only the keys that
            the first 200 records have. Formats that are read whole keep the formulas alone.

        Raises:
            CorpusError: the file cannot be read or has no rows, or no column is, or several are, of formulas.
        """
        import pyarrow as pa

        reader = {
            ".csv": self._csv,
            ".tsv": self._csv,
            ".parquet": self._parquet,
            ".arrow": self._arrow,
            ".feather": self._arrow,
            ".jsonl": self._json_lines,
            ".ndjson": self._json_lines,
            ".txt": self._plain_text,
        }.get(kind_of(self.path), self._whole)
        empty = True
        try:
            check_text(self.path)
            for piece in reader():
                empty = False
                yield piece
        except (OSError, EOFError, UnicodeDecodeError, zlib.error, pa.ArrowException) as error:
            raise unreadable(self.path, error) from error
        if empty:
            raise self._no_rows()

    def rows(self) -> int | None:
        """Count the rows, where the file says so in its head: of Parquet; None elsewhere, and of one that is broken."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if kind_of(self.path) != ".parquet":
            return None
        try:
            return int(pq.read_metadata(self.path).num_rows)
        except (OSError, pa.ArrowException):  # reading it will say why
            return None

    def _no_rows(self) -> CorpusError:
        if not self.skipped:
            return NoRowsError(f"{self.path} holds no rows; give a file with one formula or more")
        line, reason = next(iter(self.skipped.items()))
        return CorpusError(f"{self.path} holds no rows; line {line:,}: {reason}")

    def _csv(self) -> Iterator[pd.DataFrame]:
        import pandas as pd

        with opened(self.path) as binary:
            stream = io.TextIOWrapper(binary, "utf-8-sig", "replace", newline="")
            blocks = records(stream, separator_of(self.path), self.skipped)
            blocks = ((numbers, rows) for numbers, rows in blocks if any(rows))
            numbers, rows = next(blocks, ([], []))
            begin = next((place for place, cells in enumerate(rows) if cells), None)
            if begin is None and not self.skipped:
                raise NoRowsError(f"{self.path} is empty; give a file with one formula or more")
            if begin is None or (self.skipped and min(self.skipped) < numbers[begin]):
                line, reason = min(self.skipped.items())
                raise CorpusError(f"{self.path}, line {line:,}: {reason}")  # what is lost may be the header
            header = rows[begin]
            names = _own_names(header) if is_header(header) else [str(place) for place in range(len(header))]
            begin += is_header(header)
            numbers, rows = self._even(numbers[begin:], rows[begin:], len(names))
            while len(rows) < _SAMPLE and len(self.skipped) < _REFUSED and (more := next(blocks, None)):
                more = self._even(*more, len(names))
                numbers, rows = [*numbers, *more[0]], rows + more[1]
            if not rows and (self.skipped or self.column is None):
                raise self._no_rows()
            sample = pd.DataFrame(rows[:_SAMPLE], columns=pd.Index(names), dtype=object)
            at = names.index(formula_column(sample, self.column, self.path))
            even = chain([(numbers, rows)], (self._even(*block, width=len(names)) for block in blocks))
            for lines, columns in _gathered(even):
                texts = dict(zip(names, map(_as_text, columns), strict=True))
                yield _piece(texts[names[at]], texts, names[at], lines)

    def _even(
        self, numbers: Sequence[int], rows: list[list[str]], width: int
    ) -> tuple[Sequence[int], list[list[str]]]:
        """Leave out blank lines, and refuse rows with too many or too few cells."""
        if list(map(len, rows)).count(width) == len(rows):
            return numbers, rows
        even: list[tuple[int, list[str]]] = []
        for number, cells in zip(numbers, rows, strict=True):
            if len(cells) == width:
                even.append((number, cells))
            elif any(cell.strip() for cell in cells):
                self.skipped[number] = f"{len(cells)} cell{'s' * (len(cells) > 1)} instead of {width}"
        return [number for number, _ in even], [cells for _, cells in even]

    def _parquet(self) -> Iterator[pd.DataFrame]:
        import pyarrow.parquet as pq

        # A buffer, since a row group may hold the whole file.
        with pq.ParquetFile(self.path, buffer_size=1 << 20) as file:
            head = next(file.iter_batches(batch_size=_SAMPLE), None)
            if head is None:
                return
            groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
            width = max([head.nbytes / len(head), *(g.total_byte_size / max(g.num_rows, 1) for g in groups)])
            size = max(1, min(PIECE, int(_PIECE_BYTES / max(width, 1))))
            yield from self._columns(head, file.iter_batches(batch_size=size))

    def _arrow(self) -> Iterator[pd.DataFrame]:
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as mapped, pa.ipc.open_file(mapped) as file:
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
            parts = (batch.slice(start, PIECE) for batch in batches for start in range(0, len(batch), PIECE))
            first = next(parts, None)
            if first is not None:
                yield from self._columns(first[:_SAMPLE], chain([first], parts))

    def _columns(self, head: pa.RecordBatch, batches: Iterable[pa.RecordBatch]) -> Iterator[pd.DataFrame]:
        """Make pieces of record batches, given the first rows of them."""
        import pandas as pd

        names = _own_names(head.schema.names)
        sample = pd.DataFrame(
            {name: formula_values(values) for name, values in zip(names, head.columns, strict=True)}
        )
        column = formula_column(sample, self.column, self.path)
        first = 1
        for batch in batches:
            columns = dict(zip(names, batch.columns, strict=True))
            others = {name: pd.arrays.ArrowExtensionArray(values) for name, values in columns.items()}
            yield _piece(formula_values(columns[column]), others, column, range(first, first + len(batch)))
            first += len(batch)

    def _json_lines(self) -> Iterator[pd.DataFrame]:
        import pandas as pd

        column: str | None = None
        names: list[str] | None = None
        for numbers, lines in self._lines():
            rows = [_decoded(line) for line in lines]
            found = [row for row in rows if isinstance(row, dict)]
            if column is None and found:
                column = formula_column(pd.DataFrame(found[:_SAMPLE]), self.column, self.path)
            if names is None:
                names = list(dict.fromkeys(name for row in found[:_SAMPLE] for name in row))
            others = {
                name: _as_text([_json_text(row.get(name)) if isinstance(row, dict) else None for row in rows])
                for name in names
                if name != column
            }
            values = [row.get(column) if isinstance(row, dict) else row for row in rows]
            yield _piece(pd.Series(values, dtype=object).array, others, column, numbers)

    def _plain_text(self) -> Iterator[pd.DataFrame]:
        for numbers, lines in self._lines("#"):
            yield _piece(_as_text(lines), {}, None, numbers)

    def _whole(self) -> Iterator[pd.DataFrame]:
        values = read_rows(self.path, self.column)["formula"]
        yield _piece(values.array, {}, None, range(1, len(values) + 1))

    def _lines(self, comment: str | None = None) -> Iterator[tuple[list[int], list[str]]]:
        """Give pieces of lines with their numbers, without those that are blank or comments."""
        number = 0
        with opened(self.path) as binary:
            stream: TextIO = io.TextIOWrapper(binary, "utf-8-sig", "replace")
            while block := stream.readlines(_BLOCK):
                lines = [(at, line.strip()) for at, line in enumerate(block, number + 1)]
                number += len(block)
                kept = [
                    (at, line) for at, line in lines if line and not (comment and line.startswith(comment))
                ]
                for start in range(0, len(kept), PIECE):
                    part = kept[start : start + PIECE]
                    yield [at for at, _ in part], [line for _, line in part]


def _gathered(
    blocks: Iterator[tuple[Sequence[int], list[list[str]]]],
) -> Iterator[tuple[NDArray[np.int64], list[pa.ChunkedArray]]]:
    """Make columns of blocks of rows, and pieces of small blocks."""
    import numpy as np
    import pyarrow as pa

    numbers: list[NDArray[np.int64]] = []
    batches: list[list[pa.Array]] = []
    count = size = 0
    for lines, rows in blocks:
        for start in range(0, len(rows), PIECE):
            part = rows[start : start + PIECE]
            if numbers and (count + len(part) > PIECE or size > _PIECE_BYTES):
                yield (
                    np.concatenate(numbers),
                    [pa.chunked_array(arrays) for arrays in zip(*batches, strict=True)],
                )
                numbers, batches, count, size = [], [], 0, 0
            numbers.append(np.array(lines[start : start + PIECE], dtype=np.int64))
            batches.append([pa.array(column, pa.large_string()) for column in zip(*part, strict=True)])
            count += len(part)
            size += sum(array.nbytes for array in batches[-1])
    if numbers:
        yield np.concatenate(numbers), [pa.chunked_array(arrays) for arrays in zip(*batches, strict=True)]


def _piece(
    formulas: pd.api.extensions.ExtensionArray,
    columns: Mapping[str, pd.api.extensions.ExtensionArray],
    column: str | None,
    numbers: Sequence[int] | NDArray[np.int64],
) -> pd.DataFrame:
    """Make a table with the formulas first."""
    import pandas as pd

    others = {name: values for name, values in columns.items() if name not in ("formula", column)}
    return pd.DataFrame({"formula": formulas, **others}, index=pd.Index(numbers))


def _as_text(values: Sequence[str | None] | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    column = values if isinstance(values, pa.ChunkedArray) else pa.array(values, pa.large_string())
    return pd.array(column, dtype=pd.StringDtype(na_value=np.nan))


def _own_names(header: Sequence[str]) -> list[str]:
    """Name every column, each differently."""
    names: dict[str, None] = {}
    for place, cell in enumerate(header):
        name = cell or f"Unnamed: {place}"
        again = 0
        while (unique := f"{name}.{again}" if again else name) in names:
            again += 1
        names[unique] = None
    return list(names)


def formula_values(values: pa.Array) -> pd.api.extensions.ExtensionArray:
    """Give an Arrow column of formulas as pandas has it.

    Args:
        values: text, bytes of it, or amounts by element.

    Returns:
        Text, or mappings in which only the elements are that a formula has.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    kinds = pa.types
    if kinds.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return pd.array(values.cast(pa.large_string()), dtype=pd.StringDtype(na_value=np.nan))
    cells = amounts_by_element(values.to_pylist(), kind)
    if any(isinstance(cell, bytes) for cell in cells):
        return _as_text([None if cell is None else cell.decode(errors="replace") for cell in cells])
    return pd.Series(cells, dtype=object).array


def _decoded(line: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a line of JSON; one that is none, or could not be written again, stays the text that it is."""
    try:
        value = json.loads(line)
        if _SURROGATE in line.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, half a character
        return line
    return line if _too_deep(value) else value


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_MOST_LEVELS):
        inner = [part for part in level if isinstance(part, dict | list)]
        if not inner:
            return False
        level = [child for part in inner for child in (part.values() if isinstance(part, dict) else part)]
    return True


def _json_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
