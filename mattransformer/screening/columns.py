"""Columns of formulas, of whatever kind they come, as `Compositions`.

Text is read from its bytes where they lie, in pandas, polars and Arrow columns and in lists, by a compiled reader of
plain formulas (symbols, whole numbers, parentheses). What is not plain goes to `Formula.parse`, which accepts all
notations and knows what is wrong with the rest; so do small columns.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.formula import Composite, Formula, FormulaError
from mattransformer.notation import UNREADABLE
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import pays
from mattransformer.screening.oxidation import ScreeningError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


Composed = str | Formula | Mapping[Any, Any] | Composite
"""One composition: text, a Formula, a mapping such as pymatgen's Composition, or what has one such as its Structure."""


@dataclass(frozen=True)
class Column:
    """Formulas as given, and what was read of them.

    Attributes:
        given: the n values: a list, or an Arrow array of text.
        compositions: of the rows that are formulas, in their order.
        readable: which rows are formulas, (n,).
        complaints: row to what is wrong with it, for all others.
    """

    given: Sequence[object] | pa.Array
    compositions: Compositions
    readable: NDArray[np.bool_]
    complaints: Mapping[int, str]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.readable)

    def spread(self, values: NDArray[Any], missing: object) -> NDArray[Any]:
        """Give the values of the readable rows their places.

        Args:
            values: one a readable row.
            missing: of the others.

        Returns:
            One a row, (n,).
        """
        if self.readable.all():
            return values
        spread = np.full(len(self), missing, dtype=values.dtype)
        spread[self.readable] = values
        return spread


def read_column(formulas: Composed | Iterable[Composed], *, heavy_hydrogen: bool = False) -> Column:
    """Read a column of formulas; a row that is none never stops the others.

    Args:
        formulas: text, `Formula`s, pymatgen Compositions and Structures, and mappings from element to amount, mixed as
            they come, in a list or a pandas, polars or Arrow column; or one by itself.
        heavy_hydrogen: whether D and T count as hydrogen; otherwise they are no elements.

    Returns:
        What was read.

    Raises:
        ScreeningError: `formulas` is no list of compositions.
    """
    given = _values(formulas)
    if isinstance(given, list) and pays(len(given)) and all(type(value) is str for value in given):
        import pyarrow as pa

        # A lone surrogate is no text that can be written; such lists are read one by one.
        with suppress(UnicodeEncodeError):
            given = pa.array(given, pa.large_string())
    if isinstance(given, list) or not pays(len(given)):
        return _read_each(given, heavy_hydrogen)
    return _read_text(given, heavy_hydrogen)


def _values(formulas: Composed | Iterable[Composed]) -> list[Composed] | pa.Array:
    """Return a list, or an Arrow array of large strings where the column is one."""
    if isinstance(formulas, str | Formula | Mapping):
        return [formulas]
    if isinstance(composition := _composition(formulas), Mapping):
        return [composition]
    if isinstance(formulas, Path):
        raise ScreeningError(f"{formulas} is a path and no list of formulas: use mattransformer.screen_file")
    if isinstance(formulas, bytes):
        raise ScreeningError(f"{formulas!r} is bytes: decode it to text first")
    if hasattr(formulas, "columns") and not hasattr(formulas, "dtype"):
        names = ", ".join(map(str, list(getattr(formulas, "column_names", formulas.columns))[:5]))
        raise ScreeningError(f"a table is no list of formulas: give one of its columns ({names})")
    column = _arrow(formulas)
    if column is not None:
        return column
    try:
        return _arrow_values(formulas) or list(formulas)  # type: ignore[arg-type]  # TypeError of what is no list
    except TypeError:
        raise ScreeningError(
            f"{formulas!r} is no list of formulas: give text, a list or a column of a table"
        ) from None


def _arrow_values(formulas: object) -> list[Any] | None:
    """Return the values of Arrow and polars columns that are no text as Python's own, which they do not come as."""
    import pyarrow as pa

    if hasattr(formulas, "to_arrow"):  # polars
        formulas = formulas.to_arrow()
    if not isinstance(formulas, pa.Array | pa.ChunkedArray):
        return None
    return amounts_by_element(formulas.to_pylist(), formulas.type)


