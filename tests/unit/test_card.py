"""A checkpoint trained, measured and described, end to end; and the cards and the README of this checkout."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from mattransformer.data.corpora import load_corpus
from mattransformer.evaluation.card import duration, main, render, render_card
from mattransformer.evaluation.card_facts import Subject
from mattransformer.evaluation.report import markdown_table, with_table
from mattransformer.evaluation.results import checkpoint_results, read_results
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.models.checkpoints import CheckpointError
from mattransformer.training.config import TrainingConfig
from mattransformer.training.loop import train

ROOT = Path(__file__).resolve().parents[2]
UNMEASURED: dict[str, Any] = {"checkpoint": {"name": "tiny"}, "stages": {}}


@dataclass(frozen=True)
class Measured:
    """A checkpoint and what was measured on it.

    Attributes:
        folder: of the checkpoint.
        results: JSON file.
        data: folder of the small corpora that it was measured with.
    """

    folder: Path
    results: Path
    data: Path


def small_corpora(folder: Path) -> None:
    """Write corpora in the format of the large ones, from embedded formulas: the last ones are in `icsd` alone."""
    table = load_corpus("mp-transport").table
    rows = [f"{formula},{split}\n" for formula, split in zip(table["formula"], table["split"], strict=True)]
    for name, part in {"mp": rows[:3000], "oqmd": rows[2000:5000], "icsd": rows[4000:6000]}.items():
        with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.writelines(["formula,split\n", *part])


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "checkpoint_benchmark", ROOT / "benchmarks" / "checkpoint.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, benchmark: ModuleType) -> Iterator[Measured]:
    """A model of one layer, trained in two steps, and all stages measured on a few samples."""
    home = tmp_path_factory.mktemp("measured")
    data, results, last = home / "data", home / "results" / "tiny.json", home / "tiny"
    data.mkdir()
    small_corpora(data)
    settings: dict[str, Any] = {
        "limit": 500,
        "epochs": 3,
        "validation_rows": 50,
        "warmup_steps": 5,
        "threads": 1,
    }
    train(
        TrainingConfig(output=str(home / "base"), sizes={"n_layer": 1, "n_embd": 32, "n_head": 2}, **settings)
    )
    train(TrainingConfig(output=str(last), init_from=str(home / "base"), **settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTRANSFORMER_DATA", str(data))
        arguments = ["--model", str(last), "--out", str(results), "--samples", "100", "--sizes", "20,40"]
        assert benchmark.main(arguments) == 0
        yield Measured(last, results, data)


def test_every_stage_is_recorded_with_settings_versions_and_files(measured: Measured) -> None:
    record = read_results(measured.results)
    assert list(record["stages"]) == ["validity", "nll", "rediscovery", "speed", "examples"]
    for name, stage in record["stages"].items():
        assert set(stage["data"]) == ({"mp", "oqmd", "icsd"} if name == "rediscovery" else {"mp", "oqmd"})
        assert stage["versions"]["SMACT"]
        assert stage["settings"]
    validity = record["stages"]["validity"]
    assert validity["default"]["samples"]["drawn"] == validity["published"]["samples"]["drawn"] == 100
    assert sum(part["samples"] for part in validity["published"]["conditions"]) == 100
    assert validity["default"]["training_rows"]["charge_neutral"] == {"smact14": 1.0, "icsd24": 1.0}


def test_formulas_of_the_icsd_alone_are_sought_and_held_out_rows_too(measured: Measured) -> None:
    stage = read_results(measured.results)["stages"]["rediscovery"]
    sizes = {name: target["size"] for name, target in stage["40"]["targets"].items()}
    assert sizes["icsd"] == 1000 == sizes["icsd_valid"] + sizes["icsd_rest"]
    assert stage["20"]["unique"] == 20
    held_out = [row for row in load_corpus(["mp"]).table["split"] if row != "train"]
    assert sizes["mp"] == len(held_out)


def test_the_record_holds_counts_and_not_one_formula_of_the_icsd(measured: Measured) -> None:
    text = measured.results.read_text(encoding="utf-8")
    formulas = set(load_corpus("icsd").table["formula"])
    assert not formulas & set(re.findall(r'"([^"]+)"', text))


def test_the_nll_is_the_mean_of_the_two_corpora_by_their_rows(measured: Measured) -> None:
    stage = read_results(measured.results)["stages"]["nll"]
    mp, oqmd, both = (stage[name] for name in ("mp", "oqmd", "both"))
    assert both["rows"] == mp["rows"] + oqmd["rows"]
    for model in ("model", "trigram"):
        mean = (mp[model] * mp["rows"] + oqmd[model] * oqmd["rows"]) / both["rows"]
        assert both[model] == pytest.approx(mean)


def test_one_stage_measured_again_by_the_same_seed_gives_the_same_numbers(
    measured: Measured, benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again.json"
    shutil.copy(measured.results, again)
    arguments = [
        "--model",
        str(measured.folder),
        "--out",
        str(again),
        "--only",
        "validity",
        "--samples",
        "100",
    ]
    assert benchmark.main(arguments) == 0
    before, after = read_results(measured.results)["stages"], read_results(again)["stages"]
    assert after["rediscovery"] == before["rediscovery"]
    for stages in (before, after):
        stages["validity"].pop("seconds")
    assert after["validity"] == before["validity"]
    assert "default conditions: charge-neutral" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "vibes"], "no stage 'vibes'"),
        (["--samples", "0"], "--samples: 0 is not possible"),
        (["--sizes", "10,many"], "--sizes: 'many' is not possible"),
        (["--seed", "-1"], "--seed: -1 is not possible"),
        (["--model", "gtp9"], "neither a folder nor a shipped checkpoint"),
    ],
)
def test_bad_input_of_the_benchmark_is_one_clear_line(
    measured: Measured,
    benchmark: ModuleType,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert benchmark.main(["--model", str(measured.folder), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert complaint in lines[0]


def test_without_the_data_folder_the_benchmark_says_what_to_set(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MATTRANSFORMER_DATA", raising=False)
    assert benchmark.main([]) == 2
    assert "needs MATTRANSFORMER_DATA: set it to the folder" in capsys.readouterr().err


def test_a_card_tells_both_steps_their_counts_licence_and_figures(measured: Measured) -> None:
    card = render_card(measured.folder, measured.results)
    run = json.loads((measured.folder / "run.json").read_text(encoding="utf-8"))
    assert "Step 1 of 2:" in card
    parent = run["init_from"]["sha256"][:16]
    assert f"Step 2 of 2, from the weights of the step before (SHA-256 `{parent}`):" in card
    assert f"{run['model']['parameters']:,} parameters" in card
    assert "CC BY 4.0" in card
    assert "Ricci" in card
    assert run["data"]["sources"][0]["sha256"] in card
    assert card.count("| published setting: charge-neutral |") == 1
    assert "its own samples" not in card
    assert "{{" not in card.replace("{{mattransformer developers}}", "")


def test_the_front_matter_of_a_card_is_what_a_model_hub_reads(measured: Measured) -> None:
    from huggingface_hub import ModelCard

    data = ModelCard(render_card(measured.folder, measured.results)).data
    assert data["license"] == "mit"
    assert data["library_name"] == "transformers"
    assert data["pipeline_tag"] == "text-generation"
    assert "gpt2" in data["tags"]


def test_the_settings_in_a_card_are_those_of_the_run(measured: Measured) -> None:
    run = json.loads((measured.folder / "run.json").read_text(encoding="utf-8"))
    blocks = re.findall(r"```yaml\n(.*?)```", render_card(measured.folder, measured.results), re.DOTALL)
    first, second = map(yaml.safe_load, blocks[-2:])
    assert first == run["init_from"]["run"]["config"]
    # a step that starts from a checkpoint has its architecture and sizes from there
    taken = {"architecture", "preset", "sizes"}
    assert second == {key: value for key, value in run["config"].items() if key not in taken}


def test_the_python_in_a_card_runs(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(measured.folder.parent)
    blocks = re.findall(r"```python\n(.*?)```", render_card(measured.folder, measured.results), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "card", "exec"), {})
    printed = capsys.readouterr().out
    assert "[10 rows x 7 columns]" in printed
    assert "<mp> <strict> " in printed


def test_a_card_says_that_a_model_was_trained_on_its_own_samples(measured: Measured, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(measured.folder, folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["init_from"]["run"]["config"]["own_samples"] = 1000
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    card = render_card(folder, measured.results)
    assert "its own samples" in card
    assert "no independent evidence" in card


def test_a_card_says_that_a_model_was_shown_analogues(measured: Measured, tmp_path: Path) -> None:
    assert "analogues** of them" not in render_card(measured.folder, measured.results)
    folder = tmp_path / "tiny"
    shutil.copytree(measured.folder, folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["init_from"]["run"]["config"] |= {"analogues": 1500, "analogues_of": "mp"}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    card = render_card(folder, measured.results)
    assert "**analogues** of them" in card
    assert "the best 1,500" in card


@pytest.mark.parametrize(
    ("name", "shown"),
    [("mine.csv", "mine.csv"), ("mi|ne`\n## Free for all\n.csv", "mi/ne' ## Free for all .csv")],
)
def test_a_users_own_file_is_listed_without_a_licence_that_nobody_knows(
    measured: Measured, tmp_path: Path, name: str, shown: str
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(measured.folder, folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["data"]["sources"][0] |= {"name": name, "sha256": "0" * 64}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    card = render_card(folder, measured.results)
    assert f"| a file (`{shown}`) | not recorded" in card
    assert "\n## Free" not in card


def test_what_a_checkpoint_generates_is_in_its_card_as_it_was_recorded(measured: Measured) -> None:
    card, stage = render_card(measured.folder, measured.results), read_results(measured.results)["stages"]
    assert stage["examples"]["settings"]["source"] == "mp"
    assert stage["examples"]["rows"]
    for row in stage["examples"]["rows"]:
        assert f"| {row['formula']} | {row['score']:.2f} |" in card


def test_a_card_of_a_checkpoint_that_nobody_measured_has_no_figures(measured: Measured) -> None:
    run = json.loads((measured.folder / "run.json").read_text(encoding="utf-8"))
    card = render(Subject("ada/tiny", "0" * 64, "gpt2", run, UNMEASURED, repository=True, revision="v2"))
    assert "No results of these weights were at hand when this card was made." in card
    assert "the test split not at all" in card
    assert "model-index" not in card
    assert 'mt.load("ada/tiny", revision="v2")' in card
    assert "Nobody has stated a licence of the weights" in card
    assert f"fell to {run['best_valid_nll']:.3f} nats a formula" in card


def test_a_card_says_that_nothing_is_known_of_where_a_training_began(measured: Measured) -> None:
    run = json.loads((measured.folder / "run.json").read_text(encoding="utf-8"))
    run["init_from"]["run"] = None
    card = render(Subject("tiny", "0" * 64, "gpt2", run, UNMEASURED))
    assert f"(SHA-256 `{run['init_from']['sha256'][:16]}`), of which no record was kept" in card


def test_a_card_without_a_record_of_the_run_is_refused(measured: Measured, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(measured.folder, folder)
    (folder / "run.json").unlink()
    with pytest.raises(EvaluationError, match=r"no run\.json"):
        render_card(folder, measured.results)


def test_a_card_from_a_record_that_lacks_a_fact_is_refused(measured: Measured, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(measured.folder, folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del run["versions"]["torch"]
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    with pytest.raises(EvaluationError, match="its record lacks what the card needs"):
        render_card(folder, measured.results)


def test_a_card_without_results_or_with_those_of_other_weights_is_refused(
    measured: Measured, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match="does not exist"):
        render_card(measured.folder, tmp_path / "none.json")
    record = read_results(measured.results)
    record["checkpoint"]["sha256"] = "0" * 64
    other = tmp_path / "other.json"
    other.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(EvaluationError, match="other weights"):
        render_card(measured.folder, other)
    del record["stages"]["nll"]
    other.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(EvaluationError, match="--only nll"):
        render_card(measured.folder, other)
    with pytest.raises(CheckpointError, match="neither a folder"):
        render_card("gtp9", measured.results)


def test_the_command_writes_a_card_and_a_readme(measured: Measured, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results:start --><!-- results:end -->\n", encoding="utf-8")
    card = tmp_path / "tiny.md"
    arguments = [str(measured.folder), "-o", str(card), "--results", str(measured.results.parent)]
    assert main([*arguments, "--readme", str(readme)]) == 0
    assert card.read_text(encoding="utf-8") == render_card(measured.folder, measured.results)
    assert "| default conditions: novel |" in readme.read_text(encoding="utf-8")


def test_the_command_says_in_one_line_what_is_missing(
    measured: Measured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = str(measured.results.parent)
    for arguments in (
        [str(measured.folder), "--results", str(tmp_path)],
        [str(measured.folder), "--results", results, "--template", str(tmp_path / "none.j2")],
        ["--readme", str(tmp_path / "README.md"), "--results", results],
        ["--readme", str(tmp_path / "README.md"), "--results", str(tmp_path)],
    ):
        assert main(arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(11.2, "11 s"), (119, "2 min"), (3300, "55 min"), (7500, "2 h 05 min")]
)
def test_training_times_are_written_in_hours_and_minutes(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_results_table_of_the_readme_is_the_rendering_of_the_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = markdown_table(read_results(ROOT / "results" / "gpt2.json"), headlines=True)
    assert with_table(text, table, "README.md") == text, (
        "run python -m mattransformer.evaluation.card --readme README.md"
    )


def test_every_card_of_a_shipped_checkpoint_is_the_rendering_of_its_records() -> None:
    for record in checkpoint_results(ROOT / "results"):
        name = record["checkpoint"]["name"]
        card = (ROOT / "model_cards" / f"{name}.md").read_text(encoding="utf-8")
        assert card == render_card(name, ROOT / "results" / f"{name}.json"), (
            f"run python -m mattransformer.evaluation.card {name}"
        )
