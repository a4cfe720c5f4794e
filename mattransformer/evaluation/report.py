"""Results as tables: what was measured, what was aimed at, and what to compare with.

One list of figures, `figures`, is rendered for the terminal, for the README and for the cards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.evaluation.settings import EvaluationError
from mattransformer.files import write_text

START: Final = "<!-- results:start -->"
END: Final = "<!-- results:end -->"

# What the checkpoint is to reach. The first two are the best that is published for causal models: Fu et al.,
# Mach. Learn.: Sci. Technol. 4, 015001 (2023).
_SHARE_AIMS: Final[Mapping[tuple[str, ...], float]] = {
    ("published", "charge_neutral"): 0.9761,
    ("published", "electronegativity_balanced"): 0.9122,
    ("default", "charge_neutral"): 0.92,
    ("default", "electronegativity_balanced"): 0.87,
    ("default", "novel_only", "charge_neutral"): 0.92,
    ("default", "novel_only", "electronegativity_balanced"): 0.87,
    ("default", "unique"): 0.95,
    ("default", "novel"): 0.80,
}
_MOST_POINTS: Final = 3.0
_REDISCOVERY_AIM: Final = ("100000", "icsd", 0.04)

_SETTINGS: Final = {"published": "published setting", "default": "default conditions"}
_MEASURES: Final = {
    "charge_neutral": "charge-neutral",
    "electronegativity_balanced": "EN-balanced",
}
_TARGETS: Final = {
    "icsd": "ICSD formulas outside MP and OQMD",
    "icsd_valid": "of these, the ones recipes are chosen by",
    "icsd_rest": "of these, the others",
    "mp": "MP rows held out",
    "oqmd": "OQMD rows held out",
}
_HEADLINES: Final = ("icsd", "icsd_valid", "icsd_rest", "mp")


@dataclass(frozen=True)
class Figure:
    """One number of a results table.

    Attributes:
        label: what it is.
        value: as text, with its unit.
        aim: what was aimed at, as text; empty where nothing was.
        met: whether the aim is met; None where there is none.
        beside: what to compare with, as text.
        headline: whether a README shows it.
    """

    label: str
    value: str
    aim: str = ""
    met: bool | None = None
    beside: str = ""
    headline: bool = True


def figures(record: Mapping[str, Any]) -> list[Figure]:
    """List the numbers of a record, in the order of the tables.

    Args:
        record: of a checkpoint; stages that it lacks are left out.

    Returns:
        The figures.
    """
    stages = record["stages"]
    found: list[Figure] = []
    if "validity" in stages:
        for name in _SETTINGS:
            found.extend(_validity(name, stages["validity"]))
    if "nll" in stages:
        found.extend(_likelihood(stages["nll"]))
    if "rediscovery" in stages:
        found.extend(_rediscovery(stages["rediscovery"]))
    return found


def text_table(record: Mapping[str, Any]) -> str:
    """Render a record for the terminal.

    Args:
        record: of a checkpoint.

    Returns:
        A line a figure: value, aim, whether it is met, and what to compare with.
    """
    words = {None: "", True: "met", False: "MISSED"}
    rows = [("figure", record["checkpoint"]["name"], "aim", "", "beside it")]
    rows += [(f.label, f.value, f.aim, words[f.met], f.beside) for f in figures(record)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )


def markdown_table(record: Mapping[str, Any], *, headlines: bool = False) -> str:
    """Render a record in Markdown.

    Args:
        record: of a checkpoint.
        headlines: leave out what a README does not show.

    Returns:
        A row a figure: value, aim and what to compare with.
    """
    rows = [
        ["figure", f"`{record['checkpoint']['name']}`", "aim", "beside it"],
        ["---", "---:", "---:", "---"],
    ]
    shown = [figure for figure in figures(record) if figure.headline or not headlines]
    rows += [[figure.label, figure.value, figure.aim, figure.beside] for figure in shown]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_table(text: str, table: str, name: str) -> str:
    """Put a table between the markers of a text, in place of what is there.

    Args:
        text: of a README.
        table: in Markdown.
        name: of the file, for the message.

    Returns:
        The new text.

    Raises:
        EvaluationError: the markers are not there once each, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in rest or END in after:
        raise EvaluationError(
            f"{name}: put {START} and {END}, once each, around the place of the results table"
        )
    return f"{before}{START}\n{table}\n{END}{after}"


