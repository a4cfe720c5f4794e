"""What every architecture of the table refuses to open, and that plain transformers opens the rest.

Each checkpoint is broken in one way. The refusal is one line that names the file, says why, and says what to do; and
whatever lies in the folder, none of it is run: the traps of these tests would leave a file behind.
"""

from __future__ import annotations

import builtins
import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import mattransformer as mt
from mattransformer.models.architectures import ARCHITECTURES, BY_NAME
from mattransformer.models.blank_filling import BlankFillingModel
from mattransformer.models.checkpoints import load_model, save_checkpoint
from mattransformer.tokenization import VOCABULARY, prompt_ids
from tests.contracts.refused import changed, refusal

NAMES = [row.name for row in ARCHITECTURES]
WEIGHTS = "model.safetensors"
IDS = torch.tensor([[*prompt_ids(), *(VOCABULARY.index(atom) for atom in ("Sr", "Ti", "O", "O", "O"))]])


class Trap:
    """An object that makes a file when its pickle is opened."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """Name the call that opening the pickle makes."""
        return Path.touch, (self.sprung,)


def torch_pickle(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


PICKLES: dict[str, Callable[[object], bytes]] = {
    "torch": torch_pickle,
    **{f"protocol-{n}": lambda content, n=n: pickle.dumps(content, n) for n in range(6)},  # type: ignore[misc]
}


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """The file that a trap leaves behind."""
    return tmp_path / "sprung"


def code(folder: Path, sprung: Path) -> None:
    """Put a module into a folder that makes a file when it is imported."""
    text = f"from pathlib import Path\n\nPath({str(sprung)!r}).touch()\n\n\nclass Mine:\n    pass\n"
    (folder / "mine.py").write_text(text, encoding="utf-8")


def spoiled(folder: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> str:
    """Change one tensor of a checkpoint, in the middle of the file, and give its name."""
    tensors = load_file(folder / WEIGHTS)
    name = sorted(tensors)[len(tensors) // 2]
    tensors[name] = change(tensors[name])
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    return name


def test_a_checkpoint_that_is_not_broken_opens(copy: Path) -> None:
    assert mt.load(copy).log_prob(["SrTiO3"]) < 0


# Pickles


@pytest.mark.parametrize("kind", PICKLES)
def test_a_trap_makes_its_file_where_a_pickle_is_opened(kind: str, sprung: Path) -> None:
    content = io.BytesIO(PICKLES[kind](Trap(sprung)))
    assert not sprung.exists()
    if kind == "torch":
        torch.load(content, weights_only=False)
    else:
        pickle.load(content)
    assert sprung.exists()


@pytest.mark.parametrize("kind", ["torch", "protocol-4"])
@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused_unopened(file: str, kind: str, copy: Path, sprung: Path) -> None:
    (copy / WEIGHTS).unlink()
    (copy / file).write_bytes(PICKLES[kind](Trap(sprung)))
    assert (
        refusal(copy)
        == f"FOLDER has only {file}, and pickled weights are never opened; save the model as safetensors"
    )
    assert not sprung.exists()


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_that_is_named_like_safetensors_is_refused_unopened(
    kind: str, copy: Path, sprung: Path
) -> None:
    (copy / WEIGHTS).write_bytes(PICKLES[kind](Trap(sprung)))
    message = refusal(copy)
    if kind in ("protocol-0", "protocol-1"):  # which begin like any text
        assert message.startswith("FOLDER/model.safetensors is truncated or not safetensors (")
    else:
        assert message == (
            "FOLDER/model.safetensors is a pickle by another name, and pickled weights are never opened; save the "
            "model as safetensors"
        )
    assert not sprung.exists()


def test_pickles_beside_safetensors_are_left_alone(copy: Path, sprung: Path) -> None:
    for file in ("pytorch_model.bin", "model.pt", "training_args.bin"):
        (copy / file).write_bytes(torch_pickle(Trap(sprung)))
    mt.load(copy)
    assert not sprung.exists()


# Code


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_map", {"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"}),
        ("custom_pipelines", {"text-generation": {"impl": "mine.Mine", "pt": ["AutoModelForCausalLM"]}}),
    ],
)
def test_a_configuration_that_asks_for_code_is_refused_and_nothing_is_run(
    key: str, value: object, copy: Path, sprung: Path
) -> None:
    code(copy, sprung)
    changed(copy / "config.json", lambda config: config.update({key: value}))
    assert (
        refusal(copy)
        == f"FOLDER/config.json asks for code from elsewhere ({key}), which is never run; take the entry out"
    )
    assert not sprung.exists()


def test_tokenizer_config_is_never_read_so_its_auto_map_runs_nothing(
    copy: Path, sprung: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code(copy, sprung)
    changed(
        copy / "tokenizer_config.json",
        lambda config: config.update({"auto_map": {"AutoTokenizer": ["mine.Mine", "mine.Mine"]}}),
    )
    opened: list[str] = []
    read: Callable[..., Any] = io.open

    def watched(file: object, *how: Any, **more: Any) -> Any:
        opened.append(str(file))
        return read(file, *how, **more)

    monkeypatch.setattr(io, "open", watched)  # which paths use
    monkeypatch.setattr(builtins, "open", watched)
    assert mt.load(copy).log_prob(["SrTiO3"]) < 0
    assert not sprung.exists()
    assert str(copy / "config.json") in opened
    assert str(copy / "tokenizer_config.json") not in opened


# Vocabulary


def test_a_vocabulary_with_two_elements_exchanged_is_refused(copy: Path) -> None:
    def exchange(tokenizer: Any) -> None:
        words = tokenizer["model"]["vocab"]
        words["Sr"], words["Ti"] = words["Ti"], words["Sr"]

    changed(copy / "tokenizer.json", exchange)
    assert refusal(copy) == (
        "FOLDER/tokenizer.json: another vocabulary (first difference at 'Ti'); train again with this version's "
        "tokenizer"
    )


@pytest.mark.parametrize(
    ("change", "token"),
    [
        (lambda tokenizer: tokenizer["model"]["vocab"].update({"<new>": 194}), "<new>"),
        (lambda tokenizer: tokenizer["added_tokens"].append({"id": 194, "content": "<new>"}), "<new>"),
        (lambda tokenizer: tokenizer["added_tokens"].append({"id": 7, "content": "Ti"}), "Ti"),
        (lambda tokenizer: tokenizer["model"]["vocab"].pop("Og"), "Og"),
    ],
    ids=["a-word-more", "an-added-token-more", "an-added-token-elsewhere", "a-word-less"],
)
def test_a_vocabulary_with_another_number_of_tokens_is_refused(
    change: Callable[[Any], object], token: str, copy: Path
) -> None:
    changed(copy / "tokenizer.json", change)
    assert refusal(copy).startswith(
        f"FOLDER/tokenizer.json: another vocabulary (first difference at '{token}'); train again"
    )


@pytest.mark.parametrize("added", [3, ["<new>"], [{"content": "<new>"}], {"<new>": 194}])
def test_added_tokens_of_another_form_are_refused(added: object, copy: Path) -> None:
    changed(copy / "tokenizer.json", lambda tokenizer: tokenizer.update({"added_tokens": added}))
    assert refusal(copy) == "FOLDER/tokenizer.json is damaged: its added tokens cannot be read; copy it again"


@pytest.mark.parametrize("size", [len(VOCABULARY) - 1, len(VOCABULARY) + 1, 50_257, "19\n4", None])
def test_a_configuration_with_another_number_of_tokens_is_refused(size: object, copy: Path) -> None:
    changed(copy / "config.json", lambda config: config.update({"vocab_size": size}))
    assert refusal(copy) == (
        f"FOLDER/config.json: a vocabulary of {size!r} tokens, but this package has {len(VOCABULARY)}; train again "
        "with this version's tokenizer"
    )


# Files cut short, or of something else


@pytest.mark.parametrize("kept", [0, 5, 100, "half", "all but one"])
def test_truncated_weights_are_refused(kept: int | str, copy: Path) -> None:
    content = (copy / WEIGHTS).read_bytes()
    size = {"half": len(content) // 2, "all but one": len(content) - 1}.get(str(kept), kept)
    assert isinstance(size, int)
    (copy / WEIGHTS).write_bytes(content[:size])
    message = refusal(copy)
    assert message.startswith("FOLDER/model.safetensors is truncated")
    assert f"{size} bytes" in message
    assert message.endswith("; copy it again")


def test_weights_with_bytes_too_many_are_refused(copy: Path) -> None:
    size = (copy / WEIGHTS).stat().st_size
    with (copy / WEIGHTS).open("ab") as file:
        file.write(b"more")
    assert refusal(copy) == f"FOLDER/model.safetensors is damaged: {size + 4} bytes of {size}; copy it again"


@pytest.mark.parametrize(
    "header",
    [
        b"[1]",
        b"{}",
        b'{"a": {"data_offsets": []}}',
        b'{"a": {"data_offsets": "ab"}}',
        b'{"a": {"dtype": "F99", "shape": [0], "data_offsets": [0, 0]}}',
        b"[" * 100_000,
    ],
    ids=[
        "a-list",
        "nothing",
        "no-offsets",
        "words-for-offsets",
        "an-unknown-kind",
        "a-hundred-thousand-deep",
    ],
)
def test_weights_with_a_header_that_says_nothing_are_refused(header: bytes, copy: Path) -> None:
    (copy / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)
    message = refusal(copy)
    assert message.startswith("FOLDER/model.safetensors is damaged")
    assert message.endswith("; copy it again")


@pytest.mark.parametrize("end", ["Infinity", "1e999", "NaN", "1.5", "true", "9" * 4300])
def test_weights_with_a_length_that_is_no_number_are_refused(end: str, copy: Path) -> None:
    header = f'{{"a": {{"dtype": "F32", "shape": [1], "data_offsets": [0, {end}]}}}}'.encode()
    (copy / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)
    assert refusal(copy) == "FOLDER/model.safetensors is damaged: its header cannot be read; copy it again"


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_a_truncated_json_file_is_refused(file: str, copy: Path) -> None:
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[: len(content) // 2])
    message = refusal(copy)
    assert message.startswith(f"FOLDER/{file} is damaged: not JSON (")
    assert message.endswith("; copy it again")


@pytest.mark.parametrize("model_type", ["llama", "gtp2", ["gpt2"], None])
def test_another_type_of_model_is_refused(model_type: object, copy: Path) -> None:
    changed(copy / "config.json", lambda config: config.update({"model_type": model_type}))
    assert refusal(copy).startswith(
        f"FOLDER/config.json: model type {model_type!r} is none of openai-gpt, gpt2, gpt_neo, gptj, bart, roberta, blm;"
    )


def test_the_weights_of_another_architecture_are_refused(copy: Path, saved: dict[str, Path]) -> None:
    for other in NAMES:
        if other == copy.name:
            continue
        shutil.copy(saved[other] / WEIGHTS, copy / WEIGHTS)
        message = refusal(copy)
        assert message.startswith("FOLDER/model.safetensors does not fit FOLDER/config.json: ")
        assert message.endswith("; copy both files from the same checkpoint")


def test_a_tensor_with_a_name_of_several_lines_is_refused_in_one(copy: Path) -> None:
    tensors = load_file(copy / WEIGHTS) | {" a\nb": torch.ones(2)}
    save_file(tensors, copy / WEIGHTS, {"format": "pt"})
    assert ": a b is [2] in the first and absent in the second; " in refusal(copy)


# Numbers that are none


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(number: float, kind: torch.dtype, copy: Path) -> None:
    save_checkpoint(load_model(copy), copy, dtype=kind)

    def change(tensor: torch.Tensor) -> torch.Tensor:
        assert tensor.dtype == kind
        tensor.view(-1)[-1] = number
        return tensor

    name = spoiled(copy, change)
    assert refusal(copy) == (
        f"FOLDER/model.safetensors: tensor {name} holds numbers that are not finite; copy it again"
    )


@pytest.mark.parametrize("kind", [torch.int64, torch.int8, torch.bool, torch.complex64])
def test_weights_that_are_no_floating_point_numbers_are_refused(kind: torch.dtype, copy: Path) -> None:
    name = spoiled(copy, lambda tensor: tensor.to(kind))
    assert refusal(copy) == (
        f"FOLDER/model.safetensors: tensor {name} holds {str(kind).removeprefix('torch.')}, but weights are float16, "
        "bfloat16, float32, float64; copy it again, or save the model in one of these"
    )


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_another_precision_open_in_float32(kind: torch.dtype, copy: Path) -> None:
    save_checkpoint(load_model(copy), copy, dtype=kind)
    assert {tensor.dtype for tensor in load_model(copy).parameters()} == {torch.float32}


# Plain transformers


@pytest.mark.parametrize("name", NAMES)
def test_plain_transformers_opens_the_checkpoint_with_the_same_numbers(
    name: str, saved: dict[str, Path]
) -> None:
    row = BY_NAME[name]
    plain = getattr(transformers, row.class_name).from_pretrained(saved[name]).eval()
    ours = load_model(saved[name])
    assert type(plain) is type(ours)
    assert all(torch.equal(tensor, plain.state_dict()[key]) for key, tensor in ours.state_dict().items())
    with torch.no_grad():
        theirs, own = plain(input_ids=IDS), ours(input_ids=IDS)
    output = "last_hidden_state" if name == "blm" else "logits"
    assert torch.allclose(theirs[output], own[output], atol=1e-5, rtol=0)


def test_a_blank_language_model_opens_where_its_module_was_imported_and_needs_no_trust(
    saved: dict[str, Path],
) -> None:
    config = json.loads((saved["blm"] / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "blm"
    assert "auto_map" not in config
    assert not list(saved["blm"].glob("*.py"))
    model = transformers.AutoModel.from_pretrained(saved["blm"])
    assert isinstance(model, BlankFillingModel)
