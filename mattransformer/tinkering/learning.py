"""Train the substitution network on the holes of known compositions.

    python -m mattransformer.tinkering.learning            # needs MATTRANSFORMER_DATA; an hour on one core

Every element of every train row of the Materials Project is a hole: the network is to name the element that was there.
Where other known compounds have another element in the same hole (BaTiO3 and SrTiO3 in `?TiO3`), one of those is told
as the element to be replaced, and none of them counts as a wrong answer.

Which elements share a site is learned from ordered compounds that hold both (see `mixed_sites`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.tinkering.descriptors import element_descriptors
from mattransformer.tinkering.mixed_sites import mixed_sites
from mattransformer.tinkering.network import (
    WEIGHTS,
    Ensemble,
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
        members: networks that are trained and asked together.
        seed: decides initial weights and what is drawn; each member has the next one.
        told: share of the holes with known alternatives where one of these is told.
        shared: how many times as often a hole with known alternatives is drawn.
        mixed: share of a batch that asks which element shares a site.
    """

    steps: int = 10_000
    batch: int = 512
    rate: float = 2e-3
    decay: float = 0.02
    members: int = 2
    seed: int = 0
    told: float = 0.85
    shared: float = 3.0
    mixed: float = 0.2


@dataclass(frozen=True)
class Examples:
    """Holes of known compositions.

    Attributes:
        holes: distinct ones.
        fillers: elements that are known to fill each.
        hole: of each example, place among the holes, (n,).
        answer: element that fills it, (n,).
        chance: of being drawn, (n,).
        mixed: of each hole, the element that it is shared with; -1 where all its atoms are replaced.
    """

    holes: Holes
    fillers: list[NDArray[np.int64]]
    hole: NDArray[np.int64]
    answer: NDArray[np.int64]
    chance: NDArray[np.float64]
    mixed: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[Formula], recipe: Recipe) -> Examples:
        """List the holes of reduced formulas."""
        places: dict[tuple[frozenset[tuple[str, int]], int, str | None], int] = {}
        fillers: list[list[int]] = []
        examples: list[tuple[int, int]] = []

        def add(others: frozenset[tuple[str, int]], count: int, shared: str | None, answer: str) -> None:
            place = places.setdefault((others, count, shared), len(places))
            if place == len(fillers):
                fillers.append([])
            fillers[place].append(INDEX[answer])
            examples.append((place, INDEX[answer]))

        usable = [formula for formula in rows if _usable(formula)]
        for formula in usable:
            for symbol, count in formula.counts:
                add(frozenset(pair for pair in formula.counts if pair[0] != symbol), count, None, symbol)
        for _, site, symbol in mixed_sites(usable, set(usable)) if recipe.mixed else ():
            add(frozenset(site.others), site.count, site.element, symbol)
        hole, answer = np.array(examples).T
        sizes = np.array([len(each) for each in fillers])
        mixed = np.array([-1 if shared is None else INDEX[shared] for _, _, shared in places])
        dilute = torch.from_numpy(mixed >= 0)
        weights = np.where(sizes[hole] > 1, recipe.shared, 1.0)
        of_mixed = mixed[hole] >= 0
        weights[~of_mixed] *= (1 - recipe.mixed * of_mixed.any()) / weights[~of_mixed].sum()
        weights[of_mixed] = recipe.mixed / max(of_mixed.sum(), 1)
        holes = holes_of([(sorted(others), count, None) for others, count, _ in places])
        return cls(
            replace(holes, dilute=dilute),
            [np.array(sorted(set(each))) for each in fillers],
            hole,
            answer,
            weights,
            mixed,
        )


def _usable(formula: Formula) -> bool:
    counts = formula.counts
    return 2 <= len(counts) <= _MOST_ELEMENTS and all(symbol in INDEX for symbol, _ in counts)


def train(
    rows: Iterable[Formula], recipe: Recipe, *, progress: bool = False
) -> tuple[Ensemble, list[list[float]]]:
    """Train networks.

    Args:
        rows: reduced formulas, each once.
        recipe: how.
        progress: show progress bars.

    Returns:
        The networks, and of each the mean loss in nats of each of 20 parts of the steps.
    """
    examples = Examples.of(rows, recipe)
    seeds = range(recipe.seed, recipe.seed + recipe.members)
    trained = [_trained(examples, recipe, seed, progress=progress) for seed in seeds]
    return Ensemble([network for network, _ in trained]), [losses for _, losses in trained]


def _trained(
    examples: Examples, recipe: Recipe, seed: int, *, progress: bool
) -> tuple[SubstitutionNetwork, list[float]]:
    torch.manual_seed(seed)
    draw = _Drawing(examples, recipe, seed)
    network = SubstitutionNetwork(torch.from_numpy(element_descriptors(CANDIDATES)))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps + 1, pct_start=0.05
    )
    network.train()
    losses = []
    bar = tqdm(range(recipe.steps), desc=f"member {seed}", unit="step", disable=None if progress else True)
    for _ in bar:
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
    return network, [float(part.mean().round(4)) for part in parts]


class _Drawing:
    """Draws batches."""

    def __init__(self, examples: Examples, recipe: Recipe, seed: int) -> None:
        self.examples, self.recipe = examples, recipe
        self.chance = np.cumsum(examples.chance)
        self.random = np.random.default_rng(seed)

    def batch(self) -> tuple[Holes, torch.Tensor, torch.Tensor]:
        """Draw holes, the candidates that are compared, (n, candidates), and the answers."""
        own, size = self.examples, self.recipe.batch
        chosen = np.searchsorted(self.chance, self.random.random(size)).clip(max=len(self.chance) - 1)
        hole, answer = own.hole[chosen], own.answer[chosen]
        compared = np.ones((size, len(CANDIDATES) + 1), dtype=bool)
        host = np.full(size, -1)
        for row, (place, right) in enumerate(zip(hole, answer, strict=True)):
            known = own.fillers[place]
            if own.mixed[place] >= 0:
                compared[row, known] = False
                host[row] = own.mixed[place]
            elif len(known) > 1:
                compared[row, known] = False
                if self.random.random() < self.recipe.told:
                    host[row] = self.random.choice(known[known != right])
        holes = own.holes.take(torch.from_numpy(hole))
        rows = np.arange(size)
        # The last column, of places that hold nothing, is cut off.
        compared[rows[:, None], holes.elements.numpy()] = False
        compared[rows, host] = False
        compared[rows, answer] = True
        told = replace(holes, host=torch.from_numpy(host))
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
        "parameters": sum(
            parameter.numel() for member in network.members for parameter in member.parameters()
        ),
        "losses": losses,
        "seconds": round(time.perf_counter() - start),
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "versions": versions(),
    }
    write_text(options.out.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    print(f"{options.out}: loss {losses[0][-1]:.3f} nats after {recipe.steps:,} steps")


if __name__ == "__main__":
    main()
