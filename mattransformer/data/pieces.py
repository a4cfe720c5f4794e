"""The rows of a corpus file in pieces: of Parquet only the columns that a corpus has, in a bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mattransformer.data.formula_columns import (
    CorpusError,
    check_names,
    formula_column,
    property_columns,
    select,
)
from mattransformer.data.readers import NoRowsError, kind_of, read_rows, unreadable
from mattransformer.data.streams import formula_values

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS: Final = 100_000  # of a piece
_SAMPLE: Final = 200  # rows that tell the column of formulas


def corpus_pieces(path: Path, column: str | None = None) -> Iterator[pd.DataFrame]:
    """Read every row of a file, as `readers.read_rows` does.

    Args:
        path: a file with one of the endings in `READERS` (and `.gz`), or a folder of CIFs.
        column: the column that holds the formula; found by its name or, failing that, by its content where left out.

    Yields:
        Tables with the columns of `read_rows`: of Parquet up to 100,000 rows each, of other formats all at once.

    Raises:
        CorpusError: see `read_rows`.
    """
    if kind_of(path) == ".parquet" and path.suffix.lower() == ".parquet":
        yield from _parquet(path, column)
    else:
        yield read_rows(path, column)


def _parquet(path: Path, column: str | None) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A buffer, since a row group may hold the whole file.
        with pq.ParquetFile(path, buffer_size=1 << 20) as file:
            head = next(file.iter_batches(batch_size=_SAMPLE), None)
            if head is None or not len(head):
                raise NoRowsError(f"{path} holds no rows; give a file with one formula or more")
            check_names(head.schema.names, path)
            sample = _table(head)
            formula = formula_column(sample, column, path)
            named = [formula, *property_columns(sample.columns).values(), "split"]
            wanted = list(dict.fromkeys(name for name in named if name in sample))
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                yield select(_table(batch), formula)
    except OSError as error:
        raise unreadable(path, error) from error
    except pa.ArrowException as error:
        raise CorpusError(f"{path} is not a Parquet file: {error}; get it anew") from error


def _table(batch: pa.RecordBatch) -> pd.DataFrame:
    """Give a batch as pandas has it, formulas in any of the forms that they are written in."""
    import pandas as pd

    columns = zip(batch.schema.names, batch.columns, strict=True)
    return pd.DataFrame({name: formula_values(values) for name, values in columns})