def amounts_by_element(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Leave in the mappings of an Arrow column the elements that a formula has.

    Args:
        values: of the column, as Python has them.
        kind: of the column; a struct has a place for every element of the column, and a map comes as pairs.

    Returns:
        Mappings of element to amount where the column has such, and the values as they are otherwise.
    """
    import pyarrow as pa

    if not pa.types.is_map(kind) and not pa.types.is_struct(kind):
        return values
    return [
        cell if cell is None else {name: amount for name, amount in dict(cell).items() if amount is not None}
        for cell in values
    ]


def _arrow(formulas: object) -> pa.Array | None:
    """Return text columns of pandas, polars and Arrow as one Arrow array, without a walk through the rows."""
    import pyarrow as pa

    if not isinstance(formulas, pa.Array | pa.ChunkedArray):
        if hasattr(formulas, "to_arrow"):  # polars
            formulas = formulas.to_arrow()
        elif str(getattr(formulas, "dtype", "")) in ("str", "string"):  # pandas
            formulas = pa.array(formulas, from_pandas=True)
        else:
            return None
    if isinstance(formulas, pa.ChunkedArray):
        formulas = formulas.combine_chunks()
    if isinstance(formulas, pa.DictionaryArray):
        formulas = formulas.dictionary_decode()
    if not isinstance(formulas, pa.Array) or not _holds_text(formulas.type):
        return None
    return formulas.cast(pa.large_string())


def _holds_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    views = pa.types.is_string_view(kind)
    return bool(views or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _read_each(given: list[Composed] | pa.Array, heavy_hydrogen: bool) -> Column:
    values: Sequence[object] = given if isinstance(given, list) else given.to_pylist()
    parsed: list[Formula] = []
    readable = np.zeros(len(values), dtype=np.bool_)
    complaints: dict[int, str] = {}
    for row, value in enumerate(values):
        formula, complaint = _read_one(value, heavy_hydrogen)
        if formula is None:
            complaints[row] = complaint
        else:
            parsed.append(formula)
            readable[row] = True
    return Column(given, Compositions.of(parsed), readable, complaints)


def _read_one(value: object, heavy_hydrogen: bool) -> tuple[Formula | None, str]:
    try:
        return Formula.parse(_composition(value), heavy_hydrogen=heavy_hydrogen), ""  # type: ignore[arg-type]
    except FormulaError as error:
        return None, f"{UNREADABLE}: {'the cell is empty' if _missing(value) else error}"


def _composition(value: object) -> object:
    """Give the composition of what has one, such as a pymatgen Structure; all else stays as it is."""
    found = None if isinstance(value, str | Mapping) else getattr(value, "composition", None)
    return found if isinstance(found, Mapping) else value


def _missing(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _read_text(given: pa.Array, heavy_hydrogen: bool) -> Column:
    """Read plain formulas at once and the others one by one."""
    plain = _read_plain(given)
    left = np.flatnonzero(plain.sizes == 0)
    readable = np.ones(len(given), dtype=np.bool_)
    complaints: dict[int, str] = {}
    others: list[Formula] = []
    for row in left.tolist():
        formula, complaint = _read_one(given[row].as_py(), heavy_hydrogen)
        if formula is None:
            complaints[row] = complaint
            readable[row] = False
        else:
            others.append(formula)
    if not len(left):
        return Column(given, plain, readable, complaints)
    joined = Compositions.joined([plain, Compositions.of(others)])
    # The row of `joined` that each row of the column has.
    places = np.arange(len(given))
    places[left[readable[left]]] = len(given) + np.arange(len(others))
    return Column(given, joined.take(places[readable]), readable, complaints)


def _read_plain(given: pa.Array) -> Compositions:
    """Read an array of large strings; a row that is not plain has no entries."""
    from mattransformer.screening.kernels import formulas

    _, offsets, data = given.buffers()
    begins = np.frombuffer(offsets, dtype=np.int64)[given.offset : given.offset + len(given) + 1]
    if given.null_count:  # what lies behind a missing cell is anything
        missing = given.is_null().to_numpy(zero_copy_only=False)
        given = given.fill_null("")
        _, offsets, data = given.buffers()
        begins = np.frombuffer(offsets, dtype=np.int64)[given.offset : given.offset + len(given) + 1]
        assert not np.diff(begins)[missing].any()
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    room = int(begins[-1] - begins[0])
    numbers, amounts = np.empty(room, dtype=np.uint8), np.empty(room, dtype=np.int32)
    starts = formulas.parse(text, begins, _symbols(), numbers, amounts)
    return Compositions(starts, numbers[: starts[-1]].copy(), amounts[: starts[-1]].copy())


@functools.cache
def _symbols() -> NDArray[np.uint8]:
    """Atomic number by first and second letter, (26, 27), the second 0 where there is none."""
    table = np.zeros((26, 27), dtype=np.uint8)
    for symbol, number in ATOMIC_NUMBER.items():
        table[ord(symbol[0]) - ord("A"), ord(symbol[1]) - ord("a") + 1 if len(symbol) > 1 else 0] = number
    return table


def as_text(given: Sequence[object] | NDArray[np.object_] | pa.Array) -> pd.api.extensions.ExtensionArray:
    """Give a column as text, also where it is empty or all missing; what is no text is put in words.

    Args:
        given: of a `Column`, or words.

    Returns:
        A pandas array of text.
    """
    import pandas as pd
    import pyarrow as pa

    kind = pd.StringDtype(na_value=np.nan)
    words: Any = given
    if isinstance(given, np.ndarray):
        words = pa.array(given, pa.large_string())
    elif isinstance(given, list):
        words = [_words(value) for value in given]
        try:
            return pd.array(words, dtype=kind)
        except UnicodeEncodeError:
            words = [None if word is None else word.encode(errors="replace").decode() for word in words]
    return pd.array(words, dtype=kind)


def _words(value: object) -> str | None:
    """Write one composition in a line: what is no text as a formula, where it is one."""
    if value is None or isinstance(value, str):
        return value
    if _missing(value):
        return None
    formula, _ = _read_one(value, heavy_hydrogen=True)
    return " ".join(str(value).split()) if formula is None else str(formula)
