"""The blank language model: an encoder over canvases of elements and blanks, and the three choices of a step.

    <mp> <strict> <blank>  ->  <mp> <strict> <blank> Ti <blank>  ->  ...  ->  <mp> <strict> Sr Ti O O O

A step picks a blank, an element for it, and whether a blank stays on its left, on its right, on both sides or on none.
Shen et al., Blank Language Models, arXiv:2002.03079; for crystals Wei et al., arXiv:2204.11953. The paper's encoder is
that of the original transformer; here the layers are normalised before they compute, which trains without a long
warm-up. The classes are registered on import, so a checkpoint opens with `AutoModel` where this module was imported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from mattransformer.models.kernels import softmax
from mattransformer.tokenization import BEGIN_ID, BLANK_ID, END_ID, FIRST_ELEMENT_ID, PAD_ID, VOCABULARY

# An action's number is LEFT, if a blank stays on the left, plus RIGHT, if one stays on the right: E, _E, E_, _E_.
LEFT: Final = 1
RIGHT: Final = 2
ACTIONS: Final = ("E", "_E", "E_", "_E_")


@strict
class BlankFillingConfig(PreTrainedConfig):
    """Sizes of a blank language model; the defaults are the published ones.

    Attributes:
        vocab_size: tokens; those from `FIRST_ELEMENT_ID` on are what a blank can become.
        hidden_size: width.
        num_hidden_layers: layers.
        num_attention_heads: heads a layer; they divide the width.
        intermediate_size: width inside the feed-forward layers.
        max_position_embeddings: most tokens of a canvas, conditions included.
        hidden_dropout: the share of activations dropped in training: of embeddings, attention and every layer's output.
        tie_word_embeddings: score elements with the embeddings that read them.
    """

    model_type = "blm"

    vocab_size: int = len(VOCABULARY)
    hidden_size: int = 512
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    intermediate_size: int = 2048
    max_position_embeddings: int = 256
    hidden_dropout: float | int = 0.3
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    pad_token_id: int | None = PAD_ID
    bos_token_id: int | None = BEGIN_ID
    eos_token_id: int | list[int] | None = END_ID
    tie_word_embeddings: bool = True


@dataclass
class BlankFillingOutput(ModelOutput):
    """What a forward pass gives.

    Attributes:
        last_hidden_state: (B, L, H).
        log_probs: of the steps that were asked for, natural logarithms, (B, M); None where none were.
        endings: of placing each element with no blank beside it, and of all steps that leave a blank, for the canvases
            that were asked for, (K, elements + 1); None where none were.
    """

    last_hidden_state: torch.Tensor | None = None
    log_probs: torch.Tensor | None = None
    endings: torch.Tensor | None = None


class _Layer(nn.Module):
    """Attention and feed-forward, each normalised before and added after."""

    def __init__(self, config: BlankFillingConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.attention_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_dropout = nn.Dropout(config.hidden_dropout)
        self.attention_output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.inner = nn.Linear(width, config.intermediate_size)
        self.outer = nn.Linear(config.intermediate_size, width)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, wanted: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute one layer.

        Args:
            hidden: (B, L, H).
            mask: added to the scores, (B, 1, 1, L); None where nothing is padding.
            wanted: bool, (B, L), the K positions whose new states are needed; None for all.

        Returns:
            (B, L, H), or (K, H).
        """
        batch, length, width = hidden.shape
        projected = self.query_key_value(self.attention_norm(hidden))
        query, key, value = projected.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)).float()  # (B, heads, L, L)
        if mask is not None:
            scores = scores + mask
        seen = self.attention_dropout(softmax(scores).to(value.dtype)) @ value
        seen = seen.transpose(1, 2).reshape(batch, length, width)
        if wanted is not None:
            hidden, seen = hidden[wanted], seen[wanted]
        hidden = hidden + self.dropout(self.attention_output(seen))
        # ReLU, as published; on a processor GELU takes a fifth of all the time.
        return hidden + self.dropout(self.outer(torch.relu(self.inner(self.norm(hidden)))))


