"""The front matter of the cards in this checkout: valid YAML of the form that hubs read, with the measured values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

from mattransformer.evaluation.card_facts import training_steps
from mattransformer.evaluation.card_metadata import metadata
from mattransformer.evaluation.energy import training_energy
from mattransformer.models.checkpoints import describe, shipped_names

ROOT = Path(__file__).resolve().parents[2]
CARDS = sorted((ROOT / "model_cards").glob("*.md"))
PIPELINES = {"text-generation", "fill-mask"}
# Entries of the front matter that hubs know, of those that a card may have.
KNOWN = {"license", "library_name", "pipeline_tag", "tags", "datasets", "metrics", "model-index"}
SECTIONS = (
    "How to use",
    "Intended use",
    "Training data",
    "Recipe",
    "Time and energy",
    "Figures",
    "Limits",
    "Licence, and how to cite",
)


def front_matter(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("---\n")
    content = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert isinstance(content, dict)
    return content


def entries(content: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give every metric of a model-index with the data set that it is of, and see that their form is right."""
    (model,) = content["model-index"]
    assert set(model) == {"name", "results"}
    for result in model["results"]:
        assert set(result) == {"task", "dataset", "metrics"}
        assert result["task"] == {"type": "text-generation", "name": "generation of inorganic compositions"}
        assert {"type", "name"} <= set(result["dataset"]) <= {"type", "name", "config", "split"}
        assert all(isinstance(word, str) and word for word in result["dataset"].values())
        assert re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", result["dataset"]["type"])
        for metric in result["metrics"]:
            assert set(metric) == {"type", "name", "value"}
            assert re.fullmatch(r"[a-z_]+", metric["type"])
            assert isinstance(metric["value"], float)
            assert math.isfinite(metric["value"])
            yield result["dataset"], metric


def test_there_is_a_card_of_every_checkpoint_that_ships() -> None:
    assert sorted(path.stem for path in CARDS) == shipped_names()


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_the_front_matter_has_the_form_that_hubs_read(path: Path) -> None:
    content = front_matter(path)
    assert set(content) <= KNOWN
    assert content["license"] == "mit"
    assert content["library_name"] == ("mattransformer" if path.stem == "blm" else "transformers")
    assert content.get("pipeline_tag") in (PIPELINES if path.stem != "blm" else {None})
    assert content["datasets"] == ["mp", "oqmd"]
    for words in (content["tags"], content["metrics"]):
        assert len(set(words)) == len(words)
        assert all(re.fullmatch(r"[a-z0-9_-]+", word) for word in words)
    assert {"chemistry", "materials-science"} < set(content["tags"])
    assert content["model-index"][0]["name"] == path.stem
    assert {metric["type"] for _, metric in entries(content)} == set(content["metrics"])


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_the_client_library_of_hubs_reads_a_card_and_writes_it_as_it_is(path: Path) -> None:
    card = ModelCard.load(path)
    assert isinstance(card.data, ModelCardData)
    assert str(card) == path.read_text(encoding="utf-8")
    results = card.data.eval_results
    assert results is not None
    assert len(results) == len(list(entries(front_matter(path))))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_the_values_are_those_that_were_measured(path: Path) -> None:
    stages = json.loads((ROOT / "results" / f"{path.stem}.json").read_text(encoding="utf-8"))["stages"]
    found = {
        (dataset["type"], dataset.get("config"), metric["type"]): metric["value"]
        for dataset, metric in entries(front_matter(path))
    }
    samples = stages["validity"]["published"]["samples"]
    assert found["generated", "published", "charge_neutral"] == pytest.approx(
        samples["charge_neutral"]["smact14"], abs=5e-5
    )
    assert found["generated", "default", "novel"] == pytest.approx(
        stages["validity"]["default"]["samples"]["novel"], abs=5e-5
    )
    assert found["mp-oqmd", None, "nll"] == pytest.approx(stages["nll"]["both"]["model"], abs=5e-4)
    largest = max((size for size in stages["rediscovery"] if size.isdigit()), key=int)
    share = stages["rediscovery"][largest]["targets"]["icsd"]["share"]
    assert found["icsd", None, "recall"] == pytest.approx(share, abs=5e-6)
    assert len(found) == 14


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_says_what_for_what_not_how_long_and_shows_what_comes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    at = [text.index(f"\n## {section}\n") for section in SECTIONS]
    assert at == sorted(at)
    assert "Charge neutrality is bookkeeping" in text
    assert "```bibtex\n@software{mattransformer," in text
    energy = training_energy(list(training_steps(describe(path.stem)["run"])))
    assert energy is not None
    assert f"**Estimated** energy: {energy.kilowatt_hours:.3f} kWh" in text
    record = json.loads((ROOT / "results" / f"{path.stem}.json").read_text(encoding="utf-8"))
    rows = record["stages"]["examples"]["rows"]
    assert len(rows) == 10
    for row in rows:
        assert f"| {row['formula']} | {row['score']:.2f} |" in text


def test_what_was_not_measured_and_what_nobody_can_find_is_not_in_the_front_matter() -> None:
    sources = [
        {"name": "my oxides.csv"},
        {"name": "hf:ada/oxides"},
        {"name": "hf:a b"},
        {"name": "mp-transport"},
    ]
    record: dict[str, Any] = {"stages": {"examples": {"rows": []}}}
    content = yaml.safe_load(metadata("ada/oxides", "gpt2", "causal", sources, record, None))
    assert content == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["chemistry", "materials-science", "inorganic-chemistry", "crystals", "gpt2"],
        "datasets": ["ada/oxides", "mp-transport"],
    }
