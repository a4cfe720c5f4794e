"""Checkpoints: a folder that plain transformers opens, with the record of the run that made it.

    model.safetensors  config.json  generation_config.json  tokenizer.json  tokenizer_config.json  run.json

Weights are safetensors and nothing else; no code from a checkpoint is run. What ships with the package lies in
`mattransformer/models/shipped/` under the name of its architecture, in half precision, and is computed with in float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.files import write_bytes, write_text
from mattransformer.models.architectures import (
    BLANK_FILLING,
    BY_MODEL_TYPE,
    CAUSAL,
    MASKED_DIFFUSION,
    ArchitectureError,
    build_model,
    register,
    shapes_of,
)
from mattransformer.models.reading import CONFIG as CONFIG
from mattransformer.models.reading import GENERATION, TOKENIZER, read_json, read_weights
from mattransformer.models.reading import RUN as RUN
from mattransformer.models.reading import WEIGHTS as WEIGHTS
from mattransformer.models.reading import CheckpointError as CheckpointError
from mattransformer.models.repositories import as_repository, fetch, is_fetched, name_of
from mattransformer.notation import show
from mattransformer.tokenization import TOKEN_ID, VOCABULARY, save_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

GENERATOR: Final = "generator"
"""Entry of a configuration that makes it one of the generators that language models are compared with."""
SHIPPED: Final = Path(__file__).parent / "shipped"

CODE: Final = ("auto_map", "custom_pipelines")
"""Entries of a configuration that name code to be run."""
_KINDS: Final = ("float16", "bfloat16", "float32", "float64")


def shipped_names() -> list[str]:
    """List the checkpoints that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{WEIGHTS}"))


