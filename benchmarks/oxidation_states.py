"""Measure oxidation states against the labels of the ICSD's formulas, beside pymatgen's guesses.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/oxidation_states.py

Rows: those of `--split` whose labels sum to zero. Atoms right: the overlap of the multisets of labelled and assigned
species, in atoms of the cell. Ours is the first of `assign`, which rests on SMACT's counts from the ICSD, which
include these compounds; pymatgen's is the first of `Composition.oxi_state_guesses()` for the same formula, with its own
defaults (statistics of states also from the ICSD), and no guess has no atom right. pymatgen gives an average where
it mixes states; such an average is the nearest two whole states in the numbers that make it. `--limit` bounds its
seconds a row, of its own processor time and with its imports done, beyond which a row counts as without a guess.
Both are compared on `--subset` rows drawn at random with a fixed seed; ours is measured on all rows besides. The
hyperparameters were chosen on `--split valid`.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from mattransformer.data.readers import sha256_of
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.screening.assignments import assign_oxidation_states
from mattransformer.training.record import versions

_SEED = 0  # of the rows that both are compared on
_PATIENCE = 20.0  # seconds of wall time a second of processor time, before a silent worker is replaced
_PUBLISHED = {
    "pymatgen": 0.378,
    "BERTOS, a network trained on the ICSD": 0.976,
}  # shares of atoms right, on rows of their own
_NOTE = "The counts behind ours, and pymatgen's statistics, come from the ICSD and include these compounds."

Cell = Counter[tuple[str, int]]

_SPECIES = re.compile(r"([A-Z][a-z]?)(?:(\d+)([+-]?))?:(\d+)")
_SIGNLESS_ONE = re.compile(r"([A-Z][a-z]?)([+-]):(\d+)")
_ANIONS = {
    "O": "oxide", "F": "fluoride", "Cl": "chloride", "Br": "bromide", "I": "iodide", "S": "sulfide", "Se": "selenide",
    "Te": "telluride", "N": "nitride", "P": "phosphide", "H": "hydride",
}  # fmt: skip


class BenchmarkError(MattransformerError):
    """A measurement that cannot start: no data file, or a label that cannot be read."""


class Row(NamedTuple):
    """A formula and the labelled species of its cell."""

    formula: str
    cell: Cell


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    options = parse(arguments)
    try:
        record = run(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(record)
    return 0


def show(record: dict[str, Any]) -> None:
    """Print the tables of a record, what they rest on, and the published figures."""
    print(_NOTE)
    for title, shares in (
        (f"All rows of {record['split']}, ours alone", record["shares"]),
        ("The same rows for both", record["comparison"]["shares"]),
    ):
        print(f"\n{title}: share of atoms right")
        for group, found in shares.items():
            theirs = f"  pymatgen {found['pymatgen']:7.2%}" if "pymatgen" in found else ""
            print(
                f"{group:14} {found['rows']:6} rows {found['atoms']:7} atoms  ours {found['ours']:7.2%}{theirs}"
            )
    for reason, number in record["comparison"]["pymatgen_unanswered"].items():
        print(f"pymatgen, {reason}: {number} rows, counted as wrong")
    published = ", ".join(f"{name} {share:.1%}" for name, share in record["published"].items())
    print(f"Published, measured by others: {published}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", default="test", choices=("valid", "test"), help="rows (default: test)")
    parser.add_argument("--limit", type=float, default=2.0, help="seconds of pymatgen a row; 0 leaves it out")
    parser.add_argument("--subset", type=int, default=400, help="rows to compare both on; 0: all")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmarks/results/oxidation_states.json"),
        help="JSON file (default: benchmarks/results/oxidation_states.json)",
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure both on the same rows and give the whole record."""
    folder = os.environ.get("MATTRANSFORMER_DATA")
    if not folder:
        raise BenchmarkError("MATTRANSFORMER_DATA is not set: name the folder of icsd.csv.gz")
    path = Path(folder) / "icsd.csv.gz"
    rows = balanced(path, options.split)
    assign_oxidation_states("NaCl")  # reads SMACT's counts
    started = time.monotonic()
    ours = [right(row.cell, assigned(row)) for row in rows]
    seconds = {"ours": round(time.monotonic() - started, 1)}
    compared = list(range(len(rows)))
    if 0 < options.subset < len(rows):
        compared = sorted(random.Random(_SEED).sample(compared, options.subset))
    shares = {"ours": [ours[index] for index in compared]}
    unanswered: dict[str, int] = {}
    if options.limit:
        started = time.monotonic()
        answers = guesses([rows[index].formula for index in compared], options.limit)
        seconds["pymatgen"] = round(time.monotonic() - started, 1)
        shares["pymatgen"] = [
            right(rows[index].cell, spread(rows[index].cell, answer or {}))
            for index, answer in zip(compared, answers, strict=True)
        ]
        unanswered = {
            "no guess": sum(answer is not None and not answer for answer in answers),
            "out of time": sum(answer is None for answer in answers),
        }
    return {
        "split": options.split,
        "note": _NOTE,
        "data": {path.name: sha256_of(path)},
        "shares": by_group(rows, {"ours": ours}),
        "comparison": {
            "rows": len(compared),
            "drawn": "all rows" if len(compared) == len(rows) else f"at random, seed {_SEED}",
            "shares": by_group([rows[index] for index in compared], shares),
            "pymatgen_unanswered": unanswered,
            "pymatgen_limit_s": options.limit,
        },
        "published": _PUBLISHED,
        "seconds": seconds,
        "versions": versions() | {"pymatgen": version("pymatgen"), "smact": version("smact")},
    }


