"""Samples along the tree beside those of transformers' `generate`, from the shipped weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch

import mattransformer as mt
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.objectives.sampling import Truncation
from mattransformer.tokenization import END_ID, PAD_ID, PROMPT_LENGTH, prompt_ids

Ids = tuple[int, ...]
PEER, OWN = 3_000, 30_000
FEATURES: dict[str, Callable[[Ids], object]] = {
    "first element": lambda ids: ids[:1],
    "last element": lambda ids: ids[-1:],
    "number of atoms": len,
    "elements and their atoms, without names": lambda ids: tuple(sorted(Counter(ids).values())),
    "first two different atoms": lambda ids: tuple(dict.fromkeys(ids))[:2],
}


def by_transformers(model: Any, settings: dict[str, Any]) -> list[Ids]:
    torch.manual_seed(0)
    prompt = torch.tensor([prompt_ids()]).repeat(1_000, 1)
    found: list[Ids] = []
    for _ in range(PEER // 1_000):
        rows = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            max_new_tokens=MOST_ATOMS + 1,
            eos_token_id=END_ID,
            pad_token_id=PAD_ID,
            **{"top_k": 0} | settings,
        )
        for row in rows[:, PROMPT_LENGTH:].tolist():
            found.append(tuple(row[: row.index(END_ID)]) if END_ID in row else tuple(row))
    return found


@pytest.mark.parametrize(
    ("settings", "truncation"),
    [({}, Truncation()), ({"temperature": 0.8, "top_k": 20, "top_p": 0.9}, Truncation(0.8, 20, 0.9))],
    ids=["the model itself", "temperature, top-k and top-p"],
)
def test_the_tree_and_transformers_sample_one_distribution(
    settings: dict[str, Any], truncation: Truncation
) -> None:
    lm = mt.load("gpt2")
    theirs = by_transformers(lm.model, settings)
    drawn = list(lm.objective.sample(lm.model, prompt_ids(), OWN, 0, truncation, max_tokens=MOST_ATOMS))
    for feature, of in FEATURES.items():
        first = Counter(of(ids) for ids in theirs)
        second: Counter[object] = Counter()
        for sequence in drawn:
            second[of(sequence.ids)] += sequence.count
        assert deviate(first, second) < 4, feature


def deviate(first: Counter[Any], second: Counter[Any]) -> float:
    """Chi-square of two samples as a normal deviate, 1 in 30,000 above 4 by chance; rare cells together."""
    sizes = first.total(), second.total()
    cells: list[list[int]] = [[0, 0]]
    for key in first | second:
        both = [first[key], second[key]]
        if sum(both) * min(sizes) / sum(sizes) < 5:
            cells[0] = [cells[0][0] + both[0], cells[0][1] + both[1]]
        else:
            cells.append(both)
    cells = [cell for cell in cells if sum(cell)]
    chi_square = sum(
        (seen - sum(cell) * size / sum(sizes)) ** 2 / (sum(cell) * size / sum(sizes))
        for cell in cells
        for seen, size in zip(cell, sizes, strict=True)
    )
    freedom = len(cells) - 1
    spread = 2 / (9 * freedom)
    return float(((chi_square / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5)


def test_the_comparison_tells_another_temperature_apart() -> None:
    lm = mt.load("gpt2")
    warm, plain = (
        Counter(
            {s.ids: s.count for s in lm.objective.sample(lm.model, prompt_ids(), 4_000, 1, t, max_tokens=30)}
        )
        for t in (Truncation(1.15), Truncation())
    )
    lengths = [Counter[int](), Counter[int]()]
    for counts, samples in zip(lengths, (warm, plain), strict=True):
        for ids, count in samples.items():
            counts[len(ids)] += count
    assert deviate(*lengths) > 4
