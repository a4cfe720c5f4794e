"""The rules that decide which rows enter a corpus, each one counted.

A row that breaks several rules is counted under the first, in the order of `RULES`. What is admitted carries
its reduced formula, source, variant and split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mattransformer.data.readers import PROPERTIES
from mattransformer.data.splits import split_of
from mattransformer.data.variants import variants_of
from mattransformer.formula import Formula, FormulaError

if TYPE_CHECKING:
    import pandas as pd

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
RULES_VERSION = 1

_BATCH = 8192  # formulas held as objects at a time, which bounds the memory of a large corpus


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
    rows: pd.DataFrame, source: str, *, heavy_hydrogen: bool = False
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Apply the rules to the rows of one file.

    Args:
        rows: as `readers.read_rows` returns them; of duplicates the first is kept.
        source: the token of their source, `mp` for instance.
        heavy_hydrogen: whether D and T count as hydrogen.

    Returns:
        The admitted rows (columns formula, source, variant, split and the properties there are) in the order
        of the file, and the number of rows dropped by each rule.
    """
    import pandas as pd

    dropped = dict.fromkeys(RULES, 0)
    seen: set[str] = set()
    kept: list[int] = []
    formulas: list[str] = []
    variants: list[str] = []
    for start, batch in _batches(rows["formula"]):
        fresh: list[Formula] = []
        for at, value in enumerate(batch, start):
            reduced, rule = _examine(value, heavy_hydrogen, seen)
            if reduced is None or rule is not None:
                dropped[rule or RULES[0]] += 1
                continue
            kept.append(at)
            fresh.append(reduced)
        formulas += [reduced.reduced_formula for reduced in fresh]
        variants += variants_of(fresh)
    columns: dict[str, Any] = {
        "formula": formulas,
        "source": source,
        "variant": variants,
        "split": [split_of(formula) for formula in formulas],
    }
    table = pd.DataFrame(columns).astype("str")
    for name in PROPERTIES:
        if name in rows:
            table[name] = rows[name].to_numpy()[kept]
    return table, dropped


def drop_repeated(tables: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], list[int]]:
    """Drop from each table what an earlier one of the same source holds already.

    The same formula from two sources is kept twice, since each row teaches the model what its source looks
    like.

    Args:
        tables: admitted rows, one table a file.

    Returns:
        The tables without repetitions, and how many rows each lost.
    """
    if len(tables) < 2:
        return tables, [0] * len(tables)
    seen: set[tuple[str, str]] = set()
    kept: list[pd.DataFrame] = []
    for table in tables:
        keys = list(zip(table["source"].tolist(), table["formula"].tolist(), strict=True))
        kept.append(table[[key not in seen for key in keys]])
        seen.update(keys)
    return kept, [len(before) - len(after) for before, after in zip(tables, kept, strict=True)]


def _batches(values: pd.Series) -> Iterator[tuple[int, list[object]]]:
    from tqdm import tqdm

    # disable=None: a bar on a terminal, nothing in a log.
    with tqdm(total=len(values), desc="labelling", unit=" formulas", disable=None, leave=False) as bar:
        for start in range(0, len(values), _BATCH):
            batch = values.iloc[start : start + _BATCH].tolist()
            yield start, batch
            bar.update(len(batch))


def _examine(value: object, heavy_hydrogen: bool, seen: set[str]) -> tuple[Formula | None, str | None]:
    """Return the reduced formula of a cell, or the rule that it breaks."""
    if isinstance(value, Mapping):
        # A Parquet column of mappings lists every element of the file in each of them.
        value = {element: amount for element, amount in value.items() if amount is not None}
    if not isinstance(value, str | Mapping):
        return None, RULES[0]
    try:
        reduced = Formula.parse(value, heavy_hydrogen=heavy_hydrogen).reduced
    except FormulaError:
        return None, RULES[0]
    rule = broken_rule(reduced)
    if rule is None:
        formula = reduced.reduced_formula
        rule = RULES[4] if formula in seen else None
        seen.add(formula)
    return reduced, rule