def balanced(path: Path, split: str) -> list[Row]:
    """Read the rows of a split whose labels sum to zero."""
    import pandas as pd

    if not path.is_file():
        raise BenchmarkError(f"{path} is missing: MATTRANSFORMER_DATA names the folder of the data")
    table = pd.read_csv(path, keep_default_na=False)
    table = table[table["split"] == split]
    rows = [Row(str(f), labels(str(s))) for f, s in zip(table["formula"], table["species"], strict=True)]
    return [row for row in rows if sum(charge * n for (_, charge), n in row.cell.items()) == 0]


def labels(text: str) -> Cell:
    """Read labelled species such as ``Fe2+:8 Fe3+:16 O2-:32``."""
    cell: Cell = Counter()
    for part in text.split():
        match = _SPECIES.fullmatch(_SIGNLESS_ONE.sub(r"\g<1>1\2:\3", part))
        if match is None:
            raise BenchmarkError(f"species {part!r} cannot be read: it is not of the form Fe3+:2")
        symbol, size, sign, count = match.groups()
        cell[symbol, int(f"{sign}{size}") if size else 0] += int(count)
    return cell


def atoms_of(cell: Cell) -> dict[str, int]:
    """Add up the atoms of each element."""
    amounts: dict[str, int] = defaultdict(int)
    for (symbol, _), count in cell.items():
        amounts[symbol] += count
    return dict(amounts)


def assigned(row: Row) -> Cell:
    """Give our first assignment of the cell."""
    cell: Cell = Counter()
    for found in assign_oxidation_states(Formula.parse(atoms_of(row.cell)), most=1):
        cell.update({(species.symbol, species.charge): species.count for species in found.species})
    return cell


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _serve(jobs: Connection, limit: float) -> None:
    """Answer formulas with pymatgen's first guess, in a process of its own: None beyond its processor time."""
    from pymatgen.core.composition import Composition

    Composition("NaCl").oxi_state_guesses()  # reads pymatgen's tables
    signal.signal(signal.SIGPROF, _stop)
    jobs.send("ready")
    while True:
        formula = jobs.recv()
        if formula is None:
            return
        answer: dict[str, float] | None
        try:
            signal.setitimer(signal.ITIMER_PROF, limit)
            found = Composition(formula).oxi_state_guesses()
            signal.setitimer(signal.ITIMER_PROF, 0)
            answer = {str(symbol): float(state) for symbol, state in found[0].items()} if found else {}
        except TimeoutError:
            answer = None
        jobs.send(answer)


def guesses(formulas: list[str], limit: float) -> list[dict[str, float] | None]:
    """Give pymatgen's first guess of each formula: element -> average state; empty without one, None out of time."""
    context = multiprocessing.get_context("spawn")

    def begin() -> tuple[Any, Connection]:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_serve, args=(theirs, limit), daemon=True)
        worker.start()
        theirs.close()
        ours.recv()
        return worker, ours

    worker, jobs = begin()
    answers: list[dict[str, float] | None] = []
    for formula in formulas:
        jobs.send(formula)
        if jobs.poll(_PATIENCE * limit):
            answers.append(jobs.recv())
            continue
        answers.append(None)
        worker.kill()
        worker.join()
        worker, jobs = begin()
    jobs.send(None)
    worker.join()
    return answers


def spread(cell: Cell, averages: dict[str, float]) -> Cell:
    """Turn the average state of each element into the nearest two whole states of the atoms of a cell."""
    spread_cell: Cell = Counter()
    atoms = atoms_of(cell)
    for symbol, average in averages.items():
        lower = math.floor(average + 1e-9)
        raised = round((average - lower) * atoms[symbol])
        spread_cell[symbol, lower] += atoms[symbol] - raised
        spread_cell[symbol, lower + 1] += raised
    return +spread_cell


def right(truth: Cell, found: Cell) -> int:
    """Count the atoms in the overlap of two multisets of species."""
    return (truth & found).total()


def anion_class(cell: Cell) -> str:
    """Name a compound after its negative elements: one of `_ANIONS`, mixed anion (two or more), or other."""
    negative = {symbol for (symbol, charge) in cell if charge < 0}
    if len(negative) > 1:
        return "mixed anion"
    return _ANIONS.get(next(iter(negative), ""), "other")


def by_group(rows: list[Row], shares: dict[str, list[int]]) -> dict[str, dict[str, Any]]:
    """Add up rows, atoms and the share of atoms right: all, by mixing of states, and by anion class."""
    members: dict[str, list[int]] = {name: [] for name in ("all", "single valence", "mixed valence")}
    members |= {name: [] for name in (*_ANIONS.values(), "mixed anion", "other")}
    for index, row in enumerate(rows):
        mixed = len(row.cell) > len(atoms_of(row.cell))
        for group in ("all", "mixed valence" if mixed else "single valence", anion_class(row.cell)):
            members[group].append(index)
    record: dict[str, dict[str, Any]] = {}
    for group, indices in members.items():
        atoms = sum(rows[index].cell.total() for index in indices)
        if atoms:
            record[group] = {"rows": len(indices), "atoms": atoms} | {
                name: round(sum(counts[index] for index in indices) / atoms, 4)
                for name, counts in shares.items()
            }
    return record


if __name__ == "__main__":
    raise SystemExit(main())
