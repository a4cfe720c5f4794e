"""Speed of training: useful tokens a second, and the share of the machine's matrix-product peak that this is.

    python benchmarks/training.py --threads 2
    python benchmarks/training.py --threads 2 dropout=0     settings that replace those of the configurations
    python benchmarks/training.py --memory                  needs MATTRANSFORMER_DATA

The configurations in `configs/` are trained on the embedded corpus by `mattransformer.training.loop`, and each
optimizer step is timed, from the rows to the new running mean of the weights; evaluations between steps are not.
No token is padding. FLOP/s = 6 x parameters beside the embeddings x tokens / s. The peak is the best of several matrix
products in the precision of the training, in the same process, with as many threads, before and after every training.
On a machine with other work, the rates by processor time say more than those by the clock.

`--memory` trains on all of the Materials Project and OQMD in a process of its own, with an evaluation and a checkpoint,
and gives its largest resident memory: once with an empty cache, where the corpora are read and labelled, and once more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mattransformer.errors import MattransformerError
from mattransformer.files import write_text
from mattransformer.models.architectures import parameters_beside_embeddings
from mattransformer.models.checkpoints import read_run
from mattransformer.training.config import TrainingConfig, load_config
from mattransformer.training.loop import _Run
from mattransformer.training.record import machine, versions
from mattransformer.training.rows import load_training_data

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "training.json"
# The published size of GPT with the dropout of its configuration, and without.
CASES = (
    ("gpt-mp-transport-published",),
    ("gpt-mp-transport-published", "dropout=0"),
    ("gpt2-mp-transport-published",),
    ("gpt2-mp-transport-small",),
)
MEMORY_CONFIG = "gpt2-mp-transport-small"
MEMORY_LIMIT = 3.0  # GiB
# The first steps meet their batch shapes for the first time.
WARM_UP_STEPS = 3
SQUARES = (512, 1024, 1536, 2048, 3072)


@dataclass(frozen=True)
class Rate:
    """Work done a second.

    Attributes:
        clock: by the clock.
        processor: by the processor time of all threads, times their number: the same on an idle machine.
    """

    clock: float
    processor: float

    def best(self, other: Rate) -> Rate:
        """Take the larger one of each."""
        return Rate(max(self.clock, other.clock), max(self.processor, other.processor))


class TimedRun(_Run):
    """A training that notes what each step took.

    Attributes:
        steps: tokens, seconds by the clock and processor seconds of every step, (steps, 3) when complete.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config, None)
        self.steps: list[tuple[int, float, float]] = []

    def _step(self, rows: np.ndarray, batches: int, bar: Any) -> torch.Tensor:  # noqa: ANN401
        tokens, clock, processor = self.progress.tokens, time.perf_counter(), time.process_time()
        measured = super()._step(rows, batches, bar)
        seconds = time.perf_counter() - clock, time.process_time() - processor
        self.steps.append((self.progress.tokens - tokens, *seconds))
        return measured

    def rate(self) -> Rate:
        """Give tokens a second, without the first steps."""
        tokens, clock, processor = np.array(self.steps[WARM_UP_STEPS:]).sum(axis=0)
        return Rate(tokens / clock, tokens * torch.get_num_threads() / processor)


def matrix_product_peak(dtype: torch.dtype, seconds: float = 0.5) -> Rate:
    """Measure the best rate of square matrix products.

    Args:
        dtype: of the factors.
        seconds: spent on every size.

    Returns:
        FLOP/s.
    """
    best = Rate(0.0, 0.0)
    for size in SQUARES:
        first, second = (torch.randn(size, size).to(dtype) for _ in range(2))
        times = max(1, round(2e10 / size**3))  # long enough for the clock of processor time
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            clock, processor = time.perf_counter(), time.process_time()
            for _ in range(times):
                first @ second
            work = 2.0 * size**3 * times
            spent = (time.process_time() - processor) / torch.get_num_threads()
            best = best.best(Rate(work / (time.perf_counter() - clock), work / spent))
    return best


def measure_speed(config: TrainingConfig, tokens: int) -> tuple[dict[str, Any], Rate]:
    """Train for some tokens.

    Args:
        config: its output and its evaluations are replaced.
        tokens: to train on, about.

    Returns:
        What was measured, and the peak beside it.
    """
    total = load_training_data(config).train.ids.size
    with tempfile.TemporaryDirectory() as folder:
        run = TimedRun(replace(config, output=f"{folder}/run", epochs=tokens / total, validation_rows=256))
        dtype = torch.bfloat16 if run.accelerator.mixed_precision == "bf16" else torch.float32
        peak = matrix_product_peak(dtype)
        run.go(resume=False)
    peak = peak.best(matrix_product_peak(dtype))
    rate, parameters = run.rate(), parameters_beside_embeddings(run.model)
    measured = {
        "architecture": config.architecture,
        "preset": config.preset,
        "parameters_beside_embeddings": parameters,
        "precision": str(dtype).removeprefix("torch."),
        "tokens_per_batch": config.tokens_per_batch,
        "dropout": config.dropout,
        "steps": len(run.steps) - WARM_UP_STEPS,
        "tokens": sum(step[0] for step in run.steps[WARM_UP_STEPS:]),
        "tokens_per_second": round(rate.clock),
        "tokens_per_second_by_processor_time": round(rate.processor),
        "flop_per_second": 6 * parameters * rate.clock,
        "flop_per_second_by_processor_time": 6 * parameters * rate.processor,
    }
    return measured, peak


