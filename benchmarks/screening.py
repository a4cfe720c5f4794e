"""Compare the screening with SMACT's `smact_validity`: the same verdicts, formula for formula, and how much faster.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/screening.py          # speed, cost by rows, memory
    MATTRANSFORMER_DATA=../shared/data python benchmarks/screening.py --full   # and every formula beside SMACT (hours)

Speed is from strings to verdicts, one thread each, in one run: SMACT on a sample of each corpus, the package on all of
it. Formulas of the corpora are read to measure with; of the ICSD nothing is written but counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from math import prod
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from mattransformer.data.corpora import corpus_path
from mattransformer.data.known import KnownFormulas
from mattransformer.data.readers import read_rows, sha256_of
from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.screening.columns import read_column
from mattransformer.screening.judgement import judge
from mattransformer.screening.metallicity import alloy
from mattransformer.screening.oxidation import mixed_valence_elements, oxidation_states
from mattransformer.screening.screen import screen
from mattransformer.training.record import machine, versions

CORPORA: Final = ("mp", "oqmd", "icsd")
DEFAULT_FILTER: Final = "icsd24:consensus=3,commonality=low"
STATES: Final = ("smact14", "icsd24", DEFAULT_FILTER)
SAMPLE: Final = 3_000
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
RANDOM: Final = 100_000
MOST_COMBINATIONS: Final = 10_000
"""Of mixed-valence states, above which SMACT takes up to seconds a formula and is asked for a draw of them alone."""

CAP: Final = 1_000_000
"""Of combinations, above which SMACT does not look at mixed valence."""

DRAWN: Final = 100

ROWS_OF_MEMORY: Final = 10_000_000


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="compare every formula, and 100,000 random ones")
    parser.add_argument(
        "--only-full", action="store_true", help="do that alone, and keep the rest of the file"
    )
    parser.add_argument("--processes", type=int, default=1, help="that ask SMACT with --full (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/screening.json"))
    options = parser.parse_args(arguments)
    try:
        record = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
        if not options.only_full:
            record |= {"speed": speed(), "cost_by_rows": cost_by_rows(), "memory": memory()}
            record["of_speed"] = surroundings()
        if options.full or options.only_full:
            record["of_agreement"] = surroundings()
            for found in agreement(options.processes):
                record["agreement"] = found  # written after each setting, since all take an hour or more
                write_text(options.out, json.dumps(record, indent=1) + "\n")
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(table(record))
    return 0


def surroundings() -> dict[str, Any]:
    """Say what a measurement depends on."""
    return {
        "versions": versions(),
        "commit": commit(),
        "machine": machine(),
        "data": {name: sha256_of(corpus_path(name)) for name in CORPORA},
    }


def commit() -> str | None:
    """Name the state of the code, with `-dirty` where files differ from it; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude", "*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def formulas_of(name: str) -> list[str]:
    """Read the formulas of a corpus, all splits."""
    return [str(formula) for formula in read_rows(corpus_path(name))["formula"]]


def speed() -> list[dict[str, Any]]:
    """Time both on each corpus and setting, in seconds of the processor."""
    found: list[dict[str, Any]] = []
    ours("smact14", formulas_of("mp"), pauling=True)  # loads the kernels, and compiles them the first time
    for name, states, pauling in itertools.product(CORPORA, STATES, (True, False)):
        formulas = formulas_of(name)
        sample = [formulas[at] for at in np.random.default_rng(0).permutation(len(formulas))[:SAMPLE]]
        asked = np.array(theirs(states, sample[:20], pauling=pauling))  # SMACT reads its tables
        own = min(timed(lambda: ours(states, formulas, pauling=pauling)) for _ in range(3))  # noqa: B023 - called here
        started = time.process_time()
        asked = np.array(theirs(states, sample, pauling=pauling))
        seconds = time.process_time() - started
        entry = {
            "corpus": name,
            "states": states,
            "pauling": pauling,
            "formulas": len(formulas),
            "per_second": round(len(formulas) / own),
            "smact_formulas": len(sample),
            "smact_per_second": round(len(sample) / seconds),
            "ratio": round(len(formulas) / own / (len(sample) / seconds), 1),
            "disagreements": int((asked != ours(states, sample, pauling=pauling)).sum()),
        }
        print(entry, file=sys.stderr)
        found.append(entry)
    return found


