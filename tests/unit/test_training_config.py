"""Configurations of trainings: read, changed from the command line, and checked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mattransformer.training.config import ConfigError, TrainingConfig, config_from, load_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "oxides.yaml"
    path.write_text("architecture: gpt-j\nsizes: {n_layer: 2}\noutput: runs/oxides\n", encoding="utf-8")
    return path


def with_key(key: str, value: Any) -> TrainingConfig:
    return config_from({"output": "runs/oxides", key: value}, "oxides.yaml")


def test_what_a_file_leaves_out_keeps_its_default(file: Path) -> None:
    config = load_config(file)
    assert config == TrainingConfig(output="runs/oxides", architecture="gpt-j", sizes={"n_layer": 2})


def test_settings_of_the_command_line_replace_those_of_the_file(file: Path) -> None:
    config = load_config(
        file,
        [
            "architecture=gpt2",
            "epochs=2.5",
            "limit=null",
            "sizes.n_embd=64",
            "weights.mp=2",
            "corpora=[mp, a.csv]",
        ],
    )
    assert config.architecture == "gpt2"
    assert config.epochs == 2.5
    assert config.limit is None
    assert config.sizes == {"n_layer": 2, "n_embd": 64}
    assert config.weights == {"mp": 2.0}
    assert config.corpora == ["mp", "a.csv"]


@pytest.mark.parametrize("text", ["2e-3", "0.002", "2.0e-3"])
def test_a_rate_may_be_written_with_an_exponent(text: str, file: Path) -> None:
    assert load_config(file, [f"learning_rate={text}"]).learning_rate == 0.002


def test_a_configuration_survives_as_plain_values(file: Path) -> None:
    config = load_config(file, ["weights.oqmd=0.5"])
    assert config_from(config.as_dict(), "run.json") == config


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("learning_rte", "learning_rate"),
        ("epoch", "epochs"),
        ("corpus", "corpora"),
        ("init-from", "init_from"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(key: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"^oxides.yaml: unknown key '{key}'; did you mean '{nearest}'\?$"):
        with_key(key, 1)


def test_a_key_like_no_other_is_answered_with_all_keys() -> None:
    with pytest.raises(ConfigError, match="'zzz'; the keys are output, architecture, preset"):
        with_key("zzz", 1)


def test_an_unknown_key_of_the_command_line_is_refused_too(file: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'dropout'"):
        load_config(file, ["droput=0.1"])


def test_a_configuration_without_output_says_so() -> None:
    with pytest.raises(ConfigError, match="'output' is missing"):
        config_from({"epochs": 3}, "oxides.yaml")


OUT_OF_RANGE: dict[str, list[Any]] = {
    "output": ["", 3, None],
    "architecture": ["", None, ["gpt2"]],
    "preset": ["", 1],
    "sizes": [None, 3, [2, 64]],
    "init_from": ["", 3],
    "corpora": ["mp", [], [1], None],
    "column": ["", 0],
    "variant": ["strictest", None, 1],
    "weights": [{"mp": -1}, {"mp": "often"}, {"mp": float("nan")}, [2], None],
    "limit": [0, -5, 2.5, True, "all"],
    "epochs": [0, -1, float("nan"), float("inf"), "many", None, True],
    "stop_after": [0, -1, 1.5, "never"],
    "tokens_per_batch": [0, 1.5, None, "1k"],
    "learning_rate": [0, -1e-3, 1.5, float("nan"), "fast"],
    "warmup_steps": [-1, 0.5, None],
    "final_learning_rate": [-0.1, 1.1, None],
    "optimizer": ["sgd", None, 3],
    "weight_decay": [-1, 11, None],
    "betas": [[0.9], [0.9, 1.0], 0.9, [-0.1, 0.9], None],
    "clip": [0, -1, None],
    "dropout": [-0.1, 1.0, None],
    "average_steps": [-1, 1.5, None],
    "analogues": [-1, 0.5, None],
    "analogue_rows": [-1, 0.5, None],
    "analogues_of": ["", 3],
    "own_samples": [-1, 0.5, None],
    "own_weight": [-0.1, "much", None],
    "own_kept": [-0.1, 101, None],
    "own_repeats": [-0.1, 1.1, None],
    "own_unlikely": [-0.1, 1.1, None],
    "own_crowding": [-0.1, 1.1, None],
    "own_spread": [-0.1, 1.1, None],
    "own_balance": [-0.1, 1.1, None],
    "rule_weight": [-1, 101, None],
    "teacher": ["", 3],
    "keep": ["first", None],
    "evaluations_per_epoch": [0, -1, 0.5],
    "patience": [-1, 1.5, None],
    "validation_rows": [0, -1, 1.5],
    "seed": [-1, 0.5, None],
    "threads": [0, -1, 1.5],
    "precision": ["fp16", None, 32],
}


def test_every_key_has_a_range_that_is_tested() -> None:
    assert list(OUT_OF_RANGE) == [entry.name for entry in fields(TrainingConfig)]


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in OUT_OF_RANGE.items() for value in values]
)
def test_a_value_that_makes_no_sense_is_refused_with_what_is_allowed(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{key}: .* is not possible; (give|choose) ") as refused:
        with_key(key, value)
    assert repr(value) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_unlikely_samples_are_those_without_analogues() -> None:
    with pytest.raises(ConfigError, match="own_unlikely: without analogues"):
        config_from({"output": "runs/oxides", "own_unlikely": 0.5}, "oxides.yaml")


@pytest.mark.parametrize(
    ("key", "message"), [("analogues", "none of them is used"), ("analogue_rows", "there are none")]
)
def test_analogues_are_ranked_and_seen_or_neither(key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from({"output": "runs/oxides", key: 100}, "oxides.yaml")


def test_own_samples_need_an_evaluation_an_epoch() -> None:
    with pytest.raises(ConfigError, match=r"^evaluations_per_epoch: .* set it to 1$"):
        config_from({"output": "runs/oxides", "own_samples": 100, "evaluations_per_epoch": 2}, "oxides.yaml")


# Files that are no configuration


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: No such file or directory; give a YAML file"):
        load_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("content", ["a: [1", "\tkey: 1", "a: b: c"])
def test_a_broken_file_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml is not YAML: ") as refused:
        load_config(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "gpt2", "- gpt2\n- small\n"])
def test_a_file_without_keys_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no settings"):
        load_config(path)


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\xff\xfe\x00weights")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(path)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("epochs", "is no setting: write key=value"),
        ("=5", "is no setting: write key=value"),
        ("corpora=[mp", "the value is not YAML"),
        ("corpora.mp=1", "only sizes and weights have inner keys"),
    ],
)
def test_a_broken_override_is_named(override: str, reason: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_config(file, [override])


def test_an_inner_key_of_an_empty_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty_sizes.yaml"
    path.write_text("output: runs/a\nsizes:\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'sizes\.n_layer=2': sizes is None"):
        load_config(path, ["sizes.n_layer=2"])
