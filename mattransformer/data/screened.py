"""Files of formulas to screened files, piece by piece: of any length, in a bounded memory, whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mattransformer.data.streams import FormulaStream
from mattransformer.data.tables import table_writer

if TYPE_CHECKING:
    import pandas as pd

_NAMED: Final = 20
"""Rows that could not be read that are named; the others are counted."""

VERDICTS: Final = ("charge_neutral", "electronegativity_balanced", "smact_valid", "novel")


@dataclass
class ScreeningSummary:
    """What came of a screening.

    Attributes:
        rows: judged, those that are no formula among them.
        passing: without a reason against them.
        verdicts: how many rows have each of `VERDICTS`.
        reasons: how often each reason came; `not parseable` without its details.
        unreadable: rows that are no formula, and lines that are no rows.
        named: the first of them, in words.
        head: the first rows of the table that was made.
        setting: what was asked for, in words.
    """

    rows: int = 0
    passing: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    named: list[str] = field(default_factory=list)
    head: pd.DataFrame | None = None
    setting: str = ""

    def add(self, table: pd.DataFrame, source: str) -> None:
        """Count the rows of a table; its index numbers the rows of `source`."""
        passing = table["reason"] == ""
        self.setting = table.attrs["setting"]
        self.rows += len(table)
        self.passing += int(passing.sum())
        for name in VERDICTS:
            if name in table:
                self.verdicts[name] += int(table[name].sum())
        unreadable = table["reason"].str.startswith("not parseable")
        for reason, count in table["reason"][~unreadable & ~passing].value_counts().items():
            self.reasons[str(reason)] += count
        complaints = table["reason"][unreadable]
        self.reasons["not parseable"] += len(complaints)
        self._complain(
            source, zip(complaints.index.tolist(), complaints.tolist(), strict=True), len(complaints)
        )

    def skip(self, source: str, lines: dict[int, str]) -> None:
        """Count lines that are no rows."""
        self._complain(source, iter(lines.items()), len(lines))

    def _complain(self, source: str, complaints: Iterator[tuple[int, str]], count: int) -> None:
        self.unreadable += count
        while len(self.named) < _NAMED and (complaint := next(complaints, None)) is not None:
            row, words = complaint
            self.named.append(f"{source}, row {row:,}: {words}" if source else words)


def screen_pieces(
    pieces: Iterable[tuple[str, FormulaStream | Sequence[str]]],
    judge: Callable[[pd.Series], pd.DataFrame],
    output: Path | None,
    *,
    passing_only: bool = False,
    shown: int = 20,
    progress: Callable[[int], object] = lambda _: None,
) -> ScreeningSummary:
    """Screen files and formulas into one table.

    Args:
        pieces: files as streams with their names, and lists of formulas with an empty one.
        judge: makes the table of some formulas, with the index kept: `screening.screen.screen` with its settings.
        output: the file to write, whole or not at all; None writes none.
        passing_only: leave out of it what fails.
        shown: rows to keep in `head`.
        progress: told of every number of rows that are done.

    Returns:
        What came of it.

    Raises:
        MattransformerError: a file that cannot be read, or a name that cannot be written to.
        OSError: the disk is full, or fails.
    """
    import pandas as pd

    summary = ScreeningSummary()
    heads: list[pd.DataFrame] = []
    with nullcontext() if output is None else table_writer(output) as writer:
        for source, formulas in pieces:
            stream = formulas if isinstance(formulas, FormulaStream) else None
            parts = stream.pieces() if stream else [pd.Series(list(formulas), dtype=object)]  # type: ignore[arg-type]  # a list
            for part in parts:
                table = judge(part)
                summary.add(table, source)
                kept = table[table["reason"] == ""] if passing_only else table
                if writer is not None:
                    writer.add(kept)
                missing = shown - sum(map(len, heads))
                if missing > 0 or not heads:
                    heads.append(kept.head(missing))
                progress(len(table))
            if stream:
                summary.skip(source, stream.skipped)
    summary.head = pd.concat(heads, ignore_index=True)
    return summary
