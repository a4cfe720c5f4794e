"""What every architecture of the table has to do: build, score, keep, learn by heart, sample and resume."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedModel

import mattransformer as mt
from mattransformer.data.corpora import load_corpus
from mattransformer.data.encoding import EncodedFormulas, encode_formulas
from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.language_model import LanguageModel
from mattransformer.models.architectures import (
    ARCHITECTURES,
    BY_MODEL_TYPE,
    BY_NAME,
    CAUSAL,
    MASKED_DIFFUSION,
    ArchitectureError,
    build_config,
    build_model,
    positions,
)
from mattransformer.models.blank_filling import BlankFillingModel
from mattransformer.models.checkpoints import describe, load_model, save_checkpoint
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import PAD_ID, PROMPT_LENGTH, VOCABULARY
from mattransformer.training import loop
from mattransformer.training.config import TrainingConfig
from mattransformer.training.loop import train
from mattransformer.training.record import write_record
from tests.contracts.small_sizes import SIZES

NAMES = [row.name for row in ARCHITECTURES]
CAUSAL_NAMES = [row.name for row in ARCHITECTURES if row.objective == CAUSAL]
# A draw of an order teaches less than a whole formula does.
EPOCHS = {"roberta": 13, "blm": 16}
FORMULAS = ["SrTiO3", "NaCl", "CaCO3", "Fe2O3", "LiFePO4", "KMgF3", "Ca5P3O13H", "Al2(SO4)3"]


def small_model(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build_model(build_config(name, "small", SIZES[name])).eval()
    objective_of(model).observe(model, encoded(FORMULAS), np.ones(len(FORMULAS)))
    return model


def predictions(model: PreTrainedModel, ids: torch.Tensor, **settings: torch.Tensor) -> torch.Tensor:
    """What a model says of the token at each position; of the blank-filling one the elements alone."""
    output = model(input_ids=ids, **settings)
    if isinstance(model, BlankFillingModel):
        return model.element_log_probs(output.last_hidden_state)
    logits: torch.Tensor = output.logits
    return logits


def encoded(formulas: list[str]) -> EncodedFormulas:
    return encode_formulas(formulas, ["mp"] * len(formulas), ["strict"] * len(formulas))


def settings(name: str, folder: Path, **changes: Any) -> TrainingConfig:
    config = TrainingConfig(
        output=str(folder), architecture=name, sizes=SIZES[name], warmup_steps=10, average_steps=0, threads=1
    )
    return replace(config, **changes)


# Building

# Fu et al., Mach. Learn.: Sci. Technol. 4, 015001 (2023): layers, width, heads, positions.
PUBLISHED = {
    "gpt": (12, 180, 6, 256),
    "gpt2": (8, 180, 4, 256),
    "gpt-neo": (12, 180, 6, 256),
    "gpt-j": (12, 180, 6, 256),
    "bart": (10, 128, 4, 256),
    "roberta": (8, 180, 4, 256),
    "blm": (6, 512, 8, 256),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_published_preset_has_the_sizes_of_the_paper(name: str) -> None:
    config = build_config(name, "published")
    sizes = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
    assert (*sizes, positions(config)) == PUBLISHED[name]


@pytest.mark.parametrize("preset", ["published", "small"])
@pytest.mark.parametrize("name", NAMES)
def test_both_presets_build_and_predict_a_token_at_every_position(name: str, preset: str) -> None:
    model = build_model(build_config(name, preset)).eval()
    room = positions(model.config)
    assert room >= 30 + PROMPT_LENGTH + 1
    with torch.no_grad():
        logits = predictions(model, torch.randint(6, len(VOCABULARY), (3, room)))
    assert logits.shape == (3, room, len(SYMBOLS) if name == "blm" else len(VOCABULARY))
    assert logits.isfinite().all()
    if preset == "small":
        assert 2 * model.num_parameters() <= 4_000_000  # bytes in half precision


@pytest.mark.parametrize("name", NAMES)
def test_dropout_is_off_unless_it_is_asked_for(name: str) -> None:
    for share in (0.0, 0.3):
        model = build_model(build_config(name, "small", SIZES[name], share))
        assert {getattr(model.config, dropout) for dropout in BY_NAME[name].dropouts} == {share}
        assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} <= {share}


@pytest.mark.parametrize(
    ("name", "preset", "sizes", "reason"),
    [
        ("gtp2", "small", {}, r"no architecture 'gtp2': .*; did you mean 'gpt2'\?"),
        ("gpt2", "tiny", {}, "no preset 'tiny' of gpt2: choose one of published, small"),
        ("gpt2", "small", {"n_lyer": 2}, r"gpt2 has no setting 'n_lyer'; did you mean 'n_layer'\?"),
        ("gpt2", "small", {"n_layer": "two"}, "expected int, got str"),
        ("gpt2", "small", {"n_embd": 65}, "`embed_dim` must be divisible by num_heads"),
        ("gpt2", "small", {"vocab_size": 50_257}, "vocab_size is no size"),
        ("gpt2", "small", {"resid_pdrop": 0.5}, "resid_pdrop is no size"),
        ("gpt-j", "small", {"rotary_dim": 64}, "gptj: .* change the sizes"),
        ("gpt-neo", "small", {"num_layers": 3}, "gpt_neo: .* change the sizes"),
    ],
)
def test_a_model_that_cannot_be_is_refused_in_one_line(
    name: str, preset: str, sizes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArchitectureError, match=reason) as refused:
        build_model(build_config(name, preset, sizes))
    assert "\n" not in str(refused.value)


# Scoring


@pytest.mark.parametrize("name", NAMES)
def test_the_probability_of_a_formula_does_not_depend_on_its_batch(name: str) -> None:
    lm = LanguageModel(small_model(name), Path())
    together = lm.log_prob(FORMULAS)
    alone = np.concatenate([lm.log_prob([formula]) for formula in FORMULAS])
    assert together == pytest.approx(alone, abs=1e-4)
    assert together[::-1] == pytest.approx(lm.log_prob(FORMULAS[::-1]), abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_padding_after_the_end_changes_no_prediction(name: str) -> None:
    model, sequences = small_model(name), encoded(FORMULAS)
    padded = torch.full((len(FORMULAS), int(sequences.lengths.max())), PAD_ID)
    for row, length in enumerate(sequences.lengths):
        padded[row, :length] = torch.from_numpy(sequences.rows(np.array([row])))[0]
    with torch.no_grad():
        together = predictions(model, padded, attention_mask=(padded != PAD_ID).long())
        for row, length in enumerate(sequences.lengths.tolist()):
            alone = predictions(model, padded[row : row + 1, :length])[0]
            assert torch.allclose(
                together[row, :length].log_softmax(-1), alone.log_softmax(-1), atol=1e-4, rtol=0
            )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CAUSAL_NAMES])
def test_the_tokenizer_of_a_checkpoint_pads_where_it_changes_no_prediction(name: str, tmp_path: Path) -> None:
    model = small_model(name)
    save_checkpoint(model, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    texts = ["<mp> <strict> Na Cl </s>", "<mp> <strict> Sr Ti O O O </s>"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    together = predictions(model, batch["input_ids"], attention_mask=batch["attention_mask"])
    alone = predictions(model, tokenizer(texts[:1], return_tensors="pt")["input_ids"])
    length = alone.shape[1]
    assert together.shape[1] > length
    assert torch.allclose(together[0, :length].log_softmax(-1), alone[0].log_softmax(-1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CAUSAL_NAMES)
def test_no_atom_sees_those_after_it(name: str) -> None:
    model = small_model(name)
    ids = torch.randint(6, len(VOCABULARY), (2, 12))
    changed = ids.clone()
    changed[:, 8:] = torch.randint(6, len(VOCABULARY), (2, 4))
    with torch.no_grad():
        assert torch.allclose(
            model(input_ids=ids).logits[:, :8], model(input_ids=changed).logits[:, :8], atol=1e-5
        )


# Keeping


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_scores_as_the_model_did(name: str, tmp_path: Path) -> None:
    model = small_model(name)
    save_checkpoint(model, tmp_path)
    assert LanguageModel(load_model(tmp_path), tmp_path).log_prob(FORMULAS) == pytest.approx(
        LanguageModel(model, tmp_path).log_prob(FORMULAS), abs=1e-6
    )


# Learning and sampling


def cells_of(least: int, most: int) -> dict[str, list[str]]:
    """32 formulas of so many atoms, by the variant that is their condition.

    Which of its formulas a condition means can only be guessed, at ln 11 nats for 11 of them.
    """
    rows = load_corpus("mp-transport").split("train")
    rows = rows[[least <= Formula.parse(formula).atoms <= most for formula in rows["formula"]]]
    wanted = {"strict": 11, "pure": 10, "mix": 11}
    return {name: rows.loc[rows["variant"] == name, "formula"].tolist()[:n] for name, n in wanted.items()}


# Blank filling has n! ways to n atoms, and takes hours to learn them all for the largest cells.
ATOMS = {"blm": (4, 5)}
LARGEST = (28, 30)


@dataclass(frozen=True)
class Taught:
    """A model that was trained on 32 formulas until it knew them.

    Attributes:
        lm: the model.
        cells: variant to formulas.
    """

    lm: LanguageModel
    cells: dict[str, list[str]]


@pytest.fixture(scope="module", params=NAMES)
def taught(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Taught:
    cells = cells_of(*ATOMS.get(request.param, LARGEST))
    folder = tmp_path_factory.mktemp(request.param)
    file = folder / "cells.txt"
    file.write_text(
        "\n".join(formula for formulas in cells.values() for formula in formulas), encoding="utf-8"
    )
    config = settings(
        request.param,
        folder / "run",
        corpora=[str(file)],
        weights={"user": 40},
        epochs=EPOCHS.get(request.param, 3),
        tokens_per_batch=256,
        optimizer="muon",
        learning_rate=4e-3,
        final_learning_rate=0.0,
        weight_decay=0.0,
        precision="fp32",
    )
    return Taught(mt.load(train(config).folder), cells)


def test_32_formulas_are_learned_to_little_more_than_what_can_only_be_guessed(taught: Taught) -> None:
    assert sum(len(formulas) for formulas in taught.cells.values()) == 32
    nats = sum(
        -taught.lm.log_prob(formulas, source="user", variant=variant).sum()
        for variant, formulas in taught.cells.items()
    )
    assert nats / 32 - math.log(11) < (0.6 if taught.lm.objective.exact else 3.0)


def test_at_least_30_of_32_formulas_learned_by_heart_are_given_back(taught: Taught) -> None:
    found = 0
    for variant, expected in taught.cells.items():
        table = taught.lm.generate(60, source="user", variant=variant, temperature=0.8)
        found += len(set(table["formula"].head(len(expected))) & set(expected))
    assert found >= 30


def test_a_hole_is_filled_with_the_element_that_was_learned(taught: Taught) -> None:
    formula = Formula.parse(taught.cells["strict"][0])
    canvas = ["<mask>", *formula.tokens[1:]]
    table = taught.lm.fill(canvas, top=5, source="user", variant="strict")
    assert len(table) == 5
    assert table["formula"][0] == formula.reduced_formula
    assert table["filled"][0] == formula.tokens[0]


def test_three_holes_are_filled_with_elements_alone(taught: Taught) -> None:
    formula = Formula.parse(taught.cells["strict"][0])
    canvas = [*["<mask>"] * 3, *formula.tokens[3:]]
    table = taught.lm.fill(canvas, top=3, source="user", variant="strict")
    assert formula.reduced_formula in set(table["formula"])
    assert set(" ".join(table["filled"]).split()) <= set(SYMBOLS)


def test_a_blank_is_filled_with_any_number_of_atoms_or_refused(taught: Taught) -> None:
    formula = Formula.parse(taught.cells["strict"][0])
    canvas = [formula.tokens[0], "<blank>"]
    if BY_MODEL_TYPE[taught.lm.model.config.model_type].objective in (CAUSAL, MASKED_DIFFUSION):
        with pytest.raises(MattransformerError, match="ask bart or blm to fill <blank>"):
            taught.lm.fill(canvas)
        return
    table = taught.lm.fill(canvas, top=20, source="user", variant="strict")
    assert formula.reduced_formula in set(table["formula"])
    assert set(" ".join(table["filled"]).split()) <= set(SYMBOLS)


def test_each_formula_has_a_vector_that_does_not_depend_on_the_others(taught: Taught) -> None:
    vectors = taught.lm.embed(FORMULAS)
    assert vectors.shape == (len(FORMULAS), 64)
    assert np.isfinite(vectors).all()
    assert vectors[2] == pytest.approx(taught.lm.embed([FORMULAS[2]])[0], abs=1e-4)


def test_a_seed_gives_the_same_compositions_twice(taught: Taught) -> None:
    first = taught.lm.generate(20, seed=1, temperature=2.0)
    assert len(first) > 5
    assert first.equals(taught.lm.generate(20, seed=1, temperature=2.0))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_was_cut_off_ends_with_the_weights_of_an_unbroken_one(
    name: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "formulas.txt"
    file.write_text("\n".join(FORMULAS), encoding="utf-8")

    def run(folder: str) -> TrainingConfig:
        return settings(
            name,
            tmp_path / folder,
            corpora=[str(file)],
            weights={"user": 3},
            tokens_per_batch=32,
            epochs=3,
            dropout=0.1,
            optimizer=optimizer,
            average_steps=20,
            patience=0,
        )

    train(run("unbroken"))
    step = loop._Run._step
    records: list[Path] = []

    def count(path: Path, record: dict[str, Any]) -> None:
        records.append(path)
        write_record(path, record)

    def cut(self: Any, *arguments: Any) -> Any:
        if len(records) == 2:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_record", count)
        patch.setattr(loop._Run, "_step", cut)
        with pytest.raises(KeyboardInterrupt):
            train(run("broken"))
    train(run("broken"), resume=True)
    for file_name in ("model.safetensors", "state.safetensors"):
        unbroken, broken = (load_file(tmp_path / folder / file_name) for folder in ("unbroken", "broken"))
        assert unbroken.keys() == broken.keys()
        assert all(torch.equal(unbroken[key], broken[key]) for key in unbroken)


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_fine_tuned_on_formulas_of_ones_own(name: str, tmp_path: Path) -> None:
    save_checkpoint(small_model(name), tmp_path / "base")
    before = mt.load(tmp_path / "base").log_prob(["SrTiO3"], source="user", variant="strict")
    file = tmp_path / "formulas.txt"
    file.write_text("\n".join(FORMULAS), encoding="utf-8")
    changes: dict[str, Any] = {"init_from": str(tmp_path / "base"), "corpora": [str(file)], "sizes": {}}
    changes |= {"weights": {"user": 8}, "tokens_per_batch": 64, "epochs": 5, "learning_rate": 3e-3}
    result = train(settings(name, tmp_path / "tuned", **changes))
    tuned = mt.load(result.folder)
    assert tuned.model.config.hidden_size == 64  # the sizes are the checkpoint's
    record = json.loads((result.folder / "run.json").read_text(encoding="utf-8"))
    assert record["init_from"]["sha256"] == describe(tmp_path / "base")["sha256"]
    assert tuned.log_prob(["SrTiO3"], source="user", variant="strict") > before + 5
