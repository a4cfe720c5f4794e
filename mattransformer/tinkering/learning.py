"""Train the substitution network on the holes of known compositions.

    python -m mattransformer.tinkering.learning            # needs MATTRANSFORMER_DATA; half an hour on one core

Every element of every train row of the Materials Project is a hole: the network is to name the element that was there.
Where other known compounds have another element in the same hole (BaTiO3 and SrTiO3 in `?TiO3`), one of those is told
as the element to be replaced, and none of them counts as a wrong answer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.tinkering.descriptors import element_descriptors
from mattransformer.tinkering.network import (
    WEIGHTS,
    Holes,
    SubstitutionNetwork,
    holes_of,
    save_network,
)
from mattransformer.tinkering.rows import files_read, rows_of
from mattransformer.tinkering.sites import CANDIDATES, INDEX
from mattransformer.training.record import machine, versions

_MOST_ELEMENTS: Final = 10
_MASKED: Final = -1e9
_PARTS: Final = 20  # of a training, whose mean losses are recorded


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        steps: of the optimizer.
        batch: holes a step.
        rate: highest learning rate; it rises over the first twentieth of the steps and falls to nothing.
        decay: of weights.
        seed: decides initial weights and what is drawn.
        told: share of the holes with known alternatives where one of these is told.
        shared: how many times as often a hole with known alternatives is drawn.
    """

    steps: int = 10_000
    batch: int = 512
    rate: float = 2e-3
    decay: float = 0.02
    seed: int = 0
    told: float = 0.85
    shared: float = 3.0


@dataclass(frozen=True)
class Examples:
    """Holes of known compositions.

    Attributes:
        holes: distinct ones.
        fillers: elements that are known to fill each.
        hole: of each example, place among the holes, (n,).
        answer: element that fills it, (n,).
        chance: of being drawn, (n,).
    """

    holes: Holes
    fillers: list[NDArray[np.int64]]
    hole: NDArray[np.int64]
    answer: NDArray[np.int64]
    chance: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[Formula], recipe: Recipe) -> Examples:
        """List the holes of reduced formulas."""
        places: dict[tuple[frozenset[tuple[str, int]], int], int] = {}
        fillers: list[list[int]] = []
        examples: list[tuple[int, int]] = []
        for formula in rows:
            counts = formula.counts
            if not 2 <= len(counts) <= _MOST_ELEMENTS or not all(symbol in INDEX for symbol, _ in counts):
                continue
            for symbol, count in counts:
                key = (frozenset(pair for pair in counts if pair[0] != symbol), count)
                place = places.setdefault(key, len(places))
                if place == len(fillers):
                    fillers.append([])
                fillers[place].append(INDEX[symbol])
                examples.append((place, INDEX[symbol]))
        hole, answer = np.array(examples).T
        sizes = np.array([len(each) for each in fillers])
        weights = np.where(sizes[hole] > 1, recipe.shared, 1.0)
        return cls(
            holes_of([(sorted(others), count, None) for others, count in places]),
            [np.array(each) for each in fillers],
            hole,
            answer,
            weights / weights.sum(),
        )


def train(
    rows: Iterable[Formula], recipe: Recipe, *, progress: bool = False
) -> tuple[SubstitutionNetwork, list[float]]:
    """Train a network.

    Args:
        rows: reduced formulas, each once.
        recipe: how.
        progress: show a progress bar.

    Returns:
        The network, in evaluation mode, and the mean loss in nats of each of 20 parts of the steps.
    """
    torch.manual_seed(recipe.seed)
    draw = _Drawing(Examples.of(rows, recipe), recipe)
    network = SubstitutionNetwork(torch.from_numpy(element_descriptors(CANDIDATES)))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps + 1, pct_start=0.05
    )
    network.train()
    losses = []
    for _ in tqdm(range(recipe.steps), desc="training", unit="step", disable=None if progress else True):
        holes, compared, answer = draw.batch()
        scores = network(holes).masked_fill(~compared, _MASKED)
        loss = torch.nn.functional.cross_entropy(scores, answer)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    parts = np.array_split(np.array(losses), min(_PARTS, len(losses)))
    return network.eval(), [float(part.mean().round(4)) for part in parts]


class _Drawing:
    """Draws batches."""

    def __init__(self, examples: Examples, recipe: Recipe) -> None:
        self.examples, self.recipe = examples, recipe
        self.chance = np.cumsum(examples.chance)
        self.random = np.random.default_rng(recipe.seed)

    def batch(self) -> tuple[Holes, torch.Tensor, torch.Tensor]:
        """Draw holes, the candidates that are compared, (n, candidates), and the answers."""
        own, size = self.examples, self.recipe.batch
        chosen = np.searchsorted(self.chance, self.random.random(size)).clip(max=len(self.chance) - 1)
        hole, answer = own.hole[chosen], own.answer[chosen]
        compared = np.ones((size, len(CANDIDATES) + 1), dtype=bool)
        host = np.full(size, -1)
        for row, (place, right) in enumerate(zip(hole, answer, strict=True)):
            known = own.fillers[place]
            if len(known) > 1:
                compared[row, known] = False
                if self.random.random() < self.recipe.told:
                    host[row] = self.random.choice(known[known != right])
        holes = own.holes.take(torch.from_numpy(hole))
        rows = np.arange(size)
        # The last column, of places that hold nothing, is cut off.
        compared[rows[:, None], holes.elements.numpy()] = False
        compared[rows, host] = False
        compared[rows, answer] = True
        told = Holes(holes.elements, holes.amounts, holes.atoms, torch.from_numpy(host))
        return told, torch.from_numpy(compared[:, :-1]), torch.from_numpy(answer)


def main() -> None:
    """Train the shipped network and write its record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    rows = rows_of("mp", "train")
    recipe = Recipe(steps=options.steps, seed=options.seed)
    start = time.perf_counter()
    network, losses = train(rows, recipe, progress=True)
    save_network(network, options.out)
    record = {
        "recipe": asdict(recipe),
        "rows": len(rows),
        "files": files_read(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "losses": losses,
        "seconds": round(time.perf_counter() - start),
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "versions": versions(),
    }
    write_text(options.out.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    print(f"{options.out}: loss {losses[-1]:.3f} nats after {recipe.steps:,} steps")


if __name__ == "__main__":
    main()
