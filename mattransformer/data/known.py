"""Which formulas are known: an index of the Materials Project and OQMD, small enough to ship.

A composition is held as its 64-bit fingerprint (`Compositions.fingerprints`), in one sorted array, which needs no
network and is searched by whole columns. Among 390,000 fingerprints a new composition is taken for a known one with a
probability of 2e-14. Built from the folder that `MATTRANSFORMER_DATA` names by

    python -m mattransformer.data.known
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mattransformer.formula import Formula, FormulaError
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    from numpy.typing import NDArray

INDEX_FILE = Path(__file__).with_name("files") / "known.npy"
RECORD_FILE = INDEX_FILE.with_suffix(".json")

# The ICSD is proprietary: nothing derived from it may be in the index.
INDEXED_CORPORA: tuple[str, ...] = ("mp", "oqmd")


@dataclass(frozen=True, eq=False)
class KnownFormulas:
    """A set of compositions, multiples aside, held as fingerprints.

    Attributes:
        hashes: uint64, shape (n,), ascending, without repetition.
    """

    hashes: NDArray[np.uint64]

    @classmethod
    def load(cls, path: Path = INDEX_FILE) -> KnownFormulas:
        """Open an index, by default the shipped one.

        Args:
            path: a `.npy` file as `save` writes it.

        Returns:
            The index.

        Raises:
            CorpusError: the file is missing or is no index.
        """
        from mattransformer.data.readers import CorpusError

        try:
            hashes = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CorpusError(f"cannot read the index of known formulas {path}: {error}") from error
        if hashes.dtype != np.uint64 or hashes.ndim != 1 or not bool(np.all(hashes[1:] > hashes[:-1])):
            raise CorpusError(
                f"{path} is not an index of known formulas: it should hold ascending 64-bit hashes"
            )
        return cls(hashes)

    @classmethod
    def of(cls, formulas: Iterable[str | Formula]) -> KnownFormulas:
        """Index formulas.

        Args:
            formulas: in any spelling; repetitions and multiples count once.

        Returns:
            The index.

        Raises:
            FormulaError: an entry is not a formula.
        """
        parsed = [Formula.parse(entry) for entry in formulas]
        return cls(np.unique(Compositions.of(parsed).fingerprints()))

    def __len__(self) -> int:
        """Formulas in the index."""
        return len(self.hashes)

    def contains(self, formulas: Sequence[str | Formula]) -> NDArray[np.bool_]:
        """Tell which formulas are known.

        Args:
            formulas: n formulas in any spelling, reduced or not.

        Returns:
            bool, shape (n,).

        Raises:
            FormulaError: an entry is not a formula.
        """
        return self.lists(Compositions.of([Formula.parse(entry) for entry in formulas]))

    def lists(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tell which compositions are known, or multiples of them.

        Args:
            compositions: n of them.

        Returns:
            bool, shape (n,).
        """
        wanted = compositions.fingerprints()
        if not len(self.hashes):
            return np.zeros(len(wanted), dtype=np.bool_)
        at = np.searchsorted(self.hashes, wanted)
        return np.asarray(self.hashes[np.minimum(at, len(self.hashes) - 1)] == wanted, dtype=np.bool_)

    def with_formulas(self, formulas: Iterable[str | Formula] | str | Path) -> KnownFormulas:
        """Add formulas of one's own.

        Args:
            formulas: formulas in any spelling, or the name of a file that `load_corpus` could read.

        Returns:
            A new index that holds both.

        Raises:
            FormulaError: an entry is not a formula; of a file the message names it and the line or row.
            CorpusError: the file cannot be read.
        """
        added = _of_file(Path(formulas)) if isinstance(formulas, str | Path) else KnownFormulas.of(formulas)
        return KnownFormulas(np.union1d(self.hashes, added.hashes))

    def save(self, path: Path) -> None:
        """Write the index, whole or not at all.

        Args:
            path: a name that ends in `.npy`.
        """
        unfinished = path.with_name(f".unfinished-{path.name}")
        try:
            np.save(unfinished, self.hashes, allow_pickle=False)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def build(folder: Path) -> dict[str, Any]:
    """Build the shipped index and its record from the corpora in `MATTRANSFORMER_DATA`, every split of them.

    Args:
        folder: where `known.npy` and `known.json` are written.

    Returns:
        The record: formulas and SHA-256 of the index, rows and SHA-256 of the files it was made from.

    Raises:
        CorpusError: a corpus is missing.
    """
    from mattransformer.data.corpora import corpus_path
    from mattransformer.data.readers import read_rows, sha256_of

    index = KnownFormulas(np.zeros(0, dtype=np.uint64))
    record: dict[str, Any] = {"corpora": {}}
    for name in INDEXED_CORPORA:
        path = corpus_path(name)
        rows = read_rows(path)["formula"].tolist()
        record["corpora"][name] = {"file": path.name, "rows": len(rows), "sha256": sha256_of(path)}
        index = index.with_formulas(rows)
    index.save(folder / INDEX_FILE.name)
    record |= {"formulas": len(index), "sha256": sha256_of(folder / INDEX_FILE.name)}
    unfinished = folder / f".unfinished-{RECORD_FILE.name}"
    unfinished.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / RECORD_FILE.name)
    return record


def _of_file(path: Path) -> KnownFormulas:
    from mattransformer.data.readers import CorpusError
    from mattransformer.data.streams import FormulaStream

    stream = FormulaStream(path)
    hashes = [np.zeros(0, dtype=np.uint64)]
    for piece in stream.pieces():
        column = read_column(piece["formula"])
        for row, complaint in column.complaints.items():
            raise FormulaError(
                f"{path}, {stream.unit} {piece.index[row]}: {complaint.removeprefix('not parseable: ')}"
            )
        hashes.append(column.compositions.fingerprints())
    for number, reason in stream.skipped.items():
        raise CorpusError(f"{path}, {stream.unit} {number}: {reason}")
    return KnownFormulas(np.unique(np.concatenate(hashes)))


def main() -> int:
    """Build the index in place; the command of the module docstring."""
    from mattransformer.data.readers import CorpusError

    try:
        record = build(INDEX_FILE.parent)
    except CorpusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{INDEX_FILE}: {record['formulas']:,} formulas of {' and '.join(INDEXED_CORPORA)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
