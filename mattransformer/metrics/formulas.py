"""One list of formulas, read once: the distinct compositions, and which row of the input is which.

    sample = FormulaList.of(["NaCl", "ClNa", "SrTiO3", "Xx2"])
    len(sample), sample.drawn, sample.unreadable   # 2, 4, {3: "not parseable: ..."}
    FormulaList.of_file(Path("samples.csv.gz"))

Two rows are the same composition if their amounts are in the same proportions: `Na2Cl2` is `NaCl`. Rows count from 0,
those that cannot be read too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.formula_columns import CorpusError
from mattransformer.data.readers import NoRowsError
from mattransformer.data.streams import FormulaStream
from mattransformer.screening.columns import Column, Composed, read_column
from mattransformer.screening.compositions import Compositions


@dataclass(frozen=True, eq=False)
class FormulaList:
    """Distinct compositions of a list of rows.

    Attributes:
        compositions: the distinct ones, reduced, in order of first appearance, (n,).
        rows: of each readable row of the input in order, the place of its composition among the distinct, (readable,).
        positions: of each distinct composition, the row of the input where it first came, (n,).
        unreadable: row of the input to what is wrong with it; of a file with the line in words.
    """

    compositions: Compositions
    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    unreadable: Mapping[int, str]

    def __len__(self) -> int:
        """Count the distinct compositions."""
        return len(self.compositions)

    @property
    def readable(self) -> int:
        """Rows that are formulas."""
        return len(self.rows)

    @property
    def drawn(self) -> int:
        """Rows in all, those that cannot be read too."""
        return len(self.rows) + len(self.unreadable)

    @functools.cached_property
    def fingerprints(self) -> NDArray[np.uint64]:
        """Of the distinct compositions (`Compositions.fingerprints`), (n,)."""
        return self.compositions.fingerprints()

    @functools.cached_property
    def _order(self) -> NDArray[np.int64]:
        """What sorts the fingerprints, (n,)."""
        return np.argsort(self.fingerprints)

    @classmethod
    def of(cls, formulas: Composed | Iterable[Composed]) -> FormulaList:
        """Read a list, or a column of a table.

        Args:
            formulas: as `read_column` takes them: text, `Formula`s, pymatgen Compositions and mappings, in a list or a
                pandas, polars or Arrow column.

        Returns:
            The list; a row that is no formula is told in `unreadable`.

        Raises:
            ScreeningError: `formulas` is no list of compositions.
        """
        return _of_column(read_column(formulas))

    @classmethod
    def of_compositions(cls, compositions: Compositions) -> FormulaList:
        """Take compositions as the rows of a list.

        Args:
            compositions: one a row, reduced or not, each with at least one element.

        Returns:
            The list, in which nothing is unreadable.
        """
        firsts, places = _distinct(compositions.fingerprints())
        return cls(compositions.take(firsts).reduced, places, firsts, {})

    @classmethod
    def of_file(cls, path: str | Path, column: str | None = None) -> FormulaList:
        """Read a file of any length, in a memory that grows with its distinct compositions and 8 bytes a row.

        Args:
            path: CSV, TSV, Parquet, Arrow, JSON, JSON lines, text or CIFs; text files also with `.gz`.
            column: that holds the formulas, where it is not found by itself.

        Returns:
            The list; a file of any format without rows gives an empty one. Lines that are no rows of the table, such as
            one with too many cells, are rows that cannot be read.

        Raises:
            CorpusError: the file cannot be read, or no column is, or several are, of formulas.
        """
        path = Path(path).expanduser()
        stream = FormulaStream(path, column)
        parts: list[FormulaList] = []
        numbers = [np.zeros(0, dtype=np.int64)]
        try:
            for piece in stream.pieces():
                parts.append(_of_column(read_column(piece["formula"])))
                numbers.append(piece.index.to_numpy(dtype=np.int64))
        except NoRowsError:
            pass  # an empty list has a report as every other
        return _placed(cls.joined(parts), np.concatenate(numbers), stream.skipped, stream.unit)

    @classmethod
    def of_corpus(cls, name: str, *, whole: bool = False) -> FormulaList:
        """Read corpora and files by name, such as `mp`, `mp:train+oqmd:train` or `mine.csv:test`.

        Args:
            name: corpora of `load_corpus` and files with `+` between them, each with a split (`:train`, `:valid`,
                `:test`) or without.
            whole: of a named corpus without a split, every row; otherwise those that `load_corpus` admits: 2 to 8
                elements and at most 30 atoms. A file without a split always gives every row.

        Returns:
            The rows one after another.

        Raises:
            CorpusError: there is no such corpus, file or split.
        """
        return cls.joined([_of_part(corpus, split, whole) for corpus, split in parts_of(name)])

    @classmethod
    def joined(cls, lists: Sequence[FormulaList]) -> FormulaList:
        """Put lists one behind another.

        Args:
            lists: any number.

        Returns:
            One list of all their rows, in order.
        """
        if len(lists) == 1:
            return lists[0]
        offsets = np.cumsum([0, *(part.drawn for part in lists)]).tolist()
        places = np.cumsum([0, *map(len, lists)]).tolist()
        firsts, found = _distinct(_concatenated([part.fingerprints for part in lists], np.uint64))
        moved = [part.positions + offset for part, offset in zip(lists, offsets, strict=False)]
        return cls(
            compositions=Compositions.joined([part.compositions for part in lists]).take(firsts),
            rows=found[_concatenated([p.rows + at for p, at in zip(lists, places, strict=False)], np.int64)],
            positions=_concatenated(moved, np.int64)[firsts],
            unreadable={
                row + offset: reason
                for part, offset in zip(lists, offsets, strict=False)
                for row, reason in part.unreadable.items()
            },
        )

    def select(self, mask: NDArray[np.bool_]) -> FormulaList:
        """Keep some of the distinct compositions, with their rows.

        Args:
            mask: which, (n,).

        Returns:
            A list of these alone; nothing in it is unreadable, and `positions` are still rows of the input.
        """
        kept = np.flatnonzero(mask)
        places = np.cumsum(mask) - 1
        rows = self.rows[mask[self.rows]]
        return FormulaList(self.compositions.take(kept), places[rows], self.positions[kept], {})

    def first(self, n: int) -> FormulaList:
        """Keep the first n distinct compositions, and the rows until the last of them came.

        Args:
            n: at most as many as there are.

        Returns:
            The beginning of the list, without the rows that cannot be read.
        """
        reached = np.flatnonzero(self.rows == n - 1)[:1]
        rows = self.rows[: reached[0] + 1] if len(reached) else self.rows[:0]
        kept = np.arange(len(rows) and n)
        return FormulaList(self.compositions.take(kept), rows, self.positions[kept], {})

    def find(self, wanted: FormulaList) -> NDArray[np.int64]:
        """Look for compositions.

        Args:
            wanted: m distinct ones.

        Returns:
            The place of each among the distinct compositions of this list, -1 where it is not there, (m,).
        """
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = np.searchsorted(self.fingerprints, wanted.fingerprints, sorter=self._order)
        places = self._order[np.minimum(at, len(self) - 1)]
        return np.where(self.fingerprints[places] == wanted.fingerprints, places, -1)

    def lists(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tell which compositions, or multiples of them, are in this list, (n,): see `screening.screen.Known`."""
        return np.isin(compositions.fingerprints(), self.fingerprints)


