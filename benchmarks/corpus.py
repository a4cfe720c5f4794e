"""Measure what a large corpus costs to read: five million rows of Parquet, in a process of its own.

    python benchmarks/corpus.py                 # writes benchmarks/results/corpus.json
    python benchmarks/corpus.py --rows 200000   # a quick look

The rows are made up, from a seed: two to five elements with small amounts, about six in ten of them different, with
the three properties beside them and a column of text that no corpus needs. Read is what `load_corpus` reads, rules,
variants, splits and all, once from the file and once from the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.files import write_text
from mattransformer.training.record import machine, versions

ROWS: Final = 5_000_000
AIM_GIB: Final = 2.0
_PIECE: Final = 250_000


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/corpus.json"))
    options = parser.parse_args(arguments)
    try:
        record = measure(options.rows)
    except (MattransformerError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(json.dumps({key: record[key] for key in ("rows", "kept", "from_file", "from_cache")}))
    return 0


def measure(rows: int) -> dict[str, Any]:
    """Write the file, and read it twice."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "formulas.parquet"
        write_rows(file, rows)
        size = file.stat().st_size
        cache = {"MATTRANSFORMER_CACHE": str(Path(folder) / "cache")}
        found = {reading: read(file, cache) for reading in ("from_file", "from_cache")}
    kept = found["from_file"].pop("kept")
    found["from_cache"].pop("kept")
    return {
        "rows": rows,
        "kept": kept,
        "megabytes": round(size / 1e6, 1),
        "aim_gib": AIM_GIB,
        **found,
        "versions": versions(),
        "machine": machine(),
    }


def write_rows(file: Path, rows: int, seed: int = 0) -> None:
    """Write made-up formulas with properties; the same file for the same numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    symbols = SYMBOLS[:94]
    writer = None
    for start in range(0, rows, _PIECE):
        n = min(_PIECE, rows - start)
        sizes = random.choice([2, 3, 4, 5], n, p=[0.1, 0.6, 0.25, 0.05])
        steps = np.cumsum(random.integers(1, 19, (n, 5)), axis=1)  # so that the elements of a row differ
        chosen = (random.integers(0, len(symbols), (n, 1)) + steps) % len(symbols)
        amounts = np.minimum(random.geometric(0.45, (n, 5)), 9)
        formulas = [
            "".join(f"{symbols[e]}{a if a > 1 else ''}" for e, a in zip(own[:k], counts[:k], strict=True))
            for own, counts, k in zip(chosen.tolist(), amounts.tolist(), sizes.tolist(), strict=True)
        ]
        piece = pa.table(
            {
                "formula": formulas,
                "e_above_hull": random.exponential(0.1, n),
                "formation_energy_per_atom": random.normal(-1, 1, n),
                "band_gap": random.exponential(1, n),
                "comment": [
                    f"entry {number} of a corpus that is made up" for number in range(start, start + n)
                ],
            }
        )
        writer = writer or pq.ParquetWriter(file, piece.schema)
        writer.write_table(piece)
    if writer is not None:
        writer.close()


def read(file: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Load a corpus in a process of its own, and give what it cost."""
    program = (
        "import sys; from mattransformer.data import load_corpus; "
        "print(load_corpus(sys.argv[1]).report.rows); "
        "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    started, before = time.monotonic(), _processor_seconds()
    command = [sys.executable, "-c", program, str(file)]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    kept, peak = map(int, done.stdout.split())
    found = {
        "kept": kept,
        "peak_gib": round(peak / 2**20, 2),
        "seconds": round(time.monotonic() - started, 1),
        "processor_seconds": round(_processor_seconds() - before, 1),
    }
    print(found, file=sys.stderr)
    return found


def _processor_seconds() -> float:
    """Give the processor time of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