def speeds(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every configuration; the shares are of the best peak of all."""
    configs = [
        load_config(
            ROOT / "configs" / f"{name}.yaml", [*settings, *options.overrides, f"threads={options.threads}"]
        )
        for name, *settings in CASES
    ]
    torch.set_num_threads(options.threads)
    peak, cases = Rate(0.0, 0.0), []
    for config in configs:
        measured, beside = measure_speed(config, options.tokens)
        cases.append(measured)
        peak = peak.best(beside)
    for case in cases:
        case["share_of_peak"] = round(case["flop_per_second"] / peak.clock, 3)
        share = case["flop_per_second_by_processor_time"] / peak.processor
        case["share_of_peak_by_processor_time"] = round(share, 3)
    return {
        "threads": options.threads,
        "settings": options.overrides,
        "peak_flop_per_second": peak.clock,
        "peak_flop_per_second_by_processor_time": peak.processor,
        "trainings": cases,
    }


def memory(threads: int) -> dict[str, Any]:
    """Train on all rows of the Materials Project and OQMD for some 50 steps, twice.

    Args:
        threads: of torch.

    Returns:
        Largest resident memory, GiB, with and without reading the corpora.
    """
    settings = ["corpora=[mp, oqmd]", "epochs=0.055", "validation_rows=null", f"threads={threads}"]
    config = str(ROOT / "configs" / f"{MEMORY_CONFIG}.yaml")
    record: dict[str, Any] = {"config": MEMORY_CONFIG, "settings": settings, "limit_gib": MEMORY_LIMIT}
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MATTRANSFORMER_CACHE": f"{folder}/cache"}
        for name in ("empty_cache", "cached"):
            output = f"{folder}/{name}"
            command = [sys.executable, "-m", "mattransformer", "train", config, *settings, f"output={output}"]
            resident = largest_resident(command, environment)
            run = read_run(Path(output))
            facts = {"steps": run["steps"], "valid_rows": run["surroundings"]["valid_rows"]}
            record[name] = {"resident_gib": round(resident, 2), **facts}
    return record


def largest_resident(command: list[str], environment: dict[str, str]) -> float:
    """Run a command and give its largest resident memory.

    Args:
        command: from the root of the project.
        environment: its variables.

    Returns:
        GiB.

    Raises:
        MattransformerError: the command failed.
    """
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise MattransformerError(f"{' '.join(command[1:4])} failed")
    return usage.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def show_speed(record: dict[str, Any]) -> None:
    """Print the speeds as a table."""
    precision = record["trainings"][0]["precision"]
    print(f"peak of a {precision} matrix product, {record['threads']} threads:", end=" ")
    clock, processor = record["peak_flop_per_second"], record["peak_flop_per_second_by_processor_time"]
    print(f"{clock / 1e9:.0f} GFLOP/s ({processor / 1e9:.0f} by processor time)")
    print(f"{'':17} dropout  tokens/s  GFLOP/s  of the peak  (by processor time)")
    for case in record["trainings"]:
        print(
            f"{case['architecture']:6} {case['preset']:10} {case['dropout']:7} {case['tokens_per_second']:9,} "
            f"{case['flop_per_second'] / 1e9:8.0f} {case['share_of_peak']:12.1%} "
            f"{case['share_of_peak_by_processor_time']:20.1%}"
        )


def show_memory(record: dict[str, Any]) -> None:
    """Print the largest resident memory."""
    for name, words in (("empty_cache", "reading the corpora"), ("cached", "with the corpora in the cache")):
        facts = record[name]
        print(f"training on all of mp and oqmd, {words}: {facts['resident_gib']} GiB resident at most")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the trainings")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--tokens", type=int, default=250_000, help="to train on (default: 250000)")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and keep; exit code 2 and one line for bad input."""
    options = parse(arguments)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the peak is that of the processor
    try:
        record = json.loads(options.out.read_text()) if options.out.is_file() else {}
        facts = {"machine": machine(), "versions": versions()}
        if options.memory:
            record["memory"] = memory(options.threads) | facts
            show_memory(record["memory"])
        else:
            record["speed"] = speeds(options) | facts
            show_speed(record["speed"])
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
