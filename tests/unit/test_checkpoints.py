"""Checkpoints: written and read back, opened by plain transformers, and refused by name when they are broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from mattransformer.elements import SYMBOLS
from mattransformer.models import checkpoints
from mattransformer.models.architectures import build_config, build_model
from mattransformer.models.checkpoints import (
    CheckpointError,
    check_vocabulary,
    find_checkpoint,
    load_model,
    read_run,
    save_checkpoint,
)
from mattransformer.tokenization import VOCABULARY, prompt_ids

SIZES = {"n_layer": 2, "n_embd": 64, "n_head": 4}
IDS = torch.tensor([[*prompt_ids(), VOCABULARY.index("Sr"), VOCABULARY.index("Ti")]])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    torch.manual_seed(0)
    save_checkpoint(build_model(build_config("gpt2", "small", SIZES)), folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def changed(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as refused:
        load_model(folder)
    message = str(refused.value)
    assert "\n" not in message
    assert str(folder) in message
    return message.replace(str(folder), "FOLDER")


# Round trip


def test_a_saved_model_comes_back_with_the_same_weights(tmp_path: Path) -> None:
    model = build_model(build_config("gpt2", "small", SIZES))
    save_checkpoint(model, tmp_path / "new" / "folder")
    again = load_model(tmp_path / "new" / "folder")
    assert not again.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert again.config.activation_function == "gelu_pytorch_tanh"


def test_weights_that_are_given_replace_those_of_the_model(tmp_path: Path) -> None:
    model = build_model(build_config("gpt2", "small", SIZES))
    zeros = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    save_checkpoint(model, tmp_path, zeros)
    assert not any(tensor.any() for tensor in load_model(tmp_path).state_dict().values())


def test_half_precision_halves_the_file_and_is_computed_with_in_float32(saved: Path, tmp_path: Path) -> None:
    model = load_model(saved)
    save_checkpoint(model, tmp_path, dtype=torch.float16)
    whole, half = ((folder / "model.safetensors").stat().st_size for folder in (saved, tmp_path))
    assert half == pytest.approx(whole / 2, rel=0.02)
    again = load_model(tmp_path)
    assert {tensor.dtype for tensor in again.parameters()} == {torch.float32}
    with torch.no_grad():
        assert torch.allclose(again(input_ids=IDS).logits, model(input_ids=IDS).logits, atol=2e-3)


def test_saving_leaves_an_older_checkpoint_whole_when_the_weights_cannot_be_written(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    before = load_model(copy).state_dict()
    monkeypatch.setattr("safetensors.torch.save", fail)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(build_model(build_config("gpt2", "small", SIZES)), copy)
    after = load_model(copy).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_opening_a_checkpoint_leaves_the_users_random_numbers_alone(saved: Path) -> None:
    torch.manual_seed(1)
    load_model(saved)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))


def test_opening_a_checkpoint_is_silent(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(saved)
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_can_be_trained_on_with_another_dropout(saved: Path) -> None:
    model = load_model(saved, dropout=0.25)
    shares = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert shares == {0.25}


# Plain transformers


def test_plain_transformers_opens_the_folder_with_the_same_numbers(saved: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(saved)
    plain = AutoModelForCausalLM.from_pretrained(saved).eval()
    ids = tokenizer("<mp> <strict> Sr Ti", return_tensors="pt")["input_ids"]
    assert torch.equal(ids, IDS)
    with torch.no_grad():
        assert torch.allclose(plain(input_ids=ids).logits, load_model(saved)(input_ids=ids).logits, atol=1e-5)


def test_a_pipeline_continues_strontium_and_titanium(saved: Path) -> None:
    generate = pipeline("text-generation", model=str(saved))
    prompt = "<mp> <strict> Sr Ti"
    text = generate(prompt)[0]["generated_text"]
    assert text.startswith(prompt + " ")
    assert set(text.split()) <= set(VOCABULARY)


def test_plain_transformers_fills_a_mask_with_elements_alone(tmp_path: Path) -> None:
    sizes = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    save_checkpoint(build_model(build_config("roberta", "small", sizes)), tmp_path)
    choices = pipeline("fill-mask", model=str(tmp_path))("<mp> <strict> Sr <mask> O O O </s>", top_k=118)
    assert {choice["token_str"].strip() for choice in choices} == set(SYMBOLS)
    assert sum(choice["score"] for choice in choices) == pytest.approx(1, abs=1e-4)


def test_a_model_saved_by_plain_transformers_opens(saved: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(saved).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(saved).save_pretrained(tmp_path)
    again = load_model(tmp_path).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in load_model(saved).state_dict().items())


# Finding


def test_a_folder_is_found_as_it_is(saved: Path) -> None:
    assert find_checkpoint(saved) == saved
    assert find_checkpoint(str(saved)) == saved


def test_a_shipped_name_wins_and_a_misspelt_one_names_the_nearest(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED", saved.parent)
    assert find_checkpoint("tiny") == saved
    with pytest.raises(
        CheckpointError, match=r"^tinny is neither a folder .* \(those are: tiny\); did you mean 'tiny'\?"
    ):
        find_checkpoint("tinny")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere is neither a folder nor a shipped checkpoint"):
        load_model(tmp_path / "nowhere")


# Broken ones: the file and the reason


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).unlink()
    assert refusal(copy) == f"FOLDER is no checkpoint: it has no {name}"


def test_missing_weights_are_named(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    assert refusal(copy) == "FOLDER has no model.safetensors; save the model as safetensors"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_never_opened(name: str, copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / name)
    assert (
        refusal(copy)
        == f"FOLDER has only {name}, and pickled weights are never opened; save the model as safetensors"
    )


@pytest.mark.parametrize("kept", [0, 5, 100, 3_000, -1])
def test_truncated_weights_are_told_from_a_foreign_file(kept: int, copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(copy).startswith("FOLDER/model.safetensors is truncated")


@pytest.mark.parametrize(
    ("old", "new"), [(b'"F32"', b'"F99"'), (b'{"', b"[["), (b'"data_offsets"', b'"data_offzets"')]
)
def test_weights_with_a_damaged_header_are_refused(old: bytes, new: bytes, copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert refusal(copy).startswith("FOLDER/model.safetensors is damaged")


@pytest.mark.parametrize(
    ("sizes", "tensor"),
    [
        ({"n_embd": 32}, "transformer.h.0.attn.c_attn.bias is [192] in the first and [96] in the second"),
        ({"n_layer": 3}, "transformer.h.2.attn.c_attn.bias is absent in the first and [192] in the second"),
        ({"n_layer": 1}, "transformer.h.1.attn.c_attn.bias is [192] in the first and absent in the second"),
        ({"n_positions": 32}, "transformer.wpe.weight is [64, 64] in the first and [32, 64] in the second"),
    ],
)
def test_weights_of_another_shape_name_the_tensor(sizes: dict[str, int], tensor: str, copy: Path) -> None:
    changed(copy / "config.json", lambda config: config.update(sizes))
    message = refusal(copy)
    assert message.startswith(f"FOLDER/model.safetensors does not fit FOLDER/config.json: {tensor};")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"auto_map": {"AutoModelForCausalLM": "modelling.Mine"}}, "asks for code from elsewhere (auto_map)"),
        ({"model_type": "llama"}, "model type 'llama' is none of openai-gpt, gpt2, gpt_neo, gptj"),
        ({"model_type": None}, "model type None is none of"),
        ({"vocab_size": 50_257}, "a vocabulary of 50257 tokens, but this package has 194"),
        ({"n_layer": "two"}, "expected int, got str (value: 'two')"),
        ({"n_head": 3}, "`embed_dim` must be divisible by num_heads"),
        ({"activation_function": "sharp"}, "'sharp'"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    settings: dict[str, Any], reason: str, copy: Path
) -> None:
    changed(copy / "config.json", lambda config: config.update(settings))
    message = refusal(copy)
    assert message.startswith("FOLDER/config.json")
    assert reason in message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_json_file_is_named(name: str, content: bytes, copy: Path) -> None:
    (copy / name).write_bytes(content)
    assert refusal(copy).startswith(f"FOLDER/{name} is damaged: not ")


def test_a_tokenizer_with_elements_exchanged_is_another_vocabulary(copy: Path) -> None:
    def exchange(tokenizer: Any) -> None:
        words = tokenizer["model"]["vocab"]
        words["Sr"], words["Ti"] = words["Ti"], words["Sr"]

    changed(copy / "tokenizer.json", exchange)
    assert refusal(copy).startswith("FOLDER/tokenizer.json: another vocabulary (first difference at 'Ti')")


def test_a_tokenizer_with_a_word_more_is_another_vocabulary(copy: Path) -> None:
    changed(copy / "tokenizer.json", lambda tokenizer: tokenizer["model"]["vocab"].update({"<new>": 194}))
    with pytest.raises(CheckpointError, match="first difference at '<new>'"):
        check_vocabulary(copy)


@pytest.mark.parametrize("model", [None, 3, {}, {"vocab": [["Sr", 0.0]]}])
def test_a_tokenizer_of_another_kind_is_refused(model: Any, copy: Path) -> None:
    changed(copy / "tokenizer.json", lambda tokenizer: tokenizer.update({"model": model}))
    assert refusal(copy).startswith("FOLDER/tokenizer.json is no tokenizer of this package")


# The record


def test_the_record_of_the_run_is_read_back(copy: Path) -> None:
    with pytest.raises(CheckpointError, match=r"it has no run\.json"):
        read_run(copy)
    (copy / "run.json").write_text('{"steps": 3}', encoding="utf-8")
    assert read_run(copy) == {"steps": 3}


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"n_layer": 10**9}, "tensors are in the first and 1,000,000,000 layers in the second"),
        ({"n_embd": 1 << 24}, "does not fit FOLDER/config.json"),
    ],
)
def test_sizes_that_somebody_wrote_into_the_configuration_take_no_memory(
    copy: Path, sizes: dict[str, int], words: str
) -> None:
    """The second would need four petabytes, the first as many layers."""
    changed(copy / "config.json", lambda config: config.update(sizes))
    assert words in refusal(copy)
