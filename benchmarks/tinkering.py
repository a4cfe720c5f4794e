"""Which element belongs in a hole: models and baselines side by side on ICSD compounds that none of ours has seen.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/tinkering.py [--only PART]

Answers are the test rows of the ICSD that neither the Materials Project nor OQMD lists; hosts are its train rows. The
ICSD is proprietary: no row of it is written anywhere, and what is trained on it here is measured and thrown away. The
baselines of Hautier et al., of SMACT's dopant predictor and of SkipSpecies rest on tables that were mined from the ICSD
or the Materials Project, in which the answers may be.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch

from mattransformer.data.corpora import corpus_path
from mattransformer.data.readers import sha256_of
from mattransformer.evaluation.substitution import anion_class, figures
from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.generation.language_model import load
from mattransformer.screening.assignments import Species
from mattransformer.screening.rules import electronegativity_balanced
from mattransformer.tinkering.baselines import BASELINES, ElementFrequency
from mattransformer.tinkering.cases import (
    Case,
    hidden_element_cases,
    joined_element_cases,
    replaced_element_cases,
    species_of,
)
from mattransformer.tinkering.combined import Calibration, Combined, dilute_scores, evidence
from mattransformer.tinkering.compounds import FilledSite, LikelihoodChange
from mattransformer.tinkering.learning import Recipe, train
from mattransformer.tinkering.network import Ensemble, load_network
from mattransformer.tinkering.rows import all_known, rows_of
from mattransformer.tinkering.sites import Ranker, Site
from mattransformer.tinkering.tinker import tinker
from mattransformer.training.record import machine, versions

_HERE: Final = Path(__file__).parent
RESULTS: Final = _HERE / "results" / "tinkering.json"
TEXTBOOK: Final = _HERE / "textbook_dopants.csv"
CAUSAL: Final = ("gpt", "gpt2", "gpt-neo", "gpt-j", "bart")
FILLING: Final = ("roberta", "blm")
PARTS: Final = ("tables", "mixed", "language", "textbook", "speed", "icsd")
_SAMPLE: Final = 150  # compounds that the language models are asked about in task A
_ORDERS: Final = 1  # that bounds are averaged over; exact for one atom of the site


class Joining:
    """The score of dilute dopants: which element joins the one that is there."""

    name = "score of dilute dopants"

    def __init__(self, network: Ensemble) -> None:
        """Take a network."""
        self.network = network

    def scores(self, sites: Sequence[Site]) -> np.ndarray:
        """See `Ranker`."""
        return dilute_scores(evidence(self.network, sites), sites)


class JoiningAlone(Joining):
    """The same without the size of ions."""

    name = "substitution network, joining"

    def scores(self, sites: Sequence[Site]) -> np.ndarray:
        """See `Ranker`."""
        return self.network.log_probabilities(sites, dilute=True)


class Context:
    """The substitution network without being told what was there: the only way to use it in task A."""

    name = "substitution network, surroundings alone"

    def __init__(self, network: Ensemble) -> None:
        """Take a network."""
        self.network = network

    def scores(self, sites: Sequence[Site]) -> np.ndarray:
        """See `Ranker`."""
        return self.network.log_probabilities(sites, host=False)


def icsd_rows() -> dict[str, dict[Formula, tuple[Species, ...]]]:
    """Read the ICSD, which only measures: split to reduced formula to species."""
    table = pd.read_csv(corpus_path("icsd"), keep_default_na=False)
    rows: dict[str, dict[Formula, tuple[Species, ...]]] = {"train": {}, "valid": {}, "test": {}}
    for formula, species, split in zip(table["formula"], table["species"], table["split"], strict=True):
        rows[split][Formula.parse(formula).reduced] = species_of(species)
    return rows


def questions() -> tuple[list[Case], list[Case], dict[str, Any]]:
    """Make the cases of both tasks."""
    icsd = icsd_rows()
    seen = all_known()
    known = seen.union(*icsd.values())
    unseen = [formula for formula in icsd["test"] if formula not in seen]
    facts = {
        "held_out": len(unseen),
        "files": {path.name: sha256_of(path) for path in map(corpus_path, ("mp", "oqmd", "icsd"))},
    }
    return hidden_element_cases(unseen, known), replaced_element_cases(unseen, icsd["train"], known), facts


def judged(cases: Sequence[Case], rankers: Sequence[Ranker]) -> dict[str, Any]:
    """Judge rankers on the same cases, as a whole and by class of anion."""
    classes = np.array([anion_class(case.compound) for case in cases])
    sites = [case.site for case in cases]
    result: dict[str, Any] = {}
    for ranker in rankers:
        start = time.perf_counter()
        scores = ranker.scores(sites)
        row = figures(cases, scores)
        row["seconds"] = round(time.perf_counter() - start, 1)
        row["by_class"] = {
            name: figures(
                [cases[at] for at in np.flatnonzero(classes == name).tolist()], scores[classes == name]
            )
            for name in sorted(set(classes.tolist()))
        }
        result[ranker.name] = row
        print(
            f"{ranker.name:60s} hit@1 {row['hit@1'][0]:.3f}  hit@5 {row['hit@5'][0]:.3f} {row['hit@5'][1:]}  "
            f"hit@10 {row['hit@10'][0]:.3f}  MRR {row['mrr'][0]:.3f} {row['mrr'][1:]}  coverage {row['coverage']:.3f}",
            flush=True,
        )
    return result


def tables() -> tuple[list[Ranker], list[Ranker]]:
    """Load what is judged in task A and in task B and is fast: the network, the combined score and the baselines."""
    network = load_network()
    frequency = ElementFrequency.of(rows_of("mp", "train"))
    plain = Combined(network, Calibration.load())
    combined = Combined(network, Calibration.load(), LikelihoodChange(load("gpt2")))
    baselines = [make() for make in BASELINES.values()]
    return [frequency, Context(network)], [frequency, *baselines, Context(network), network, plain, combined]


def mixed() -> dict[str, Any]:
    """Ask which element joins another on its site, in held-out rows of the Materials Project."""
    hosts = {formula for formula in rows_of("mp", "train") if electronegativity_balanced(formula, "icsd24")}
    compounds = [
        formula for formula in rows_of("mp", "test") if electronegativity_balanced(formula, "icsd24")
    ]
    cases = joined_element_cases(compounds, hosts, rows_of("mp"), seed=0)
    network = load_network()
    own: list[Ranker] = [Joining(network), JoiningAlone(network), network]
    return judged(cases, [*own, *(make() for make in BASELINES.values()), ElementFrequency.of(hosts)])


def language() -> list[Ranker]:
    """Load the language models, which are judged by themselves."""
    models: list[Ranker] = [LikelihoodChange(load(name)) for name in CAUSAL]
    return [*models, *(FilledSite(load(name), orders=_ORDERS) for name in FILLING)]


def sampled(cases: Sequence[Case], compounds: int) -> list[Case]:
    """Draw some of the compounds, with all their cases."""
    names = sorted({str(case.compound) for case in cases})
    chosen = set(np.random.default_rng(0).permutation(names)[:compounds].tolist())
    return [case for case in cases if str(case.compound) in chosen]


def textbook() -> dict[str, Any]:
    """Ask for the textbook dopants."""
    rows = list(csv.DictReader(TEXTBOOK.read_text(encoding="utf-8").splitlines()))
    ranks: list[int | None] = []
    for row in rows:
        table = tinker(row["host"], site=row["site"], fraction=0.05, top=120)
        at = table.index[table["dopant"] == row["dopant"]]
        ranks.append(int(table["rank"][at[0]]) if len(at) else None)
    hits = [rank is not None and rank <= 10 for rank in ranks]
    # The score of dilute dopants was chosen on the hosts and sites of one half; the other half was looked at after.
    chosen = [int(sha256((row["host"] + row["site"]).encode()).hexdigest(), 16) % 2 == 0 for row in rows]
    halves = {
        name: {
            "cases": chosen.count(half),
            "within_10": sum(np.array(hits)[np.array(chosen) == half].tolist()),
        }
        for name, half in (("chosen_on", True), ("other_half", False))
    }
    print(f"textbook dopants within the first 10: {sum(hits)} of {len(hits)}; {halves}")
    names = [f"{row['dopant']} on {row['site']} of {row['host']}" for row in rows]
    return {
        "cases": len(rows),
        "within_10": sum(hits),
        "halves": halves,
        "missed": {name: rank for name, rank, hit in zip(names, ranks, hits, strict=True) if not hit},
        "ranks": dict(zip(names, ranks, strict=True)),
        "sha256": sha256_of(TEXTBOOK),
    }


def seconds_of(work: Callable[[], object]) -> float:
    """Time one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def speed() -> dict[str, Any]:
    """Time single formulas, and columns of hosts."""
    hosts = [formula for formula in rows_of("mp", "valid") if len(formula.counts) > 1]
    random = np.random.default_rng(0)
    chosen = [hosts[at] for at in random.permutation(len(hosts))[:40].tolist()]
    tinker("SrTiO3", site="Ti")
    one = {
        score: [
            seconds_of(partial(tinker, formula, site=formula.elements[0], score=score)) for formula in chosen
        ]
        for score in ("combined", "network")
    }
    result: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "milliseconds_one_formula": {
            score: {"median": round(1000 * float(np.median(own)), 1), "most": round(1000 * max(own), 1)}
            for score, own in one.items()
        },
        "hosts_per_second": {},
    }
    for score, n in (("network", 10_000), ("combined", 1_000)):
        column = [hosts[at] for at in random.integers(len(hosts), size=n).tolist()]
        sites = [formula.elements[0] for formula in column]
        seconds = seconds_of(partial(tinker, column, site=sites, top=10, score=score))
        result["hosts_per_second"][score] = {"hosts": n, "value": round(n / seconds, 1)}
    print(json.dumps(result))
    return result


