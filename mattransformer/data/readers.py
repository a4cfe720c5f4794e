"""Files to rows: CSV, JSON, JSON lines, Parquet, Arrow, plain text, CIF folders.

Nothing is filtered or interpreted here: a reader returns every row of the file with the formula as it was
written, so that whatever is dropped later is dropped by a rule that counts it. Text files may be compressed
with gzip (`.csv.gz`).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from mattransformer.data.cifs import cif_files, cif_formulas
from mattransformer.data.formula_columns import CorpusError as CorpusError
from mattransformer.data.formula_columns import check_names, formula_column, is_header, known_column, select

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_HEAD = 100_000  # bytes of a first line that are looked at
_TEXT = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt"})
_HEAD = 8192  # bytes that tell text from what is none
_GZIP = b"\x1f\x8b"  # begins every file that gzip made


class NoRowsError(CorpusError):
    """A file is what its name says, but there is no row in it."""


def sha256_of(path: Path) -> str:
    """Hash a file, or for a folder of CIFs the names and contents of its files.

    Args:
        path: a file or a folder.

    Returns:
        The SHA-256 as 64 hexadecimal digits.

    Raises:
        CorpusError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for cif in cif_files(path):
                digest.update(f"{cif.relative_to(path).as_posix()}\0".encode())
                digest.update(hashlib.sha256(cif.read_bytes()).digest())
        else:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def read_rows(path: Path, column: str | None = None) -> pd.DataFrame:
    """Read every row of a file.

    Args:
        path: a file with one of the endings in `READERS` (and `.gz`), or a folder of CIFs.
        column: the column that holds the formula; found by its name or, failing that, by its content where
            left out.

    Returns:
        Column `formula` as written (a string, a mapping of element to amount, or None), the `PROPERTIES` that
        the file has as floats (NaN where unknown), and `split` where the file has one.

    Raises:
        CorpusError: the file cannot be read, or has no such column, none that holds formulas, or several.
    """
    try:
        raw = _read_raw(path)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise unreadable(path, error) from error
    if raw.empty:
        raise NoRowsError(f"{path} holds no rows; give a file with one formula or more")
    return select(raw, formula_column(raw, column, path))


def unreadable(path: Path, error: Exception) -> CorpusError:
    """Say in one line why a file cannot be read, and what to do.

    Args:
        path: of the file.
        error: of the system or of what unpacks and decodes it.

    Returns:
        The error to raise.
    """
    if isinstance(error, UnicodeDecodeError):
        return CorpusError(
            f"cannot read {path}: byte {error.start:,} is not UTF-8 ({error.reason}); save the file as UTF-8"
        )
    if isinstance(error, gzip.BadGzipFile) and not _is_compressed(path):
        return CorpusError(
            f"cannot read {path}: it is not compressed with gzip, as its name says; take .gz off the name"
        )
    reason = getattr(error, "strerror", None)
    return CorpusError(
        f"cannot read {path}: {reason}" if reason else f"cannot read {path}: {error}; get it anew"
    )


def check_text(path: Path) -> None:
    """Refuse what is called a text file and is none, such as a spreadsheet, an image or an archive.

    Args:
        path: a file of any format, or a folder; those that are no text by their name pass.

    Raises:
        CorpusError: there is a zero byte, which text in UTF-8 has not, near the beginning.
        OSError: the file cannot be read.
    """
    if kind_of(path) not in _TEXT:
        return
    with opened(path) as stream:
        at = stream.read(_HEAD).find(b"\0")
    if at < 0:
        return
    if not _packed(path) and _is_compressed(path):
        raise CorpusError(f"cannot read {path}: it is compressed with gzip; let its name end in .gz")
    raise CorpusError(
        f"cannot read {path}: it is no text, or not UTF-8 (byte {at:,} is zero); save the file as UTF-8, or give it "
        "the ending of its format"
    )


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_GZIP)) == _GZIP


def _looks_like_page(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def kind_of(path: Path) -> str:
    """Tell the format of a file from its name.

    Args:
        path: a file, or a folder of CIFs.

    Returns:
        One of the endings in `READERS`; `.cif` for a folder.

    Raises:
        CorpusError: no format ends like this.
    """
    if path.is_dir():
        return ".cif"
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2:-1] if _packed(path) else suffixes[-1:]
    if not kind or kind[0] not in READERS:
        raise CorpusError(
            f"cannot tell the format of {path}: its name should end in {', '.join(READERS)} (or .gz)"
        )
    return kind[0]


