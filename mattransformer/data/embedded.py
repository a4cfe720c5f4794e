"""The embedded corpus: Materials Project entries of an electronic transport database.

The 47,737 entries of Ricci et al., *Scientific Data* 4, 170085 (2017), reduced to identifier and formula,
sorted. The matminer package carries the full database. With matminer installed, or from its file, this makes
ours again, byte for byte:

    python -m mattransformer.data.embedded [MATMINER_FOLDER | transport_database.tar.xz |
    transport_database.csv]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import sys
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from mattransformer.data.readers import CorpusError

FILES = Path(__file__).with_name("files")
EMBEDDED_FILE = FILES / "mp_transport.csv.gz"

ENTRIES = 47_737
FORMULAS = 34_631

_IN_MATMINER = Path("utils", "data_files", "mp_transport", "transport_database.tar.xz")
_MEMBER = "transport_database.csv"


def extract(source: Path | None = None) -> list[tuple[str, str]]:
    """Read identifier and formula of every entry of the transport database.

    Args:
        source: matminer's folder, its tarball or the table in it; the installed matminer where left out.

    Returns:
        Pairs such as `("mp-5229", "SrTiO3")`, sorted by formula, then by the number of the identifier.

    Raises:
        CorpusError: the database is not there, or does not have the published counts.
    """
    path = _locate(source)
    try:
        rows = list(csv.DictReader(io.StringIO(_read(path))))
        pairs = [(row["mp_id"], row["pretty_formula"]) for row in rows]
    except (OSError, KeyError, UnicodeDecodeError, tarfile.TarError) as error:
        raise CorpusError(f"{path} is not matminer's transport database: {error}") from error
    formulas = len({formula for _, formula in pairs})
    if (len(pairs), formulas) != (ENTRIES, FORMULAS):
        raise CorpusError(
            f"{path} holds {len(pairs):,} entries of {formulas:,} formulas; the published database holds "
            f"{ENTRIES:,} of {FORMULAS:,}"
        )
    return sorted(pairs, key=lambda pair: (pair[1], int(pair[0].rpartition("-")[2])))


def write(pairs: Sequence[tuple[str, str]], target: Path = EMBEDDED_FILE) -> None:
    """Write the corpus file: the same bytes for the same pairs, whole or not at all.

    Args:
        pairs: identifiers and formulas.
        target: a name that ends in `.csv.gz`.
    """
    text = "".join(f"{','.join(pair)}\n" for pair in [("mp_id", "formula"), *pairs])
    unfinished = target.with_name(f".{target.name}.unfinished")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _locate(source: Path | None) -> Path:
    if source is None:
        spec = find_spec("matminer")
        if spec is None or not spec.submodule_search_locations:
            raise CorpusError(
                "matminer is not installed: install it, or name its folder or transport_database.tar.xz"
            )
        source = Path(spec.submodule_search_locations[0])
    path = source / _IN_MATMINER if source.is_dir() else source
    if not path.is_file():
        raise CorpusError(f"there is no {path}")
    return path


def _read(path: Path) -> str:
    if path.suffix == ".csv":
        return path.read_text(encoding="utf-8")
    with tarfile.open(path) as archive:
        name = next((name for name in archive.getnames() if Path(name).name == _MEMBER), _MEMBER)
        member = archive.extractfile(name)
        return member.read().decode() if member else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the embedded corpus; the command of the module docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m mattransformer.data.embedded", description="Build the embedded corpus."
    )
    parser.add_argument(
        "source", nargs="?", type=Path, help="matminer's folder, its tarball or the table in it"
    )
    parser.add_argument("-o", "--output", type=Path, default=EMBEDDED_FILE)
    options = parser.parse_args(arguments)
    try:
        write(extract(options.source), options.output)
    except CorpusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = options.output.stat().st_size
    print(f"{options.output}: {ENTRIES:,} entries of {FORMULAS:,} formulas, {size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
