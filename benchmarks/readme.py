"""Write the recorded results of `benchmarks/` into the README, between its marks.

    python benchmarks/readme.py

after `screening.py`, `oxidation_states.py`, `sampling.py`, `constraints.py`, `tinkering.py`, `evaluation.py` or
`app.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

MARKS: Final = {
    name: (f"<!-- {name}:start -->", f"<!-- {name}:end -->")
    for name in ("screening", "sampling", "tinkering", "evaluation", "app")
}
"""What each table stands between."""
_ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = _ROOT / "README.md"
_NO_CLASSES: Final = ("all", "single valence", "mixed valence")
RESULTS: Final = _ROOT / "benchmarks" / "results"
_UNMEASURED: Final = "Not measured yet: `python benchmarks/app.py`."


def main() -> int:
    """Rewrite the parts of the README between the marks."""
    text = README.read_text(encoding="utf-8")
    for name, (first, last) in MARKS.items():
        before, start, rest = text.partition(first)
        _, end, after = rest.partition(last)
        if not start or not end:
            print(
                f"error: {README.name}: put {first} and {last} where the table should stand", file=sys.stderr
            )
            return 2
        text = f"{before}{first}\n{rendered(name)}\n{last}{after}"
    README.write_text(text, encoding="utf-8")
    return 0


def rendered(name: str) -> str:
    """Make a table of what `benchmarks/results/` holds."""
    if name == "tinkering":
        return "\n".join(_tinkering(_record("tinkering")))
    if name == "evaluation":
        return "\n".join(_evaluation(_record("evaluation")))
    if name == "app":
        return "\n".join(_page(_record("app"))) if (RESULTS / "app.json").is_file() else _UNMEASURED
    if name == "sampling":
        rows = [*_speed(_record("sampling")), *_rules(_record("constraints"))]
    else:
        rows = [*_screening(_record("screening")), *_states(_record("oxidation_states"))]
    lines = ["| measured | value | aim |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return record


def _page(record: Mapping[str, Any]) -> Iterator[str]:
    asked, memory, aims = record["requests"], record["memory_mib"], record["aims"]
    yield "| measured | value | aim |"
    yield "|---|---|---|"
    yield f"| from the command to the page, s | {record['start_seconds']:.1f} | ≤ {aims['start_seconds']:.0f} |"
    for kind, own in asked.items():
        aim = f"< {aims['tinker_median_seconds']:.0f}" if kind == "tinker" else ""
        yield (
            f"| {kind}, {own['count']:,} requests: median, longest, s | {own['median_seconds']:.2f}, "
            f"{own['longest_seconds']:.1f} | {aim} |"
        )
    yield f"| errors | {len(record['errors']):,} | {aims['errors']} |"
    refused = f"{len(record['refusals'])} | {aims['kind_refusals']}"
    yield f"| 10,000,000 compositions and 200 MB, refused in one line | {refused} |"
    yield f"| processor time of a request, all kinds, ms | {record['processor_ms_per_request']:,} | |"
    yield (
        f"| memory, its highest in the second and in the last quarter of the time, MiB | {memory['second_quarter']:,}, "
        f"{memory['last_quarter']:,} | ≤ {aims['memory_growth_mib']:.0f} more |"
    )
    yield ""
    yield (
        f"By `benchmarks/app.py`: {record['users']} users at once for {record['seconds']:.0f} s, who think for "
        f"{record['think_seconds']:.0f} s between requests, on loopback ({record['machine']['cores']} cores, load "
        f"{record['load']:.0f})."
    )


def _tinkering(record: Mapping[str, Any]) -> Iterator[str]:
    def shown(value: list[float]) -> str:
        return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"

    trained = {
        f"{name}, trained on the ICSD train rows too (measured, not shipped)": row
        for name, row in record["with_icsd"].items()
        if isinstance(row, Mapping) and "mrr" in row
    }
    yield "| ranker | hit@1 | hit@5 | hit@10 | MRR | scored |"
    yield "|---|---|---|---|---|---|"
    tasks = (
        ("A", "a hidden element", record["task_a"]),
        ("A, language models beside these", "a hidden element", record["task_a_sample"]),
        ("B", "a replaced element of a known host", record["task_b"] | trained),
        ("C", "an element that comes in for a part of another, in held-out rows of MP", record["mixed"]),
    )
    for title, what, rows in tasks:
        about = next(iter(rows.values()))
        yield f"| **Task {title}: {what}, {about['cases']:,} cases of {about['compounds']:,} compounds** | | | | | |"
        for name, row in sorted(rows.items(), key=lambda item: -item[1]["mrr"][0]):
            yield (
                f"| {name} | {row['hit@1'][0]:.3f} | {shown(row['hit@5'])} | {row['hit@10'][0]:.3f} | "
                f"{shown(row['mrr'])} | {100 * row['coverage']:.0f} % |"
            )
    book, speed = record["textbook"], record["speed"]
    chosen, other = (
        f"{half['within_10']} of {half['cases']}"
        for half in (book["halves"]["chosen_on"], book["halves"]["other_half"])
    )
    one, many = speed["milliseconds_one_formula"], speed["hosts_per_second"]
    yield ""
    yield (
        f"Textbook dopants (`benchmarks/textbook_dopants.csv`, at 5 %): {book['within_10']} of {book['cases']} within "
        f"the first 10, {100 * book['within_10'] / book['cases']:.0f} % (aim 60 %); the score was chosen on one half "
        f"of the hosts ({chosen}), and the other half looked at after ({other}). One formula, models loaded, on "
        f"{speed['threads']} threads: median {one['combined']['median']:.0f} ms with the combined score and "
        f"{one['network']['median']:.0f} ms with the network alone (aim 60 ms); files of hosts: "
        f"{many['network']['value']:.0f} hosts a second with the network (aim 200), {many['combined']['value']:.0f} "
        "with the combined score (aim 20). The misses, and figures by class of anion, are in "
        "`benchmarks/results/tinkering.json`."
    )


def _evaluation(record: Mapping[str, Any]) -> Iterator[str]:
    def shown(row: Mapping[str, Any]) -> str:
        return f"{row['processor_seconds']:.0f} s ({row['seconds']:.0f} s), {row['peak_gib']:.2f} GiB"

    rows = {(row["stage"], row["rows"]): row for row in record["stages"]}
    page = [row for row in record["stages"] if row["stage"] == "page"]
    stages = list(dict.fromkeys(stage for stage, _ in rows if stage != "page"))
    yield f"| rows | {' | '.join(stages)} |"
    yield "|---:|" + "---:|" * len(stages)
    for size in sorted({size for _, size in rows}):
        yield f"| {size:,} | {' | '.join(shown(rows[stage, size]) for stage in stages)} |"
    promise, loads = record["promise"], [row["load"] for row in record["stages"]]
    lists = [*record["training"], *record["held_out"]]
    yield ""
    yield (
        "By `benchmarks/evaluation.py`: seconds of the processor, in brackets of the clock (on a machine of "
        f"{record['machine']['cores']} cores with a load of {min(loads):.0f} to {max(loads):.0f}), and peak memory, on "
        f"{record['threads']} thread{'s' * (record['threads'] > 1)}, beside the lists `{'`, `'.join(lists)}`; the aim "
        f"for {promise['rows']:,} rows is at most {promise['seconds']} s and {promise['peak_gib']} GiB. "
        + "".join(f"With `-o`, {row['rows']:,} rows take {shown(row)}. " for row in page)
        + " ".join(_peers_of_evaluation(record))
    )


def _peers_of_evaluation(record: Mapping[str, Any]) -> Iterator[str]:
    smact, elmd = record["peers"]["validity"], record["peers"]["coverage"]
    yield (
        f"In the same run, SMACT {record['versions']['SMACT']} needs {smact['peer_extrapolated_seconds'] / 60:.0f} min "
        f"for verdicts on the {smact['rows']:,} compositions of the longest list (by {smact['peer_rows']:,} of them), "
        f"{smact['ratio']:,} times as long as reading and judging them here; {smact['differing']:,} of "
        f"{smact['verdicts']:,} verdicts differ."
    )
    if "left_out" not in elmd:
        yield (
            f"ElMD {elmd['ElMD']} needs {elmd['peer_extrapolated_seconds']:,} s for the nearest of "
            f"{elmd['references']:,} compositions to each of {elmd['rows']:,} (by {elmd['peer_rows']:,} of them), "
            f"{elmd['ratio']:,} times as long; the largest difference of a distance is "
            f"{elmd['largest_difference']:.0e}."
        )


def _speed(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    single = record["single_calls"]
    for precision in dict.fromkeys(row["precision"] for row in record["tree"]):
        peers = [peer for peer in record["generate"] if peer["precision"] == precision]
        best = max(peers, key=lambda peer: peer["samples_per_second"])
        rows = [row for row in record["tree"] if row["precision"] == precision]
        sizes = ", ".join(f"{row['samples']:,}" for row in rows)
        yield (
            f"{precision}: unique formulas a second of {sizes} samples",
            ", ".join(f"{row['unique_per_second']:,.0f}" for row in rows),
            "",
        )
        ratios = [row["samples_per_second"] / best["samples_per_second"] for row in rows]
        yield (
            f"{precision}: times transformers' `generate` in the same precision at the best batch size of "
            f"{', '.join(str(peer['batch']) for peer in peers)} "
            f"({best['batch']:,}: {best['samples_per_second']:,.0f} samples a second)",
            ", ".join(f"{ratio:.1f}" for ratio in ratios),
            "≥ 10, better 20 from 100,000 on",
        )
        if precision == single["precision"]:
            yield (
                f"{precision}: times `generate` one call at a time "
                f"({single['samples_per_second']:.0f} samples a second)",
                ", ".join(f"{row['samples_per_second'] / single['samples_per_second']:,.0f}" for row in rows),
                "",
            )
        yield (
            f"{precision}: share of the measured peak of its matrix products; peak memory, MiB",
            ", ".join(f"{100 * row['share_of_matrix_products']:.0f} %" for row in rows)
            + "; "
            + ", ".join(f"{row['peak_memory_mib']:,}" for row in rows),
            "memory flat",
        )
        yield (
            f"{precision}: milliseconds a unique formula",
            ", ".join(f"{1000 / row['unique_per_second']:.2f}" for row in rows),
            "falls",
        )


def _rules(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    kept = record["guarantee"]
    samples, distinct = sum(row["samples"] for row in kept), sum(row["distinct"] for row in kept)
    yield (
        f"constrained samples under {len(kept)} sets of rules that were dropped; of the {distinct:,} distinct "
        "compositions, invalid by SMACT; beyond elements, numbers or template",
        f"{sum(row['dropped'] for row in kept):,} of {samples:,}; "
        f"{distinct - sum(row['valid_by_smact'] for row in kept):,}; "
        f"{sum(row['beyond_elements_numbers_or_template'] for row in kept):,}",
        "0; 0; 0",
    )
    found = record["discovery"]
    names = {"icsd": "ICSD outside MP and OQMD", "mp test": "MP test rows", "oqmd test": "OQMD test rows"}
    mean = round(sum(found["distinct_valid"]) / found["seeds"])
    ways = {
        "constrained": "rules kept atom by atom",
        "constrained_exact": "rules kept exactly (`exact=True`)",
    }
    for name, words in names.items():
        row = found[name]
        parts = [
            f"{what} {row[way]['found']:,}, 95 % interval of the difference {row[way]['interval'][0]:+} to "
            f"{row[way]['interval'][1]:+}"
            for way, what in ways.items()
        ]
        yield (
            f"{words} ({row['size']:,}) found among {mean:,} EN-balanced ones, summed over {found['seeds']} seeds: "
            "plain samples screened; constrained ones",
            f"{row['plain_and_screened']:,}; {'; '.join(parts)}",
            "no fewer",
        )


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
