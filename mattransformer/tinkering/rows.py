"""Known compounds to learn from and to ask about, of any number of atoms."""

from __future__ import annotations

from mattransformer.data.corpora import corpus_path
from mattransformer.data.readers import read_rows, sha256_of
from mattransformer.formula import Formula

SOURCES = ("mp", "oqmd")


def rows_of(source: str, split: str | None = None) -> list[Formula]:
    """Read rows, reduced, each once.

    Args:
        source: `mp` or `oqmd`.
        split: `train`, `valid` or `test`; None for all.
    """
    table = read_rows(corpus_path(source))
    own = table["formula"] if split is None else table["formula"][table["split"] == split]
    return list(dict.fromkeys(Formula.parse(text).reduced for text in own))


def all_known() -> set[Formula]:
    """Read the rows of all splits of both."""
    return {formula for source in SOURCES for formula in rows_of(source)}


def files_read() -> dict[str, str]:
    """Give the SHA-256 of the files that the rows are read from."""
    return {path.name: sha256_of(path) for path in map(corpus_path, SOURCES)}