def label_of(name: str) -> tuple[str, str]:
    """Take a name of one's own off a list: `mine=a/list.csv` is `a/list.csv`, called `mine`.

    Args:
        name: a list as `FormulaList.of_corpus` reads it, perhaps with a name and `=` before it. What is a file itself,
            or begins with a folder, such as `lr=0.1/list.csv`, has no name.

    Returns:
        The name, empty where there is none, and the list.
    """
    label, equals, rest = name.partition("=")
    named = equals and label.strip() and rest.strip() and not {"/", "\\", "+"} & set(label)
    if not named or Path(parts_of(name)[0][0]).expanduser().exists():
        return "", name
    return label.strip(), rest.strip()


def parts_of(name: str) -> list[tuple[str, str]]:
    """Take apart what `FormulaList.of_corpus` reads: `mp:train+mine.csv` is `mp` with `train`, and `mine.csv` whole.

    Args:
        name: corpora and files with their splits.

    Returns:
        Corpora and files, each with its split, empty for all rows.
    """
    from mattransformer.data.splits import SPLITS

    parts = [name] if Path(name).expanduser().exists() else [part.strip() for part in name.split("+")]
    pairs = [part.rpartition(":") for part in parts]
    return [
        (corpus, split) if split in SPLITS and corpus else (part, "")
        for part, (corpus, _, split) in zip(parts, pairs, strict=True)
    ]


def _of_column(column: Column) -> FormulaList:
    compositions = column.compositions
    firsts, places = _distinct(compositions.fingerprints())
    return FormulaList(
        compositions=compositions.take(firsts).reduced,
        rows=places,
        positions=np.flatnonzero(column.readable)[firsts],
        unreadable=column.complaints,
    )


def _distinct(fingerprints: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give where each distinct value first comes, ascending, and of all values their place among the distinct."""
    _, first, inverse = np.unique(fingerprints, return_index=True, return_inverse=True)
    order = np.argsort(first)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return first[order], places[inverse]


def _concatenated(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=kind), *parts])


def _placed(
    read: FormulaList, numbers: NDArray[np.int64], skipped: Mapping[int, str], unit: str
) -> FormulaList:
    """Give the lines of a file that are no rows their places among those that are, which begin on `numbers`."""
    lines = np.array(sorted(skipped), dtype=np.int64)
    rows = np.arange(len(numbers)) + np.searchsorted(lines, numbers)
    others = np.arange(len(lines)) + np.searchsorted(numbers, lines)
    unreadable = {
        int(rows[row]): f"{unit} {numbers[row]:,}: {reason}" for row, reason in read.unreadable.items()
    }
    unreadable |= {
        int(row): f"{unit} {line:,}: {skipped[line]}"
        for row, line in zip(others.tolist(), lines.tolist(), strict=True)
    }
    return FormulaList(read.compositions, read.rows, rows[read.positions], dict(sorted(unreadable.items())))


def _of_part(name: str, split: str, whole: bool) -> FormulaList:
    from mattransformer.data.corpora import CORPUS_NAMES, corpus_path, load_corpus

    if name not in CORPUS_NAMES and not Path(name).expanduser().exists():
        raise CorpusError(
            f"{name} is neither a file nor a corpus; the corpora are {', '.join(CORPUS_NAMES)}, and a split of one is "
            "named like mp:train, mp:valid or mp:test"
        )
    if split:
        return FormulaList.of(load_corpus(name).split(split)["formula"])
    if name not in CORPUS_NAMES:
        return FormulaList.of_file(name)
    return (
        FormulaList.of_file(corpus_path(name))
        if whole
        else FormulaList.of(load_corpus(name).table["formula"])
    )
