"""Speed of sampling: unique formulas a second, along the prefix tree and by Hugging Face's `generate`, in one run.

    python benchmarks/sampling.py [--model gpt2] [--threads 2] [--sizes 1000,10000,100000]

Both sample the same checkpoint under the same conditions at temperature 1, in float32. `generate` gets the best of
several batch sizes, on 2,000 samples each, since its cost a sample does not fall.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch

from mattransformer.files import write_text
from mattransformer.generation.language_model import LanguageModel, load
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.tokenization import END_ID, PAD_ID, PROMPT_LENGTH, prompt_ids
from mattransformer.training.record import versions

RESULTS = Path(__file__).parent / "results" / "sampling.json"


def tree(lm: LanguageModel, n: int) -> dict[str, Any]:
    """Draw n samples along the prefix tree."""
    start = time.perf_counter()
    samples = lm.sample(n, seed=0)
    seconds = time.perf_counter() - start
    return {"samples": n, "unique": len(samples.compositions), "seconds": round(seconds, 2)}


def hugging_face(lm: LanguageModel, n: int, batch: int) -> dict[str, Any]:
    """Draw n samples with `generate`, and merge equal sequences."""
    torch.manual_seed(0)
    model: Any = lm.model
    prompt = torch.tensor([prompt_ids()]).repeat(batch, 1)
    found: set[tuple[int, ...]] = set()
    start = time.perf_counter()
    for _ in range(n // batch):
        drawn = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            top_k=0,
            max_new_tokens=MOST_ATOMS + 1,
            eos_token_id=END_ID,
            pad_token_id=PAD_ID,
        )
        found |= {tuple(row) for row in drawn[:, PROMPT_LENGTH:].tolist()}
    seconds = time.perf_counter() - start
    return {"samples": n // batch * batch, "batch": batch, "unique": len(found), "seconds": round(seconds, 2)}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gpt2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", default="1000,10000,100000")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    lm = load(options.model)
    tree(lm, 200)  # warms up
    peers = [hugging_face(lm, 2000, batch) for batch in (250, 1000, 2000)]
    ours = [tree(lm, int(size)) for size in options.sizes.split(",")]
    rows = [{"sampler": "transformers", **peer} for peer in peers]
    rows += [{"sampler": "prefix tree", **own} for own in ours]
    for row in rows:
        row["unique_per_second"] = round(row["unique"] / row["seconds"])
    best = max(row["unique_per_second"] for row in rows[: len(peers)])
    for row in rows:
        row["times_transformers"] = round(row["unique_per_second"] / best, 2)
        print(
            f"{row['sampler']:13} {row['samples']:8,} samples {row['unique_per_second']:6,} unique/s "
            f"{row['times_transformers']:5.2f} x"
        )
    record = {
        "model": options.model,
        "threads": options.threads,
        "machine": platform.processor() or platform.machine(),
        "versions": versions(),
        "rows": rows,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    write_text(RESULTS, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
