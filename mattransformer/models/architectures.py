"""The architectures, as a table: one row a model, with its objective and the sizes of its presets.

`published` holds the sizes of the papers (Fu et al., Mach. Learn.: Sci. Technol. 4, 015001, 2023; where the released
scripts say nothing, the defaults of the Hugging Face class); `small` is for a laptop, and its weights take at most
4 MB in half precision. A model is built through `AutoConfig.for_model`, so a checkpoint opens in plain transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from mattransformer.errors import MattransformerError
from mattransformer.tokenization import BEGIN_ID, END_ID, FIRST_ELEMENT_ID, PAD_ID, VOCABULARY

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

CAUSAL: Final = "causal"
MASKED_DIFFUSION: Final = "masked diffusion"
INFILLING: Final = "text infilling"
BLANK_FILLING: Final = "blank filling"


_NEVER: Final = -100.0  # a logit


class ArchitectureError(MattransformerError):
    """An architecture, preset or size that does not exist."""


@dataclass(frozen=True)
class Architecture:
    """One row of the table.

    Attributes:
        name: what configurations and users call it.
        model_type: the type that `AutoConfig.for_model` knows.
        objective: what it is trained for, see `mattransformer.objectives`.
        presets: preset name to the sizes that are given to the configuration class.
        fixed: settings of every preset: the same function computed faster, or a default that fits no formula.
        dropouts: the names of its dropout settings.
        class_name: the Auto class of transformers that opens it.
    """

    name: str
    model_type: str
    objective: str
    presets: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    dropouts: tuple[str, ...] = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
    class_name: str = "AutoModelForCausalLM"


# gelu_pytorch_tanh is gelu_new in one kernel.
ARCHITECTURES: Final[tuple[Architecture, ...]] = (
    Architecture(
        name="gpt",
        model_type="openai-gpt",
        objective=CAUSAL,
        presets={
            "published": {"n_layer": 12, "n_embd": 180, "n_head": 6, "n_positions": 256},
            "small": {"n_layer": 4, "n_embd": 192, "n_head": 6, "n_positions": 64},
        },
    ),
    Architecture(
        name="gpt2",
        model_type="gpt2",
        objective=CAUSAL,
        presets={
            "published": {"n_layer": 8, "n_embd": 180, "n_head": 4, "n_positions": 256},
            "small": {"n_layer": 4, "n_embd": 192, "n_head": 6, "n_positions": 64},
        },
        fixed={"activation_function": "gelu_pytorch_tanh"},
    ),
    Architecture(
        name="gpt-neo",
        model_type="gpt_neo",
        objective=CAUSAL,
        presets={
            "published": {
                "num_layers": 12,
                "hidden_size": 180,
                "num_heads": 6,
                "max_position_embeddings": 256,
                "attention_types": [[["global", "local"], 6]],
            },
            "small": {
                "num_layers": 4,
                "hidden_size": 192,
                "num_heads": 6,
                "max_position_embeddings": 64,
                "attention_types": [[["global", "local"], 2]],
            },
        },
        fixed={"activation_function": "gelu_pytorch_tanh"},
        dropouts=("resid_dropout", "embed_dropout", "attention_dropout"),
    ),
    Architecture(
        name="gpt-j",
        model_type="gptj",
        objective=CAUSAL,
        presets={
            "published": {"n_layer": 12, "n_embd": 180, "n_head": 6, "n_positions": 256, "rotary_dim": 30},
            "small": {"n_layer": 4, "n_embd": 192, "n_head": 6, "n_positions": 64, "rotary_dim": 32},
        },
        fixed={"activation_function": "gelu_pytorch_tanh"},
    ),
    Architecture(
        name="bart",
        model_type="bart",
        objective=INFILLING,
        presets={
            "published": {
                "encoder_layers": 10,
                "decoder_layers": 10,
                "d_model": 128,
                "encoder_ffn_dim": 256,
                "decoder_ffn_dim": 256,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "max_position_embeddings": 256,
            },
            "small": {
                "encoder_layers": 2,
                "decoder_layers": 3,
                "d_model": 144,
                "encoder_ffn_dim": 576,
                "decoder_ffn_dim": 576,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "max_position_embeddings": 64,
            },
        },
        fixed={
            "activation_function": "gelu",
            "decoder_start_token_id": BEGIN_ID,
            "forced_eos_token_id": None,
            "is_encoder_decoder": True,
        },
        dropouts=("dropout", "attention_dropout", "activation_dropout"),
        class_name="AutoModelForSeq2SeqLM",
    ),
    Architecture(
        name="roberta",
        model_type="roberta",
        objective=MASKED_DIFFUSION,
        presets={
            "published": {
                "num_hidden_layers": 8,
                "hidden_size": 180,
                "num_attention_heads": 4,
                "intermediate_size": 3072,
                "max_position_embeddings": 257,
            },
            "small": {
                "num_hidden_layers": 4,
                "hidden_size": 176,
                "num_attention_heads": 4,
                "intermediate_size": 704,
                "max_position_embeddings": 65,
            },
        },
        fixed={"type_vocab_size": 1},
        dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
        class_name="AutoModelForMaskedLM",
    ),
    Architecture(
        name="blm",
        model_type="blm",
        objective=BLANK_FILLING,
        presets={
            "published": {
                "num_hidden_layers": 6,
                "hidden_size": 512,
                "intermediate_size": 2048,
                "num_attention_heads": 8,
                "max_position_embeddings": 256,
            },
            "small": {
                "num_hidden_layers": 4,
                "hidden_size": 168,
                "intermediate_size": 672,
                "num_attention_heads": 6,
                "max_position_embeddings": 64,
            },
        },
        dropouts=("hidden_dropout",),
        class_name="AutoModel",
    ),
)
BY_NAME: Final[dict[str, Architecture]] = {row.name: row for row in ARCHITECTURES}
BY_MODEL_TYPE: Final[dict[str, Architecture]] = {row.model_type: row for row in ARCHITECTURES}


def architecture(name: str) -> Architecture:
    """Find a row of the table.

    Args:
        name: for example `gpt2`.

    Returns:
        The row.

    Raises:
        ArchitectureError: there is no such row.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    near = get_close_matches(name, BY_NAME, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ArchitectureError(f"no architecture {name!r}: choose one of {', '.join(BY_NAME)}{hint}")


def build_config(
    name: str, preset: str, sizes: Mapping[str, Any] | None = None, dropout: float = 0.0
) -> PreTrainedConfig:
    """Make the configuration of a model.

    Args:
        name: a row of the table.
        preset: `published` or `small`.
        sizes: settings that replace those of the preset, by the names of the configuration class.
        dropout: the share of activations dropped in training, everywhere the architecture drops any.

    Returns:
        A configuration with the vocabulary of this package.

    Raises:
        ArchitectureError: an unknown row or preset, a setting that the class does not have, one that is decided
            elsewhere, or a value of the wrong kind.
    """
    from transformers import AutoConfig

    register()
    row = architecture(name)
    if preset not in row.presets:
        raise ArchitectureError(f"no preset {preset!r} of {name}: choose one of {', '.join(row.presets)}")
    settings = {**row.fixed, **row.presets[preset], **(sizes or {})}
    known = AutoConfig.for_model(row.model_type).to_dict()
    decided = {
        "vocab_size": len(VOCABULARY),
        "pad_token_id": PAD_ID,
        "bos_token_id": BEGIN_ID,
        "eos_token_id": END_ID,
        **dict.fromkeys(row.dropouts, dropout),
    }
    for key in sizes or {}:
        if key in decided or key == "model_type":
            raise ArchitectureError(
                f"{key} is no size: the architecture, the vocabulary or `dropout` decides it; leave it out"
            )
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ArchitectureError(f"{name} has no setting {key!r}{hint}")
    try:
        return AutoConfig.for_model(row.model_type, **settings, **decided)
    except Exception as error:  # every class of transformers has errors of its own for this
        raise _misfit(row.model_type, error) from error


def shapes_of(config: PreTrainedConfig) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Say which tensors a model has, without the memory for them.

    Args:
        config: of an architecture in the table.

    Returns:
        Name of each tensor to its shape, and second names of tensors to their first.

    Raises:
        ArchitectureError: sizes that do not fit together.
    """
    import torch
    import transformers

    try:
        with torch.device("meta"):
            model = getattr(transformers, BY_MODEL_TYPE[config.model_type].class_name).from_config(
                config, dtype=torch.float32, attn_implementation="eager"
            )
    except Exception as error:  # transformers and torch have a dozen kinds for this
        raise _misfit(config.model_type, error) from error
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    return shapes, dict(model.all_tied_weights_keys or {})


def build_model(config: PreTrainedConfig) -> PreTrainedModel:
    """Make a model with fresh weights; the generator of torch decides them.

    Args:
        config: from `build_config`.

    Returns:
        The model, float32, on the CPU. Its attention is the plain one, which for sequences this short is twice as
        fast on a processor as the fused kernel.

    Raises:
        ArchitectureError: sizes that do not fit together.
    """
    import torch
    import transformers

    from mattransformer.models.kernels import use_fast_kernels

    try:
        auto_class = getattr(transformers, BY_MODEL_TYPE[config.model_type].class_name)
        model: PreTrainedModel = auto_class.from_config(
            config, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        with torch.no_grad():  # some sizes are found not to fit only when they are used
            model(input_ids=torch.tensor([[BEGIN_ID, END_ID]]))
    except Exception as error:  # transformers and torch have a dozen kinds for this
        raise _misfit(config.model_type, error) from error
    if BY_MODEL_TYPE[config.model_type].objective == MASKED_DIFFUSION:
        # Elements alone are learned for a mask: no other token is to have a probability in plain transformers either.
        with torch.no_grad():
            model.get_output_embeddings().bias[:FIRST_ELEMENT_ID] = _NEVER
    use_fast_kernels(model)
    return model.train()


def register() -> None:
    """Make the model of this package known to the Auto classes of transformers, which know the others by themselves."""
    import mattransformer.models.blank_filling  # noqa: F401 - the import registers it


def positions(config: PreTrainedConfig) -> int:
    """Count the tokens that a sequence of a model may have, conditions and end included.

    Args:
        config: of a model of the table.

    Returns:
        Its positions, less what RoBERTa keeps for padding.
    """
    taken = PAD_ID + 1 if config.model_type == "roberta" else 0
    return int(config.max_position_embeddings) - taken


def _misfit(model_type: str, error: Exception) -> ArchitectureError:
    reason = " ".join(str(error).split()).rstrip(".")
    return ArchitectureError(f"{model_type}: {reason or type(error).__name__}; change the sizes")


def embedding_parameters(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    """List the parameters of token and position embeddings and of the output layer.

    Args:
        model: any model of the table.

    Returns:
        Each once.
    """
    import torch

    found = {
        id(parameter): parameter
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding) or module is model.get_output_embeddings()
        for parameter in module.parameters(recurse=False)
    }
    return list(found.values())


def parameters_beside_embeddings(model: PreTrainedModel) -> int:
    """Count the parameters that matrix products use at every position.

    Args:
        model: any model of the table.

    Returns:
        All parameters less those of token and position embeddings and of the output layer.
    """
    outside = {id(parameter) for parameter in embedding_parameters(model)}
    return sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in outside)
