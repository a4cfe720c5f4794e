"""What became of the rows of a corpus: read, dropped by rule, kept, by source, variant and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SourceReport:
    """The account of one file or named corpus.

    Attributes:
        name: what was asked for, a corpus name or a file name.
        source: its condition token, `mp` for instance.
        sha256: of the file that was read.
        read: rows in the file.
        dropped: rows dropped by each rule.
        variants: rows kept, by the strongest variant that they satisfy.
        splits: rows kept, by split.
        card: where a fetched file is from and under which licence, as its card says; None for all others.
    """

    name: str
    source: str
    sha256: str
    read: int
    dropped: Mapping[str, int]
    variants: Mapping[str, int]
    splits: Mapping[str, int]
    card: Mapping[str, Any] | None = None

    @property
    def kept(self) -> int:
        """Rows that the rules admitted."""
        return self.read - sum(self.dropped.values())

    def as_dict(self) -> dict[str, Any]:
        """Give the account as plain values; the card only where there is one."""
        facts = {**asdict(self), "kept": self.kept}
        if self.card is None:
            del facts["card"]
        return facts


@dataclass(frozen=True)
class CorpusReport:
    """The account of a corpus.

    Attributes:
        corpus: its name.
        sources: one account a file, in the order in which they were given.
        variant: the variant that was asked for.
        rows: rows of the table, after the choice of variant.
        formulas: distinct formulas among them.
        splits: rows of the table by split.
        sha256: of the table.
    """

    corpus: str
    sources: tuple[SourceReport, ...]
    variant: str
    rows: int
    formulas: int
    splits: Mapping[str, int]
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Give the account as plain values, ready for JSON."""
        return {
            **asdict(self),
            "sources": [source.as_dict() for source in self.sources],
        }

    def render(self) -> str:
        """Give the account as a table for the terminal, one column a source."""
        rows = [
            ["", *(source.name for source in self.sources)],
            ["source", *(f"<{source.source}>" for source in self.sources)],
            ["rows read", *(f"{source.read:,}" for source in self.sources)],
            *self._counted("dropped: ", [source.dropped for source in self.sources]),
            ["rows kept", *(f"{source.kept:,}" for source in self.sources)],
            *self._counted("variant ", [source.variants for source in self.sources]),
            *self._counted("split ", [source.splits for source in self.sources]),
            ["file sha256", *(f"{source.sha256[:12]}" for source in self.sources)],
        ]
        first, *others = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = ["  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in rows]
        splits = ", ".join(f"{count:,} {split}" for split, count in self.splits.items())
        total = f"{self.rows:,} rows of {self.formulas:,} formulas ({splits})"
        return "\n".join(
            [*lines, "", f"{self.corpus}, variant {self.variant}: {total}", f"table sha256 {self.sha256}"]
        )

    def __str__(self) -> str:
        """The table of `render`."""
        return self.render()

    @staticmethod
    def _counted(title: str, counts: Sequence[Mapping[str, int]]) -> list[list[str]]:
        return [[f"{title}{key}", *(f"{count[key]:,}" for count in counts)] for key in counts[0]]
