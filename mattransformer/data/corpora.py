"""Corpora by name or file: read, filtered by counted rules, labelled with variants, split by hash.

    corpus = load_corpus("mp-transport")              # embedded, needs no network
    corpus = load_corpus(["mp", "oqmd", "mine.csv"])  # each row keeps its source: mp, oqmd, user
    print(corpus.report)

A file is the user's unless a source is put before it, `mp=new_entries.csv`, or its card says whose it is: those that
`databases.fetching` wrote have one. Databases (`optimade:mp`) are fetched to a file first, so that a training knows
its rows.
`mp` and `oqmd` are files of the folder that `MATTRANSFORMER_DATA` names. `icsd` lies there too but is
proprietary: it measures models and never trains them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mattransformer.data import cache
from mattransformer.data.admission import RULES, RULES_VERSION, admit, drop_repeated
from mattransformer.data.databases.addresses import is_address
from mattransformer.data.databases.cards import read_card
from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.data.formula_columns import PROPERTIES, CorpusError
from mattransformer.data.pieces import corpus_pieces
from mattransformer.data.readers import sha256_of
from mattransformer.data.report import CorpusReport, SourceReport
from mattransformer.data.splits import SPLITS, split_of
from mattransformer.data.streams import FormulaStream
from mattransformer.data.variants import VARIANTS, holding
from mattransformer.tokenization import CONDITIONS

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.data.databases.cards import CorpusCard

DATA_VARIABLE = "MATTRANSFORMER_DATA"
_HASHED = 100_000  # values of a column at a time


@dataclass(frozen=True)
class NamedCorpus:
    """A corpus with a name.

    Attributes:
        source: the condition token of its rows.
        file: its file in the folder of `MATTRANSFORMER_DATA`; None for the embedded one.
        trainable: whether models may learn from it.
    """

    source: str
    file: str | None
    trainable: bool = True


NAMED: dict[str, NamedCorpus] = {
    "mp-transport": NamedCorpus("mp", None),
    "embedded": NamedCorpus("mp", None),
    "mp": NamedCorpus("mp", "mp.csv.gz"),
    "oqmd": NamedCorpus("oqmd", "oqmd.csv.gz"),
    "icsd": NamedCorpus("icsd", "icsd.csv.gz", trainable=False),
}
CORPUS_NAMES: tuple[str, ...] = tuple(NAMED)
DEFAULT_CORPUS = "mp-transport"
USER_SOURCE = "user"
SOURCES: tuple[str, ...] = CONDITIONS[0].values


@dataclass(frozen=True)
class Corpus:
    """Compositions ready for training or measuring.

    Attributes:
        name: the names it was loaded by, joined with `+`.
        table: one row a formula and source: `formula` (pymatgen's reduced formula), `source`, `variant` (the
            strongest that it satisfies), `split`, and the `PROPERTIES` that the files have (float, NaN where
            unknown).
        report: what became of the rows that were read.
        trainable: False where the licence of a source allows measuring only.
    """

    name: str
    table: pd.DataFrame
    report: CorpusReport
    trainable: bool = True

    @property
    def sources(self) -> tuple[str, ...]:
        """The source tokens, in the order in which the files were given."""
        return tuple(dict.fromkeys(source.source for source in self.report.sources))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the table."""
        return self.report.sha256

    def split(self, name: str) -> pd.DataFrame:
        """Take the rows of one split.

        Args:
            name: `train`, `valid` or `test`.

        Returns:
            These rows of the table, renumbered.

        Raises:
            CorpusError: there is no such split.
        """
        if name not in SPLITS:
            raise CorpusError(f"no split {name!r}: choose one of {', '.join(SPLITS)}")
        return self.table[self.table["split"] == name].reset_index(drop=True)

    def require_trainable(self) -> None:
        """Refuse a corpus that is for measuring only.

        Raises:
            CorpusError: the corpus, or a part of it, must not train a model.
        """
        if not self.trainable:
            raise CorpusError(
                f"corpus {self.name!r} is for measuring only: its licence forbids to train on it; "
                f"train on {' or '.join(name for name, named in NAMED.items() if named.trainable)}"
            )


