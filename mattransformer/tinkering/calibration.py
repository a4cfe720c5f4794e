"""Fit the weights of the combined score on held-out rows of the Materials Project and OQMD.

    python -m mattransformer.tinkering.calibration          # needs MATTRANSFORMER_DATA; some minutes

A case is a valid row (the answer) with a train row that differs from it in one element (the host), both
electronegativity-balanced with the icsd24 states, since it is for compounds with oxidation states that dopants are
weighed by charge. The answers are rows of the Materials Project, and a fifth as many of OQMD.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.generation.language_model import load
from mattransformer.screening.assignments import Species
from mattransformer.screening.rules import electronegativity_balanced
from mattransformer.tinkering.cases import Case, replaced_element_cases
from mattransformer.tinkering.combined import ALL, CALIBRATION, PLAIN, Calibration, Combined, Evidence
from mattransformer.tinkering.compounds import LikelihoodChange
from mattransformer.tinkering.network import WEIGHTS, load_network
from mattransformer.tinkering.rows import all_known, files_read, rows_of
from mattransformer.tinkering.sites import INDEX
from mattransformer.training.record import versions

_START: Final = Calibration({"exchange": 1.0, "state": 0.0}, {"exchange": 1.0, **dict.fromkeys(ALL[1:], 0.0)})
_RIDGE: Final = 1e-3
_MASKED: Final = -1e9


def held_out_cases(answers: int, seed: int) -> list[Case]:
    """Draw cases, one host a compound.

    Args:
        answers: compounds of the Materials Project wanted.
        seed: decides which, and which host of each.

    Returns:
        The cases, those of the Materials Project first.
    """
    random = np.random.default_rng(seed)
    known = all_known()
    cases: list[Case] = []
    for source, wanted in (("mp", answers), ("oqmd", answers // 5)):
        pool = [formula for formula in rows_of(source, "valid") if _balanced(formula)]
        chosen = [pool[at] for at in random.permutation(len(pool))[: 3 * wanted]]
        hosts: dict[Formula, tuple[Species, ...]] = dict.fromkeys(rows_of(source, "train"), ())
        by_compound: dict[Formula, list[Case]] = {}
        for case in replaced_element_cases(chosen, hosts, known):
            if _balanced(case.site.host):
                by_compound.setdefault(case.compound, []).append(case)
        cases.extend(own[random.integers(len(own))] for own in list(by_compound.values())[:wanted])
    return cases


def _balanced(formula: Formula) -> bool:
    return electronegativity_balanced(formula, "icsd24")


def fit(cases: Sequence[Case], known: Evidence, names: Sequence[str]) -> dict[str, float]:
    """Fit a conditional logit model of the answers.

    Args:
        cases: questions.
        known: evidence of each.
        names: kinds of evidence to weigh, none of which is missing for a whole case.

    Returns:
        A weight a kind, 0 for one that would be negative.
    """
    weights = _fitted(cases, known, names)
    while min(weights.values()) < 0:
        # Evidence that counts against itself is none: without it the rest is weighed anew.
        worst = min(weights, key=lambda name: weights[name])
        weights = _fitted(cases, known, [name for name in weights if name != worst])
    return {name: weights.get(name, 0.0) for name in names}


def _fitted(cases: Sequence[Case], known: Evidence, names: Sequence[str]) -> dict[str, float]:
    kinds = torch.from_numpy(np.stack([getattr(known, name) for name in names], axis=-1))
    compared = torch.from_numpy(np.array([case.compared for case in cases]) & known.free)
    answer = torch.tensor([INDEX[case.answer] for case in cases])
    weights = torch.zeros(len(names), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = (kinds @ weights).masked_fill(~compared, _MASKED)
        value = torch.nn.functional.cross_entropy(scores, answer) + _RIDGE * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return {name: round(float(weight), 4) for name, weight in zip(names, weights.detach(), strict=True)}


def calibrate(cases: Sequence[Case], combined: Combined) -> tuple[dict[str, float], dict[str, float]]:
    """Fit both sets of weights of a combined score.

    Args:
        cases: questions.
        combined: network and causal model; its own weights decide the shortlist.

    Returns:
        The weights of plain and of full evidence.
    """
    known = combined.gather([case.site for case in cases])
    plain = fit(cases, known, PLAIN)
    asked = ~np.isnan(known.likelihood_change)
    rows = np.flatnonzero(asked.any(axis=1))
    lowest = np.min(np.where(asked, known.likelihood_change, np.inf), axis=1, keepdims=True)
    filled = known.with_change(np.where(asked, known.likelihood_change, lowest)).take(rows)
    return plain, fit([cases[row] for row in rows.tolist()], filled, ALL)


def main() -> None:
    """Fit the shipped weights and write them with their record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gpt2", help="causal model")
    parser.add_argument("--network", type=Path, default=WEIGHTS)
    parser.add_argument("--answers", type=int, default=2_000, help="compounds of the Materials Project")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=CALIBRATION)
    options = parser.parse_args()
    cases = held_out_cases(options.answers, options.seed)
    combined = Combined(load_network(options.network), _START, LikelihoodChange(load(options.model)))
    plain, full = calibrate(cases, combined)
    record: dict[str, Any] = {
        "plain": plain,
        "full": full,
        "model": options.model,
        "cases": len(cases),
        "seed": options.seed,
        "files": files_read(),
        "versions": versions(),
    }
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(f"{options.out}: {len(cases):,} cases, weights {full}; without a causal model {plain}")


if __name__ == "__main__":
    main()
