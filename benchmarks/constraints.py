"""Rules kept for certain: a million constrained samples judged by SMACT itself, and what constraining costs.

    MATTRANSFORMER_DATA=../shared/data python benchmarks/constraints.py [--model gpt2] [--samples 1000000]

Guarantee: samples under several sets of rules, all of whose distinct compositions are judged by SMACT's
`smact_validity` with the same settings, and by plain Python for elements, templates and numbers.

Discovery: plain samples, screened, beside constrained ones, rules kept atom by atom or exactly, as many distinct valid
compositions of each: how many of the held-out rows of MP and OQMD and of the ICSD compounds outside of both are among
them, summed over seeds, and the bootstrap interval of the difference, over compounds.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from mattransformer.constraints import Automaton, Rules
from mattransformer.data.corpora import load_corpus
from mattransformer.evaluation.rediscovery import targets
from mattransformer.files import write_text
from mattransformer.formula import Formula
from mattransformer.generation.found import Failures, Found, gather, merged
from mattransformer.generation.language_model import LanguageModel, load
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.prefix_tree import Plan
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import prompt_ids
from mattransformer.training.record import machine, versions

RESULTS: Final = Path(__file__).parent / "results" / "constraints.json"
COMMON: Final = [
    *("Li", "Na", "K", "Mg", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"),
    *("O", "F", "S", "P", "Si", "Cl", "B", "N", "C"),
]
SETS: Final[dict[str, dict[str, Any]]] = {
    "charge-neutral, smact14": {"charge_neutral": True},
    "EN-balanced, icsd24": {"electronegativity_balanced": True, "oxidation_states": "icsd24"},
    "A2BB'X6 of oxides and halides, EN-balanced, smact14": {
        "template": "A2BB'X6 X=O,F,Cl,Br,I",
        "electronegativity_balanced": True,
    },
    "Li and a transition metal, 3 to 5 elements, 4 to 20 atoms, no Pb, Cd, Hg, charge-neutral, smact14": {
        "require": ["Li"],
        "allow": COMMON,
        "n_elements": (3, 5),
        "n_atoms": (4, 20),
        "charge_neutral": True,
    },
}


WAYS: Final = ("plain_and_screened", "constrained", "constrained_exact")
_OTHER_SEEDS: Final = 1000


def draw(
    lm: LanguageModel, n: int, rules: Rules | None, seed: int = 0, *, exact: bool = False
) -> tuple[Found, Failures, float]:
    """Draw n samples and time it."""
    automaton = None if rules is None else Automaton(rules)
    walks = objective_of(lm.model).trees(
        lm.model, Plan(prompt_ids(), Samples(n, exact=exact), [seed], MOST_ATOMS, automaton, "float32")
    )
    failures = Failures()
    start = time.perf_counter()
    found = merged([gather(blocks, failures) for walk in walks for blocks in walk.branches()])
    return found, failures, time.perf_counter() - start


def judged_by_smact(task: tuple[list[str], str, bool]) -> int:
    """Count the formulas that SMACT finds valid."""
    from smact.screening import smact_validity

    formulas, states, pauling = task
    return sum(
        bool(
            smact_validity(
                formula, use_pauling_test=pauling, include_alloys=False, oxidation_states_set=states
            )
        )
        for formula in formulas
    )


def breaks_a_number(formula: Formula, asked: dict[str, Any]) -> bool:
    """Say by plain arithmetic whether a formula breaks a rule on elements, numbers or proportions."""
    elements, amounts = set(formula.elements), sorted(amount for _, amount in formula.counts)
    least, most = asked.get("n_elements", (2, 8))
    few, many = asked.get("n_atoms", (2, 30))
    wrong = [
        not least <= len(elements) <= most,
        not few <= formula.atoms <= many,
        not elements >= set(asked.get("require", ())),
        "allow" in asked and not elements <= set(asked["allow"]),
    ]
    if asked.get("template", "").startswith("A2BB'X6"):
        six = [element for element, amount in formula.counts if amount == 6]
        wrong.append(amounts != [1, 1, 2, 6] or six[0] not in {"O", "F", "Cl", "Br", "I"})
    return any(wrong)


def guarantee(lm: LanguageModel, name: str, asked: dict[str, Any], n: int, workers: int) -> dict[str, Any]:
    """Draw under a set of rules and judge every distinct composition."""
    found, failures, seconds = draw(lm, n, Rules.of(**asked))
    formulas = [found.compositions.formula(at) for at in range(len(found))]
    names = [formula.reduced_formula for formula in formulas]
    states = asked.get("oxidation_states", "smact14")
    pauling = "electronegativity_balanced" in asked
    parts = np.array_split(np.array(names), max(1, len(names) // 2_000))
    with ProcessPoolExecutor(workers) as pool:
        valid = sum(pool.map(judged_by_smact, [(part.tolist(), states, pauling) for part in parts]))
    return {
        "rules": name,
        "samples": n,
        "dropped": n - int(found.counts.sum()),
        "failures": failures.counts,
        "distinct": len(found),
        "valid_by_smact": valid,
        "beyond_elements_numbers_or_template": sum(breaks_a_number(formula, asked) for formula in formulas),
        "seconds": round(seconds, 1),
        "oxidation_states_set": states,
    }


def discovery(lm: LanguageModel, n: int, seeds: int) -> dict[str, Any]:
    """Compare what constrained and screened plain samples find among what the model never saw, summed over seeds."""
    corpora = load_corpus(["mp", "oqmd"]).table
    test = corpora[corpora["split"] == "test"]
    sought = {
        "icsd": targets(corpora, load_corpus("icsd").table)["icsd"],
        "mp test": frozenset(test["formula"][test["source"] == "mp"]),
        "oqmd test": frozenset(test["formula"][test["source"] == "oqmd"]),
    }
    found = [in_equal_numbers(lm, n, seed) for seed in range(seeds)]
    result: dict[str, Any] = {
        "samples": n,
        "seeds": seeds,
        "distinct_valid": [len(own["plain_and_screened"]) for own in found],
    }
    generator = np.random.default_rng(0)
    for name, target in sought.items():
        hits = {
            way: np.array([sum(formula in own[way] for own in found) for formula in sorted(target)])
            for way in WAYS
        }
        result[name] = {"size": len(target), "plain_and_screened": int(hits["plain_and_screened"].sum())}
        for way in WAYS[1:]:
            differences = hits[way] - hits["plain_and_screened"]
            values, counts = np.unique(differences, return_counts=True)
            draws = generator.multinomial(len(differences), counts / len(differences), size=10_000) @ values
            result[name][way] = {
                "found": int(hits[way].sum()),
                "difference": int(differences.sum()),
                "interval": np.percentile(draws, [2.5, 97.5]).round().astype(int).tolist(),
            }
    return result


def in_equal_numbers(lm: LanguageModel, n: int, seed: int) -> dict[str, frozenset[str]]:
    """Draw plain samples and screen them, and draw as many distinct constrained ones in both ways."""
    asked = Rules.of(electronegativity_balanced=True)
    plain, _, _ = draw(lm, n, None, seed)
    valid = np.flatnonzero(Automaton(asked).keeps(plain.compositions))
    sets = {"plain_and_screened": (plain, valid)}
    generator = np.random.default_rng(seed)
    # Seeds of their own: exact samples are the plain ones that keep the rules, if both are drawn with one seed.
    for way, exact in (("constrained", False), ("constrained_exact", True)):
        # Of exact samples as many are dropped as of plain ones: some more, so that there are enough.
        ruled, _, _ = draw(lm, n + n // 20 if exact else n, asked, seed + _OTHER_SEEDS, exact=exact)
        # As many of each: those that were drawn first, which the numbers of draws decide.
        arrival = 1 - generator.random(len(ruled)) ** (1 / ruled.counts)
        sets[way] = (ruled, np.argsort(arrival)[: len(valid)])
    names = {
        way: frozenset(own.compositions.formula(at).reduced.reduced_formula for at in rows.tolist())
        for way, (own, rows) in sets.items()
    }
    if len({len(own) for own in names.values()}) > 1:
        raise SystemExit(f"seed {seed}: fewer distinct compositions than of plain samples; draw more")
    return names


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="gpt2")
    parser.add_argument("--samples", type=int, default=1_000_000, help="over all sets of rules")
    parser.add_argument("--discovery", type=int, default=100_000, help="samples of the comparison")
    parser.add_argument("--seeds", type=int, default=6, help="that the comparison is summed over")
    parser.add_argument("--workers", type=int, default=2, help="processes that ask SMACT")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    lm = load(options.model)
    record: dict[str, Any] = {"model": options.model, "machine": machine(), "versions": versions()}
    record["discovery"] = discovery(lm, options.discovery, options.seeds)
    print(json.dumps(record["discovery"], indent=1))
    record["guarantee"] = []
    for name, asked in SETS.items():
        row = guarantee(lm, name, asked, options.samples // len(SETS), options.workers)
        record["guarantee"].append(row)
        print(
            f"{name}: {row['samples']:,} samples, {row['dropped']} dropped, {row['distinct']:,} distinct, "
            f"{row['valid_by_smact']:,} valid by SMACT, {row['beyond_elements_numbers_or_template']} beyond other rules"
        )
    options.out.parent.mkdir(exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