@dataclass(frozen=True)
class _Part:
    """The admitted rows of one file, and what its account needs."""

    name: str
    source: str
    sha256: str
    read: int
    dropped: dict[str, int]
    table: pd.DataFrame
    trainable: bool
    card: CorpusCard | None


def load_corpus(
    names: str | Path | Sequence[str | Path] = DEFAULT_CORPUS,
    *,
    column: str | None = None,
    variant: str = "mix",
    heavy_hydrogen: bool = False,
) -> Corpus:
    """Load corpora and files as one corpus.

    Args:
        names: one or several of `CORPUS_NAMES`, files (CSV, JSON, JSON lines, Parquet, text) and folders of
            CIFs.
        column: the formula column of the files, where its name or content does not tell.
        variant: `mix` keeps every admitted row, `pure` the pure and strict ones, `strict` the strict ones.
        heavy_hydrogen: whether D and T count as hydrogen; otherwise they are not parseable.

    Returns:
        The corpus. A formula that several sources list has a row for each, all in the same split; within a
        source it has one row.

    Raises:
        CorpusError: an unknown name or variant, a missing or unreadable file, or nothing left of it.
    """
    asked = [names] if isinstance(names, str | Path) else list(names)
    if not asked:
        raise CorpusError(f"no corpus was named: give a file or one of {', '.join(CORPUS_NAMES)}")
    if variant not in VARIANTS:
        raise CorpusError(f"no variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    parts = [_load_part(name, column, heavy_hydrogen) for name in asked]
    tables, repeated = drop_repeated([part.table for part in parts])
    reports = tuple(map(_source_report, parts, tables, repeated))
    table = _join(tables, variant)
    if table.empty:
        raise CorpusError(
            f"no row of {_title(asked)} is left for variant {variant}: {_losses(reports)}; look at its column of "
            "formulas, or take another variant"
        )
    report = CorpusReport(
        corpus=_title(asked),
        sources=reports,
        variant=variant,
        rows=len(table),
        formulas=int(table["formula"].nunique()),
        splits=_counts(table["split"], SPLITS),
        sha256=_table_sha256(table),
    )
    return Corpus(report.corpus, table, report, all(part.trainable for part in parts))


def _load_part(name: str | Path, column: str | None, heavy_hydrogen: bool) -> _Part:
    asked, name = _source_of(name)
    path, named = _resolve(name)
    if named is not None:
        column = None  # a named corpus has its own
    sha256 = sha256_of(path)
    card = None if named else read_card(path, sha256)
    source = asked or (named.source if named else card.source if card else USER_SOURCE)
    key = cache.fingerprint(
        {
            "sha256": sha256,
            "format": "".join(path.suffixes[-2:]).lower(),
            "source": source,
            "column": column,
            "heavy_hydrogen": heavy_hydrogen,
            "rules": RULES_VERSION,
            "smact": version("smact"),
        }
    )
    entry = cache.load(key)
    if entry is None:
        pieces = corpus_pieces(path, column)
        if named is not None:
            pieces = _checked_splits(pieces, path)
        rows = FormulaStream(path).rows()
        table, dropped, read = admit(pieces, source, heavy_hydrogen=heavy_hydrogen, total=rows)
        entry = table, {"read": read, "dropped": dropped}
        cache.store(key, *entry)
    table, facts = entry
    return _Part(
        name=_label(name),
        source=source,
        sha256=sha256,
        read=facts["read"],
        dropped=facts["dropped"],
        table=table,
        trainable=named is None or named.trainable,
        card=card,
    )


def _source_of(name: str | Path) -> tuple[str | None, str | Path]:
    """Split `mp=file.csv` into source and file; a file by itself has no source that was asked for."""
    source, equals, file = str(name).partition("=")
    return (source, file) if equals and source in SOURCES and not Path(name).exists() else (None, name)


def corpus_path(name: str) -> Path:
    """Find the file of a named corpus.

    Args:
        name: one of `CORPUS_NAMES`.

    Returns:
        The file, which exists.

    Raises:
        CorpusError: there is no such name, or its data folder is not set or lacks the file.
    """
    if name not in NAMED:
        raise CorpusError(f"no corpus {name!r}: choose one of {', '.join(CORPUS_NAMES)}")
    return _resolve(name)[0]


def _resolve(name: str | Path) -> tuple[Path, NamedCorpus | None]:
    named = NAMED.get(name) if isinstance(name, str) else None
    if named is None:
        path = Path(name).expanduser()
        if is_address(name):
            raise CorpusError(
                f"{name} is a database: fetch it to a file first, mattransformer corpus {name} -o FILE.parquet, and "
                "name the file"
            )
        if not path.exists():
            raise CorpusError(
                f"{name} is neither a file nor a corpus; the corpora are {', '.join(CORPUS_NAMES)}"
            )
        # A corpus for measuring stays one when it is named by its path.
        measuring = (corpus for corpus in NAMED.values() if not corpus.trainable and corpus.file == path.name)
        return path, next(measuring, None)
    if named.file is None:
        return EMBEDDED_FILE, named
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        raise CorpusError(
            f"corpus {name!r} needs {DATA_VARIABLE}: set it to the folder that holds {named.file}, "
            f"or use {DEFAULT_CORPUS!r}, which is embedded"
        )
    path = Path(folder).expanduser() / named.file
    if not path.is_file():
        raise CorpusError(f"corpus {name!r}: {DATA_VARIABLE} is {folder}, but there is no {named.file} in it")
    return path, named


def _checked_splits(pieces: Iterable[pd.DataFrame], path: Path) -> Iterator[pd.DataFrame]:
    """Hold a published split column against the hash rule: a corpus split otherwise would leak test rows."""
    for rows in pieces:
        for formula, split in zip(rows["formula"], rows["split"], strict=True) if "split" in rows else ():
            expected = split_of(str(formula))
            if split != expected:
                raise CorpusError(
                    f"{path}: {formula} is listed under {split!r}, but its hash says {expected!r}; "
                    "get the file anew"
                )
        yield rows


def _source_report(part: _Part, table: pd.DataFrame, repeated: int) -> SourceReport:
    return SourceReport(
        name=part.name,
        source=part.source,
        sha256=part.sha256,
        read=part.read,
        dropped={**part.dropped, "duplicate": part.dropped["duplicate"] + repeated},
        variants=_counts(table["variant"], VARIANTS),
        splits=_counts(table["split"], SPLITS),
        card=None if part.card is None else part.card.provenance,
    )


def _join(tables: list[pd.DataFrame], variant: str) -> pd.DataFrame:
    import pandas as pd

    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    if variant != VARIANTS[0]:
        table = table[table["variant"].isin(holding(variant))]
    columns = ["formula", "source", "variant", "split", *(name for name in PROPERTIES if name in table)]
    return table[columns].reset_index(drop=True)


def _counts(values: pd.Series, keys: Sequence[str]) -> dict[str, int]:
    found = values.value_counts()
    return {key: int(found.get(key, 0)) for key in keys}


def _losses(reports: Sequence[SourceReport]) -> str:
    """Say in one line what became of the rows: `3 read, 1 not parseable, 2 duplicate, 0 kept`."""
    dropped = {rule: sum(report.dropped[rule] for report in reports) for rule in RULES}
    counts = [f"{count:,} {rule}" for rule, count in dropped.items() if count]
    read = sum(report.read for report in reports)
    return ", ".join([f"{read:,} read", *counts, f"{sum(report.kept for report in reports):,} kept"])


def _table_sha256(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name in table.columns:
        digest.update(f"{name}\0".encode())
        if name in PROPERTIES:
            digest.update(table[name].to_numpy("<f8").tobytes())
            continue
        for start in range(0, len(table), _HASHED):  # a list of all values at once would take much memory
            lines = "\n".join(table[name].iloc[start : start + _HASHED].tolist())
            digest.update(f"{chr(10) if start else ''}{lines}".encode())
    return digest.hexdigest()


def _label(name: str | Path) -> str:
    return name if isinstance(name, str) and name in NAMED else Path(name).name


def _title(names: Sequence[str | Path]) -> str:
    return "+".join(_label(_source_of(name)[1]) for name in names)
