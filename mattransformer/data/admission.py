"""The rules that decide which rows enter a corpus, each one counted.

A row that breaks several rules is counted under the first, in the order of `RULES`. What is admitted carries
its reduced formula, source, variant and split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.formula_columns import PROPERTIES
from mattransformer.data.splits import SPLITS, split_of
from mattransformer.data.variants import VARIANTS, strongest
from mattransformer.formula import Formula
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_BATCH: Final = 50_000  # rows that are looked at together

MIN_ELEMENTS = 2
MAX_ELEMENTS = 8
MAX_ATOMS = 30  # in the reduced formula

RULES: tuple[str, ...] = (
    "not parseable",
    f"fewer than {MIN_ELEMENTS} elements",
    f"more than {MAX_ELEMENTS} elements",
    f"more than {MAX_ATOMS} atoms",
    "duplicate",
)

# Part of the cache key: raise it whenever the same file would give another table.
RULES_VERSION = 2


def broken_rule(reduced: Formula) -> str | None:
    """Name the first rule that a reduced formula breaks by itself.

    Args:
        reduced: a reduced formula.

    Returns:
        An entry of `RULES`, or None where the formula may enter.
    """
    elements = len(reduced.elements)
    if elements < MIN_ELEMENTS:
        return RULES[1]
    if elements > MAX_ELEMENTS:
        return RULES[2]
    return RULES[3] if reduced.atoms > MAX_ATOMS else None


def admit(
    pieces: Iterable[pd.DataFrame], source: str, *, heavy_hydrogen: bool = False, total: int | None = None
) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Apply the rules to the rows of one file, in a memory that grows with the rows that are kept.

    Args:
        pieces: as `pieces.corpus_pieces` gives them, all with the same columns; of duplicates the first is kept.
        source: the token of their source, `mp` for instance.
        heavy_hydrogen: whether D and T count as hydrogen.
        total: rows to come, where that is known, for the bar on a terminal.

    Returns:
        The admitted rows (columns formula, source, variant, split and the properties there are) in the order of the
        file, the number of rows dropped by each rule, and the number of rows that there were.
    """
    from tqdm import tqdm

    admission = _Admission(heavy_hydrogen)
    # disable=None: a bar on a terminal, nothing in a log.
    with tqdm(total=total, desc="labelling", unit=" formulas", disable=None, leave=False) as bar:
        for piece in pieces:
            for start in range(0, len(piece), _BATCH):
                admission.add(piece.iloc[start : start + _BATCH])
                bar.update(min(_BATCH, len(piece) - start))
    return admission.table(source), admission.dropped, admission.read


def drop_repeated(tables: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], list[int]]:
    """Drop from each table what an earlier one of the same source holds already.

    The same formula from two sources is kept twice, since each row teaches the model what its source looks
    like.

    Args:
        tables: admitted rows, one table a file.

    Returns:
        The tables without repetitions, and how many rows each lost.
    """
    import pandas as pd

    if len(tables) < 2:
        return tables, [0] * len(tables)
    again = pd.concat([table[["source", "formula"]] for table in tables]).duplicated().to_numpy()
    ends = np.cumsum([len(table) for table in tables]).tolist()
    repeated = [again[end - len(table) : end] for table, end in zip(tables, ends, strict=True)]
    kept = [table[~mask] for table, mask in zip(tables, repeated, strict=True)]
    return kept, [int(mask.sum()) for mask in repeated]


class _Admission:
    """The rows of one file that were admitted so far, as columns of Arrow, which take little more than their text."""

    def __init__(self, heavy_hydrogen: bool) -> None:
        self.dropped = dict.fromkeys(RULES, 0)
        self.read = 0
        self._heavy_hydrogen = heavy_hydrogen
        self._seen = np.zeros(0, dtype=np.uint64)  # fingerprints of what was admitted, ascending
        self._formulas: list[pa.Array] = []
        self._variants: list[NDArray[np.int8]] = []
        self._splits: list[NDArray[np.int8]] = []
        self._properties: dict[str, list[NDArray[np.float64]]] = {}

    def add(self, rows: pd.DataFrame) -> None:
        """Admit what may enter of some rows."""
        import pyarrow as pa

        column = read_column(_cells(rows["formula"]), heavy_hydrogen=self._heavy_hydrogen)
        self.read += len(rows)
        self.dropped[RULES[0]] += len(column.complaints)
        kept = self._kept(column.compositions)
        compositions = column.compositions.take(kept)
        formulas = [compositions.formula(at).reduced_formula for at in range(len(compositions))]
        self._formulas.append(pa.array(formulas, pa.large_string()))
        self._variants.append(strongest(compositions))
        self._splits.append(
            np.array([SPLITS.index(split_of(formula)) for formula in formulas], dtype=np.int8)
        )
        places = np.flatnonzero(column.readable)[kept]
        for name in PROPERTIES:
            if name in rows:
                self._properties.setdefault(name, []).append(rows[name].to_numpy()[places])

    def table(self, source: str) -> pd.DataFrame:
        """Give all admitted rows."""
        import pandas as pd
        import pyarrow as pa

        formulas = pa.chunked_array(self._formulas, pa.large_string())
        columns: dict[str, Any] = {
            "formula": _text(formulas),
            "source": _text(pa.repeat(pa.scalar(source, pa.large_string()), len(formulas))),
            "variant": _text(_named(self._variants, VARIANTS)),
            "split": _text(_named(self._splits, SPLITS)),
        }
        columns |= {name: np.concatenate(parts) for name, parts in self._properties.items()}
        return pd.DataFrame(columns)

    def _kept(self, compositions: Compositions) -> NDArray[np.int64]:
        """Say which compositions may enter, and count the others under the first rule that they break."""
        sizes = compositions.sizes
        atoms = compositions.totals(compositions.reduced.amounts)
        broken = np.select(
            [sizes < MIN_ELEMENTS, sizes > MAX_ELEMENTS, atoms > MAX_ATOMS], [1, 2, 3], default=0
        )
        allowed = np.flatnonzero(broken == 0)
        fingerprints = compositions.fingerprints()[allowed]
        distinct, first = np.unique(fingerprints, return_index=True)
        new = first[~np.isin(distinct, self._seen, assume_unique=True)]
        self._seen = np.union1d(self._seen, distinct)
        for rule in (1, 2, 3):
            self.dropped[RULES[rule]] += int((broken == rule).sum())
        self.dropped[RULES[4]] += len(allowed) - len(new)
        return allowed[np.sort(new)]


def _cells(values: pd.Series) -> pd.Series | list[Any]:
    """Give a column as it can be read: a mapping of Parquet lists every element of the file, most without amount."""
    if values.dtype != object:
        return values
    return [
        {element: amount for element, amount in value.items() if amount is not None}
        if isinstance(value, Mapping)
        else value
        for value in values
    ]


def _named(codes: list[NDArray[np.int8]], names: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(names, pa.large_string()).take(pa.array(np.concatenate([np.zeros(0, np.int8), *codes])))


def _text(values: pa.Array | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    import pandas as pd

    return pd.array(values, dtype=pd.StringDtype(na_value=np.nan))
