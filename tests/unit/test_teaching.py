"""A teacher's probabilities of every next token, learned on its samples and on the model's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mattransformer.data.endings import broken_endings
from mattransformer.data.splits import split_of
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.teaching import Teaching, sampler_of
from mattransformer.models.checkpoints import describe, load_model, read_run
from mattransformer.objectives.losses import taught_loss
from mattransformer.tokenization import (
    END_ID,
    FIRST_ELEMENT_ID,
    PROMPT_LENGTH,
    TOKEN_ID,
    VOCABULARY,
    prompt_ids,
)
from mattransformer.training import loop
from mattransformer.training.config import TrainingConfig
from mattransformer.training.loop import train
from mattransformer.training.rows import WeightedRows

SALTS = [f"{a}{b}" for a in ("Li", "Na", "K", "Rb", "Cs") for b in ("F", "Cl", "Br", "I")]
SALTS += [f"{a}{b}2" for a in ("Mg", "Ca", "Sr", "Ba") for b in ("F", "Cl", "Br", "I")]


def sequence(atoms: str) -> torch.Tensor:
    return torch.tensor([[*prompt_ids(), *(TOKEN_ID[atom] for atom in atoms.split()), END_ID]])


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    (tmp_path / "salts.txt").write_text("\n".join(SALTS), encoding="utf-8")
    return TrainingConfig(
        output=str(tmp_path / "run"),
        architecture="gpt-j",
        sizes={"n_layer": 1, "n_embd": 32, "n_head": 2, "rotary_dim": 8},
        corpora=[str(tmp_path / "salts.txt")],
        weights={"user": 3},
        teacher="gpt2",
        own_samples=400,
        epochs=3,
        tokens_per_batch=256,
        learning_rate=3e-3,
        warmup_steps=5,
        average_steps=0,
        patience=0,
        keep="last",
        precision="fp32",
        threads=1,
    )


def test_a_model_that_says_what_its_teacher_says_loses_only_the_entropy_of_it() -> None:
    ids = sequence("Sr Ti O O O")
    teacher = torch.randn(1, ids.shape[1], len(VOCABULARY), generator=torch.Generator().manual_seed(0))
    said = teacher[0, PROMPT_LENGTH - 1 : -1].softmax(-1)
    broken = broken_endings(ids[:, :-1].numpy())[0]
    said[1:][torch.from_numpy(broken), END_ID] = 0
    said /= said.sum(-1, keepdim=True)
    entropy = -(said * said.clamp_min(1e-30).log()).sum().item()
    same = said.clamp_min(1e-30).log()
    logits = torch.zeros_like(teacher)
    logits[0, PROMPT_LENGTH - 1 : -1] = same
    assert taught_loss(logits, teacher, ids).item() == pytest.approx(entropy, rel=1e-4)
    assert taught_loss(torch.zeros_like(teacher), teacher, ids).item() == pytest.approx(
        6 * np.log(len(VOCABULARY)), rel=1e-5
    )


def test_the_samples_are_the_teachers_and_the_models_and_none_is_kept_for_measuring(
    config: TrainingConfig,
) -> None:
    sampler = sampler_of(config)
    assert isinstance(sampler, Teaching)
    torch.manual_seed(0)
    rows: WeightedRows = sampler(load_model("gpt2"), 300, [0, 0])
    kept = {name.removeprefix("kept, ") for name in rows.facts}
    assert {"teacher user strict", "user strict"} <= kept
    for start, end in zip(rows.formulas.starts[:-1], rows.formulas.starts[1:], strict=True):
        ids = rows.formulas.ids[start:end]
        assert ids[-1] == END_ID
        atoms = ids[PROMPT_LENGTH:-1]
        assert (atoms >= FIRST_ELEMENT_ID).all()
        reduced = Formula.from_tokens([VOCABULARY[token] for token in atoms]).reduced
        if reduced.tokens == tuple(VOCABULARY[token] for token in atoms) and len(reduced.elements) > 1:
            assert split_of(reduced.reduced_formula) == "train"
    assert rows.loss_weights.min() >= 1


def test_a_model_comes_closer_to_its_teacher_and_the_record_names_it(config: TrainingConfig) -> None:
    train(config, own_sampler=sampler_of(config))
    record = read_run(Path(config.output))
    assert record["surroundings"]["teacher"] == {"name": "gpt2", "sha256": describe("gpt2")["sha256"]}
    teacher, model = load_model("gpt2"), load_model(config.output)
    ids = sequence("Na Cl")
    with torch.no_grad():
        said, learned = teacher(input_ids=ids).logits, model(input_ids=ids).logits
    assert taught_loss(learned, said, ids).item() < taught_loss(torch.zeros_like(learned), said, ids).item()


def test_an_interrupted_teaching_ends_with_the_weights_of_an_unbroken_one(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> TrainingConfig:
        return replace(config, output=str(tmp_path / name))

    train(run("whole"), own_sampler=sampler_of(config))
    step = loop._Run._step

    def cut(self: Any, *arguments: Any) -> Any:
        if self.progress.epoch == 1:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_step", cut)
        with pytest.raises(KeyboardInterrupt):
            train(run("broken"), own_sampler=sampler_of(config))
    train(run("broken"), resume=True, own_sampler=sampler_of(config))
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(whole[key], broken[key]) for key in whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"own_samples": 0}, "teacher: it teaches on own samples"),
        ({"analogues": 10, "analogue_rows": 5}, "teacher: it teaches own samples and no analogues"),
        ({"architecture": "blm", "sizes": {}}, "only causal models teach and are taught, not blm"),
        ({"teacher": "nobody"}, "nobody is neither a folder nor a shipped checkpoint"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(
    config: TrainingConfig, changes: dict[str, object], reason: str
) -> None:
    def teach() -> None:
        settings = TrainingConfig(**(config.as_dict() | changes))
        train(settings, own_sampler=sampler_of(settings))

    with pytest.raises(MattransformerError, match=reason):
        teach()