def opened(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked if its name ends in `.gz`."""
    return cast("BinaryIO", gzip.open(path, "rb")) if _packed(path) else path.open("rb")


def separator_of(path: Path) -> str:
    """Tell what stands between the cells of a CSV or TSV.

    A tab by the name of the file; a semicolon, as spreadsheets write where the comma is decimal, if the first line has
    some and no comma.
    """
    if kind_of(path) == ".tsv":
        return "\t"
    with opened(path) as stream:
        first = stream.readline(_LONGEST_HEAD)
    return ";" if b";" in first and b"," not in first else ","


def _packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _read_raw(path: Path) -> pd.DataFrame:
    if path.is_dir():
        return _read_cif_folder(path)
    reader = READERS[kind_of(path)]
    check_text(path)
    with opened(path) as stream:
        return reader(stream.read(), path)


def _read_csv(content: bytes, path: Path) -> pd.DataFrame:
    import pandas as pd

    def parse(header: int | None, rows: int | None = None) -> pd.DataFrame:
        # Everything as text: sodium mononitride is NaN, and pandas would take it for a missing value.
        return pd.read_csv(
            io.BytesIO(content),
            sep=separator_of(path),
            dtype=str,
            keep_default_na=False,
            header=header,
            nrows=rows,
            index_col=False,
            encoding="utf-8-sig",
        )

    try:
        check_names(list(map(str, parse(None, 1).iloc[0])), path)  # before pandas gives them other names
        table = parse(0)
        if not is_header(map(str, table.columns)):
            table = parse(None)
    except pd.errors.EmptyDataError as error:
        raise NoRowsError(f"{path} is empty; give a file with one formula or more") from error
    except pd.errors.ParserError as error:
        raise CorpusError(f"{path} is not a table of comma-separated values: {error}") from error
    table.columns = pd.Index([str(name) for name in table.columns])
    return table


def _read_json(content: bytes, path: Path) -> pd.DataFrame:
    return _table(_decode_json(content.decode("utf-8-sig"), path), path)


def _read_json_lines(content: bytes, path: Path) -> pd.DataFrame:
    lines = content.decode("utf-8-sig").split("\n")
    return _table([_decode_json(line, path, at) for at, line in enumerate(lines, 1) if line.strip()], path)


def _decode_json(text: str, path: Path, line: int | None = None) -> object:
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():  # half a character, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        if _looks_like_page(text):
            raise CorpusError(f"{path} is a web page and not JSON; download the file itself") from error
        raise CorpusError(
            f"{path}, line {line or error.lineno}: not JSON ({error.msg}); correct it, or write the file anew"
        ) from error
    except UnicodeEncodeError as error:
        raise CorpusError(f"{_place(path, line)}: a \\ud… escape that is half a character") from error
    except RecursionError as error:
        raise CorpusError(f"{_place(path, line)}: lists and mappings too deep in each other") from error
    except ValueError as error:
        raise CorpusError(f"{_place(path, line)}: a number with too many digits") from error
    return value


def _place(path: Path, line: int | None) -> str:
    return f"{path}, line {line}" if line else str(path)


def _table(data: object, path: Path) -> pd.DataFrame:
    """Make a table of decoded JSON.

    It may be a list of formulas or of records, columns (lists, or pandas' mappings of row to value), records
    by identifier, or any of these under one key.
    """
    import pandas as pd

    if isinstance(data, dict) and data:
        values = list(data.values())
        columns = known_column(map(str, data)) is not None
        if len(values) == 1 and not columns:
            return _table(values[0], path)
        if all(isinstance(value, dict) for value in values):
            data = {name: list(value.values()) for name, value in data.items()} if columns else values
        if isinstance(data, dict) and all(isinstance(value, list) for value in data.values()):
            if len({len(value) for value in data.values()}) > 1:
                raise CorpusError(f"{path}: its columns differ in length")
            return pd.DataFrame({name: pd.Series(value, dtype=object) for name, value in data.items()})
    if not isinstance(data, list):
        raise CorpusError(f"{path} should hold a list of formulas or of records, or columns of values")
    if data and all(isinstance(row, dict) for row in data):
        names = dict.fromkeys(name for row in data for name in row)
        cells = {name: [row.get(name) for row in data] for name in names}
        return pd.DataFrame({name: pd.Series(cell, dtype=object) for name, cell in cells.items()})
    return _formulas(data)


def _read_parquet(content: bytes, path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content))
    except pa.ArrowException as error:
        raise CorpusError(f"{path} is not a Parquet file: {error}; get it anew") from error
    return table.to_pandas()


def _read_arrow(content: bytes, path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import feather

    try:
        table = feather.read_table(io.BytesIO(content))
    except pa.ArrowException as error:
        raise CorpusError(f"{path} is not an Arrow (Feather) file: {error}") from error
    return table.to_pandas()


def _read_text(content: bytes, path: Path) -> pd.DataFrame:
    lines = (line.strip() for line in content.decode("utf-8-sig").splitlines())
    return _formulas([line for line in lines if line and not line.startswith("#")])


def _read_cif(content: bytes, path: Path) -> pd.DataFrame:
    return _formulas(cif_formulas(content.decode("utf-8", errors="replace")))


def _read_cif_folder(folder: Path) -> pd.DataFrame:
    files = cif_files(folder)
    if not files:
        raise CorpusError(f"{folder} holds no .cif files; name a folder that does")
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return _formulas([formula for text in texts for formula in cif_formulas(text)])


def _formulas(values: Sequence[object]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"formula": pd.Series(list(values), dtype=object)})


READERS: dict[str, Callable[[bytes, Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
    ".txt": _read_text,
    ".cif": _read_cif,
}
