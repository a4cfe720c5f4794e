"""The same functions as in transformers, in forms that a processor computes faster.

Formulas are short and the published models narrow, so a training spends as long beside the matrix products as in them.
`use_fast_kernels` exchanges three parts of a built model. Neither its configuration nor its weights change, so that a
checkpoint opens in plain transformers and gives the same numbers there.
"""

from __future__ import annotations

import math
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# float32 numbers in an AVX-512 register: torch's softmax takes shorter rows one number at a time, ten times slower.
_REGISTER: Final = 16
_DRAWS: Final = 2**16


class Dropout(torch.nn.Dropout):
    """Dropout from 16 random bits a number instead of a uniform one: five times faster on a processor.

    The share that is dropped is `p`, rounded to 1/65536. torch's default generator decides.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop numbers in training, and scale the rest so that the mean stays."""
        dropped = min(round(self.p * _DRAWS), _DRAWS - 1)
        if not self.training or dropped == 0 or input.device.type != "cpu":
            return super().forward(input)
        numbers = input.numel()
        bits = torch.empty(math.ceil(numbers / 4), dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[:numbers].ge_(dropped - _DRAWS // 2)  # 1 or 0
        return input * kept.to(input.dtype).mul_(_DRAWS / (_DRAWS - dropped)).view(input.shape)


class _ShortSoftmax(torch.autograd.Function):
    """Softmax over the last dimension in whole-tensor operations."""

    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - torch has no type for it
        # exp2, because the exp of MKL is slow where the result is zero, as under the mask.
        shares = (scores - scores.amax(-1, keepdim=True)).mul_(math.log2(math.e)).exp2_()
        shares /= shares.sum(-1, keepdim=True)
        ctx.save_for_backward(shares)
        return shares

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        (shares,) = ctx.saved_tensors
        weighted = gradient * shares
        return weighted.addcmul_(shares, weighted.sum(-1, keepdim=True), value=-1)


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """Give the softmax over the last dimension.

    Args:
        scores: any shape, float32.

    Returns:
        The same shape.
    """
    if scores.shape[-1] < _REGISTER and scores.device.type == "cpu":
        return _ShortSoftmax.apply(scores)  # type: ignore[no-untyped-call]
    return torch.softmax(scores, dim=-1)


def use_fast_kernels(model: PreTrainedModel) -> None:
    """Exchange dropout, the tanh form of GELU and the attention of GPT for faster forms.

    Args:
        model: freshly built; it computes the same function afterwards.
    """
    from transformers.activations import NewGELUActivation
    from transformers.models.openai.modeling_openai import Attention

    for module in list(model.modules()):
        for name, part in list(module.named_children()):
            if type(part) is torch.nn.Dropout:
                setattr(module, name, Dropout(part.p))
            elif isinstance(part, NewGELUActivation):  # eight kernels for what one does
                setattr(module, name, torch.nn.GELU(approximate="tanh"))
        if isinstance(module, Attention):
            module._attn = MethodType(_attend, module)  # type: ignore[method-assign]


def _attend(
    self: Any,  # noqa: ANN401
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    output_attentions: bool = False,
) -> list[torch.Tensor]:
    """Do what `Attention._attn` of `openai-gpt` does, with scale and mask in one pass over the scores.

    Args:
        self: the module.
        query: (B, H, T, D).
        key: (B, H, D, T).
        value: (B, H, T, D).
        attention_mask: added to the scores.
        output_attentions: return the attention (B, H, T, T) too.
    """
    length = query.shape[-2]
    hidden = (self.bias[:, :, :length, :length] - 1) * 1e4  # 0 where a token may look, else -10,000
    scores = torch.add(hidden, query @ key, alpha=1 / math.sqrt(value.shape[-1]))  # (B, H, T, T), float32
    if attention_mask is not None:
        scores = scores + attention_mask
    attention = self.attn_dropout(softmax(scores))
    return [attention @ value, attention] if output_attentions else [attention @ value]
