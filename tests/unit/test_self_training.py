"""Own samples teach the rule of a condition, and nothing of the rows that are kept for measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mattransformer.data.encoding import EncodedFormulas
from mattransformer.data.splits import split_of
from mattransformer.data.variants import holding, variants_of
from mattransformer.formula import Formula
from mattransformer.generation.self_training import SelfTraining, _Judged, own_sampler
from mattransformer.models.architectures import build_config, build_model
from mattransformer.tokenization import END_ID, PROMPT_LENGTH, VOCABULARY
from mattransformer.training import loop
from mattransformer.training.config import ConfigError, TrainingConfig
from mattransformer.training.loop import train
from mattransformer.training.rows import WeightedRows

ELEMENTS = frozenset(VOCABULARY[-118:])

TINY = {"n_layer": 1, "n_embd": 32, "n_head": 2}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    """A small model that has seen binary and ternary compounds often enough to repeat and to vary them."""
    folder = tmp_path_factory.mktemp("learned")
    formulas = [f"{a}{b}" for a in ("Li", "Na", "K", "Rb", "Cs") for b in ("F", "Cl", "Br", "I")]
    formulas += [
        f"{a}{b}" for a in ("Mg", "Ca", "Sr", "Ba") for b in ("O", "S", "Se", "F2", "Cl2", "Br2", "I2")
    ]
    formulas += [f"{a}2{b}3" for a in ("Al", "Ga", "In", "La", "Y") for b in ("O", "S", "Se")]
    (folder / "salts.txt").write_text("\n".join(formulas))
    config = TrainingConfig(
        output=str(folder / "run"),
        sizes=TINY,
        corpora=[str(folder / "salts.txt")],
        epochs=120,
        tokens_per_batch=128,
        warmup_steps=10,
        average_steps=0,
        evaluations_per_epoch=1,
        patience=0,
        keep="last",
        precision="fp32",
    )
    train(config)
    return config


def decoded(rows: WeightedRows) -> list[tuple[str, tuple[str, ...], bool]]:
    """Give variant, atoms and whether it ended, for each sequence."""
    found = []
    for start, end in zip(rows.formulas.starts[:-1], rows.formulas.starts[1:], strict=True):
        tokens = [VOCABULARY[index] for index in rows.formulas.ids[start:end]]
        atoms = tuple(token for token in tokens[PROMPT_LENGTH:] if token != VOCABULARY[END_ID])
        found.append((tokens[1].strip("<>"), atoms, tokens[-1] == VOCABULARY[END_ID]))
    return found


@pytest.fixture(scope="module")
def lessons(learned: TrainingConfig) -> WeightedRows:
    from mattransformer.models.checkpoints import load_model

    return own_sampler(learned)(load_model(learned.output), 4000, [0, 0])


def test_compositions_that_keep_the_rule_are_learned_and_others_unlearned(lessons: WeightedRows) -> None:
    signs = set()
    for (variant, atoms, ended), weight in zip(decoded(lessons), lessons.loss_weights, strict=True):
        reduced = None
        if ended and set(atoms) <= set(VOCABULARY[-118:]) and len(set(atoms)) >= 2:
            reduced = Formula.from_tokens(atoms).reduced
        keeps = (
            reduced is not None
            and reduced.tokens == atoms
            and reduced.atoms <= 30
            and variants_of([reduced])[0] in holding(variant)
        )
        assert (weight > 0) == keeps, (variant, atoms, weight)
        signs.add(keeps)
    assert signs == {True, False}


def test_the_weights_cancel_among_compositions_of_as_many_elements(lessons: WeightedRows) -> None:
    groups = np.array([f"{variant} {len(set(atoms))}" for variant, atoms, _ in decoded(lessons)])
    balanced = 0
    for group in np.unique(groups):
        weights = lessons.loss_weights[groups == group]
        if (weights > 0).any():
            assert weights.sum() == pytest.approx(0, abs=1e-6)
            balanced += 1
    assert balanced > 2


def test_no_formula_of_the_valid_or_test_split_and_no_row_that_keeps_the_rule_is_among_the_lessons(
    lessons: WeightedRows, learned: TrainingConfig
) -> None:
    rows = set(Path(learned.corpora[0]).read_text().split())
    seen = 0
    for (_, atoms, ended), weight in zip(decoded(lessons), lessons.loss_weights, strict=True):
        if ended and set(atoms) <= set(VOCABULARY[-118:]) and len(set(atoms)) >= 2:
            reduced = Formula.from_tokens(atoms).reduced
            if reduced.tokens == atoms:
                assert split_of(reduced.reduced_formula) == "train"
                assert weight < 0 or reduced.reduced_formula not in rows
                seen += 1
    assert seen > 20


def test_a_model_that_trains_on_its_own_samples_keeps_the_rule_more_often(
    learned: TrainingConfig, tmp_path: Path
) -> None:
    settings = learned.as_dict() | {
        "init_from": learned.output,
        "output": str(tmp_path / "run"),
        "own_samples": 2000,
        "epochs": 48,
        "learning_rate": 5e-4,
        "tokens_per_batch": 512,
    }
    config = TrainingConfig(**settings)
    train(config, own_sampler=own_sampler(config))
    from mattransformer.models.checkpoints import read_run

    history = read_run(tmp_path / "run")["history"]
    kept = [entry["kept, user strict"] for entry in history]
    assert np.mean(kept[-3:]) > kept[0] + 0.05


def test_an_interrupted_self_training_ends_with_the_weights_of_an_unbroken_one(
    learned: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)

    def config(name: str) -> TrainingConfig:
        settings = {
            "init_from": learned.output,
            "output": str(tmp_path / name),
            "own_samples": 300,
            "epochs": 3,
        }
        return TrainingConfig(**(learned.as_dict() | settings))

    train(config("whole"), own_sampler=own_sampler(config("whole")))
    from mattransformer.training.state import save_state as save

    def save_and_stop(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(config("broken"), own_sampler=own_sampler(config("broken")))
    monkeypatch.setattr(loop, "save_state", save)
    train(config("broken"), resume=True, own_sampler=own_sampler(config("broken")))
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_where_every_sample_keeps_the_rule_there_is_nothing_to_learn() -> None:
    model = build_model(build_config("gpt2", "small", TINY)).eval()
    with torch.no_grad():  # a model that says Na Cl and nothing else
        for parameter in model.parameters():
            parameter.zero_()
        positions = model.transformer.wpe.weight
        tokens = model.transformer.wte.weight
        for position, token in ((1, "Na"), (2, "Cl"), (3, VOCABULARY[END_ID])):
            positions[position, position] = 10_000  # outweighs the token it stands at
            tokens[VOCABULARY.index(token), position] = 100
        model.transformer.ln_f.weight.fill_(1)
    rows = SelfTraining({("mp", "strict"): 1.0}, {"mp": frozenset()})(model, 50, [0])
    assert len(rows.formulas) == 0
    assert isinstance(rows.formulas, EncodedFormulas)


def test_repeated_rows_can_be_unlearned_too(learned: TrainingConfig) -> None:
    from mattransformer.models.checkpoints import load_model

    config = TrainingConfig(**(learned.as_dict() | {"own_repeats": 0.5}))
    rows = own_sampler(config)(load_model(learned.output), 2000, [0, 0])
    listed = {Formula.parse(line).reduced_formula for line in Path(learned.corpora[0]).read_text().split()}
    repeated = [
        weight
        for (_, atoms, ended), weight in zip(decoded(rows), rows.loss_weights, strict=True)
        if ended and len(set(atoms)) >= 2 and Formula.from_tokens(atoms).reduced_formula in listed
    ]
    assert repeated
    assert max(repeated) < 0


def test_new_compositions_that_are_no_analogues_can_be_unlearned_too(learned: TrainingConfig) -> None:
    from dataclasses import replace

    from mattransformer.models.checkpoints import load_model

    def new(rows: WeightedRows) -> dict[str, list[float]]:
        """Weights of the new compositions that keep the rule."""
        found: dict[str, list[float]] = {}
        for (_, atoms, ended), weight in zip(decoded(rows), rows.loss_weights, strict=True):
            reduced = (
                Formula.from_tokens(atoms).reduced if ended and atoms and set(atoms) <= ELEMENTS else None
            )
            if reduced is None or len(set(atoms)) < 2 or reduced.tokens != atoms:
                continue
            if variants_of([reduced]) == ["strict"]:
                found.setdefault(reduced.reduced_formula, []).append(float(weight))
        return found

    sampler, model = own_sampler(learned), load_model(learned.output)
    assert isinstance(sampler, SelfTraining)
    names = sorted(name for name, weights in new(sampler(model, 2000, [0, 0])).items() if max(weights) > 0)
    analogues = frozenset(names[::2])
    rows = replace(sampler, likely={"user": analogues}, unlikely=0.5)(model, 2000, [0, 0])
    assert len(analogues) > 5
    for name, weights in new(rows).items():
        if name in names:
            assert (min(weights) > 0) == (name in analogues)
    assert 0 < rows.facts["analogues, user strict"] < 1


def test_what_is_gained_can_be_shared_alike_by_frequent_and_rare_compositions(
    learned: TrainingConfig,
) -> None:
    from dataclasses import replace

    from mattransformer.models.checkpoints import load_model

    sampler = own_sampler(learned)
    assert isinstance(sampler, SelfTraining)
    rows = replace(sampler, spread=1.0)(load_model(learned.output), 2000, [0, 0])
    groups: dict[tuple[str, int], set[float]] = {}
    for (variant, atoms, _), weight in zip(decoded(rows), rows.loss_weights, strict=True):
        if weight > 0:
            groups.setdefault((variant, len(set(atoms))), set()).add(round(float(weight), 9))
    assert groups
    assert all(len(weights) == 1 for weights in groups.values())


def test_a_composition_that_is_drawn_again_and_again_can_be_unlearned(learned: TrainingConfig) -> None:
    from dataclasses import replace

    sampler = own_sampler(learned)
    assert isinstance(sampler, SelfTraining)
    judged = _Judged(
        counts=np.array([1, 30, 2]),
        elements=np.array([2, 2, 2]),
        kept=np.array([True, True, False]),
        repeated=np.zeros(3, dtype=bool),
        likely=np.zeros(3, dtype=bool),
        counted=np.ones(3, dtype=bool),
    )
    rare, crowded, broken = replace(sampler, crowding=1.0, spread=1.0)._weights(judged, ("user", "strict"))
    assert rare > 0 > broken > crowded
    assert rare + crowded + broken == pytest.approx(0)


def test_a_lack_of_ternary_compositions_is_made_up_for(learned: TrainingConfig) -> None:
    from dataclasses import replace

    from mattransformer.models.checkpoints import load_model

    sampler = own_sampler(learned)
    assert isinstance(sampler, SelfTraining)
    half_ternary = np.array([0, 0, 0.5, 0.5, 0, 0, 0, 0, 0])
    wanting = replace(sampler, elements=dict.fromkeys(sampler.shares, half_ternary), balance=1.0)
    model = load_model(learned.output)

    def weight_of(elements: int, rows: WeightedRows) -> float:
        sizes = np.array([len(set(atoms)) for _, atoms, _ in decoded(rows)])
        return float(rows.loss_weights[sizes == elements].sum())

    plain, balanced = sampler(model, 2000, [0, 0]), wanting(model, 2000, [0, 0])
    assert weight_of(3, balanced) > weight_of(3, plain) + 100  # the model was shown binary compounds only
    assert weight_of(2, balanced) < weight_of(2, plain) - 100


def test_own_samples_ask_for_one_evaluation_an_epoch_and_for_a_sampler(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evaluations_per_epoch"):
        TrainingConfig(output=str(tmp_path), own_samples=10, evaluations_per_epoch=2)
    with pytest.raises(ConfigError, match="own_samples"):
        train(TrainingConfig(output=str(tmp_path), own_samples=10))
