"""Measure all shipped checkpoints and put them side by side: results/suite.json, and the table of the README.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/suite.py --readme README.md

Each checkpoint is measured in a process of its own by `benchmarks/checkpoint.py`, stage by stage; a stage that was
measured on the same weights and data is kept, unless `--again` names it, so a run that was cut off goes on. Speeds are
comparable only if all were measured on the same idle machine: `--again speed` measures all anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from mattransformer.data.corpora import load_corpus
from mattransformer.errors import MattransformerError
from mattransformer.evaluation.report import update_readme
from mattransformer.evaluation.results import STAGES, begin
from mattransformer.evaluation.suite import MARKS, suite, suite_table, write_suite
from mattransformer.models.checkpoints import describe, shipped_names

CHECKPOINT = Path(__file__).parent / "checkpoint.py"


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", help="names, with commas (default: all that are shipped)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results")
    parser.add_argument("--again", default="", help=f"stages to measure anew, of {','.join(STAGES)}")
    parser.add_argument(
        "--sizes", help="unique samples to look for formulas in, see benchmarks/checkpoint.py"
    )
    parser.add_argument("--readme", type=Path, help="README to put the table into")
    options = parser.parse_args(arguments)
    names = options.models.split(",") if options.models else shipped_names()
    try:
        for name in names:
            code = measure(name, options)
            if code:
                return code
        record = suite(shipped_names(), options.results)
        write_suite(record, options.results / "suite.json")
        if options.readme is not None:
            update_readme(options.readme, suite_table(record), MARKS)
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(suite_table(record))
    return 0


def measure(name: str, options: argparse.Namespace) -> int:
    """Measure the stages that a checkpoint lacks; give the exit code."""
    facts = describe(name)
    data = {part.name: part.sha256 for part in load_corpus(["mp", "oqmd"]).report.sources}
    out = options.results / f"{name}.json"
    kept = begin(out, {"name": facts["name"], "sha256": facts["sha256"]}, data)["stages"]
    missing = [stage for stage in STAGES if stage not in kept or stage in options.again.split(",")]
    if not missing:
        return 0
    command = [
        sys.executable,
        str(CHECKPOINT),
        "--model",
        name,
        "--out",
        str(out),
        "--only",
        ",".join(missing),
    ]
    if options.sizes:
        command += ["--sizes", options.sizes]
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode


if __name__ == "__main__":
    raise SystemExit(main())
