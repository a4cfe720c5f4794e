"""Model cards, rendered from what was recorded: the `run.json` of a checkpoint and the results measured on it.

    python -m mattransformer.evaluation.card gpt2 -o model_cards/gpt2.md
    python -m mattransformer.evaluation.card --readme README.md

Nothing in a card is typed by hand but the words around the numbers, in `card.md.j2`. The second command renders the
results table of the README.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.errors import MattransformerError
from mattransformer.evaluation.attribution import in_code
from mattransformer.evaluation.card_facts import Subject, facts_of
from mattransformer.evaluation.report import markdown_table, percent, update_readme
from mattransformer.evaluation.results import read_results, require_complete
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.files import write_text
from mattransformer.models.checkpoints import describe, find_checkpoint, read_config

if TYPE_CHECKING:
    from jinja2 import Template

HEADLINE: Final = "gpt2"
"""The checkpoint whose figures the README shows one by one."""

LICENCE: Final = "mit"
"""Of the checkpoints that ship with the package, as hubs call it."""

TEMPLATE: Final = Path(__file__).with_name("card.md.j2")


def render_card(name_or_folder: str | Path, results: Path, template: Path = TEMPLATE) -> str:
    """Render the card of a checkpoint that ships with the package.

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
    run = require_run(name_or_folder, checkpoint["run"])
    record = require_complete(read_results(results), results)
    require_same_weights(record, checkpoint["sha256"], results, name_or_folder)
    config = read_config(find_checkpoint(name_or_folder))
    return render(
        Subject(checkpoint["name"], checkpoint["sha256"], config.model_type, run, record, LICENCE), template
    )


def require_run(checkpoint: str | Path, run: dict[str, Any] | None) -> dict[str, Any]:
    """Refuse a checkpoint without a record of its run.

    Args:
        checkpoint: as the user named it.
        run: its record.

    Returns:
        The record.

    Raises:
        EvaluationError: there is none.
    """
    if run is None:
        raise EvaluationError(
            f"{checkpoint}: no run.json, so nobody knows what it was made from; train it with this package"
        )
    return run


def require_same_weights(
    record: Mapping[str, Any], sha256: str | None, results: Path, checkpoint: str | Path
) -> None:
    """Refuse results of other weights.

    Args:
        record: the results.
        sha256: of the weights.
        results: where the record lies.
        checkpoint: as the user named it.

    Raises:
        EvaluationError: says what to run.
    """
    measured = record.get("checkpoint")
    if not isinstance(measured, Mapping) or measured.get("sha256") != sha256:
        raise EvaluationError(
            f"{results} was measured on other weights; run benchmarks/checkpoint.py on {checkpoint}"
        )


def render(subject: Subject, template: Path = TEMPLATE) -> str:
    """Render a card.

    Args:
        subject: what it is about.
        template: in Jinja.

    Returns:
        The card in Markdown; a hub reads its front matter.

    Raises:
        EvaluationError: a record that lacks what the card needs, or no template.
    """
    from huggingface_hub import ModelCard

    try:
        facts = facts_of(subject)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise _lacking(subject.name, repr(error)) from error
    return str(ModelCard(_render(template, facts, subject.name)).content)


def _lacking(name: str, what: str) -> EvaluationError:
    return EvaluationError(f"{name}: its record lacks what the card needs ({what}); make it anew")


def _used(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a training that starts from a checkpoint takes from there, whatever stands in its settings."""
    taken = ("architecture", "preset", "sizes") if settings.get("init_from") else ()
    return {key: value for key, value in settings.items() if key not in taken}


def duration(seconds: float) -> str:
    """Write a time in hours and minutes, or in seconds where it is short."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _render(template: Path, facts: Mapping[str, Any], checkpoint: str) -> str:
    from jinja2 import TemplateError, UndefinedError

    try:
        text = template.read_text(encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{template}: {error.strerror}; name a template") from error
    try:
        return _compiled(text).render(facts)
    except (UndefinedError, LookupError, TypeError, ValueError) as error:
        raise _lacking(checkpoint, str(error)) from error
    except TemplateError as error:
        raise EvaluationError(f"{template} is no template: {error}") from error


@cache
def _compiled(text: str) -> Template:
    """Make a template ready, once."""
    import yaml
    from jinja2 import Environment, StrictUndefined

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
        "code": in_code,
        "yaml": lambda settings: yaml.safe_dump(_used(settings), sort_keys=False, allow_unicode=True).strip(),
    }
    return environment.from_string(text)


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
