"""Files of formulas to screened files, piece by piece: of any length, in a bounded memory, whole or not at all.

The other columns of a file come along, between the formula and the verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.streams import FormulaStream
from mattransformer.data.tables import TableError, TableWriter, table_writer
from mattransformer.notation import UNREADABLE

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.data.known import KnownFormulas

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
        listed: the file that lists all of them, where a table was written and there are any.
        head: the first rows of the table that was made.
        setting: what was asked for, in words.
    """

    rows: int = 0
    passing: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    named: list[str] = field(default_factory=list)
    listed: Path | None = None
    head: pd.DataFrame | None = None
    setting: str = ""
    _list: _UnreadableList | None = None

    def add(
        self, table: pd.DataFrame, source: str, unit: str = "row", skipped: Mapping[int, str] | None = None
    ) -> None:
        """Count the rows of a table.

        Args:
            table: of verdicts; its index numbers the rows of `source`.
            source: the name of a file; empty for formulas by themselves.
            unit: what is numbered: line or row.
            skipped: lines of `source` that are no rows, with the reason.
        """
        passing = table["reason"] == ""
        self.setting = table.attrs["setting"]
        self.rows += len(table)
        self.passing += int(passing.sum())
        for name in VERDICTS:
            if name in table:
                self.verdicts[name] += int(table[name].sum())
        unreadable = table["reason"].str.startswith(UNREADABLE)
        for reason, count in table["reason"][~unreadable & ~passing].value_counts().items():
            self.reasons[str(reason)] += count
        complaints = table["reason"][unreadable]
        self.reasons[UNREADABLE] += len(complaints)
        words = dict(zip(complaints.index.tolist(), complaints.tolist(), strict=True))
        self.complain(source, unit, {**words, **(skipped or {})})

    def complain(self, source: str, unit: str, words: Mapping[int, str]) -> None:
        """Count lines or rows that could not be read, name the first of them, and list them all."""
        self.unreadable += len(words)
        if words and self._list is not None:
            self._list.add(source, unit, words)
            self.listed = self._list.path
        for number in sorted(words)[: _NAMED - len(self.named)]:
            place = f"{source}, {unit} {number:,}: " if source else ""
            self.named.append(place + words[number])


@dataclass
class _UnreadableList:
    """All rows that could not be read, in a file beside the table: source, line or row, reason.

    Attributes:
        output: the file of the table.
        files: takes the file, so that it is whole or absent as the table is.
    """

    output: Path
    files: ExitStack
    _writer: TableWriter | None = None

    @property
    def path(self) -> Path:
        return self.output.with_name(f"{self.output.stem}.unreadable.csv")

    def add(self, source: str, unit: str, words: Mapping[int, str]) -> None:
        import pandas as pd

        if self._writer is None:
            self._writer = self.files.enter_context(table_writer(self.path))
        numbers = sorted(words)
        reasons = [words[number] for number in numbers]
        columns = {"source": source, "counted_in": f"{unit}s", "number": numbers, "reason": reasons}
        self._writer.add(pd.DataFrame(columns))


