"""Every configuration of a language model in `configs/` loads, builds its model and trains a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mattransformer.baselines.config import names_generator
from mattransformer.models.architectures import ARCHITECTURES, build_config, build_model
from mattransformer.models.checkpoints import load_model, read_run, save_checkpoint
from mattransformer.training.config import load_config
from mattransformer.training.loop import train

FOLDER = Path(__file__).resolve().parents[2] / "configs"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if not names_generator(path))
NAMES = [path.stem for path in FILES]


@pytest.mark.parametrize("corpora", ["mp-transport", "mp-oqmd"])
def test_every_architecture_has_both_presets_on_the_embedded_corpus_and_on_mp_and_oqmd(corpora: str) -> None:
    wanted = {f"{row.name}-{corpora}-{preset}" for row in ARCHITECTURES for preset in row.presets}
    assert wanted <= set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_name_of_a_file_says_what_it_trains_and_where_to(path: Path) -> None:
    config = load_config(path)
    assert config.output == f"runs/{path.stem}"
    assert path.stem.startswith(f"{config.architecture}-{'-'.join(config.corpora)}-")
    if path.stem.endswith(("-small", "-published")):
        assert path.stem.endswith(config.preset)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_configuration_builds_its_model_and_trains_a_step(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    overrides = [f"output={output}", "corpora=[mp-transport]", "weights={}", "own_samples=0"]
    overrides += ["analogues=0", "analogue_rows=0", "own_unlikely=0", "teacher=null"]
    overrides += [
        "limit=4",
        "validation_rows=2",
        "epochs=1",
        "tokens_per_batch=100000",
        "warmup_steps=0",
        "threads=1",
    ]
    config = load_config(path, overrides)
    if config.init_from is not None:  # the result of another configuration, which is not made here
        torch.manual_seed(0)
        first = load_config(FOLDER / f"{Path(config.init_from).name}.yaml")
        save_checkpoint(build_model(build_config(first.architecture, first.preset)), tmp_path / "first")
        config = load_config(path, [*overrides, f"init_from={tmp_path / 'first'}"])
    result = train(config)
    assert result.steps >= 1
    record = read_run(output)
    assert record["best_valid_nll"] == result.best_valid_nll < 300
    assert load_model(output).num_parameters() == record["model"]["parameters"]
