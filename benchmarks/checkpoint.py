"""Measure a checkpoint: sensible and new samples, likelihood, rediscovery; each beside what was aimed at.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/checkpoint.py --model gpt2 --out results/gpt2.json

Stages: `validity` (plain samples under the default and the published conditions), `nll` (validation rows, beside a
trigram model), `rediscovery` (unique samples against formulas that the model never saw), `speed` (plain samples a
second) and `examples` (ten compositions as they come, for the card). `--only` measures some of them again and keeps
the rest of the file. The ICSD is read to measure with, and nothing of it is written but counts. All shipped checkpoints
in one command: `benchmarks/suite.py`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mattransformer.data.corpora import Corpus, load_corpus
from mattransformer.errors import MattransformerError
from mattransformer.evaluation.examples import measure_examples
from mattransformer.evaluation.measurement import (
    measure_likelihood,
    measure_rediscovery,
    measure_speed,
    measure_validity,
)
from mattransformer.evaluation.rediscovery import SIZES
from mattransformer.evaluation.report import text_table
from mattransformer.evaluation.results import STAGES, begin, store
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.generation.language_model import LanguageModel, load
from mattransformer.models.architectures import BY_MODEL_TYPE
from mattransformer.models.checkpoints import describe
from mattransformer.training.record import versions

LEARNED = ("mp", "oqmd")


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print; exit code 2 and one line for bad input."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        record = run(options)
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text_table(record))
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gpt2", help="a shipped checkpoint, or a folder (default: gpt2)")
    parser.add_argument("--out", type=Path, help="JSON file (default: results/NAME.json)")
    parser.add_argument(
        "--only", default=",".join(STAGES), help=f"stages, of {','.join(STAGES)} (default: all)"
    )
    parser.add_argument(
        "--samples", type=int, default=10_000, help="plain samples a setting (default: 10000)"
    )
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="unique samples to look for formulas in"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all samples (default: 0)")
    parser.add_argument(
        "--rediscovery-temperature", type=float, default=1.0, help="1 samples the model itself"
    )
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the stages that were asked for and give the whole record."""
    stages = chosen_stages(options.only)
    sizes = [whole(size, "--sizes", 1) for size in options.sizes.split(",")]
    samples, seed = whole(options.samples, "--samples", 1), whole(options.seed, "--seed", 0)
    temperature = options.rediscovery_temperature
    corpora = load_corpus(list(LEARNED))
    icsd = load_corpus("icsd") if "rediscovery" in stages else corpora
    lm, facts = open_model(options.model, options.threads), describe(options.model)
    measurements: dict[str, Callable[[], dict[str, Any]]] = {
        "validity": lambda: measure_validity(lm, corpora, samples, seed),
        "nll": lambda: measure_likelihood(lm, corpora),
        "rediscovery": lambda: measure_rediscovery(lm, corpora, icsd, sizes, seed, temperature),
        "speed": lambda: measure_speed(lm, samples, seed),
        "examples": lambda: measure_examples(lm, facts["run"], seed),
    }
    out = options.out or Path("results") / f"{facts['name']}.json"
    checkpoint = {
        "name": facts["name"],
        "objective": BY_MODEL_TYPE[lm.model.config.model_type].objective,
        "sha256": facts["sha256"],
        "parameters": lm.model.num_parameters(),
    }
    data = file_hashes(corpora, icsd)
    record = begin(out, checkpoint, data)
    for stage in stages:
        started = time.monotonic()
        measured = measurements[stage]()
        seconds = round(time.monotonic() - started, 1)
        used = {name: sha256 for name, sha256 in data.items() if name in LEARNED or stage == "rediscovery"}
        store(out, record, stage, measured | {"data": used, "versions": versions(), "seconds": seconds})
        print(f"{stage}: {seconds:.0f} s, kept in {out}", file=sys.stderr)
    return record


def open_model(name: str, threads: int | None) -> LanguageModel:
    """Open the checkpoint, with the number of threads that was asked for."""
    if threads is not None:
        import torch

        torch.set_num_threads(whole(threads, "--threads", 1))
    return load(name)


def file_hashes(*corpora: Corpus) -> dict[str, str]:
    """Give the SHA-256 of the file of each corpus."""
    return {part.name: part.sha256 for corpus in corpora for part in corpus.report.sources}


def chosen_stages(only: str) -> list[str]:
    """Read `--only`."""
    stages = [stage.strip() for stage in only.split(",")]
    for stage in stages:
        if stage not in STAGES:
            raise EvaluationError(f"--only: no stage {stage!r}; the stages are {', '.join(STAGES)}")
    return stages


def whole(value: str | int, option: str, least: int) -> int:
    """Read a whole number."""
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise EvaluationError(f"{option}: {value!r} is not possible; give a whole number from {least}")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
