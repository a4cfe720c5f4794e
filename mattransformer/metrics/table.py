"""The scores of a list in words: a short table for the terminal, made of what `Scores.as_dict` gives.

print(table(json.loads(Path("report/scores.json").read_text())["scores"], "samples.csv"))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mattransformer.metrics.classes import KINDS
from mattransformer.metrics.intervals import percent_ends
from mattransformer.metrics.references import RANDOM, TRAINING

# Setting and mask of the lines, in order; SMACT's default has one verdict, which is the one it gives by itself.
_VALIDITY: Final = (
    ("smact14", "charge_neutral", "charge-neutral, smact14 states, no alloys"),
    ("smact14", "balanced", "EN-balanced, smact14 states, no alloys"),
    ("smact-default", "balanced", "valid by SMACT's default, alloys too"),
    ("icsd24", "charge_neutral", "charge-neutral, icsd24 states, no alloys"),
    ("icsd24", "balanced", "EN-balanced, icsd24 states, no alloys"),
)
_NONE: Final = "-"


def table(scores: Mapping[str, Any], name: str) -> str:
    """Write the headlines of a report.

    Args:
        scores: of `Scores.as_dict`.
        name: of the list.

    Returns:
        Some tens of lines, as wide as the names of the lists ask for.
    """
    parts = [_head(scores, name)]
    if scores["rows"]["distinct"]:  # of nothing there is nothing to show but the reasons
        parts += [_shares(scores), _classes(scores)]
        if any(own["role"] != RANDOM for own in scores["references"].values()):
            parts.append(_recovered(scores))
        if scores["references"]:
            parts.append(_distances(scores))
    parts.append("\n".join(_notes(scores)))
    return "\n\n".join(part for part in parts if part)


def space_table(space: Mapping[str, Any]) -> str:
    """Write where a list lies, in some lines.

    Args:
        space: of `space.Neighbourhood.as_dict`.

    Returns:
        The lines.
    """
    energy, spread = space["formation_energy"], space["diversity"]
    lines = []
    if spread["mean"] is not None:
        lines.append(
            f"diversity: two compositions are {spread['mean']:.1f} places of the Pettifor scale apart (mean)"
        )
    lines += [_covered(name, own) for name, own in space["coverage"].items()]
    if energy["mean"]["mean"] is not None:
        test, beyond = energy["test"], energy["hypothetical"]
        lines.append(
            f"formation energy, estimated: mean {energy['mean']['mean']:.2f} eV/atom (the estimate is off by "
            f"{test['mae']['value']:.2f} eV/atom on MP test rows, and too low by {-beyond['bias']['value']:.2f} "
            "eV/atom on hypothetical compounds: it does not show stability)"
        )
    return "\n".join(lines)


def _covered(name: str, own: Mapping[str, Any]) -> str:
    """Say how near samples and a held-out list are to each other, and on how many of either that was measured."""
    covered, precise, compared = own["coverage"], own["precision"], own["compared"]
    if covered["share"] is None or precise["share"] is None:
        return f"coverage of {name} cannot be judged: {covered.get('reason') or precise['reason']}"
    found = (
        f"within {own['threshold']:.2f} places: {_with_interval(covered)} of {name} "
        f"({_drawn(compared['references'], compared['of_references'])}) have a sample, {_with_interval(precise)} of "
        f"the samples ({_drawn(compared['samples'], compared['of_samples'])}) have one of {name}"
    )
    left_out = own.get("threshold_of", {}).get("left_out")
    if left_out:
        found += f"; {left_out:,} of {name} are training compositions, and left out of what is near"
    return found


def _drawn(compared: int, of: int) -> str:
    return f"all {of:,}" if compared == of else f"{compared:,} drawn of {of:,}"


def _with_interval(own: Mapping[str, Any]) -> str:
    return f"{_percent(own)} ({_interval(own)})"


def _head(scores: Mapping[str, Any], name: str) -> str:
    rows, unique = scores["rows"], scores["whole"]["uniqueness"]
    words = f"{name}: {rows['drawn']:,} row{'s' * (rows['drawn'] != 1)}, {rows['unreadable']:,} of them unreadable"
    if not rows["distinct"]:
        return words
    different = f"{rows['distinct']:,} different composition{'s' * (rows['distinct'] != 1)}"
    return f"{words}; {different} ({_percent(unique)} of the readable rows)"


def _shares(scores: Mapping[str, Any]) -> str:
    """Validity and novelty of the different compositions, with the figures of training and random lists beside."""
    whole = scores["whole"]
    beside = [name for name, own in scores["references"].items() if own["role"] in (TRAINING, RANDOM)]
    lines = [["of the different compositions", "sample", "95 % interval", *beside]]
    for setting, mask, words in _VALIDITY:
        own = whole["validity"][setting][mask]
        others = [_percent(whole["references"][other]["validity"][setting][mask]) for other in beside]
        lines.append([words, _percent(own), _interval(own), *others])
    novelty = whole.get("novelty", {"lists": {}})
    for known, own in novelty["lists"].items():
        lines.append([f"not in {known}", _percent(own), _interval(own)])
    if len(novelty["lists"]) > 1:
        lines.append(["in none of these", _percent(novelty["all"]), _interval(novelty["all"])])
    if novelty["lists"]:
        own = whole["novel_only"]["smact14"]["balanced"]
        lines.append(["EN-balanced among the new ones, smact14", _percent(own), _interval(own)])
    return _aligned(lines)


def _classes(scores: Mapping[str, Any]) -> str:
    trained = [name for name, own in scores["references"].items() if own["role"] == TRAINING]
    known = "novelty" in scores["whole"]
    lines = [["class", "share", "EN-balanced, smact14", *(["new"] if known else [])]]
    lines[0] += [f"{name}: {word}" for name in trained for word in ("share", "EN-balanced")]
    for name, own in scores["classes"].items():
        line = [name, _percent(own["share"]), _percent(own["validity"]["smact14"]["balanced"])]
        line += [_percent(own["novelty"]["all"])] if known else []
        for other in trained:
            theirs = own["references"][other]
            line += [_percent(theirs["share"]), _percent(theirs["validity"]["smact14"]["balanced"])]
        lines.append(line)
    return _aligned(lines)


def _recovered(scores: Mapping[str, Any]) -> str:
    kinds = KINDS[1:]
    lines = [["found of", *kinds, "all", "compositions", "per 1,000 samples", "times random"]]
    for name, own in scores["references"].items():
        if own["role"] == RANDOM:
            continue
        beside = scores["whole"]["references"][name]
        lines.append(_found(name, beside["recovery"], kinds))
        if "recovery_outside_training" in beside:
            lines.append(_found(f"  outside the {TRAINING} list", beside["recovery_outside_training"], kinds))
    return _aligned(lines)


def _found(name: str, recovery: Mapping[str, Any], kinds: Sequence[str]) -> list[str]:
    per, times = recovery["per_1000_samples"], recovery["enrichment"]
    factor = None if times is None else times["enrichment"]
    return [
        name,
        *(_percent(recovery["by_elements"][kind]) for kind in kinds),
        _percent(recovery),
        f"{recovery['count']:,} of {recovery['of']:,}",
        _NONE if per is None or not recovery["of"] else f"{per:.1f}",
        _NONE if factor is None else f"{factor:.3g}",
    ]


def _distances(scores: Mapping[str, Any]) -> str:
    names = ("elements", "number_of_elements", "atoms", "anonymous_formulas")
    lines = [["Jensen-Shannon distance from", *(name.replace("_", " ") for name in names)]]
    for name in scores["references"]:
        own = scores["whole"]["references"][name]["distances"]
        lines.append([name, *(_NONE if own[key] is None else f"{own[key]:.3f}" for key in names)])
    return _aligned(lines)


def _notes(scores: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"note: {remark}" for remark in scores["remarks"])
    rows = scores["rows"]
    for own in rows["first_unreadable"]:
        yield f"unreadable: {own['reason']}"
    more = rows["unreadable"] - len(rows["first_unreadable"])
    if more:
        yield f"... and {more:,} more"


def _percent(own: Mapping[str, Any]) -> str:
    return _NONE if own["share"] is None else f"{100 * own['share']:.1f} %"


def _interval(own: Mapping[str, Any]) -> str:
    if own["interval"] is None:
        return _NONE
    low, high = percent_ends(own["interval"])
    return f"{low} to {high} %"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Set the first column to the left and the others to the right; short lines end early."""
    columns = max(map(len, lines))
    widths = [max(len(line[at]) for line in lines if at < len(line)) for at in range(columns)]
    return "\n".join(
        "  ".join(
            [f"{line[0]:<{widths[0]}}", *(f"{cell:>{widths[at]}}" for at, cell in enumerate(line) if at)]
        ).rstrip()
        for line in lines
    )