class BlankFillingModel(PreTrainedModel):
    """The encoder with the heads for blank, element and action.

    Elements alone can be chosen for a blank: no special token ever has a probability.
    """

    config_class = BlankFillingConfig
    config: BlankFillingConfig
    _no_split_modules = ["_Layer"]  # noqa: RUF012 - as in the base class
    _tied_weights_keys = {"element_head.weight": "word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config: BlankFillingConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        if width % config.num_attention_heads:
            raise ValueError(
                f"hidden_size {width} is not divisible by num_attention_heads {config.num_attention_heads}"
            )
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.blank_head = nn.Linear(width, 1)
        self.element_head = nn.Linear(width, config.vocab_size, bias=False)
        self.action_inner = nn.Linear(2 * width, width)
        self.action_outer = nn.Linear(width, len(ACTIONS))
        self.post_init()  # type: ignore[no-untyped-call]

    def eval(self) -> Self:
        """Leave training; transformers leaves this untyped."""
        return super().eval()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """Give the embeddings of the tokens."""
        return self.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Exchange the embeddings of the tokens."""
        self.word_embeddings = value  # type: ignore[assignment]

    def get_output_embeddings(self) -> nn.Module:
        """Give the layer that scores elements."""
        return self.element_head

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        elements: torch.Tensor | None = None,
        actions: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
        *,
        blanks_only: bool = False,
        **_: Any,  # noqa: ANN401 - transformers passes settings that do not matter here
    ) -> BlankFillingOutput:
        """Encode canvases, and score steps on them.

        The steps are scored here rather than in a method of their own, so that a wrapper of `forward` (DDP, autocast)
        sees the whole loss. Either all of `positions`, `elements` and `actions` are given, or none.

        Args:
            input_ids: canvases, (B, L): condition tokens, then elements and blanks.
            attention_mask: 1 for tokens and 0 for padding, on either side, (B, L); None where nothing is padding.
            positions: which blank of its canvas each of M steps fills, an index into L, (B, M).
            elements: with which token, (B, M).
            actions: what stays beside it, a sum of `LEFT` and `RIGHT`, (B, M).
            last: rows with one blank alone whose endings are wanted, (K,).
            blanks_only: leave the last layer out where no blank is: hidden states there are 0. So it is where steps are
                scored, for which they are not needed.

        Returns:
            Hidden states, and the log-probabilities of the steps: minus infinity at a position that is no blank.
        """
        hidden = self._encode(input_ids, attention_mask, blanks_only=blanks_only or positions is not None)
        if positions is None or elements is None or actions is None:
            return BlankFillingOutput(last_hidden_state=hidden)
        chosen = hidden.gather(1, positions[:, :, None].expand(-1, -1, hidden.shape[-1]))  # (B, M, H)
        element = self.element_log_probs(chosen).gather(2, (elements - FIRST_ELEMENT_ID)[:, :, None])
        action = self.action_log_probs(chosen, elements).gather(2, actions[:, :, None])
        blank = self.blank_log_probs(hidden, input_ids).gather(1, positions)
        return BlankFillingOutput(
            last_hidden_state=hidden,
            log_probs=blank + element.squeeze(2) + action.squeeze(2),
            endings=None if last is None else self._endings(hidden[last], input_ids[last]),
        )

    def _endings(self, hidden: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        """Score the steps that leave no blank on canvases with one, (K, L, H) and (K, L), and all others together."""
        states = hidden[input_ids == BLANK_ID]  # (K, H)
        elements = torch.arange(FIRST_ELEMENT_ID, self.config.vocab_size, device=states.device)
        wide = states[:, None].expand(-1, len(elements), -1)
        actions = self.action_log_probs(wide, elements.expand(len(states), -1))  # (K, elements, 4)
        chosen = self.element_log_probs(states)[:, :, None] + actions
        return torch.cat([chosen[:, :, 0], chosen[:, :, 1:].flatten(1).logsumexp(1, keepdim=True)], dim=1)

    def _encode(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None, *, blanks_only: bool
    ) -> torch.Tensor:
        if attention_mask is None:
            places = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
            mask = None
        else:  # places are counted from the first token, wherever the padding stands
            places = (attention_mask.long().cumsum(1) - 1).clamp_(min=0)
            mask = (1.0 - attention_mask[:, None, None].float()) * torch.finfo(torch.float32).min
        hidden = self.dropout(self.word_embeddings(input_ids) + self.position_embeddings(places))
        for layer in self.layers[:-1]:
            hidden = layer(hidden, mask)
        if not blanks_only:
            return self.norm(self.layers[-1](hidden, mask))
        blank = input_ids == BLANK_ID
        states = self.norm(self.layers[-1](hidden, mask, blank))
        return states.new_zeros(hidden.shape).masked_scatter(blank[:, :, None], states)

    def blank_log_probs(self, hidden: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        """Score every blank of a canvas against its other blanks.

        Args:
            hidden: last hidden states, (B, L, H).
            input_ids: the canvases, (B, L).

        Returns:
            Natural logarithms, (B, L), float32; minus infinity where there is no blank.
        """
        blank = input_ids == BLANK_ID
        scores = self.blank_head(hidden).squeeze(-1).float()
        # A finite number, so that a canvas without blanks does not end in nan.
        scores = scores.masked_fill(~blank, torch.finfo(torch.float32).min)
        return torch.log_softmax(scores, dim=-1).masked_fill(~blank, float("-inf"))

    def element_log_probs(self, hidden: torch.Tensor) -> torch.Tensor:
        """Score the elements for blanks.

        Args:
            hidden: last hidden states of blanks, (..., H).

        Returns:
            Natural logarithms, (..., elements), float32; column 0 is the token `FIRST_ELEMENT_ID`.
        """
        scores = nn.functional.linear(hidden, self.element_head.weight[FIRST_ELEMENT_ID:])
        return torch.log_softmax(scores.float(), dim=-1)

    def action_log_probs(self, hidden: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
        """Score what stays beside an element.

        Args:
            hidden: last hidden states of blanks, (..., H).
            elements: the tokens that fill them, (...).

        Returns:
            Natural logarithms, (..., 4), float32, in the order of `ACTIONS`.
        """
        inner = self.action_inner(
            torch.cat([hidden, self.word_embeddings(elements).to(hidden.dtype)], dim=-1)
        )
        return torch.log_softmax(self.action_outer(torch.relu(inner)).float(), dim=-1)


AutoConfig.register("blm", BlankFillingConfig, exist_ok=True)
AutoModel.register(BlankFillingConfig, BlankFillingModel, exist_ok=True)