def timed(work: Any) -> float:  # noqa: ANN401 - any call
    """Give the seconds of processor time that a call takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ours(states: str, formulas: Sequence[str], *, pauling: bool) -> np.ndarray:
    """Judge strings."""
    verdicts = judge(read_column(formulas).compositions, states, mixed=False)
    return verdicts.electronegativity_balanced if pauling else verdicts.charge_neutral


def theirs(
    states: str, formulas: Sequence[str], *, pauling: bool, alloys: bool = False, mixed: bool = False
) -> list[bool]:
    """Ask SMACT."""
    from smact.screening import smact_validity

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            bool(
                smact_validity(
                    formula,
                    use_pauling_test=pauling,
                    include_alloys=alloys,
                    oxidation_states_set=None if states == DEFAULT_FILTER else states,
                    mixed_valence=mixed,
                )
            )
            for formula in formulas
        ]


def cost_by_rows() -> list[dict[str, float]]:
    """Time columns of growing length in microseconds of the processor a formula: both rules, and the whole table."""
    formulas = [formula for name in CORPORA for formula in formulas_of(name)]
    order = np.random.default_rng(0).permutation(len(formulas))
    known = KnownFormulas.load()
    found = []
    for size in SIZES:
        column = [formulas[order[at % len(order)]] for at in range(size)]
        repeats = max(3, 100_000 // size)
        seconds = min(timed(lambda: ours("smact14", column, pauling=True)) for _ in range(repeats))  # noqa: B023
        whole = min(timed(lambda: screen(column, known=known)) for _ in range(repeats))  # noqa: B023
        found.append(
            {
                "rows": size,
                "microseconds": round(1e6 * seconds / size, 3),
                "table_microseconds": round(1e6 * whole / size, 3),
            }
        )
        print(found[-1], file=sys.stderr)
    return found


def memory() -> dict[str, float]:
    """Screen a Parquet file of ten million rows into another, by the command line, and give its peak memory."""
    import pandas as pd

    formulas = [formula for name in ("mp", "oqmd") for formula in formulas_of(name)]
    order = np.random.default_rng(0).integers(0, len(formulas), ROWS_OF_MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "formulas.parquet", Path(folder) / "screened.parquet"
        column = pd.Series(formulas, dtype="str").take(order)
        column.to_frame("formula").to_parquet(source, index=False)
        started = time.monotonic()
        command = [sys.executable, "-m", "mattransformer", "screen", str(source), "-o", str(target)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    found = {"rows": ROWS_OF_MEMORY, "peak_gib": round(peak, 2), "seconds": round(seconds, 1)}
    print(found, file=sys.stderr)
    return found


def agreement(processes: int) -> Iterator[dict[str, Any]]:
    """Hold every verdict against SMACT's, and give what is found after each setting."""
    own = {name: formulas_of(name) for name in CORPORA} | {"random": random_formulas(RANDOM)}
    formulas = list(dict.fromkeys(itertools.chain(*own.values())))
    compositions = read_column(formulas).compositions
    metals, theirs_metals = alloy(compositions), smact_metals(formulas)
    measured_only = set(own["icsd"])
    found: dict[str, Any] = {
        "formulas": {name: len(entries) for name, entries in own.items()},
        "distinct": len(formulas),
        "settings": [],
    }
    for states, pauling in itertools.product(STATES, (True, False)):
        verdicts = judge(compositions, states, valences=True)
        plain = verdicts.electronegativity_balanced if pauling else verdicts.charge_neutral
        mixed = verdicts.valence_balanced if pauling else verdicts.valence_neutral
        # The exemption of alloys says nothing of compositions that are none; mixed valence says nothing of those
        # without such an element, and where SMACT finds an assignment without it.
        combinations = valence_combinations(formulas, states)
        with_valence = np.flatnonzero(~plain & (combinations > 0))
        asked = chosen_for_valence(combinations, with_valence)
        runs = [
            ({}, np.arange(len(formulas)), plain, 0),
            ({"alloys": True}, np.flatnonzero(metals | theirs_metals), plain | metals, 0),
            ({"mixed": True}, asked, mixed, len(with_valence) - len(asked)),
        ]
        for options, rows, expected, left_out in runs:
            started = time.monotonic()
            differing = list(compare(formulas, rows, expected, states, pauling, options, processes))
            entry = {
                "states": states,
                "pauling": pauling,
                **options,
                "compared": len(rows),
                "left_out": left_out,
                "cannot_matter": len(formulas) - len(rows) - left_out,
                "disagreements": len(differing),
                "seconds": round(time.monotonic() - started, 1),
                "formulas": [formulas[at] for at in differing if formulas[at] not in measured_only][:100],
            }
            print(entry, file=sys.stderr, flush=True)
            found["settings"].append(entry)
            yield found


