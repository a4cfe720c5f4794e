"""The shipped checkpoints side by side: what the package says of them is what was measured on these weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mattransformer as mt
from mattransformer.evaluation.report import with_table
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.evaluation.suite import MARKS, suite, suite_table
from mattransformer.models.architectures import BY_MODEL_TYPE
from mattransformer.models.catalogue import FIGURES
from mattransformer.models.checkpoints import SHIPPED, WEIGHTS, describe, shipped_names
from mattransformer.models.shipping import MOST_BYTES

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "results" / "suite.json"
NAMES = ["bart", "blm", "gpt", "gpt-j", "gpt-neo", "gpt2", "roberta"]


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads(SUITE.read_text(encoding="utf-8"))


def test_all_seven_models_ship_in_24_megabytes() -> None:
    assert shipped_names() == NAMES
    sizes = [(SHIPPED / name / WEIGHTS).stat().st_size for name in NAMES]
    assert max(sizes) <= MOST_BYTES + 20_000  # the header
    assert sum(sizes) <= 24_000_000


def test_no_two_checkpoints_share_their_weights() -> None:
    assert len({describe(name)["sha256"] for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_checkpoint_learned_from_mp_and_oqmd_and_from_nothing_else(name: str) -> None:
    run = describe(name)["run"]
    while run is not None:
        assert [source["name"] for source in run["data"]["sources"]] == ["mp", "oqmd"]
        assert BY_MODEL_TYPE[run["model"]["architecture"]].name == name
        parent = run.get("init_from")
        run = parent and parent["run"]


def test_the_suite_is_the_rendering_of_the_results_of_each_checkpoint(record: Any) -> None:
    assert suite(NAMES, ROOT / "results") == record


def test_the_package_has_the_same_figures(record: Any) -> None:
    assert json.loads(FIGURES.read_text(encoding="utf-8")) == record
    table = mt.list_models().set_index("name")
    assert list(table.index) == NAMES
    for name, row in record["models"].items():
        assert table["nll"][name] == row["nll"]["both"]
        assert table["charge_neutral"][name] == row["published"]["charge_neutral"]
        assert table["data"][name] == "mp + oqmd"
    assert dict(table["nll_is"]) == {
        name: "upper bound" if name in ("blm", "roberta") else "exact" for name in NAMES
    }


def test_figures_of_other_weights_are_not_shown(
    record: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = json.loads(json.dumps(record))
    record["models"]["gpt2"]["sha256"] = "0" * 64
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr("mattransformer.models.catalogue.FIGURES", path)
    table = mt.list_models().set_index("name")
    assert table["nll"].isna().to_dict() == {name: name == "gpt2" for name in NAMES}


def test_results_of_other_weights_make_no_row(tmp_path: Path) -> None:
    other = json.loads((ROOT / "results" / "gpt2.json").read_text(encoding="utf-8"))
    other["checkpoint"]["sha256"] = "0" * 64
    (tmp_path / "gpt2.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(EvaluationError, match="measured on other weights"):
        suite(["gpt2"], tmp_path)


def test_the_readme_holds_the_table_of_the_suite(record: Any) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(text, suite_table(record), "README.md", MARKS) == text


def test_a_missed_aim_is_marked_and_a_bound_is_called_one(record: Any) -> None:
    record = json.loads(json.dumps(record))
    record["models"]["gpt2"]["published"]["charge_neutral"] = 0.9699
    lines = {line.split("`")[1]: line for line in suite_table(record).splitlines()[2:]}
    assert "96.99 % (aim 97 %)" in lines["gpt2"]
    assert "≤" not in lines["gpt2"]
    assert "≤" in lines["blm"]
