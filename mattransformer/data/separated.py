"""Records of comma- or tab-separated text, each with the line that it begins on.

A line that cannot be read, such as one with a quote that is never closed, is refused by itself, and reading goes on
with the line after it: it takes none of the rows that follow with it.
"""

from __future__ import annotations

import csv
import gc
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

_BLOCK: Final = (
    1 << 17
)  # characters that are read at a time: more are slower, since Python looks for garbage in them

# Of a record that goes over several lines. They bound what a quote that is never closed can cost; each such record
# halves them for those after it, down to the least.
_MOST_LINES: Final = 10_000
_LEAST_LINES: Final = 100
_CHARACTERS: Final = 30  # a line


def records(
    stream: TextIO, separator: str, refused: dict[int, str]
) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """Read records block by block.

    Args:
        stream: opened with `newline=""`.
        separator: between the cells of a record.
        refused: takes the number of each line that cannot be read, with the reason.

    Yields:
        The lines that the records begin on, from 1, and their cells; a blank line is a record without cells.
    """
    first = 1
    while lines := stream.readlines(_BLOCK):
        cells = _at_once(lines, separator)
        if len(cells) == len(lines):  # none goes over several lines
            yield range(first, first + len(lines)), cells
            first += len(lines)
            continue
        source = _Lines(lines, stream, first)
        numbers, cells = source.records(separator, refused)
        first = source.number
        if cells:
            yield numbers, cells


def _at_once(lines: list[str], separator: str) -> list[list[str]]:
    """Read records of one line each; what comes of others has not as many records as lines."""
    collects = gc.isenabled()
    gc.disable()  # it would look through the new lists again and again, which takes longer than to read them
    try:
        return list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return []
    finally:
        if collects:
            gc.enable()


class _Lines:
    """Lines that can be gone back to where a record broke off."""

    def __init__(self, lines: list[str], stream: TextIO, number: int) -> None:
        self.number = number  # of the line that the record begins on
        self._ahead = deque(lines)
        self._stream = stream
        self._taken: list[str] = []  # since the record began
        self._characters = 0
        self._most = _MOST_LINES

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._taken and max(len(self._taken), self._characters // _CHARACTERS) >= self._most:
            self._most = max(self._most // 2, _LEAST_LINES)
            raise csv.Error("too long")
        line = self._ahead.popleft() if self._ahead else next(self._stream)
        self._taken.append(line)
        self._characters += len(line)
        return line

    def records(self, separator: str, refused: dict[int, str]) -> tuple[list[int], list[list[str]]]:
        """Read record by record until the lines are used up; the last may go on in the stream."""
        numbers: list[int] = []
        rows: list[list[str]] = []
        reader = csv.reader(self, delimiter=separator, strict=True)
        while self._ahead:
            try:
                cells = next(reader)
            except csv.Error as error:
                refused[self.number] = self._reason(str(error))
                self._ahead.extendleft(reversed(self._taken[1:]))
                self._begin(self.number + 1)
                reader = csv.reader(self, delimiter=separator, strict=True)
                continue
            numbers.append(self.number)
            rows.append(cells)
            self._begin(self.number + len(self._taken))
        return numbers, rows

    def _begin(self, number: int) -> None:
        self.number = number
        self._taken = []
        self._characters = 0

    def _reason(self, error: str) -> str:
        if "field larger" in error:
            most = f"{csv.field_size_limit():,} characters"
            quote = "a quote is not closed, or " if len(self._taken) > 1 else ""
            return f"{quote}a cell has more than {most}"
        if len(self._taken) > 1 or "end of data" in error:
            return "a quote is not closed"
        return "a quote stands in the middle of a cell"