def smact_metals(formulas: Sequence[str]) -> np.ndarray:
    """Tell which formulas hold nothing but what SMACT lists as metals."""
    import smact

    listed = frozenset(smact.metals)
    return np.array([listed.issuperset(Formula.parse(text).elements) for text in formulas])


def valence_combinations(formulas: Sequence[str], states: str) -> np.ndarray:
    """Count what SMACT would look at for mixed valence: 0 for formulas without a mixed-valence element."""
    listed = oxidation_states(states)
    elements = mixed_valence_elements()
    found = np.zeros(len(formulas))
    for at, text in enumerate(formulas):
        counts = Formula.parse(text).reduced.counts
        if any(symbol in elements for symbol, _ in counts):
            found[at] = prod(
                float(max(1, len(listed.get(symbol, ())))) ** (count if symbol in elements else 1)
                for symbol, count in counts
            )
    return found


def chosen_for_valence(combinations: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Choose the rows with few combinations, all with more than SMACT looks at, and a draw of those between."""
    many = (combinations[rows] > MOST_COMBINATIONS) & (combinations[rows] <= CAP)
    drawn = np.random.default_rng(0).permutation(rows[many])[:DRAWN]
    return np.sort(np.concatenate([rows[~many], drawn]))


def compare(
    formulas: Sequence[str],
    rows: np.ndarray,
    expected: np.ndarray,
    states: str,
    pauling: bool,
    options: dict[str, bool],
    processes: int,
) -> Iterator[int]:
    """Give the rows where SMACT says something else."""
    parts = [part for part in np.array_split(rows, max(1, len(rows) // 2_000)) if len(part)]
    jobs = [(states, [formulas[at] for at in part], pauling, options) for part in parts]
    with get_context("spawn").Pool(processes) as pool:
        for part, asked in zip(parts, pool.imap(_ask, jobs), strict=True):
            yield from (int(at) for at, verdict in zip(part, asked, strict=True) if verdict != expected[at])


def _ask(job: tuple[str, list[str], bool, dict[str, bool]]) -> list[bool]:
    states, formulas, pauling, options = job
    return theirs(states, formulas, pauling=pauling, **options)


def random_formulas(n: int) -> list[str]:
    """Draw compositions of two to six of the first 103 elements, with amounts mostly small."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(n):
        size = int(random.integers(2, 7))
        symbols = random.choice(SYMBOLS[:103], size, replace=False)
        amounts = np.minimum(random.geometric(0.3, size), 12)
        found.append("".join(f"{s}{a}" if a > 1 else str(s) for s, a in zip(symbols, amounts, strict=True)))
    return found


def table(record: dict[str, Any]) -> str:
    """Put a record in lines."""
    lines = []
    for entry in record.get("speed", []):
        test = "Pauling test" if entry["pauling"] else "no Pauling test"
        lines.append(
            f"{entry['corpus']:5} {entry['states']:36} {test:16} {entry['per_second']:>10,}/s  "
            f"SMACT {entry['smact_per_second']:>6,}/s  {entry['ratio']:>7,.0f} times"
        )
    lines += [
        f"{e['rows']:>9,} rows: {e['microseconds']:.2f} us a formula, {e['table_microseconds']:.2f} the table"
        for e in record.get("cost_by_rows", [])
    ]
    if "memory" in record:
        found = record["memory"]
        lines.append(f"{found['rows']:,} rows: {found['peak_gib']} GiB, {found['seconds']} s, file to file")
    for entry in record.get("agreement", {}).get("settings", []):
        options = ", ".join(name for name in ("alloys", "mixed") if entry.get(name))
        lines.append(
            f"{entry['states']:36} {'Pauling' if entry['pauling'] else 'neutral':8} {options:7} "
            f"{entry['compared']:>9,} compared, {entry['disagreements']} disagree, {entry['left_out']:,} left out"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
