"""Records of measurements: stages kept as long as they hold, tables rendered from nothing else."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mattransformer.evaluation.report import (
    END,
    START,
    figures,
    markdown_table,
    text_table,
    update_readme,
    with_table,
)
from mattransformer.evaluation.results import begin, checkpoint_results, read_results, require_complete, store
from mattransformer.evaluation.settings import EvaluationError

CHECKPOINT = {"name": "tiny", "sha256": "a" * 64, "parameters": 1000}
DATA = {"mp": "1", "oqmd": "2", "icsd": "3"}


def pair(smact14: float, icsd24: float) -> dict[str, float]:
    return {"smact14": smact14, "icsd24": icsd24}


def setting(neutral: float, balanced: float, novel_balanced: float) -> dict[str, Any]:
    verdicts = {"charge_neutral": pair(neutral, 0.7), "electronegativity_balanced": pair(balanced, 0.6)}
    novel = {"charge_neutral": pair(neutral, 0.7), "electronegativity_balanced": pair(novel_balanced, 0.6)}
    return {
        "conditions": [{"source": "mp", "variant": "strict", "samples": 10_000}],
        "samples": {
            "drawn": 10_000,
            "distinct": 9_700,
            "failures": 3,
            "unique": 0.97,
            **verdicts,
            "novel": 0.85,
            "novel_only": {"compositions": 8_000, **novel},
            "elements": {"2": 0.4, "3": 0.6},
        },
        "training_rows": {
            "rows": 40_000,
            "charge_neutral": pair(1.0, 1.0),
            "electronegativity_balanced": pair(1.0, 1.0),
            "elements": {"2": 0.39, "3": 0.61},
        },
        "elements_difference": 1.0,
    }


VALIDITY = {
    "settings": {"samples": 10_000, "seed": 0, "temperature": 1.0},
    "published": setting(0.98, 0.92, 0.8),
    "default": setting(0.93, 0.87, 0.869),
    "all_training_rows": setting(0.6, 0.5, 0.5)["training_rows"],
    "data": {"mp": "1", "oqmd": "2"},
}
NLL = {
    **{
        key: {"rows": rows, "model": model, "trigram": 18.0}
        for key, rows, model in (("mp", 3854, 15.0), ("oqmd", 17070, 19.0), ("both", 20924, 17.0))
    },
    "exact": True,
    "data": {"mp": "1", "oqmd": "2"},
}
SPEED = {
    "samples": 10_000,
    "samples_per_second": 1234.5,
    "threads": 2,
    "machine": {"processor": "some processor", "cores": 2, "system": "Linux x86_64"},
    "data": {"mp": "1", "oqmd": "2"},
}
FOUND = {"size": 7691, "found": 330, "share": 330 / 7691, "interval": [0.0386, 0.0477]}
REDISCOVERY = {
    "settings": {"temperature": 1.0, "seed": 0},
    **{
        size: {
            "unique": int(size),
            "drawn": 110_000,
            "targets": dict.fromkeys(("icsd", "icsd_valid", "icsd_rest", "mp", "oqmd"), FOUND),
        }
        for size in ("1000", "100000")
    },
    "analogues": {
        "unique": 100_000,
        "targets": dict.fromkeys(
            ("icsd", "icsd_valid", "icsd_rest", "mp", "oqmd"), FOUND | {"share": 0.0971}
        ),
    },
    "data": {"mp": "1", "oqmd": "2", "icsd": "3"},
}
EXAMPLES: dict[str, Any] = {"settings": {"n": 10, "seed": 0}, "rows": [], "data": {"mp": "1", "oqmd": "2"}}


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "tiny.json"
    record = begin(path, CHECKPOINT, DATA)
    # Measured in another order than that of the tables.
    stages = {
        "examples": EXAMPLES,
        "speed": SPEED,
        "rediscovery": REDISCOVERY,
        "validity": VALIDITY,
        "nll": NLL,
    }
    for stage, measured in stages.items():
        store(path, record, stage, copy.deepcopy(measured))
    return path


def found(record: dict[str, Any]) -> dict[str, tuple[str, str, bool | None]]:
    return {figure.label: (figure.value, figure.aim, figure.met) for figure in figures(record)}


def test_a_stage_measured_again_leaves_the_others(complete: Path) -> None:
    record = begin(complete, CHECKPOINT, {"mp": "1", "oqmd": "2"})  # the ICSD is not at hand
    store(complete, record, "nll", {**NLL, "seconds": 5})
    stages = read_results(complete)["stages"]
    assert list(stages) == ["validity", "nll", "rediscovery", "speed", "examples"]
    assert stages["nll"]["seconds"] == 5
    assert stages["rediscovery"] == REDISCOVERY


def test_nothing_is_kept_of_other_weights(complete: Path) -> None:
    assert begin(complete, {**CHECKPOINT, "sha256": "b" * 64}, DATA)["stages"] == {}


def test_only_stages_on_the_same_files_are_kept(complete: Path) -> None:
    kept = begin(complete, CHECKPOINT, {**DATA, "icsd": "4"})["stages"]
    assert list(kept) == ["validity", "nll", "speed", "examples"]
    assert list(begin(complete, CHECKPOINT, {**DATA, "mp": "4"})["stages"]) == []


def test_results_of_something_else_are_never_overwritten_nor_shown(complete: Path) -> None:
    speed = complete.with_name("sampling.json")
    speed.write_text(json.dumps({"formulas_per_second": 1000}), encoding="utf-8")
    complete.with_name("broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvaluationError, match="no record of a checkpoint"):
        begin(speed, CHECKPOINT, DATA)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_results(complete.with_name("broken.json"))
    assert [record["checkpoint"]["name"] for record in checkpoint_results(complete.parent)] == ["tiny"]


def test_missing_and_incomplete_results_say_what_to_run(complete: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="does not exist; measure the checkpoint"):
        read_results(tmp_path / "none.json")
    with pytest.raises(EvaluationError, match="holds no results"):
        checkpoint_results(tmp_path)
    record = read_results(complete)
    del record["stages"]["nll"], record["stages"]["rediscovery"]
    with pytest.raises(EvaluationError, match="--only nll,rediscovery"):
        require_complete(record, complete)


def test_aims_that_are_met_and_missed_are_told_apart(complete: Path) -> None:
    shown = found(read_results(complete))
    assert shown["published setting: charge-neutral"] == ("98.00 %", "≥ 97.61 %", True)
    assert shown["published setting: EN-balanced, novel ones alone"] == ("80.00 %", "", None)
    assert shown["default conditions: EN-balanced"] == ("87.00 %", "≥ 87 %", True)
    assert shown["default conditions: EN-balanced, novel ones alone"] == ("86.90 %", "≥ 87 %", False)
    assert shown["validation NLL, MP (3,854 rows)"] == ("15.00 nats a formula", "below trigram", True)
    assert shown["validation NLL, OQMD (17,070 rows)"] == ("19.00 nats a formula", "below trigram", False)
    label = "rediscovery, 100,000 unique samples at temperature 1: ICSD formulas outside MP and OQMD"
    assert shown[label] == ("4.29 %", "≥ 4 %", True)
    assert shown[label.replace("100,000", "1,000")] == ("4.29 %", "", None)


def test_models_that_are_not_causal_are_measured_by_the_best_that_is_published_of_them(
    complete: Path,
) -> None:
    record = read_results(complete)
    record["checkpoint"]["objective"] = "blank filling"
    shown = found(record)
    assert shown["published setting: charge-neutral"] == ("98.00 %", "≥ 90 %", True)
    assert shown["default conditions: novel"] == ("85.00 %", "", None)
    record["stages"]["nll"]["exact"] = False
    assert "upper bound of the validation NLL, MP (3,854 rows)" in found(record)


def test_a_share_just_below_its_aim_does_not_meet_it_by_rounding(complete: Path) -> None:
    record = read_results(complete)
    record["stages"]["validity"]["published"]["samples"]["charge_neutral"]["smact14"] = 0.976099
    assert found(record)["published setting: charge-neutral"] == ("97.61 %", "≥ 97.61 %", False)


def test_fewer_unique_samples_than_asked_for_do_not_meet_the_aim(complete: Path) -> None:
    record = read_results(complete)
    record["stages"]["rediscovery"]["100000"]["unique"] = 99_999
    label = "rediscovery, 99,999 unique samples at temperature 1: ICSD formulas outside MP and OQMD"
    assert found(record)[label] == ("4.29 %", "≥ 4 %", False)


def test_every_row_of_a_table_has_as_many_columns_as_its_head(complete: Path) -> None:
    table = markdown_table(read_results(complete)).splitlines()
    assert {row.count("|") for row in table} == {5}
    assert len(table) == 2 + len(figures(read_results(complete)))
    lines = text_table(read_results(complete)).splitlines()
    assert len(lines) == len(table) - 1
    assert sum("MISSED" in line for line in lines) == 2


def test_analogues_stand_beside_as_many_samples_of_the_model(complete: Path) -> None:
    beside = {figure.label: figure.beside for figure in figures(read_results(complete))}
    formulas = "unique samples at temperature 1: ICSD formulas outside MP and OQMD"
    assert beside[f"rediscovery, 100,000 {formulas}"].endswith("; the best 100,000 analogues 9.71 %")
    assert "analogues" not in beside[f"rediscovery, 1,000 {formulas}"]


def test_the_readme_shows_the_largest_rediscovery_only(complete: Path) -> None:
    shown = markdown_table(read_results(complete), headlines=True)
    assert "100,000 unique samples" in shown
    assert " 1,000 unique samples" not in shown


def test_a_readme_table_is_replaced_between_its_markers_and_nowhere_else(
    complete: Path, tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{START}\nold\n{END}\n\nEnd.\n", encoding="utf-8")
    for _ in range(2):
        table = markdown_table(read_results(complete), headlines=True)
        update_readme(readme, table)
        assert readme.read_text(encoding="utf-8") == f"# Title\n\n{START}\n{table}\n{END}\n\nEnd.\n"


@pytest.mark.parametrize(
    "text", ["", START, END, f"{END}{START}", f"{START}{START}{END}", f"{START}{END}{END}"]
)
def test_a_readme_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(EvaluationError, match=r"README\.md: put <!-- results:start -->"):
        with_table(text, "| table |", "README.md")
