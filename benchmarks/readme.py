"""Write the recorded results of the screening into the README, between its marks.

python benchmarks/readme.py          # after benchmarks/screening.py and benchmarks/oxidation_states.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

START: Final = "<!-- screening:start -->"
END: Final = "<!-- screening:end -->"
_ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = _ROOT / "README.md"
_NO_CLASSES: Final = ("all", "single valence", "mixed valence")
RESULTS: Final = _ROOT / "benchmarks" / "results"


def main() -> int:
    """Rewrite the part of the README between the marks."""
    text = README.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        print(f"error: {README.name}: put {START} and {END} where the table should stand", file=sys.stderr)
        return 2
    README.write_text(f"{before}{START}\n{rendered()}\n{END}{after}", encoding="utf-8")
    return 0


def rendered() -> str:
    """Make the table of what `benchmarks/results/` holds."""
    records = {
        name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("screening", "oxidation_states")
    }
    lines = ["| measured | value | aim |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _screening(records["screening"])]
    lines += [f"| {' | '.join(row)} |" for row in _states(records["oxidation_states"])]
    return "\n".join(lines)


def _screening(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    found = record["agreement"]
    compared = sum(entry["compared"] for entry in found["settings"])
    differing = sum(entry["disagreements"] for entry in found["settings"])
    left_out = sum(entry["left_out"] for entry in found["settings"])
    smact = record["of_agreement"]["versions"]["SMACT"]
    yield (
        f"verdicts that differ from SMACT {smact}'s: {found['distinct']:,} formulas of MP, OQMD, the ICSD and at "
        f"random, {len(found['settings'])} settings",
        f"{differing:,} of {compared:,} ({left_out:,} with mixed valence left out, but for a draw: SMACT takes up "
        "to seconds each)",
        "0",
    )
    ratios = [entry["ratio"] for entry in record["speed"]]
    yield (
        f"speed beside SMACT, one thread each, {len(ratios)} corpora and settings",
        f"{min(ratios):,.0f} to {max(ratios):,.0f} times; {sum(ratio >= 500 for ratio in ratios)} of {len(ratios)} "
        "from 500 on",
        "≥ 100, better 500 times",
    )
    rates = [entry["per_second"] for entry in record["speed"]]
    yield "formulas a second, from strings to both verdicts", f"{min(rates):,} to {max(rates):,}", ""
    for key, what in (
        ("microseconds", "both verdicts"),
        ("table_microseconds", "the whole table, known ones too"),
    ):
        costs = [entry[key] for entry in record["cost_by_rows"]]
        rows = [entry["rows"] for entry in record["cost_by_rows"]]
        yield (
            f"processor time a formula, from {rows[0]:,} to {rows[-1]:,} rows, {what}",
            ", ".join(f"{cost:.2f}" for cost in costs) + " µs",
            "flat",
        )
    memory = record["memory"]
    yield (
        f"{memory['rows']:,} rows, file to file",
        f"{memory['peak_gib']} GiB, {memory['seconds']:.0f} s",
        "≤ 2 GiB",
    )


def _states(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    shares, compared = record["shares"], record["comparison"]
    yield (
        f"oxidation states: atoms right in {shares['all']['rows']:,} balanced compounds of the ICSD "
        f"({record['split']} rows)",
        f"{_percent(shares['all']['ours'])}; mixed valence alone {_percent(shares['mixed valence']['ours'])}",
        "≥ 96 %",
    )
    yield (
        f"the same {compared['rows']:,} rows beside pymatgen's `oxi_state_guesses`",
        f"{_percent(compared['shares']['all']['ours'])} and {_percent(compared['shares']['all']['pymatgen'])}",
        "",
    )
    names = [name for name in shares if name in compared["shares"] and name not in _NO_CLASSES]
    rows = [(name, compared["shares"][name]) for name in names]
    yield (
        "by anion class: ours and pymatgen's, %",
        "; ".join(f"{name} {100 * found['ours']:.1f}, {100 * found['pymatgen']:.1f}" for name, found in rows),
        "",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


if __name__ == "__main__":
    raise SystemExit(main())