def with_icsd(cases: Sequence[Case], steps: int, trained: Path | None) -> dict[str, Any]:
    """Train the same recipe on the ICSD train rows as well, and judge it; nothing of it is kept."""
    rows = list(dict.fromkeys([*rows_of("mp", "train"), *icsd_rows()["train"]]))
    network = train(rows, Recipe(steps=steps), progress=True)[0] if trained is None else load_network(trained)
    return {"rows": len(rows), "steps": steps} | judged(
        cases, [network, Combined(network, Calibration.load())]
    )


def add_language(record: dict[str, Any], hidden: Sequence[Case], replaced: Sequence[Case], out: Path) -> None:
    """Judge the language models. It is slow: each is kept as it comes, and what is there is left as it is."""
    first, _ = tables()
    few = sampled(hidden, _SAMPLE)
    for task, cases, rankers in (
        ("task_a_sample", few, [*first, *language()]),
        ("task_b", replaced, language()),
    ):
        for ranker in rankers:
            own = record.setdefault(task, {})
            if ranker.name not in own:
                own |= judged(cases, [ranker])
                write_text(out, json.dumps(record, indent=1) + "\n")


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="one part; what was measured of the others is kept")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="of the training with the ICSD")
    parser.add_argument("--network", type=Path, help="of --only icsd: one that was trained so before")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    record: dict[str, Any] = (
        json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    )
    facts = {"machine": machine(), "versions": versions()}
    parts = (options.only,) if options.only else PARTS
    hidden, replaced, about = questions() if {"tables", "language", "icsd"} & set(parts) else ([], [], {})
    if "tables" in parts:
        first, second = tables()
        record["task_a"] = record.get("task_a", {}) | judged(hidden, first)
        record["task_b"] = record.get("task_b", {}) | judged(replaced, second)
    if "language" in parts:
        add_language(record, hidden, replaced, options.out)
    if "mixed" in parts:
        record["mixed"] = mixed()
    if about:
        record["questions"] = about | facts
    if "textbook" in parts:
        record["textbook"] = textbook() | facts
    if "speed" in parts:
        record["speed"] = speed() | facts
    if "icsd" in parts:
        record["with_icsd"] = with_icsd(replaced, options.steps, options.network) | facts
    options.out.parent.mkdir(exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