def screen_file(
    source: str | Path,
    output: str | Path | None = None,
    *,
    column: str | None = None,
    keep_valid: bool = False,
    known: KnownFormulas | None = None,
    **settings: Any,  # noqa: ANN401 - those of `screen`
) -> ScreeningSummary:
    """Screen a file of any length into another, in a bounded memory.

    Args:
        source: CSV, TSV, Parquet, Arrow, JSON lines or text; other formats of `load_corpus` are read whole.
        output: CSV, Parquet or JSON lines, written whole or not at all; None writes none.
        column: that holds the formulas, where it is not found by itself.
        keep_valid: write the passing rows only.
        known: compositions that are not novel; by default those of the Materials Project and OQMD.
        settings: of `mattransformer.screen`: `oxidation_states`, `validity`, `limits`, `checks`, `heavy_hydrogen`.

    Returns:
        What came of it; `head` holds the first rows.

    Raises:
        MattransformerError: a file that cannot be read or written, or a setting that makes no sense.
        OSError: the disk is full, or fails.
    """
    from functools import partial

    from mattransformer.data.known import KnownFormulas
    from mattransformer.screening.screen import screen

    judge = partial(screen, known=KnownFormulas.load() if known is None else known, **settings)
    target = None if output is None else Path(output).expanduser()
    stream = FormulaStream(Path(source).expanduser(), column)
    return screen_pieces([(str(source), stream)], judge, target, passing_only=keep_valid)


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

    The table has the columns of the first file after the formula; of the other files it has those that the first
    has too, in the types of the first. A verdict goes before a column of the same name, so that a screened file can
    be screened again.

    Raises:
        MattransformerError: a file that cannot be read, or a name that cannot be written to, such as that of a file
            that is read.
        OSError: the disk is full, or fails.
    """
    import pandas as pd

    sources = list(pieces)
    if output is not None:
        _refuse_overwriting(output, [entry for _, entry in sources if isinstance(entry, FormulaStream)])
    begun, columns = _begun(sources)
    heads: list[pd.DataFrame] = []
    with ExitStack() as files:
        writer = None if output is None else files.enter_context(table_writer(output))
        summary = ScreeningSummary(_list=None if output is None else _UnreadableList(output, files))
        for (source, entry), parts in zip(sources, begun, strict=True):
            for part in parts:
                table = judge(part["formula"])
                summary.add(table, source, *_taken(entry))
                kept = table["reason"] == "" if passing_only else slice(None)
                table = table[kept]
                if writer is not None:
                    writer.add(_joined(table, part[kept], columns, source))
                missing = shown - sum(map(len, heads))
                if missing > 0 or not heads:
                    heads.append(table.head(missing))
                progress(len(part))
            summary.complain(source, *_taken(entry))  # of lines behind the last row
    summary.head = pd.concat(heads, ignore_index=True)
    return summary


def _refuse_overwriting(output: Path, streams: Iterable[FormulaStream]) -> None:
    for stream in streams:
        if output.exists() and stream.path.exists() and output.samefile(stream.path):
            raise TableError(f"cannot write {output}: it is the file that is read; name another one")


def _begun(
    sources: Iterable[tuple[str, FormulaStream | Sequence[str]]],
) -> tuple[list[Iterator[pd.DataFrame]], pd.DataFrame]:
    """Open the first file, and give all sources in pieces and the columns of that file, without rows."""
    import pandas as pd

    columns: pd.DataFrame | None = None
    begun: list[Iterator[pd.DataFrame]] = []
    for _, entry in sources:
        if not isinstance(entry, FormulaStream):
            begun.append(iter([pd.DataFrame({"formula": pd.Series(list(entry), dtype=object)})]))
            continue
        pieces = entry.pieces()
        if columns is None:
            first = next(pieces)
            columns, pieces = first.iloc[:0], chain([first], pieces)
        begun.append(pieces)
    return begun, pd.DataFrame() if columns is None else columns


def _taken(entry: FormulaStream | Sequence[str]) -> tuple[str, dict[int, str]]:
    """Take the lines that a file was read without so far, so that they do not fill the memory."""
    if not isinstance(entry, FormulaStream):
        return "row", {}
    skipped, entry.skipped = entry.skipped, {}
    return entry.unit, skipped


def _joined(table: pd.DataFrame, part: pd.DataFrame, columns: pd.DataFrame, source: str) -> pd.DataFrame:
    """Put the other columns of a file between the formula and the verdicts."""
    import pandas as pd

    others: dict[str, pd.Series | pd.api.extensions.ExtensionArray] = {}
    for name, kind in columns.dtypes.items():
        if name in table:
            continue
        if name not in part:
            others[str(name)] = pd.array([None] * len(part), dtype=kind)
        elif part[name].dtype == kind:
            others[str(name)] = part[name]
        else:
            others[str(name)] = _converted(part[name], kind, source)
    names = list(table.columns)
    return pd.DataFrame({"formula": table["formula"], **others, **table[names[1:]]}, index=table.index)


def _converted(values: pd.Series, kind: Any, source: str) -> pd.Series:  # noqa: ANN401 - a type of pandas or Arrow
    import pandas as pd
    import pyarrow as pa

    try:
        if isinstance(values.dtype, pd.StringDtype):
            values = values.mask(values == "")  # an empty cell of a CSV
        return values.astype(kind)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise TableError(
            f"{source}: its column {values.name} is not {kind}, as in the file before; "
            "screen each of them into a table of its own"
        ) from error
