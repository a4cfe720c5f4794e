"""Trainings from beginning to end: killed and resumed, in two processes, from a checkpoint, and stopped by errors."""

from __future__ import annotations

import errno
import gzip
import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import mattransformer
from mattransformer.data.corpora import load_corpus
from mattransformer.data.encoding import encode_table
from mattransformer.data.splits import split_of
from mattransformer.errors import MattransformerError
from mattransformer.models.checkpoints import CheckpointError, load_model, read_run
from mattransformer.tokenization import VOCABULARY_SHA256
from mattransformer.training import loop
from mattransformer.training.config import ConfigError, TrainingConfig
from mattransformer.training.loop import train
from mattransformer.training.loss import formula_losses
from mattransformer.training.rows import load_training_data
from mattransformer.training.state import TrainingError, save_state

PEROVSKITES = [
    *(
        "SrTiO3",
        "BaTiO3",
        "CaTiO3",
        "KNbO3",
        "NaTaO3",
        "LaAlO3",
        "SrZrO3",
        "BaHfO3",
        "YAlO3",
        "PbTiO3",
        "CaZrO3",
    ),
    *("SrHfO3", "LiNbO3", "KMgF3", "RbMgF3", "KZnF3", "KMnF3", "NaNiF3", "CsPbBr3", "CsSnI3"),
]
SALTS = [
    "NaCl",
    "KCl",
    "LiF",
    "MgCl2",
    "CaF2",
    "Al2O3",
    "Fe2O3",
    "TiO2",
    "SiO2",
    "Na2SO4",
    "CaCO3",
    "KNO3",
    "MgSiO3",
]


