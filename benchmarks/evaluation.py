"""Time and memory of judging lists of formulas, and what SMACT and ElMD take for their part of it.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/evaluation.py

The list is made here: formulas with the stoichiometries of the Materials Project and elements at random, test rows of
the Materials Project and OQMD among them, and every twentieth row a repetition; shorter lists are its beginnings. Each
stage runs in a process of its own, on as many threads as `--threads` says, whose peak memory is given:

- reading: from the file to distinct compositions;
- set-based metrics: `score` beside training and held-out lists, to the numbers of `scores.json`;
- space metrics: `neighbourhood` beside these, which is coverage, diversity and formation energies;
- command: `mattransformer evaluate` as a user calls it, from its start to its end;
- page: the same with `-o`, of the longest list, if the extra `report` is installed.

The seconds of the clock depend on what else runs on the machine, whose load is given beside them; those of the
processor, which a process of one thread would take on an idle machine, hardly do, and the promise is about these. SMACT
and ElMD (the extra `peers`; left out where it is missing) are asked in the same run about a part of the rows, and the
time of the whole follows in proportion. Of the ICSD nothing is written but times. The exit code is 1 if the promise is
not kept.
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
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from mattransformer.data.corpora import corpus_path, load_corpus
from mattransformer.data.known import KnownFormulas
from mattransformer.data.readers import sha256_of
from mattransformer.errors import MattransformerError
from mattransformer.files import write_text
from mattransformer.metrics.element_mover import nearest
from mattransformer.metrics.evaluations import INDEX
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.scores import score
from mattransformer.metrics.space import neighbourhood
from mattransformer.metrics.validity import SETTINGS, validity
from mattransformer.training.record import machine, versions

RESULTS: Final = Path(__file__).parent / "results" / "evaluation.json"
SIZES: Final = "10000,100000,1000000"
TRAINING: Final = ("mp:train+oqmd:train",)
HELD_OUT: Final = ("mp:test", "oqmd:test", "icsd")
STAGES: Final = ("reading", "set-based metrics", "space metrics", "command", "page")
PROMISE: Final = {"rows": 1_000_000, "seconds": 300, "peak_gib": 4}
"""Of every stage."""

_REPEATED: Final = 20  # one row in so many comes twice
_SMACT_ROWS: Final = 3_000
_SMACT_DEFAULT: Final = "smact-default"  # the setting in which SMACT is told no states
_COVERED: Final = 10_000  # as many samples and references are compared for coverage
_ELMD_ROWS: Final = 50  # of these samples, against all of the references


class BenchmarkError(MattransformerError):
    """A measurement that did not come to its end."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default=SIZES, help=f"rows of the lists (default: {SIZES})")
    parser.add_argument("--threads", type=int, default=1, help="of each process (default: 1)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.child:
            print(json.dumps(CHILDREN[options.child](options.file)))
            return 0
        record = measured([int(size) for size in options.sizes.split(",")], options.threads)
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.out.parent.mkdir(exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(table(record))
    return 0 if all(kept(row) for row in record["stages"]) else 1


def measured(sizes: Sequence[int], threads: int) -> dict[str, Any]:
    """Measure every stage at every size, and the peers beside the longest list."""
    with tempfile.TemporaryDirectory() as folder:
        files = {rows: Path(folder) / f"{rows}.csv" for rows in sorted(sizes)}
        whole = files[max(sizes)]
        made = _in_process("list", whole, threads)
        lines = whole.read_text(encoding="utf-8").splitlines()
        for rows, file in files.items():
            file.write_text("\n".join(lines[: rows + 1]) + "\n", encoding="utf-8")
        del lines
        _in_process("command", files[min(sizes)], threads)  # kernels are compiled when they first run
        runs = [(stage, rows) for stage in STAGES[:-1] for rows in files]
        runs += [(STAGES[-1], max(sizes))] if _draws_pages() else []
        found = []
        for stage, rows in runs:
            found.append({"stage": stage, "rows": rows, **_in_process(stage, files[rows], threads)})
            print(found[-1], file=sys.stderr, flush=True)
        peers = _in_process("peers", whole, threads)
    return {
        "list": made,
        "training": TRAINING,
        "held_out": HELD_OUT,
        "threads": threads,
        "stages": found,
        "peers": peers,
        "promise": PROMISE,
        "machine": machine(),
        "versions": versions(),
        "data": {name: sha256_of(corpus_path(name)) for name in ("mp", "oqmd", "icsd")},
    }


def kept(row: dict[str, Any]) -> bool:
    """Tell whether a stage keeps the promise, which says nothing of longer lists."""
    within: bool = row["processor_seconds"] <= PROMISE["seconds"] and row["peak_gib"] <= PROMISE["peak_gib"]
    return within or row["rows"] > PROMISE["rows"]


def _in_process(name: str, file: Path, threads: int) -> dict[str, Any]:
    """Run one of `CHILDREN` in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--file", str(file)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    surroundings = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=surroundings)
    if done.returncode:
        raise BenchmarkError(f"the process that measures {name} failed: see above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_list(file: Path) -> dict[str, Any]:
    """Write the list, as many rows as the name of the file says, and tell what it is made of."""
    from mattransformer.baselines.pseudo_random import (
        StoichiometryRandom,
    )  # with torch, which the others do without

    rows, rng = int(file.stem), np.random.default_rng(0)
    known = [
        str(formula) for name in ("mp", "oqmd") for formula in load_corpus(name).split("test")["formula"]
    ]
    known = known[: rows // _REPEATED]
    repeated = rows // _REPEATED
    generator = StoichiometryRandom.fit(load_corpus("mp").split("train")["formula"].tolist())
    formulas: list[str] = generator.generate(rows - len(known) - repeated, seed=0)["formula"].tolist()
    formulas += known
    formulas += [formulas[at] for at in rng.integers(len(formulas), size=repeated).tolist()]
    shuffled = [formulas[at] for at in rng.permutation(len(formulas)).tolist()]
    file.write_text("\n".join(["formula", *shuffled]) + "\n", encoding="utf-8")
    return {
        "random": rows - len(known) - repeated,
        "test_rows": len(known),
        "repeated": repeated,
        "sha256": sha256_of(file),
    }


def reading(file: Path) -> dict[str, Any]:
    """Read the list."""
    return _timed(lambda: FormulaList.of_file(file))


def set_metrics(file: Path) -> dict[str, Any]:
    """Score the list beside the others, all of which are read before."""
    sample, training, held_out = _lists(file)
    known = {INDEX: KnownFormulas.load()}
    return _timed(lambda: score(sample, training=training, held_out=held_out, known=known).as_dict())


def space_metrics(file: Path) -> dict[str, Any]:
    """Say where the list lies, likewise."""
    sample, training, held_out = _lists(file)
    return _timed(lambda: neighbourhood(sample, held_out, training).as_dict())


def command(file: Path, *more: str) -> dict[str, Any]:
    """Run `mattransformer evaluate`, and give the time and memory of its process."""
    call = [sys.executable, "-m", "mattransformer", "evaluate", str(file)]
    call += [word for name in TRAINING for word in ("--training", name)]
    call += [word for name in HELD_OUT for word in ("--held-out", name)]
    started = time.perf_counter()
    subprocess.run([*call, *more], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _figures(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss)


def page(file: Path) -> dict[str, Any]:
    """Run it with all that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        return command(file, "-o", folder)


def peers(file: Path) -> dict[str, Any]:
    """Ask SMACT and ElMD for a part of the rows, and compare the time of all."""
    return {"validity": _beside_smact(file), "coverage": _beside_elmd(file)}


CHILDREN: Final[dict[str, Callable[[Path], dict[str, Any]]]] = {
    "list": make_list,
    "peers": peers,
    **dict(zip(STAGES, (reading, set_metrics, space_metrics, command, page), strict=True)),
}
"""What runs in a process of its own."""


def _lists(file: Path) -> tuple[FormulaList, dict[str, FormulaList], dict[str, FormulaList]]:
    training, held_out = ({name: FormulaList.of_corpus(name) for name in own} for own in (TRAINING, HELD_OUT))
    return FormulaList.of_file(file), training, held_out


def _timed(work: Callable[[], object]) -> dict[str, Any]:
    """Give the time of a call and the peak memory of this process, with all that was read before."""
    started, busy = time.perf_counter(), time.process_time()
    work()
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    return _figures(seconds, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _figures(seconds: float, processor_seconds: float, peak_kib: int) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor_seconds, 2),
        "peak_gib": round(peak_kib / 2**20, 3),
        "load": round(os.getloadavg()[0], 1),
    }


def _draws_pages() -> bool:
    return all(find_spec(name) for name in ("plotly", "umap", "jinja2"))


def _beside_smact(file: Path) -> dict[str, Any]:
    """Judge all rows with both rules in every setting, and ask SMACT about some."""
    from smact.screening import smact_validity

    def asked(formulas: Sequence[str]) -> list[list[bool]]:
        return [
            [
                bool(
                    smact_validity(
                        formula,
                        use_pauling_test=pauling,
                        include_alloys=setting.alloys,
                        oxidation_states_set=None if setting.name == _SMACT_DEFAULT else setting.states,
                    )
                )
                for setting in SETTINGS
                for pauling in (False, True)
            ]
            for formula in formulas
        ]

    busy = time.process_time()
    sample = FormulaList.of_file(file)
    verdicts = validity(sample.compositions)
    own = time.process_time() - busy
    rows = np.sort(np.random.default_rng(1).choice(len(sample), min(_SMACT_ROWS, len(sample)), replace=False))
    formulas = [sample.compositions.formula(at).reduced_formula for at in rows.tolist()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked(formulas[:20])  # SMACT reads its tables
        busy = time.process_time()
        theirs = np.array(asked(formulas))
        seconds = time.process_time() - busy
    ours = np.stack(
        [mask[rows] for setting in verdicts.values() for mask in (setting.charge_neutral, setting.balanced)],
        axis=1,
    )
    return _beside(
        own,
        seconds,
        len(rows),
        len(sample),
        {"verdicts": theirs.size, "differing": int((ours != theirs).sum())},
    )


def _beside_elmd(file: Path) -> dict[str, Any]:
    """Find the nearest held-out composition to each sample, as coverage does, and by ElMD for some."""
    module = _elmd()
    if module is None:
        return {"left_out": "ElMD is not installed: pip install 'mattransformer[peers]'"}
    rng = np.random.default_rng(2)
    samples, references = (
        own.take(np.sort(rng.choice(len(own), min(_COVERED, len(own)), replace=False)))
        for own in (FormulaList.of_file(file).compositions, FormulaList.of_corpus(HELD_OUT[1]).compositions)
    )
    nearest(samples.take(np.arange(1)), references)  # loads the kernels
    busy = time.process_time()
    distances = nearest(samples, references).distances
    own = time.process_time() - busy
    rows = rng.choice(len(samples), min(_ELMD_ROWS, len(samples)), replace=False)
    theirs, others = (
        [module.ElMD(part.formula(at).reduced_formula) for at in range(len(part))]
        for part in (samples.take(rows), references)
    )
    theirs[0].elmd(others[0])  # compiles
    busy = time.process_time()
    found = [min(sample.elmd(other) for other in others) for sample in theirs]
    seconds = time.process_time() - busy
    return _beside(
        own,
        seconds,
        len(rows),
        len(samples),
        {
            "references": len(references),
            "largest_difference": float(np.abs(np.array(found) - distances[rows]).max()),
            "ElMD": version("ElMD"),
        },
    )


def _beside(own: float, seconds: float, part: int, rows: int, more: dict[str, Any]) -> dict[str, Any]:
    extrapolated = seconds / part * rows
    return {
        "rows": rows,
        "processor_seconds": round(own, 2),
        "peer_rows": part,
        "peer_processor_seconds": round(seconds, 2),
        "peer_extrapolated_seconds": round(extrapolated),
        "ratio": round(extrapolated / own),
        **more,
    }


def _elmd() -> ModuleType | None:
    try:
        version("ElMD")
    except PackageNotFoundError:
        return None
    # It imports, and does not use, what setuptools has dropped with version 82.
    sys.modules.setdefault("pkg_resources", ModuleType("pkg_resources"))
    return import_module("ElMD")


def table(record: dict[str, Any]) -> str:
    """Put a record in lines."""
    lines = [
        f"{row['rows']:>9,} rows, {row['stage']:17}: {row['seconds']:7.1f} s, of the processor "
        f"{row['processor_seconds']:7.1f} s, {row['peak_gib']:.2f} GiB{'' if kept(row) else '  NOT AS PROMISED'}"
        for row in record["stages"]
    ]
    for peer, own in zip(("SMACT", "ElMD"), record["peers"].values(), strict=True):
        lines.append(
            own["left_out"]
            if "left_out" in own
            else f"{own['rows']:>9,} rows: {own['processor_seconds']:.1f} s of the processor; {peer} "
            f"{own['peer_extrapolated_seconds']:,} s, extrapolated from {own['peer_rows']:,}: {own['ratio']:,} times"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
