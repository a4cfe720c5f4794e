"""Files that people drop on the page: read within limits into memory, and removed at once.

A name says nothing but the format; a compressed file is unpacked as far as the limit and no further.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from mattransformer.app import limits
from mattransformer.app.limits import LimitError, check_formulas

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: Final = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
"""Endings of lists; all but the last may be followed by `.gz`."""
CIF: Final = ".cif"
_OPERATIONS: Final = (
    *("_symmetry_equiv_pos_as_xyz", "_symmetry_equiv_pos_as_xyz_", "_space_group_symop_operation_xyz"),
    "_space_group_symop_operation_xyz_",
)
_PARQUET: Final = ".parquet"
_ROWS: Final = 2_000  # of a Parquet file that are looked at together
_BLOCK: Final = 1 << 20


def read_list(upload: str | Path) -> list[str]:
    """Read the formulas of a dropped file, and remove it.

    Args:
        upload: the file, under the name that its owner gave it.

    Returns:
        The formulas as they were written; other columns are left out.

    Raises:
        MattransformerError: a kind of file that is not read here, or too much in it.
    """
    with _taken(upload) as path, TemporaryDirectory() as folder:
        kind, packed = _kind_of(path)
        _check_size(path, limits.MOST_UPLOAD)
        plain = Path(folder) / f"list{kind}"  # a name of our own: messages and readers go by it
        if packed:
            _unpack(path, plain)
        else:
            shutil.copyfile(path, plain)
        if kind == _PARQUET:
            _check_parquet(plain)
        return _formulas(plain)


def read_text(upload: str | Path) -> str:
    """Read the text of a dropped CIF, and remove it.

    Args:
        upload: the file.

    Returns:
        Its text.

    Raises:
        LimitError: it is no CIF by its name, or is too large.
    """
    with _taken(upload) as path:
        if path.suffix.lower() != CIF:
            raise LimitError(f"{path.name[-60:]}: this is no CIF; drop a file whose name ends in {CIF}")
        _check_size(path, limits.MOST_CIF)
        return path.read_text(encoding="utf-8", errors="replace")


def check_cif(text: str) -> None:
    """Refuse a CIF that is short as a text and large as a structure, before its symmetry is applied.

    Args:
        text: of a CIF; one that cannot be read passes, since who reads it says so.

    Raises:
        LimitError: too many atoms, or too many operations for them.
    """
    from pymatgen.io.cif import CifFile

    limits.check_text("cif", text, limits.MOST_CIF)
    try:
        blocks = [block.data for block in CifFile.from_str(text).data.values()]
    except (ValueError, KeyError, IndexError, TypeError):
        return
    for block in blocks:
        places = _rows_of(block, "_atom_site_fract_x", "_atom_site_label")
        operations = max(_rows_of(block, *_OPERATIONS), 1)
        check_atoms(places)
        if places * operations > limits.MOST_EXPANDED:
            raise LimitError(
                f"cif: {places:,} places of atoms and {operations:,} symmetry operations are more than the "
                f"{limits.MOST_EXPANDED:,} copies that are read here; "
                f"{limits.COMMAND_LINE}: mattransformer tinker FILE.cif"
            )


def check_atoms(number: int) -> None:
    """Refuse a structure of more atoms than a request may hold.

    Raises:
        LimitError: names the limit.
    """
    if number > limits.MOST_ATOMS:
        raise LimitError(
            f"cif: {number:,} atoms are more than the {limits.MOST_ATOMS:,} that one request may hold; "
            f"{limits.COMMAND_LINE}: mattransformer tinker FILE.cif"
        )


def _rows_of(block: Mapping[str, Any], *names: str) -> int:
    """Give the length of the longest of some columns."""
    found = [block[name] for name in names if name in block]
    return max((len(own) if isinstance(own, list) else 1 for own in found), default=0)


@contextmanager
def _taken(upload: str | Path) -> Iterator[Path]:
    """Put an upload into a folder of its own, and remove it in the end.

    Gradio gives two people who drop the same file the same path.
    """
    path = Path(upload)
    with TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as folder:
        own = Path(folder) / path.name
        try:
            path.rename(own)
        except OSError as error:
            raise LimitError(f"{path.name[-60:]}: the file has gone; drop it again") from error
        yield own


def _kind_of(path: Path) -> tuple[str, bool]:
    endings = [ending.lower() for ending in path.suffixes]
    packed = endings[-1:] == [".gz"]
    kind = next(iter(endings[-2:-1] if packed else endings[-1:]), "")
    if kind not in KINDS or (packed and kind == _PARQUET):
        raise LimitError(
            f"{path.name[-60:]}: files of this kind are not read here; drop {', '.join(KINDS)}, text also with .gz, or "
            "paste the formulas"
        )
    return kind, packed


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise LimitError(
            f"{path.name[-60:]}: {size / 1e6:.0f} MB are more than the {most / 1e6:.0f} MB that are read here; "
            f"{limits.COMMAND_LINE}: mattransformer screen FILE"
        )


def _unpack(path: Path, plain: Path) -> None:
    unpacked = 0
    try:
        with gzip.open(path) as packed, plain.open("wb") as target:
            while block := packed.read(_BLOCK):
                unpacked += len(block)
                if unpacked > limits.MOST_UNPACKED:
                    raise LimitError(
                        f"{path.name[-60:]}: unpacked it is larger than the {limits.MOST_UNPACKED / 1e6:.0f} MB that "
                        f"are read here; {limits.COMMAND_LINE}: mattransformer screen FILE"
                    )
                target.write(block)
    except (OSError, EOFError, zlib.error) as error:
        raise LimitError(f"{path.name[-60:]}: it cannot be unpacked ({error}); get it anew") from error


def _check_parquet(path: Path) -> None:
    """Refuse a table that is small on the disk and large in memory: lists in lists, long texts by the thousand."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as opened:
            if opened.metadata.num_rows > limits.MOST_ROWS:
                raise LimitError(
                    f"formulas: {opened.metadata.num_rows:,} rows are more than the {limits.MOST_ROWS:,} that one "
                    f"request may hold; {limits.COMMAND_LINE}: mattransformer screen FILE"
                )
            schema = opened.schema_arrow
            nested = [field.name for field in schema if pa.types.is_nested(field.type)]
            if nested:
                raise LimitError(
                    f"column {nested[0][:60]!r}: columns of lists and structures are not read here; keep the others"
                )
            sizes = [opened.metadata.row_group(at).total_byte_size for at in range(opened.num_row_groups)]
            if sum(sizes) > limits.MOST_UNPACKED:
                raise LimitError(
                    f"unpacked, the table is larger than the {limits.MOST_UNPACKED / 1e6:.0f} MB that are read here; "
                    "keep the column of formulas"
                )
        texts = [field.name for field in schema if _is_text(field.type)]
        # A text that comes a thousand times is held once here, and a thousand times by other readers.
        with pq.ParquetFile(path, read_dictionary=texts) as opened:
            for batch in opened.iter_batches(_ROWS, columns=texts):
                for column in batch.columns:
                    _check_texts(column)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise LimitError(f"this Parquet file cannot be read ({reason}); get it anew") from error


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_dictionary(kind)
    )


def _check_texts(column: pa.Array) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    longest = pc.max(pc.binary_length(values)).as_py() if len(values) and _is_text(values.type) else 0
    if (longest or 0) > 4 * limits.MOST_CHARACTERS:  # a character has up to four bytes
        raise LimitError(
            f"a cell of {longest:,} bytes is longer than the {limits.MOST_CHARACTERS:,} characters that are read here; "
            "keep the column of formulas"
        )


def _formulas(path: Path) -> list[str]:
    from mattransformer.data.readers import CorpusError
    from mattransformer.data.streams import FormulaStream

    formulas: list[str] = []
    try:
        for piece in FormulaStream(path).pieces():
            formulas.extend("" if own is None or own != own else str(own) for own in piece["formula"])
            if len(formulas) > limits.MOST_ROWS:
                break  # enough to be refused
    except CorpusError as error:
        raise CorpusError(str(error).replace(str(path), "the file")) from error
    return check_formulas(formulas, "screen FILE")
