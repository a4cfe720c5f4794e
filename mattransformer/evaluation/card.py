"""Model cards, rendered from what was recorded: the `run.json` of a checkpoint and the results measured on it.

    python -m mattransformer.evaluation.card gpt2 -o model_cards/gpt2.md
    python -m mattransformer.evaluation.card --readme README.md

Nothing in a card is typed by hand but the words around the numbers, in `model_cards/TEMPLATE.md.j2`. The second command
renders the results table of the README. Both belong to a checkout: the template is not part of the package.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.data.admission import RULES
from mattransformer.errors import MattransformerError
from mattransformer.evaluation.attribution import ATTRIBUTIONS, OWN_FILE, Attribution
from mattransformer.evaluation.report import markdown_table, percent, update_readme
from mattransformer.evaluation.results import read_results, require_complete
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.files import write_text
from mattransformer.generation.samples import MOST_ATOMS, MOST_ELEMENTS
from mattransformer.models.architectures import BY_MODEL_TYPE, CAUSAL, INFILLING, MASKED_DIFFUSION
from mattransformer.models.checkpoints import describe, find_checkpoint, read_config
from mattransformer.tokenization import CONDITIONS
from mattransformer.training.loss import ORDERS

PIPELINES: Final = {
    CAUSAL: "text-generation",
    INFILLING: "text2text-generation",
    MASKED_DIFFUSION: "fill-mask",
}
"""What a model hub calls the use of a model, by objective."""

HEADLINE: Final = "gpt2"
"""The checkpoint whose figures the README shows one by one."""

TEMPLATE: Final = Path(__file__).resolve().parents[2] / "model_cards" / "TEMPLATE.md.j2"


@dataclass(frozen=True)
class Learned:
    """A corpus that a checkpoint learned from.

    Attributes:
        report: its account, as `run.json` holds it.
        attribution: whose it is.
    """

    report: Mapping[str, Any]
    attribution: Attribution


def render_card(name_or_folder: str | Path, results: Path, template: Path = TEMPLATE) -> str:
    """Render the card of a checkpoint.

    Args:
        name_or_folder: the checkpoint; it needs its `run.json`.
        results: what `benchmarks/checkpoint.py` wrote for these weights, all stages.
        template: in Jinja.

    Returns:
        The card in Markdown, with the front matter that model hubs read.

    Raises:
        MattransformerError: no such checkpoint, record, results or template, or results of other weights.
    """
    checkpoint = describe(name_or_folder)
    if checkpoint["run"] is None:
        raise EvaluationError(
            f"{name_or_folder}: no run.json, so nobody knows what it was made from; train it with this package"
        )
    record = require_complete(read_results(results), results)
    if record["checkpoint"]["sha256"] != checkpoint["sha256"]:
        raise EvaluationError(
            f"{results} was measured on other weights; run benchmarks/checkpoint.py on {name_or_folder}"
        )
    steps = list(training_steps(checkpoint["run"]))
    objective = BY_MODEL_TYPE[checkpoint["run"]["model"]["architecture"]].objective
    facts = {
        "name": checkpoint["name"],
        "sha256": checkpoint["sha256"],
        "config": read_config(find_checkpoint(name_or_folder)).to_dict(),
        "run": checkpoint["run"],
        "steps": steps,
        "learned": learned_from(steps),
        "seconds": sum(step["seconds"] for step in steps),
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
        "pipeline_tag": PIPELINES.get(objective),
        "orders": ORDERS,
        "record": record,
        "validity": record["stages"]["validity"],
        "rediscovery": record["stages"]["rediscovery"],
        "figures": markdown_table(record),
        "conditions": CONDITIONS,
        "rules": RULES,
        "most_atoms": MOST_ATOMS,
        "most_elements": MOST_ELEMENTS,
    }
    return _render(template, facts, name_or_folder)


def _used(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a training that starts from a checkpoint takes from there, whatever stands in its settings."""
    taken = ("architecture", "preset", "sizes") if settings.get("init_from") else ()
    return {key: value for key, value in settings.items() if key not in taken}


def _surroundings(step: Mapping[str, Any]) -> str:
    """Say in words how a step was computed: `1 process, 2 threads each, fp32`."""
    facts = step["surroundings"]
    processes, threads = facts["processes"], facts["threads"]
    precision = "fp32" if facts["precision"] == "no" else facts["precision"]
    return (
        f"{processes} process{'es' if processes != 1 else ''}, {threads} thread{'s' if threads != 1 else ''} each, "
        f"{precision}"
    )


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
    return [Learned(report, ATTRIBUTIONS.get(report["name"], OWN_FILE)) for report in reports.values()]


def duration(seconds: float) -> str:
    """Write a time in hours and minutes, or in seconds where it is short."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _render(template: Path, facts: Mapping[str, Any], checkpoint: str | Path) -> str:
    import yaml
    from jinja2 import Environment, StrictUndefined, TemplateError, UndefinedError

    try:
        text = template.read_text(encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{template}: {error.strerror}; cards are rendered in a checkout") from error
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
        "percent": percent,
        "duration": duration,
        "number": "{:,}".format,
        "yaml": lambda settings: yaml.safe_dump(_used(settings), sort_keys=False, allow_unicode=True).strip(),
    }
    try:
        return environment.from_string(text).render(facts)
    except UndefinedError as error:
        raise EvaluationError(
            f"{checkpoint}: its record lacks what the card needs ({error}); make it anew"
        ) from error
    except TemplateError as error:
        raise EvaluationError(f"{template} is no template: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Render a card, the README's results table, or both; exit code 2 and one line for bad input."""
    parser = argparse.ArgumentParser(description="Render a model card, or the results table of the README.")
    parser.add_argument("model", nargs="?", help="a shipped checkpoint, or a folder")
    parser.add_argument("-o", "--output", type=Path, help="card to write (default: model_cards/NAME.md)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results")
    parser.add_argument("--template", type=Path, default=TEMPLATE, help="of the card")
    parser.add_argument("--readme", type=Path, help="README to put the results table into")
    options = parser.parse_args(arguments)
    if options.model is None and options.readme is None:
        parser.error("name a checkpoint, or a README with --readme")
    try:
        name = HEADLINE if options.model is None else find_checkpoint(options.model).name
        if options.model is not None:
            card = render_card(options.model, options.results / f"{name}.json", options.template)
            output = options.output or Path("model_cards") / f"{name}.md"
            write_text(output, card)
            print(output)
        if options.readme is not None:
            results = options.results / f"{name}.json"
            record = require_complete(read_results(results), results)
            update_readme(options.readme, markdown_table(record, headlines=True))
            print(options.readme)
    except (MattransformerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
