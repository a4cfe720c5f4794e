"""Speed of blank filling: samples a second, many canvases at a time and one canvas at a time, in one run.

    python benchmarks/blank_filling.py [--model NAME_OR_FOLDER] [--threads 2] [--sizes 1000,10000,100000]

The reference is the procedure of the paper (Shen et al., arXiv:2002.03079, and its released code): a sample is finished
before the next one begins, and each step encodes its one canvas. Both sides use the same weights, conditions,
temperature 1, precision and threads. The reference is measured before and after, on `--reference` samples each, and the
faster of the two counts.

Beside the trained model, fresh weights are measured, at the small and at the published size. Such a model finds all
elements alike, so hardly two samples share a canvas beyond the first, which a trained model's do: this is the
hard case.
How often a blank stays is set so that formulas have some eight atoms, as those of the corpora.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModel

from mattransformer.files import write_text
from mattransformer.models.blank_filling import LEFT, RIGHT, BlankFillingConfig, BlankFillingModel
from mattransformer.models.checkpoints import find_checkpoint
from mattransformer.models.kernels import use_fast_kernels
from mattransformer.objectives.blank_sampling import sample_blanks
from mattransformer.tokenization import BLANK_ID, FIRST_ELEMENT_ID, PROMPT_LENGTH, prompt_ids
from mattransformer.training.record import machine, versions

RESULTS: Final = Path(__file__).parent / "results" / "blank_filling.json"
MOST_ATOMS: Final = 30
SIZES: Final[dict[str, dict[str, Any]]] = {
    "small": {
        "hidden_size": 168,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "intermediate_size": 672,
        "max_position_embeddings": 64,
    },
    "published": {},
}
# Of E, _E, E_ and _E_: 0.87 blanks a step, 1 / (1 - 0.87) atoms.
SHARES: Final = (0.33, 0.235, 0.235, 0.2)


def fresh(size: str) -> BlankFillingModel:
    """Build a model with fresh weights."""
    torch.manual_seed(0)
    model = BlankFillingModel(BlankFillingConfig(**SIZES[size])).eval()
    with torch.no_grad():
        model.action_outer.bias.copy_(torch.tensor(SHARES).log())
    return model


@torch.no_grad()
def one_by_one(model: BlankFillingModel, n: int, seed: int) -> dict[str, Any]:
    """Draw n samples, each of them a canvas at a time."""
    generator = torch.Generator().manual_seed(seed)

    def choose(log_probs: torch.Tensor) -> int:
        return int(torch.multinomial(log_probs.exp(), 1, generator=generator))

    atoms = finished = 0
    start = time.perf_counter()
    for _ in range(n):
        canvas = [*prompt_ids(), BLANK_ID]
        while BLANK_ID in canvas and len(canvas) <= PROMPT_LENGTH + MOST_ATOMS:
            ids = torch.tensor([canvas])
            hidden = model(input_ids=ids, blanks_only=True).last_hidden_state
            assert hidden is not None
            position = choose(model.blank_log_probs(hidden, ids)[0])
            state = hidden[0, position]
            element = FIRST_ELEMENT_ID + choose(model.element_log_probs(state))
            action = choose(model.action_log_probs(state, torch.tensor(element)))
            left, right = ([BLANK_ID] if action & side else [] for side in (LEFT, RIGHT))
            canvas[position : position + 1] = [*left, element, *right]
        if BLANK_ID not in canvas and len(canvas) <= PROMPT_LENGTH + MOST_ATOMS:
            finished += 1
            atoms += len(canvas) - PROMPT_LENGTH
    return _row("one canvas at a time", n, finished, atoms, time.perf_counter() - start)


def batched(model: BlankFillingModel, n: int, seed: int) -> dict[str, Any]:
    """Draw n samples with `sample_blanks`."""
    start = time.perf_counter()
    sampled = list(sample_blanks(model, prompt_ids(), n, seed, max_tokens=MOST_ATOMS))
    seconds = time.perf_counter() - start
    finished = sum(sequence.count for sequence in sampled if sequence.finished)
    atoms = sum(sequence.count * len(sequence.ids) for sequence in sampled if sequence.finished)
    return _row("batched", n, finished, atoms, seconds) | {"distinct": len(sampled)}


def _row(sampler: str, n: int, finished: int, atoms: int, seconds: float) -> dict[str, Any]:
    return {
        "sampler": sampler,
        "samples": n,
        "finished": finished,
        "atoms_a_formula": round(atoms / max(finished, 1), 2),
        "seconds": round(seconds, 2),
        "samples_per_second": float(f"{n / seconds:.3g}"),
    }


def measure(model: BlankFillingModel, sizes: list[int], reference: int) -> list[dict[str, Any]]:
    """Time both samplers on one model; each row but the first states how many times faster it is than the first."""
    use_fast_kernels(model)
    model.train(mode=False)  # dropout was exchanged too  # type: ignore[no-untyped-call]
    one_by_one(model, 3, 0)  # warms up
    batched(model, 100, 0)
    first = one_by_one(model, reference, 1)
    ours = [batched(model, size, 2) for size in sizes]
    second = one_by_one(model, reference, 3)
    best = max((first, second), key=lambda row: row["samples_per_second"])
    for row in ours:
        row["times_one_by_one"] = round(row["samples_per_second"] / best["samples_per_second"], 1)
    return [best, *ours]


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="blm", help="a shipped checkpoint, or a folder (default: blm)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", default="1000,10000,100000", help="samples of the trained model")
    parser.add_argument("--fresh-sizes", default="1000", help="samples of fresh weights")
    parser.add_argument("--reference", type=int, default=100, help="samples of the reference, twice")
    parser.add_argument(
        "--precisions", default="float32,bfloat16", help="of weights and activations, each on both sides"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = [(options.model, options.sizes), *((size, options.fresh_sizes) for size in SIZES)]
    rows = []
    for name, sizes in cases:
        model = fresh(name) if name in SIZES else AutoModel.from_pretrained(find_checkpoint(name)).eval()
        for precision in options.precisions.split(","):
            model = model.to(getattr(torch, precision))
            for row in measure(model, [int(size) for size in sizes.split(",")], options.reference):
                facts = {
                    "model": f"fresh, {name}" if name in SIZES else Path(name).name,
                    "parameters": model.num_parameters(),
                    "precision": precision,
                }
                rows.append(facts | row)
                print(
                    f"{name:10} {precision:8} {row['sampler']:20} {row['samples']:8,} samples "
                    f"{row['samples_per_second']:8,} a second {row.get('times_one_by_one', 1.0):6.1f} x",
                    flush=True,
                )
    record = {
        "threads": options.threads,
        "machine": machine(),
        "versions": versions(),
        "rows": rows,
    }
    options.out.parent.mkdir(exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