@pytest.fixture
def formulas(tmp_path: Path) -> Path:
    path = tmp_path / "formulas.csv"
    path.write_text("\n".join(["composition", *PEROVSKITES, *SALTS]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def config(formulas: Path, tmp_path: Path) -> TrainingConfig:
    """A training of a second: 3 epochs of some dozen steps."""
    return TrainingConfig(
        output=str(tmp_path / "run"),
        sizes={"n_layer": 2, "n_embd": 64, "n_head": 4},
        corpora=[str(formulas)],
        weights={"user": 4},
        epochs=3,
        tokens_per_batch=64,
        warmup_steps=5,
        average_steps=10,
        patience=0,
        threads=1,
    )


def settings_file(config: TrainingConfig, folder: Path) -> Path:
    path = folder / f"{Path(config.output).name}.yaml"
    path.write_text(yaml.safe_dump(config.as_dict()), encoding="utf-8")
    return path


def surroundings() -> dict[str, str]:
    """The environment of a process that finds the package under test."""
    return {**os.environ, "PYTHONPATH": str(Path(mattransformer.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


def history(folder: str | Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = read_run(Path(folder))["history"]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


def curve(log: Path, name: str) -> list[tuple[int, float]]:
    """Read steps and values from the records of a TensorBoard log: length, its sum, event, its sum."""
    parse = import_module("tensorboardX.proto.event_pb2").Event.FromString
    content, at, points = log.read_bytes(), 0, []
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        event = parse(content[at + 12 : at + 12 + length])
        points += [(event.step, value.simple_value) for value in event.summary.value if value.tag == name]
        at += 12 + length + 4
    return points


def same_tensors(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# What a training leaves behind


def test_the_record_says_what_the_checkpoint_was_made_from(config: TrainingConfig) -> None:
    result = train(config)
    record = read_run(result.folder)
    assert record["config"] == {**config.as_dict(), "output": "run"}
    corpus = load_corpus(config.corpora)
    assert record["data"] == corpus.report.as_dict()
    assert record["data"]["sources"][0]["read"] == len(PEROVSKITES) + len(SALTS)
    assert record["surroundings"]["train_rows"] == len(corpus.split("train"))
    assert record["surroundings"]["processes"] == 1
    assert record["surroundings"]["threads"] == 1
    model = load_model(result.folder)
    assert record["model"]["parameters"] == model.num_parameters()
    assert record["model"]["vocabulary_sha256"] == VOCABULARY_SHA256
    assert record["steps"] == result.steps == record["history"][-1]["step"]
    # 4 times each row an epoch, each with its conditions and its end.
    assert record["tokens"] == 12 * int(encode_table(corpus.split("train")).lengths.sum())
    assert record["best_valid_nll"] == min(entry["valid_nll"] for entry in record["history"])
    assert [entry["epoch"] for entry in record["history"]] == [0, 1, 2]
    assert record["versions"]["torch"] == torch.__version__
    assert {"python", "transformers", "accelerate", "pymatgen", "SMACT", "mattransformer"} <= set(
        record["versions"]
    )


def test_the_loss_falls_and_its_curves_are_in_tensorboard(config: TrainingConfig) -> None:
    entries = history(train(config).folder)
    assert entries[-1]["train_nll"] < entries[0]["train_nll"] - 5
    (log,) = Path(config.output, "logs").glob("events.out.tfevents.*")
    for name in ("train_nll", "valid_nll"):
        expected: list[Any] = [(entry["step"], pytest.approx(entry[name], rel=1e-5)) for entry in entries]
        assert curve(log, name) == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_recorded_loss_is_that_of_the_saved_weights_in_float32(
    precision: str, config: TrainingConfig
) -> None:
    result = train(replace(config, precision=precision))
    valid = encode_table(load_corpus(config.corpora).split("valid"))
    assert len(valid) > 1
    assert formula_losses(load_model(result.folder), valid).mean() == pytest.approx(
        result.best_valid_nll, abs=1e-4
    )


def test_the_same_seed_trains_the_same_weights_and_another_one_others(config: TrainingConfig) -> None:
    folders = [
        train(replace(config, output=f"{config.output}-{number}", seed=seed, epochs=1, dropout=0.1)).folder
        for number, seed in enumerate([5, 5, 6])
    ]
    weights = [folder / "model.safetensors" for folder in folders]
    assert same_tensors(weights[0], weights[1])
    assert not same_tensors(weights[0], weights[2])


def test_training_stops_early_and_keeps_the_best_weights(config: TrainingConfig) -> None:
    # A few formulas, again and again: soon they are known by heart, and others become less likely.
    config = replace(config, epochs=50, patience=3, average_steps=0, learning_rate=5e-3)
    result = train(config)
    assert result.stopped_early
    entries = history(result.folder)
    losses = [entry["valid_nll"] for entry in entries]
    assert len(losses) < 50
    assert losses.index(min(losses)) == len(losses) - 1 - 3
    valid = encode_table(load_corpus(config.corpora).split("valid"))
    assert formula_losses(load_model(result.folder), valid).mean() == pytest.approx(min(losses), abs=1e-4)


def test_the_last_weights_are_kept_on_request(config: TrainingConfig) -> None:
    config = replace(config, epochs=50, patience=3, average_steps=0, learning_rate=5e-3, keep="last")
    folder = train(config).folder
    valid = encode_table(load_corpus(config.corpora).split("valid"))
    last = history(folder)[-1]["valid_nll"]
    assert last > min(entry["valid_nll"] for entry in history(folder)) + 0.01
    assert formula_losses(load_model(folder), valid).mean() == pytest.approx(last, abs=1e-4)


def test_half_an_epoch_is_half_the_steps(config: TrainingConfig) -> None:
    whole = train(replace(config, epochs=1)).steps
    assert train(replace(config, output=f"{config.output}-half", epochs=0.5)).steps == math.ceil(whole / 2)


# Killed and resumed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_training_killed_with_signal_9_resumes_to_the_same_weights_bit_for_bit(
    config: TrainingConfig, tmp_path: Path
) -> None:
    config = replace(config, epochs=4, weights={"user": 12}, evaluations_per_epoch=5, dropout=0.1)
    killed = replace(config, output=str(tmp_path / "killed"))
    command = [sys.executable, "-m", "mattransformer", "train", str(settings_file(killed, tmp_path))]
    state = tmp_path / "killed" / "state.safetensors"
    with subprocess.Popen(
        command, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while not state.exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    done = len(history(killed.output))
    assert 1 <= done < 20

    resumed = subprocess.run(
        [*command, "--resume"], env=surroundings(), capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    train(config)
    assert history(killed.output) == history(config.output)
    assert len(history(config.output)) == 20
    weights = [Path(folder) / "model.safetensors" for folder in (killed.output, config.output)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert same_tensors(state, Path(config.output) / "state.safetensors")


def test_resuming_a_finished_run_changes_nothing(config: TrainingConfig) -> None:
    first = train(config)
    files = {path: path.read_bytes() for path in first.folder.glob("*.safetensors")}
    again = train(config, resume=True)
    assert (again.steps, again.best_valid_nll) == (first.steps, first.best_valid_nll)
    assert all(path.read_bytes() == content for path, content in files.items())


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"learning_rate": 1e-3}, r"learning_rate was 0\.002, now 0\.001"),
        ({"seed": 7}, "seed was 0, now 7"),
        ({"sizes": {"n_layer": 1, "n_embd": 64, "n_head": 4}}, "sizes was "),
    ],
)
def test_resuming_with_other_settings_is_refused_by_name(
    changes: dict[str, Any], difference: str, config: TrainingConfig
) -> None:
    train(replace(config, epochs=1))
    with pytest.raises(TrainingError, match=f"belongs to another run: {difference}"):
        train(replace(config, epochs=1, **changes), resume=True)


def test_resuming_with_other_formulas_is_refused(config: TrainingConfig, formulas: Path) -> None:
    train(config)
    formulas.write_text(formulas.read_text(encoding="utf-8") + "LiFePO4\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="belongs to another run: data was "):
        train(config, resume=True)


def test_there_is_nothing_to_resume_in_an_empty_folder(config: TrainingConfig) -> None:
    with pytest.raises(TrainingError, match=r"nothing to resume: .*state\.safetensors does not exist"):
        train(config, resume=True)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_truncated_state_is_not_resumed(kept: int, config: TrainingConfig) -> None:
    state = train(replace(config, epochs=0.1)).folder / "state.safetensors"
    state.write_bytes(state.read_bytes()[:kept])
    with pytest.raises(TrainingError, match=r"state\.safetensors is damaged"):
        train(replace(config, epochs=0.1), resume=True)


def test_a_run_or_a_checkpoint_is_not_overwritten(config: TrainingConfig) -> None:
    config = replace(config, epochs=0.1)
    folder = train(config).folder
    with pytest.raises(TrainingError, match="holds a run already; add --resume, or choose another output"):
        train(config)
    (folder / "state.safetensors").unlink()
    with pytest.raises(TrainingError, match="holds a checkpoint, which would be replaced"):
        train(replace(config, init_from=str(folder)))


# Two processes


def test_torchrun_trains_on_two_processes_what_one_process_trains(tmp_path: Path) -> None:
    # An odd number of rows to share, and one length that only one formula has.
    file = tmp_path / "formulas.txt"
    rows = [formula for formula in PEROVSKITES if split_of(formula) == "train"][:9]
    file.write_text("\n".join([*rows, "NaCl"]), encoding="utf-8")
    assert split_of("NaCl") == "train"
    config = TrainingConfig(
        output=str(tmp_path / "one"),
        sizes={"n_layer": 2, "n_embd": 64, "n_head": 4},
        corpora=[str(file)],
        epochs=3,
        tokens_per_batch=10_000,
        warmup_steps=0,
        average_steps=0,
        evaluations_per_epoch=2,
        learning_rate=1e-2,
        clip=5.0,  # between the norms of the gradients, so that their scale matters
        threads=1,
        precision="fp32",
    )
    two = replace(config, output=str(tmp_path / "two"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "mattransformer", "train", str(settings_file(two, tmp_path))]
    finished = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    record = read_run(Path(two.output))
    assert record["surroundings"]["processes"] == 2

    train(config)
    apart, together = history(config.output), history(two.output)
    assert [entry["step"] for entry in together] == [1, 2, 3, 4, 5, 6]
    assert together[0]["train_nll"] == pytest.approx(apart[0]["train_nll"], abs=1e-4)
    for one, other in zip(apart, together, strict=True):  # the gradient is that of the whole batch
        assert other["train_nll"] == pytest.approx(one["train_nll"], rel=1e-3)
        assert other["valid_nll"] == pytest.approx(one["valid_nll"], rel=1e-3)
        assert other["tokens"] == one["tokens"]


# From a checkpoint


@pytest.fixture(scope="module")
def salts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of another architecture than the default, which knows salts."""
    folder = tmp_path_factory.mktemp("salts")
    file = folder / "salts.txt"
    file.write_text("\n".join(SALTS), encoding="utf-8")
    config = TrainingConfig(
        output=str(folder / "run"),
        architecture="gpt-j",
        sizes={"n_layer": 2, "n_embd": 64, "n_head": 4, "rotary_dim": 16},
        corpora=[str(file)],
        weights={"user": 8},
        epochs=2,
        tokens_per_batch=64,
        warmup_steps=5,
        average_steps=0,
        threads=1,
    )
    return train(config).folder


def test_a_checkpoint_is_fine_tuned_on_the_users_own_table(salts: Path, config: TrainingConfig) -> None:
    tuned = replace(config, init_from=str(salts), column="composition", learning_rate=1e-3, dropout=0.2)
    result = train(tuned)
    record = read_run(result.folder)
    assert record["model"]["architecture"] == "gptj"
    assert record["data"]["sources"][0]["source"] == "user"
    model = load_model(result.folder)
    assert not same_tensors(result.folder / "model.safetensors", salts / "model.safetensors")
    valid = encode_table(load_corpus(config.corpora).split("valid"))
    assert formula_losses(model, valid).mean() < formula_losses(load_model(salts), valid).mean()
    # It began where the checkpoint had ended, and not from random weights.
    train(replace(tuned, output=f"{config.output}-fresh", init_from=None))
    assert record["history"][0]["train_nll"] < history(f"{config.output}-fresh")[0]["train_nll"] - 1
    assert model.config.resid_pdrop == 0.2


def test_a_checkpoint_of_another_vocabulary_is_not_trained_on(
    salts: Path, config: TrainingConfig, tmp_path: Path
) -> None:
    foreign = Path(shutil.copytree(salts, tmp_path / "foreign"))
    tokenizer = json.loads((foreign / "tokenizer.json").read_text(encoding="utf-8"))
    words = tokenizer["model"]["vocab"]
    words["Sr"], words["Ti"] = words["Ti"], words["Sr"]
    (foreign / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"foreign/tokenizer\.json: another vocabulary"):
        train(replace(config, init_from=str(foreign)))
    assert not Path(config.output).exists()


# What goes wrong


@pytest.mark.parametrize("late", [0, 1], ids=["seen-in-training", "seen-in-validation"])
def test_a_loss_that_is_no_number_stops_and_the_last_good_checkpoint_stays(
    late: int, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = train(replace(config, epochs=1))
    epoch = good.steps

    def explode(step: int, progress: float, **settings: float) -> float:
        # Weights after this step are no numbers; the last step of an epoch is followed by a measurement.
        return math.nan if step == 2 * epoch - 2 + late else 1e-3

    monkeypatch.setattr(loop, "learning_rate", explode)
    bad = replace(config, output=f"{config.output}-bad")
    with pytest.raises(TrainingError) as stopped:
        train(bad)
    what = "validation loss" if late else "loss"
    message = str(stopped.value)
    assert message.startswith(
        f"the {what} is nan at step {2 * epoch - 1 + late}; start again with a lower learning_rate"
    )
    assert f"the last good checkpoint stays in {bad.output}" in message
    assert len(history(bad.output)) == 1
    model = load_model(bad.output)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    # It can be gone on from, as the message says.
    monkeypatch.undo()
    train(replace(config, output=f"{config.output}-mended", init_from=bad.output, epochs=0.1))


def test_a_loss_that_is_no_number_from_the_start_says_that_nothing_was_kept(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_, **__: math.inf)
    with pytest.raises(TrainingError, match=r"the loss is nan at step 1; .* \(no checkpoint was kept yet\)"):
        train(config)


class FullDisk:
    """A disk that fills up while the n-th large file is written, half of it done."""

    def __init__(self, after: int, patch: pytest.MonkeyPatch) -> None:
        self.left = after
        self.write = Path.write_bytes
        patch.setattr(Path, "write_bytes", lambda path, content: self(path, content))

    def __call__(self, path: Path, content: bytes) -> int:
        """Write, or fail as a full disk does."""
        self.left -= path.suffix == ".safetensors"
        if self.left >= 0:
            return self.write(path, content)
        self.write(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("after", [2, 3], ids=["in-the-checkpoint", "in-the-state"])
def test_a_full_disk_stops_and_the_run_goes_on_when_there_is_room(
    after: int, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(config, output=f"{config.output}-full")
    folder = Path(full.output)
    with monkeypatch.context() as patch:
        FullDisk(after, patch)
        with pytest.raises(
            TrainingError, match="the disk is full; what was kept stays: free some space and add --resume"
        ):
            train(full)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "generation_config.json", "logs", "model.safetensors", "run.json", "state.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    load_model(folder)
    train(full, resume=True)
    train(config)
    assert (folder / "model.safetensors").read_bytes() == (
        Path(config.output) / "model.safetensors"
    ).read_bytes()


def test_a_disk_that_is_full_from_the_start_leaves_no_weights(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(0, monkeypatch)
    with pytest.raises(TrainingError, match="free some space and start again"):
        train(config)
    assert not list(Path(config.output).glob("*.safetensors"))


# Requests that make no sense


@pytest.fixture
def proprietary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with gzip.open(folder / "icsd.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(["formula", *PEROVSKITES]))
    monkeypatch.setenv("MATTRANSFORMER_DATA", str(folder))


@pytest.mark.usefixtures("proprietary")
@pytest.mark.parametrize("others", [[], ["mp-transport"]])
def test_the_icsd_never_trains_a_model(others: list[str], config: TrainingConfig) -> None:
    with pytest.raises(ConfigError, match=r"corpora: .*icsd is for measuring only and never trains a model"):
        train(replace(config, corpora=[*others, "icsd"]))
    assert not Path(config.output).exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": "gtp2"}, "did you mean 'gpt2'"),
        ({"preset": "huge"}, "no preset 'huge'"),
        ({"sizes": {"n_positions": 5}}, "the longest sequence has 10 tokens, but the model 5 positions"),
        ({"corpora": ["nowhere.csv"]}, "nowhere.csv"),
        ({"column": "formula"}, "formula"),
        ({"weights": {"icsd": 1}}, "weights: no source 'icsd'"),
        ({"weights": {"user": 0}}, "every row of the corpora has weight 0"),
        ({"init_from": "nowhere"}, "nowhere is neither a folder nor a shipped checkpoint"),
        ({"own_samples": 100}, "own_samples: "),
        (
            {"analogues": 100, "analogue_rows": 9, "analogues_of": "mp"},
            "analogues_of: no source 'mp' in this training: choose one of user",
        ),
        (
            {"analogues": 100, "analogue_rows": 9, "limit": 1},
            "analogues: the rows are too few to have any; set it to 0",
        ),
    ],
)
def test_a_training_that_cannot_start_says_why_in_one_line(
    changes: dict[str, Any], reason: str, config: TrainingConfig
) -> None:
    with pytest.raises(MattransformerError) as refused:
        train(replace(config, **changes))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path(config.output).exists()


def test_analogues_are_learned_beside_the_rows_and_are_none_of_them(config: TrainingConfig) -> None:
    asked = replace(config, analogues=40, analogue_rows=30)
    data = load_training_data(asked)
    assert data.analogues is not None
    assert len(data.analogues.epoch(0, 0).formulas) == pytest.approx(30, abs=1)
    rows = {tuple(data.train.rows(np.array([at]))[0]) for at in range(len(data.train))}
    analogues = data.analogues.formulas
    assert not rows & {tuple(analogues.rows(np.array([at]))[0]) for at in range(len(analogues))}
    result = train(asked)
    steps_of_rows = read_run(train(replace(config, output=f"{config.output}-rows")).folder)["steps"]
    assert read_run(result.folder)["steps"] > steps_of_rows


def test_a_training_with_analogues_that_was_stopped_ends_as_an_unbroken_one(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(config, analogues=40, analogue_rows=30)
    train(asked)
    broken = replace(asked, output=str(tmp_path / "broken"))

    def save_and_stop(*arguments: Any) -> None:
        save_state(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(broken)
    monkeypatch.setattr(loop, "save_state", save_state)
    assert not read_run(Path(broken.output))["finished"]
    train(broken, resume=True)
    assert read_run(Path(broken.output))["finished"]
    assert same_tensors(Path(asked.output) / "model.safetensors", tmp_path / "broken" / "model.safetensors")


def test_a_training_that_ends_before_its_schedule_has_the_weights_of_a_longer_one_then(
    config: TrainingConfig, tmp_path: Path
) -> None:
    short = train(replace(config, epochs=6, stop_after=2, keep="last"))
    longer = train(replace(config, epochs=6, keep="last", output=str(tmp_path / "longer")))
    assert history(short.folder) == history(longer.folder)[:2]
    assert all(read_run(result.folder)["finished"] for result in (short, longer))


def test_formulas_that_are_all_held_out_cannot_train(config: TrainingConfig, tmp_path: Path) -> None:
    held_out = [formula for formula in (*PEROVSKITES, *SALTS) if split_of(formula) != "train"]
    file = tmp_path / "held_out.txt"
    file.write_text("\n".join(held_out), encoding="utf-8")
    with pytest.raises(ConfigError, match="has no training row; give more formulas"):
        train(replace(config, corpora=[str(file)]))


def test_an_output_that_is_a_file_is_named(config: TrainingConfig, formulas: Path) -> None:
    with pytest.raises(ConfigError, match=r"output: .*formulas\.csv cannot be made"):
        train(replace(config, output=str(formulas)))
