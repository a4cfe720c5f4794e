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
from mattransformer.tokenization import BEGIN_ID, END_ID, PAD_ID, VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

CAUSAL: Final = "causal"


class ArchitectureError(MattransformerError):
    """An architecture, preset or size that does not exist."""


@dataclass(frozen=True)
class Architecture:
    """One row of the table.

    Attributes:
        name: what configurations and users call it.
        model_type: the type that `AutoConfig.for_model` knows.
        objective: what it is trained for; `causal` predicts the next token.
        presets: preset name to the sizes that are given to the configuration class.
        fixed: settings of every preset: the same function computed faster, or a default that fits no formula.
        dropouts: the names of its dropout settings.
        cached: whether its forward pass can keep keys and values.
    """

    name: str
    model_type: str
    objective: str
    presets: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    dropouts: tuple[str, ...] = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
    cached: bool = True


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
        cached=False,
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


def build_config(name: str, preset: str, sizes: Mapping[str, Any] | None = None, dropout: float = 0.0) -> PreTrainedConfig:
    """Make the configuration of a model.

    Args:
        name: a row of the table.
        preset: `published` or `small`.
        sizes: settings that replace those of the preset, by the names of the configuration class.
        dropout: the share of activations dropped in training, everywhere the architecture drops any.

    Returns:
        A configuration with the vocabulary of this package.

    Raises:
        ArchitectureError: an unknown row or preset, or a setting that the class does not have.
    """
    from transformers import AutoConfig

    row = architecture(name)
    if preset not in row.presets:
        raise ArchitectureError(f"no preset {preset!r} of {name}: choose one of {', '.join(row.presets)}")
    settings = {**row.fixed, **row.presets[preset], **(sizes or {})}
    known = AutoConfig.for_model(row.model_type).to_dict()
    for key in sizes or {}:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ArchitectureError(f"{name} has no setting {key!r}{hint}")
    settings |= dict.fromkeys(row.dropouts, dropout)
    return AutoConfig.for_model(
        row.model_type,
        vocab_size=len(VOCABULARY),
        pad_token_id=PAD_ID,
        bos_token_id=BEGIN_ID,
        eos_token_id=END_ID,
        **settings,
    )


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
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    except (ValueError, AssertionError, ZeroDivisionError) as error:
        raise ArchitectureError(f"{config.model_type}: {' '.join(str(error).split())}; change the sizes") from error


def parameters_beside_embeddings(model: PreTrainedModel) -> int:
    """Count the parameters that matrix products use at every position.

    Args:
        model: any model of the table.

    Returns:
        All parameters less those of token and position embeddings and of the output layer.
    """
    import torch

    outside = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding) or module is model.get_output_embeddings()
        for parameter in module.parameters(recurse=False)
    }
    return sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in outside)
