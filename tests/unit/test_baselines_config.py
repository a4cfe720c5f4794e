"""Configurations of generators: read, changed from the command line, and checked; those that ship."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mattransformer.baselines.config import (
    CONFIGS,
    CganConfig,
    CvaeConfig,
    GeneratorConfig,
    MatganConfig,
    generator_config_from,
    load_generator_config,
    names_generator,
)
from mattransformer.training.config import ConfigError

SHIPPED = sorted(
    path
    for name in CONFIGS
    for path in (Path(__file__).resolve().parents[2] / "configs").glob(f"{name}-*.yaml")
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "oxides.yaml"
    path.write_text("generator: cgan\nwidths: [8, 16]\noutput: runs/oxides\n", encoding="utf-8")
    return path


def with_key(key: str, value: Any, generator: str = "matgan") -> GeneratorConfig:
    return generator_config_from({"generator": generator, "output": "runs/oxides", key: value}, "oxides.yaml")


def test_what_a_file_leaves_out_keeps_its_default(file: Path) -> None:
    assert load_generator_config(file) == CganConfig(output="runs/oxides", widths=[8, 16])


def test_settings_of_the_command_line_replace_those_of_the_file(file: Path) -> None:
    config = load_generator_config(file, ["steps=5", "learning_rate=2e-4", "corpora=[mp, a.csv]"])
    assert (config.steps, config.learning_rate, config.corpora) == (5, 0.0002, ["mp", "a.csv"])


@pytest.mark.parametrize("config", [MatganConfig("x", width=16), CganConfig("x"), CvaeConfig("x", noise=3)])
def test_a_configuration_survives_as_plain_values(config: GeneratorConfig) -> None:
    assert generator_config_from(config.as_dict(), "run.json") == config


@pytest.mark.parametrize(
    ("key", "generator", "nearest"),
    [
        ("critic_step", "matgan", "critic_steps"),
        ("batchsize", "cvae", "batch_size"),
        ("kl-weight", "cvae", "kl_weight"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(key: str, generator: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"^oxides.yaml: unknown key '{key}'; did you mean '{nearest}'\?$"):
        with_key(key, 1, generator)


def test_a_key_of_another_generator_is_unknown() -> None:
    with pytest.raises(
        ConfigError, match="unknown key 'kl_weight'; the keys of cgan are output, generator, corpora"
    ):
        with_key("kl_weight", 1, "cgan")


def test_an_unknown_generator_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"^oxides.yaml: no generator 'matgann'; did you mean 'matgan'\?$"):
        generator_config_from({"generator": "matgann", "output": "x"}, "oxides.yaml")
    with pytest.raises(ConfigError, match="no generator 3; the generators are matgan, cgan, cvae"):
        generator_config_from({"generator": 3, "output": "x"}, "oxides.yaml")


def test_a_configuration_without_output_says_so() -> None:
    with pytest.raises(ConfigError, match="'output' is missing"):
        generator_config_from({"generator": "matgan"}, "oxides.yaml")


OUT_OF_RANGE: dict[str, list[Any]] = {
    "output": ["", 3, None],
    "corpora": ["mp", [], [1], None],
    "column": ["", 0],
    "variant": ["strictest", None],
    "limit": [0, 2.5, True, "all"],
    "steps": [0, 1.5, None, "many"],
    "batch_size": [1, 0.5, None],
    "learning_rate": [0, -1, 1.5, float("nan"), "fast"],
    "final_learning_rate": [-0.1, 1.1, None],
    "betas": [[0.9], [0.9, 1.0], 0.9, [-0.1, 0.9]],
    "average_steps": [-1, 0.5, None],
    "measure_every": [0, 0.5, None],
    "seed": [-1, 0.5, "x", None],
    "threads": [0, 2000, 1.5],
    "precision": ["fp16", None],
    "preset": ["tiny", None],
    "width": [0, 1.5, "wide"],
    "critic_steps": [0, 0.5, None],
    "critic_learning_rate": [0, 2, None],
    "gradient_penalty": [0, -1, "none"],
    "condition": ["energy", None],
    "representation": ["ratios", None],
    "descriptors": [1, "yes", None],
    "noise": [0, 0.5, None],
    "widths": [[], [0], 30, [30, "x"], None],
    "kl_weight": [0, -1, None],
    "generator": ["cgan", 1],
}


@pytest.mark.parametrize("kind", CONFIGS.values())
def test_every_key_has_values_that_are_refused_by_name(kind: type[GeneratorConfig]) -> None:
    for key in (entry.name for entry in fields(kind)):
        for value in OUT_OF_RANGE[key]:
            if (kind.__name__, key, value) == ("CganConfig", "generator", "cgan"):
                continue
            with pytest.raises(ConfigError, match=f"^{key}: ") as refused:
                replace(kind("runs/x"), **{key: value})
            assert "\n" not in str(refused.value)


def test_only_files_with_the_key_are_configurations_of_generators(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.yaml"
    other.write_text("architecture: gpt2\noutput: runs/generator\n", encoding="utf-8")
    assert names_generator(file)
    assert not names_generator(other)
    assert not names_generator(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("generator: [", "is not YAML"),
        ("matgan", "holds no settings: write lines such as 'generator: matgan'"),
    ],
)
def test_a_broken_file_is_told_in_one_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=reason) as refused:
        load_generator_config(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="give a YAML file, such as those in configs/"):
        load_generator_config(tmp_path / "missing.yaml")


def test_every_generator_that_is_trained_has_a_configuration_that_ships() -> None:
    names = {path.stem for path in SHIPPED}
    assert {"matgan-mp", "matgan-mp-oqmd", "matgan-mp-published", "cvae-mp", "cgan-mp"} <= names


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_name_of_a_file_says_what_it_trains_and_where_to(path: Path) -> None:
    config = load_generator_config(path)
    assert names_generator(path)
    assert config.output == f"runs/{path.stem}"
    assert path.stem.startswith(f"{config.generator}-{'-'.join(config.corpora)}")
    if isinstance(config, MatganConfig):
        assert (config.preset == "published") == path.stem.endswith("-published")
