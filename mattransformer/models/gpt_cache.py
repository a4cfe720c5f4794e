"""Keys and values of GPT from one token to the next, which `openai-gpt` of transformers does not keep.

The function is that of `OpenAIGPTLMHeadModel` in evaluation mode: norms after attention and after the feed-forward.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from mattransformer.models.kernels import softmax

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel


def next_token_logits(
    model: PreTrainedModel, ids: torch.Tensor, cache: DynamicCache | None
) -> tuple[torch.Tensor, DynamicCache]:
    """Score the token that follows.

    Args:
        model: GPT, in evaluation mode.
        ids: the tokens that are new, (B, T).
        cache: keys and values of the S tokens before them; None where they are the first.

    Returns:
        Logits after the last of them, (B, V), and the keys and values of all S + T tokens.
    """
    from transformers import DynamicCache

    stack: Any = model.transformer
    seen = 0 if cache is None else cache.get_seq_length()
    places = torch.arange(seen, seen + ids.shape[1], device=ids.device)
    hidden = stack.tokens_embed(ids) + stack.positions_embed(places)
    # True where a token would look at a later one, (T, S + T).
    later = torch.arange(seen + ids.shape[1], device=ids.device) > places[:, None]
    kept = []
    for number, block in enumerate(stack.h):
        query, key, value = (
            _heads(part, block.attn.n_head) for part in block.attn.c_attn(hidden).chunk(3, -1)
        )
        if cache is not None:
            layer: Any = cache.layers[number]
            key, value = torch.cat([layer.keys, key], dim=2), torch.cat([layer.values, value], dim=2)
        kept.append((key, value))
        scores = (query @ key.transpose(-2, -1)) / math.sqrt(value.shape[-1])  # (B, H, T, S + T)
        mixed = softmax(scores.masked_fill(later, -1e4)) @ value
        attended = block.attn.c_proj(mixed.transpose(1, 2).flatten(2))
        middle = block.ln_1(hidden + attended)
        hidden = block.ln_2(middle + block.mlp(middle))
    logits: torch.Tensor = model.lm_head(hidden[:, -1])
    return logits, DynamicCache(kept)


def _heads(part: torch.Tensor, heads: int) -> torch.Tensor:
    """Divide the width among heads: (B, T, H * D) to (B, H, T, D)."""
    return part.unflatten(-1, (heads, -1)).transpose(1, 2)