def find_checkpoint(name_or_folder: str | Path, revision: str | None = None) -> Path:
    """Find a checkpoint: one that ships with the package, a folder, or a repository of a model hub.

    Args:
        name_or_folder: a shipped name such as `gpt2`, a folder, or `owner/name` on a hub, also as
            `owner/name@revision`. A shipped name wins, then a folder; write `./gpt2` for a folder of that name.
        revision: a branch, a tag or a commit of a repository; its main branch where left out.

    Returns:
        Its folder; that of a repository lies in the cache of `huggingface_hub`.

    Raises:
        CheckpointError: there is none, or it cannot be fetched.
    """
    names = shipped_names()
    given = str(name_or_folder)
    folder = SHIPPED / given if given in names else _folder(name_or_folder)
    if folder is not None:
        if revision is not None:
            raise CheckpointError(
                f"revision {show(revision)}: only repositories of a hub have revisions, and {given} is at hand; leave "
                "it out"
            )
        return folder
    # A path in the form of an object is never the name of a repository.
    repository = as_repository(given, revision) if isinstance(name_or_folder, str) else None
    if repository is not None:
        return fetch(*repository)
    near = get_close_matches(given, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shipped = ", ".join(names) or "none"
    raise CheckpointError(
        f"{_named(name_or_folder)} is neither a folder nor a shipped checkpoint (those are: {shipped}){hint}"
    )


def _folder(given: str | Path) -> Path | None:
    """Give the folder of that name, if there is one."""
    try:
        folder = Path(given).expanduser()
        return folder if folder.is_dir() else None
    # Nobody's home, a name too long, or no name at all.
    except (TypeError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{_named(given)} is no name of a checkpoint ({show(str(error))}); give a folder, or a shipped one such as "
            "gpt2"
        ) from error


def _named(given: object) -> str:
    """Write what a user named in one line."""
    text = str(given)
    return text if text.isprintable() and len(text) <= 200 else show(given)


def load_model(name_or_folder: str | Path, *, dropout: float | None = None) -> PreTrainedModel:
    """Open a checkpoint.

    Args:
        name_or_folder: see `find_checkpoint`.
        dropout: the share of activations dropped when it is trained on; None keeps the checkpoint's.

    Returns:
        The model in float32, in evaluation mode, on the CPU.

    Raises:
        CheckpointError: a missing, truncated or foreign file, another vocabulary, pickles, code, or weights that are no
            finite floating-point numbers; the file and the reason are named.
    """
    folder = find_checkpoint(name_or_folder)
    try:
        return _open(folder, dropout)
    except CheckpointError as error:
        if is_fetched(folder):  # nobody looks for files in a cache, nor mends them there
            reason = str(error).rpartition("; ")[0].replace(str(folder), name_of(folder))
            raise CheckpointError(f"{reason}; tell its owner, or give another revision") from error
        raise


def _open(folder: Path, dropout: float | None) -> PreTrainedModel:
    import torch

    config = read_config(folder)
    if dropout is not None:
        config.update(dict.fromkeys(BY_MODEL_TYPE[config.model_type].dropouts, dropout))
    check_vocabulary(folder)
    stored = read_weights(folder / WEIGHTS)
    try:
        # Before there is memory for sizes that somebody may have written in.
        _check_depth(folder, stored, config)
        _check_shapes(folder, stored, *shapes_of(config))
        with torch.random.fork_rng(devices=[]):  # opening a checkpoint leaves the user's random numbers alone
            model = build_model(config)
    except ArchitectureError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from error
    weights = _single_precision(folder / WEIGHTS, stored)
    _check_ties(folder / WEIGHTS, weights, model)
    model.load_state_dict(weights, strict=False)
    return model.eval()


def read_config(folder: Path) -> PreTrainedConfig:
    """Read the configuration of a checkpoint.

    Args:
        folder: of the checkpoint.

    Returns:
        The configuration, of an architecture in the table.

    Raises:
        CheckpointError: no such file, not JSON, an architecture outside the table, code that would have to be run, or
            settings under which transformers computes something else without a word.
    """
    from transformers import AutoConfig

    register()
    settings = read_json(folder / CONFIG)
    for key in CODE:
        if key in settings:
            raise CheckpointError(
                f"{folder / CONFIG} asks for code from elsewhere ({key}), which is never run; take the entry out"
            )
    if GENERATOR in settings and "model_type" not in settings:
        raise CheckpointError(
            f"{folder} holds the generator {show(settings[GENERATOR])}, which is no language model; draw from it with "
            "`mattransformer generate`, or open it with mattransformer.baselines.checkpoints.load_generator"
        )
    if settings.get("model_type") not in list(BY_MODEL_TYPE):  # a list, for types that cannot be hashed
        raise CheckpointError(
            f"{folder / CONFIG}: model type {settings.get('model_type')!r} is none of {', '.join(BY_MODEL_TYPE)}; "
            "train one of these"
        )
    if settings.get("vocab_size") != len(VOCABULARY):
        raise CheckpointError(
            f"{folder / CONFIG}: a vocabulary of {settings.get('vocab_size')!r} tokens, but this package has "
            f"{len(VOCABULARY)}; train again with this version's tokenizer"
        )
    _check_settings(folder / CONFIG, settings)
    try:
        return AutoConfig.for_model(**settings)
    except Exception as error:  # every class of transformers has errors of its own for this
        raise CheckpointError(
            f"{folder / CONFIG}: {' '.join(str(error).split())[:300]}; copy it again"
        ) from error


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse settings under which transformers computes something else, or nothing, without a word."""
    encoder = BY_MODEL_TYPE[settings["model_type"]].objective in (MASKED_DIFFUSION, BLANK_FILLING)
    for key, usual in (("return_dict", True), ("is_decoder", False if encoder else None)):
        if usual is not None and settings.get(key, usual) is not usual:
            raise CheckpointError(
                f"{path}: {key} is {show(settings[key])}, but has to be {usual}; take the entry out"
            )
    for key in ("layer_norm_epsilon", "layer_norm_eps"):
        value = settings.get(key, 1e-5)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise CheckpointError(
                f"{path}: {key} is {show(value)}, but has to be above 0 and below 1; copy it again"
            )


def read_run(folder: Path) -> dict[str, Any]:
    """Read the record of the run that made a checkpoint.

    Args:
        folder: of the checkpoint.

    Returns:
        The record, as `training.record` wrote it.

    Raises:
        CheckpointError: there is none, or it is not JSON.
    """
    return read_json(folder / RUN)


def describe(name_or_folder: str | Path) -> dict[str, Any]:
    """State which checkpoint this is, for the record of what is made from it.

    Args:
        name_or_folder: see `find_checkpoint`.

    Returns:
        Its `name`, the `sha256` of its weights, and its `run` record (None where it has none).

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    folder = find_checkpoint(name_or_folder)
    weights = folder / WEIGHTS
    return {
        "name": name_of(folder),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None,
        "run": read_run(folder) if (folder / RUN).is_file() else None,
    }


def check_vocabulary(folder: Path) -> None:
    """Refuse a checkpoint whose tokenizer is not that of this package.

    Args:
        folder: of the checkpoint.

    Raises:
        CheckpointError: names the first token that differs.
    """
    path = folder / TOKENIZER
    content = read_json(path)
    words = content.get("model")
    vocabulary = words.get("vocab") if isinstance(words, dict) else None
    if not isinstance(vocabulary, dict):
        raise CheckpointError(
            f"{path} is no tokenizer of this package: it has no vocabulary of words; copy it again"
        )
    try:
        added = [(str(token["content"]), token["id"]) for token in content.get("added_tokens") or ()]
    except (TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: its added tokens cannot be read; copy it again") from error
    differing = [token for token in TOKEN_ID if vocabulary.get(token) != TOKEN_ID[token]]
    differing += [token for token, number in [*vocabulary.items(), *added] if TOKEN_ID.get(token) != number]
    if differing:
        raise CheckpointError(
            f"{path}: another vocabulary (first difference at {differing[0]!r}); train again with this version's "
            "tokenizer"
        )


def save_checkpoint(
    model: PreTrainedModel,
    folder: Path,
    weights: Mapping[str, torch.Tensor] | None = None,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a checkpoint; a kill at any moment leaves the old weights or the new ones, never a mixture.

    Args:
        model: gives the configuration, and the weights where none are given.
        folder: made if missing.
        weights: a state dictionary that replaces the model's.
        dtype: precision on disk; None keeps the model's.
    """
    import torch
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    causal = BY_MODEL_TYPE[model.config.model_type].objective == CAUSAL
    save_tokenizer(folder, "left" if causal else "right")
    config = model.config.to_dict() | {
        "architectures": [type(model).__name__],
        "dtype": str(dtype or torch.float32).removeprefix("torch."),
    }
    config.pop("_name_or_path", None)
    write_text(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")
    ends = {name: getattr(model.config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    write_text(folder / GENERATION, json.dumps(ends | {"max_length": 64}, indent=2) + "\n")
    tensors = {
        name: tensor.detach().to("cpu", dtype or tensor.dtype).contiguous()
        for name, tensor in (weights or model.state_dict()).items()
    }
    for tied in model.all_tied_weights_keys or ():
        tensors.pop(tied, None)
    write_bytes(folder / WEIGHTS, save(tensors, {"format": "pt"}))


def _check_depth(folder: Path, tensors: Mapping[str, torch.Tensor], config: PreTrainedConfig) -> None:
    """Refuse more layers than there are tensors."""
    for key in ("num_hidden_layers", "encoder_layers", "decoder_layers"):
        layers = getattr(config, key, 0)
        if isinstance(layers, int) and layers > len(tensors):
            raise CheckpointError(
                f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {len(tensors):,} tensors are in the first and "
                f"{layers:,} layers in the second; copy both files from the same checkpoint"
            )


def _check_shapes(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    expected: Mapping[str, list[int]],
    tied: Mapping[str, str],
) -> None:
    for name in sorted({*expected, *tensors}):
        if name not in tensors and name in tied:
            continue  # a second name of a tensor that is there
        has = list(tensors[name].shape) if name in tensors else "absent"
        needs = expected.get(name, "absent")
        if has != needs:
            raise CheckpointError(
                f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {_line(name)} is {has} in the first and "
                f"{needs} in the second; copy both files from the same checkpoint"
            )


def _check_ties(path: Path, tensors: Mapping[str, torch.Tensor], model: PreTrainedModel) -> None:
    """Refuse a tensor that comes under two names with two values, of which one would be lost."""
    for second, first in (model.all_tied_weights_keys or {}).items():
        if second in tensors and first in tensors and not tensors[second].equal(tensors[first]):
            raise CheckpointError(
                f"{path}: tensor {_line(second)} is {_line(first)} by another name, but differs; copy it again"
            )


def _single_precision(path: Path, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Convert weights to float32, in which they are computed with, if they are numbers that can be computed with."""
    converted = {}
    for name, tensor in tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in _KINDS:
            raise CheckpointError(
                f"{path}: tensor {_line(name)} holds {kind}, but weights are {', '.join(_KINDS)}; copy it again, or "
                "save the model in one of these"
            )
        converted[name] = tensor.float()
        if not converted[name].isfinite().all():
            raise CheckpointError(
                f"{path}: tensor {_line(name)} holds numbers that are not finite; copy it again"
            )
    return converted


def _line(name: str) -> str:
    """Write the name of a tensor, which may be anything, in one line."""
    return " ".join(name.split())[:200]
