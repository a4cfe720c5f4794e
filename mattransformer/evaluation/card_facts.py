"""What a card speaks of: the facts of a run and of what was measured, put together for the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mattransformer.data.admission import RULES
from mattransformer.evaluation.attribution import Attribution, attribution_of
from mattransformer.evaluation.card_metadata import metadata
from mattransformer.evaluation.energy import REFERENCE, training_energy
from mattransformer.evaluation.report import markdown_table
from mattransformer.evaluation.results import STAGES
from mattransformer.generation.samples import MOST_ATOMS, MOST_ELEMENTS
from mattransformer.models.architectures import BY_MODEL_TYPE
from mattransformer.tokenization import CONDITIONS
from mattransformer.training.loss import ORDERS


@dataclass(frozen=True)
class Learned:
    """A corpus that a checkpoint learned from.

    Attributes:
        report: its account, as `run.json` holds it.
        attribution: whose it is.
    """

    report: Mapping[str, Any]
    attribution: Attribution


@dataclass(frozen=True)
class Subject:
    """What a card is about.

    Attributes:
        name: of the checkpoint, as users open it.
        sha256: of its weights.
        model_type: of its architecture, as transformers calls it.
        run: its record.
        record: what was measured on it; stages may be missing.
        licence: of the weights; None where nobody stated one.
        repository: whether the name is that of a repository on a hub.
        revision: of the repository, where it is not the main branch.
    """

    name: str
    sha256: str
    model_type: str
    run: Mapping[str, Any]
    record: Mapping[str, Any]
    licence: str | None = None
    repository: bool = False
    revision: str | None = None


def facts_of(subject: Subject) -> dict[str, Any]:
    """Collect what the template speaks of.

    Args:
        subject: of the card.

    Returns:
        Names of the template to their values.

    Raises:
        Exception: LookupError, TypeError, AttributeError or ValueError, where a record is not what this package writes.
    """
    run, record = subject.run, subject.record
    steps = list(training_steps(run))
    learned = learned_from(steps)
    objective = BY_MODEL_TYPE[run["model"]["architecture"]].objective
    measured = {stage: record["stages"].get(stage) for stage in STAGES}
    return {
        "name": subject.name,
        "repository": subject.repository,
        "revision": subject.revision,
        "licence": subject.licence,
        "sha256": subject.sha256,
        "metadata": metadata(
            subject.name,
            subject.model_type,
            objective,
            [corpus.report for corpus in learned],
            record,
            subject.licence,
        ),
        "model_type": subject.model_type,
        "run": run,
        "steps": steps,
        "learned": learned,
        "citations": any(corpus.attribution.citations for corpus in learned),
        "unrecorded": (
            None if (first := steps[0].get("init_from")) is None or first["run"] is not None else first
        ),
        "seconds": sum(step["seconds"] for step in steps),
        "energy": training_energy(steps),
        "energy_reference": REFERENCE,
        "analogues": max(
            (step["config"] for step in steps if step["config"].get("analogues")),
            key=lambda config: int(config["analogues"]),
            default=None,
        ),
        **{
            aim: any(step["config"].get(f"own_{aim}") for step in steps)
            for aim in ("unlikely", "repeats", "crowding")
        },
        "surroundings": list(dict.fromkeys(map(_surroundings, steps))),
        "own_samples": any(
            step["config"].get("own_samples") and not step["config"].get("teacher") for step in steps
        ),
        "teachers": [step["surroundings"]["teacher"] for step in steps if step["config"].get("teacher")],
        "ruled": any(step["config"].get("rule_weight") for step in steps),
        "objective": objective,
        "orders": ORDERS,
        **measured,
        "measured": any(measured[stage] for stage in STAGES if stage != "examples"),
        "figures": markdown_table(record),
        "conditions": CONDITIONS,
        "rules": RULES,
        "most_atoms": MOST_ATOMS,
        "most_elements": MOST_ELEMENTS,
    }


def training_steps(run: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """List the trainings that made a checkpoint.

    Args:
        run: its record.

    Yields:
        The records, the earliest first: a checkpoint that started from another carries the other's record.
    """
    parent = run.get("init_from")
    if parent and parent["run"]:
        yield from training_steps(parent["run"])
    yield run


def learned_from(steps: Sequence[Mapping[str, Any]]) -> list[Learned]:
    """Collect the corpora of all trainings, each file once.

    Args:
        steps: records, the earliest first.

    Returns:
        Accounts and attributions.
    """
    reports = {source["sha256"]: source for step in steps for source in step["data"]["sources"]}
    return [Learned(report, attribution_of(report)) for report in reports.values()]


def _surroundings(step: Mapping[str, Any]) -> str:
    """Say in words how a step was computed: `1 process, 2 threads each, fp32`."""
    facts = step["surroundings"]
    processes, threads = facts["processes"], facts["threads"]
    precision = "fp32" if facts["precision"] == "no" else facts["precision"]
    return (
        f"{processes} process{'es' if processes != 1 else ''}, {threads} thread{'s' if threads != 1 else ''} each, "
        f"{precision}"
    )
