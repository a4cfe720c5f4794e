"""Speed of sampling: unique formulas a second, one call a formula, by Hugging Face's `generate`, and along the tree.

    python benchmarks/sampling.py [--model gpt2] [--threads 2] [--sizes 1000,10000,100000,1000000]

All sample the same checkpoint under the same conditions at temperature 1, in one run on one machine:

- one call a formula, as the published code does it: `generate` on a single prompt;
- `generate` at the best of several batch sizes, in float32 and in bfloat16, 2,000 samples each;
- the prefix tree, in float32 and in bfloat16, for every size in a process of its own, whose peak memory is given.

The samples of all three follow the same distribution, so that of n samples equally many are distinct; the samplers of
transformers, whose cost a sample does not depend on n, are given the distinct share that the tree found at each n. The
limit is the speed of matrix products of this model's shapes, measured in the same process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import torch

from mattransformer.files import write_text
from mattransformer.generation.found import Failures, Seen, gather
from mattransformer.generation.language_model import LanguageModel, load
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.models.stepping import PRECISIONS, read_decoder
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.prefix_tree import Plan
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import END_ID, PAD_ID, prompt_ids
from mattransformer.training.record import machine, versions

RESULTS: Final = Path(__file__).parent / "results" / "sampling.json"
BATCHES: Final = (250, 1000, 2000)
_PEER_SAMPLES: Final = 2000
_SINGLE_CALLS: Final = 60


def tree(lm: LanguageModel, n: int, precision: str) -> dict[str, Any]:
    """Draw n samples along the prefix tree, keep the fingerprints of distinct compositions, and time it."""
    walks = objective_of(lm.model).trees(
        lm.model, Plan(prompt_ids(), Samples(n), [0], MOST_ATOMS, None, precision)
    )
    seen, failures, nodes = Seen(), Failures(), 0
    start = time.perf_counter()
    for walk in walks:
        for blocks in walk.branches():
            found = gather(blocks, failures)
            seen.add(found.fingerprints[~seen.holds(found.fingerprints)])
        nodes += walk.nodes
    seconds = time.perf_counter() - start
    return {"samples": n, "unique": len(seen), "seconds": round(seconds, 2), "nodes": nodes}


def products(lm: LanguageModel, precision: str, rows: int = 2048) -> dict[str, float]:
    """Measure the matrix products of one node: their number of operations, and how many a second are possible."""
    decoder = read_decoder(lm.model, precision)
    linears = [decoder.head]
    for block in decoder.blocks:
        linears += [block.joined, block.out, block.up, block.down]
    operations = sum(2 * linear.weight.numel() for linear in linears)
    kind = PRECISIONS[precision]
    pairs = [(torch.randn(rows, linear.weight.shape[1], dtype=kind), linear.weight) for linear in linears]
    best = float("inf")
    with torch.no_grad():
        for _ in range(12):
            start = time.perf_counter()
            for hidden, weight in pairs:
                torch.nn.functional.linear(hidden, weight)
            best = min(best, time.perf_counter() - start)
    return {"operations": operations, "gflops": operations * rows / best / 1e9}


def child(options: argparse.Namespace) -> None:
    """Measure one size in one precision, and print it as JSON."""
    lm = load(options.model)
    limit = products(lm, options.precision)
    tree(lm, 300, options.precision)  # warms up
    row = tree(lm, int(options.sizes), options.precision)
    achieved = row["nodes"] * limit["operations"] / row["seconds"] / 1e9
    row |= {
        "precision": options.precision,
        "nodes_a_sample": round(row["nodes"] / row["samples"], 2),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "matrix_product_gflops": round(limit["gflops"]),
        "share_of_matrix_products": round(achieved / limit["gflops"], 3),
    }
    print(json.dumps(row))


def hugging_face(lm: LanguageModel, n: int, batch: int, precision: str) -> dict[str, Any]:
    """Draw n samples with `generate`."""
    torch.manual_seed(0)
    model: Any = lm.model
    model.to(PRECISIONS[precision])
    prompt = torch.tensor([prompt_ids()]).repeat(batch, 1)
    settings = {
        "attention_mask": torch.ones_like(prompt),
        "do_sample": True,
        "top_k": 0,
        "max_new_tokens": MOST_ATOMS + 1,
        "eos_token_id": END_ID,
        "pad_token_id": PAD_ID,
    }
    model.generate(prompt[: min(batch, 50)], **settings | {"attention_mask": torch.ones_like(prompt[:50])})
    start = time.perf_counter()
    for _ in range(n // batch):
        model.generate(prompt, **settings)
    seconds = time.perf_counter() - start
    model.to(torch.float32)
    return {
        "samples": n // batch * batch,
        "batch": batch,
        "precision": precision,
        "seconds": round(seconds, 2),
        "samples_per_second": round(n // batch * batch / seconds, 1),
    }


def own(options: argparse.Namespace, size: str, precision: str) -> dict[str, Any]:
    """Measure a size in a process of its own."""
    command = [sys.executable, __file__, "--child", "--model", options.model, "--sizes", size]
    command += ["--precision", precision, "--threads", str(options.threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    row["samples_per_second"] = round(row["samples"] / row["seconds"], 1)
    row["unique_per_second"] = round(row["unique"] / row["seconds"], 1)
    return row


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gpt2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--precision", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        child(options)
        return
    lm = load(options.model)
    single = hugging_face(lm, _SINGLE_CALLS, 1, "float32")
    peers = [
        hugging_face(lm, _PEER_SAMPLES, batch, precision) for precision in PRECISIONS for batch in BATCHES
    ]
    best = max(peers, key=lambda peer: peer["samples_per_second"])
    for peer in (single, *peers):
        print(
            f"generate, batch {peer['batch']:5}, {peer['precision']}: {peer['samples_per_second']:8,.1f} a second"
        )
    rows = []
    for precision in PRECISIONS:
        for size in options.sizes.split(","):
            row = own(options, size, precision)
            row["times_generate"] = round(row["samples_per_second"] / best["samples_per_second"], 2)
            row["times_single_calls"] = round(row["samples_per_second"] / single["samples_per_second"], 1)
            rows.append(row)
            print(
                f"tree, {precision:8} {row['samples']:9,} samples: {row['unique_per_second']:8,.0f} unique/s, "
                f"{row['times_generate']:5.1f} times generate, {row['nodes_a_sample']:5.2f} nodes a sample, "
                f"{row['peak_memory_mib']:5} MiB, {row['share_of_matrix_products']:.0%} of the matrix products"
            )
    record = {
        "model": options.model,
        "threads": options.threads,
        "machine": machine(),
        "versions": versions(),
        "single_calls": single,
        "generate": peers,
        "best_generate": best,
        "tree": rows,
    }
    options.out.parent.mkdir(exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