def update_readme(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Render the results table of a README anew.

    Args:
        path: of the README.
        records: of the checkpoints.

    Raises:
        EvaluationError: there is no such file, or it has no markers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}; name the README") from error
    write_text(path, with_table(text, readme_tables(records), str(path)))


def readme_tables(records: Sequence[Mapping[str, Any]]) -> str:
    """Render what stands between the markers of the README.

    Args:
        records: of the checkpoints.

    Returns:
        A table a checkpoint, in Markdown.
    """
    return "\n\n".join(markdown_table(record, headlines=True) for record in records)


def percent(share: float) -> str:
    """Write a share as a percentage with two decimals."""
    return f"{100 * share:.2f} %"


def _validity(name: str, stage: Mapping[str, Any]) -> Iterator[Figure]:
    title, measured, everything = _SETTINGS[name], stage[name], stage["all_training_rows"]
    samples, rows = measured["samples"], measured["training_rows"]
    for key, word in _MEASURES.items():
        beside = (
            f"with icsd24 states {percent(samples[key]['icsd24'])}; training rows {percent(rows[key]['smact14'])} and "
            f"{percent(rows[key]['icsd24'])}, of all sorts {percent(everything[key]['smact14'])} and "
            f"{percent(everything[key]['icsd24'])}"
        )
        yield _share(f"{title}: {word}", samples[key]["smact14"], (name, key), beside)
    novel = samples["novel_only"]
    for key, word in _MEASURES.items():
        beside = f"with icsd24 states {percent(novel[key]['icsd24'])}"
        yield _share(
            f"{title}: {word}, novel ones alone", novel[key]["smact14"], (name, "novel_only", key), beside
        )
    drawn = f"of {samples['drawn']:,} samples at temperature {stage['settings']['temperature']:g}"
    yield _share(f"{title}: unique", samples["unique"], (name, "unique"), drawn)
    yield _share(
        f"{title}: novel", samples["novel"], (name, "novel"), f"of {samples['distinct']:,} unique ones"
    )
    points = measured["elements_difference"]
    yield Figure(
        f"{title}: shares by number of elements",
        f"{points:.2f} points off",
        f"≤ {_MOST_POINTS:g} points",
        points <= _MOST_POINTS,
        f"at most, from those of {rows['rows']:,} training rows",
    )


def _likelihood(measured: Mapping[str, Any]) -> Iterator[Figure]:
    for key, word in {"mp": "MP", "oqmd": "OQMD", "both": "both"}.items():
        model, trigram = measured[key]["model"], measured[key]["trigram"]
        yield Figure(
            f"validation NLL, {word} ({measured[key]['rows']:,} rows)",
            f"{model:.2f} nats a formula",
            "below trigram",
            model < trigram,
            f"interpolated trigram {trigram:.2f}",
        )


def _rediscovery(measured: Mapping[str, Any]) -> Iterator[Figure]:
    sizes = sorted((key for key in measured if key.isdigit()), key=int)
    temperature = measured["settings"]["temperature"]
    ranked = measured["analogues"]
    for size in sizes:
        entry = measured[size]
        for key, word in _TARGETS.items():
            target = entry["targets"][key]
            low, high = target["interval"]
            beside = (
                f"{target['found']:,} of {target['size']:,}; 95 % interval {100 * low:.2f} to {percent(high)}"
            )
            if ranked["unique"] == entry["unique"]:
                beside += (
                    f"; the best {ranked['unique']:,} analogues {percent(ranked['targets'][key]['share'])}"
                )
            aim = _REDISCOVERY_AIM[2] if (size, key) == _REDISCOVERY_AIM[:2] else None
            yield Figure(
                f"rediscovery, {entry['unique']:,} unique samples at temperature {temperature:g}: {word}",
                percent(target["share"]),
                "" if aim is None else f"≥ {100 * aim:g} %",
                # Fewer samples than were asked for do not make the figure that was aimed at.
                None if aim is None else target["share"] >= aim and entry["unique"] == int(size),
                beside,
                headline=size == sizes[-1] and key in _HEADLINES,
            )


def _share(label: str, value: float, key: tuple[str, ...], beside: str) -> Figure:
    aim = _SHARE_AIMS.get(key)
    if aim is None:
        return Figure(label, percent(value), beside=beside)
    return Figure(label, percent(value), f"≥ {100 * aim:g} %", value >= aim, beside)
