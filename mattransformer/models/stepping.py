"""One token after another for many sequences that share their beginnings: the decoders of the table, without padding.

A tile of nodes of a tree of prefixes, all of one depth, is evaluated together. Each node brings its last token and the
places where the keys and values of its ancestors lie, so nothing of a prefix is computed or copied twice. The functions
are those of the models of transformers in evaluation mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from transformers.activations import GELUTanh, NewGELUActivation

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PRECISIONS: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Of the weights and the inputs of matrix products; all else is float32."""
_ROWS: Final = 128


@dataclass(frozen=True)
class Linear:
    """A matrix product with a bias, (out, in)."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Apply it, (N, in) to (N, out), in the precision of the weight."""
        return torch.nn.functional.linear(hidden.to(self.weight.dtype), self.weight, self.bias)


Norm = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Block:
    """A layer of a decoder.

    Attributes:
        joined: query, key and value.
        out: of the attention.
        norm: of the attention: before it, or behind the sum where the block is `post`.
        up: of the feed-forward.
        activation: between the two.
        down: of the feed-forward.
        feed_norm: of the feed-forward; None where it reads what the attention does, beside it.
        across: what is added from an encoder, norm included; None without one.
    """

    joined: Linear
    out: Linear
    norm: Norm
    up: Linear
    activation: Norm
    down: Linear
    feed_norm: Norm | None
    across: Norm | None = None


@dataclass(frozen=True)
class Decoder:
    """A stack of blocks with what stands before and behind it.

    Attributes:
        tokens: embeddings, (V, W).
        positions: embeddings that are added, (positions, W); None without.
        first_norm: of the embeddings; None without.
        blocks: the layers.
        post: whether norms stand behind the sums (GPT, BART).
        last_norm: before the head; None without.
        head: to the logits.
        heads: of the attention.
        scale: of its scores.
        rotary: sines and cosines of the positions, (positions, 2, width of a head), 0 and 1 where nothing turns; None
            without.
    """

    tokens: torch.Tensor
    positions: torch.Tensor | None
    first_norm: Norm | None
    blocks: tuple[Block, ...]
    post: bool
    last_norm: Norm | None
    head: Linear
    heads: int
    scale: float
    rotary: torch.Tensor | None = None


class TreeDecoder:
    """A decoder along a tree of prefixes.

    Attributes:
        vocabulary: number of tokens.
        places: most nodes of a tile.
    """

    def __init__(self, decoder: Decoder, places: int, depths: int) -> None:
        """Make room for keys and values.

        Args:
            decoder: the weights.
            places: most nodes of a tile.
            depths: most tokens of a sequence, prompt included.
        """
        self._decoder = decoder
        self.vocabulary = len(decoder.head.weight)
        self.places = places
        width = decoder.tokens.shape[1]
        # Memory that is never written is never taken: trees are rarely as deep as they may be.
        self._pool = torch.empty(
            (depths, len(decoder.blocks), 2, places, width), device=decoder.tokens.device, dtype=torch.float32
        )

    @torch.no_grad()
    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """Evaluate a tile; it takes the places 0 to N - 1 of its depth, whatever was there.

        Args:
            prefixes: all tokens of each node, (N, depth + 1); those before the last were evaluated earlier.
            ancestors: the place of each of these earlier prefixes, shortest first, (N, depth).

        Returns:
            Logits of the next token, (N, V), float32.
        """
        from mattransformer.models.tree_attention import (
            attend,  # numba is slow to import, and only walks need it
        )

        own, depth, nodes = self._decoder, ancestors.shape[1], len(prefixes)
        tokens = prefixes[:, -1]
        if own.head.weight.dtype != torch.float32:
            # Kernels of half precision are made for each number of rows: a few numbers do for all.
            tokens, ancestors = (
                _filled_up(part, min(self.places, -(-nodes // _ROWS) * _ROWS)) for part in (tokens, ancestors)
            )
        rows = torch.cat([ancestors, torch.arange(len(tokens), device=tokens.device)[:, None]], dim=1)
        hidden = own.tokens[tokens]
        if own.positions is not None:
            hidden = hidden + own.positions[depth]
        if own.first_norm is not None:
            hidden = own.first_norm(hidden)
        for layer, block in enumerate(own.blocks):
            read = hidden if own.post else block.norm(hidden)
            query, key, value = block.joined(read).chunk(3, dim=-1)
            if own.rotary is not None:
                query, key = (_turned(part.float(), own.rotary[depth], own.heads) for part in (query, key))
            self._pool[depth, layer, 0, : len(tokens)] = key
            self._pool[depth, layer, 1, : len(tokens)] = value
            mixed = block.out(attend(query.float(), self._pool, layer, rows, own.heads, own.scale))
            if own.post:
                hidden = block.norm(hidden + mixed)
                hidden = hidden if block.across is None else block.across(hidden)
                assert block.feed_norm is not None
                hidden = block.feed_norm(hidden + _fed(block, hidden))
            elif block.feed_norm is None:
                hidden = hidden + mixed + _fed(block, read)
            else:
                hidden = hidden + mixed
                hidden = hidden + _fed(block, block.feed_norm(hidden))
        return own.head(hidden if own.last_norm is None else own.last_norm(hidden))[:nodes].float()


def _filled_up(part: torch.Tensor, rows: int) -> torch.Tensor:
    """Repeat the first row behind the last one until there are so many."""
    return torch.cat([part, part[:1].expand(rows - len(part), *part.shape[1:])])


def _fed(block: Block, hidden: torch.Tensor) -> torch.Tensor:
    return block.down(block.activation(block.up(hidden)))


def _turned(part: torch.Tensor, angles: torch.Tensor, heads: int) -> torch.Tensor:
    """Turn each pair of numbers of each head by the angle of its position (Su et al., arXiv:2104.09864)."""
    pairs = part.unflatten(-1, (heads, -1))
    crossed = torch.stack([-pairs[..., 1::2], pairs[..., ::2]], dim=-1).flatten(-2)
    return (pairs * angles[1] + crossed * angles[0]).flatten(1)


def read_decoder(
    model: PreTrainedModel, precision: str = "float32", states: torch.Tensor | None = None
) -> Decoder:
    """Take the decoder out of a model.

    Args:
        model: GPT, GPT-2, GPT-Neo, GPT-J or BART, in evaluation mode.
        precision: of `PRECISIONS`.
        states: what the encoder of BART says of a canvas, (1, S, W).

    Returns:
        Its weights, matrices copied.
    """
    return _READERS[model.config.model_type](model, PRECISIONS[precision], states)


def _linear(kind: torch.dtype, *modules: Any, turned: bool = False) -> Linear:  # noqa: ANN401 - modules have no types
    """Copy one or more matrices that read the same numbers; `turned` ones lie as (in, out)."""
    weights = [module.weight.detach() for module in modules]
    weight = torch.cat([part.T if turned else part for part in weights]).to(kind).contiguous()
    biases = [module.bias.detach() for module in modules if getattr(module, "bias", None) is not None]
    bias = torch.cat(biases).to(kind) if biases else None
    return Linear(weight, bias)


def _activation(module: Any, kind: torch.dtype) -> Norm:  # noqa: ANN401
    """Take the tanh form of GELU (Hendrycks, Gimpel, arXiv:1606.08415) in a faster form.

    In half precision its exact form does as well, which is below 5e-4 away, far less than rounding.
    """
    if not (isinstance(module, torch.nn.GELU) and module.approximate == "tanh") and not isinstance(
        module, GELUTanh | NewGELUActivation
    ):
        activation: Norm = module
        return activation
    return _gelu if kind == torch.float32 else torch.nn.functional.gelu


def _gelu(hidden: torch.Tensor) -> torch.Tensor:
    """Give x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)), which is the tanh form."""
    twice = 2 * math.sqrt(2 / math.pi)
    return hidden.square().mul_(0.044715 * twice).add_(twice).mul_(hidden).sigmoid_().mul_(hidden)


def _read_gpt(model: Any, kind: torch.dtype, states: torch.Tensor | None) -> Decoder:  # noqa: ANN401
    del states
    stack, config = model.transformer, model.config
    post = config.model_type == "openai-gpt"
    blocks = [
        Block(
            joined=_linear(kind, block.attn.c_attn, turned=True),
            out=_linear(kind, block.attn.c_proj, turned=True),
            norm=block.ln_1,
            up=_linear(kind, block.mlp.c_fc, turned=True),
            activation=_activation(block.mlp.act, kind),
            down=_linear(kind, block.mlp.c_proj, turned=True),
            feed_norm=block.ln_2,
        )
        for block in stack.h
    ]
    return Decoder(
        tokens=(stack.tokens_embed if post else stack.wte).weight.detach(),
        positions=(stack.positions_embed if post else stack.wpe).weight.detach(),
        first_norm=None,
        blocks=tuple(blocks),
        post=post,
        last_norm=None if post else stack.ln_f,
        head=_linear(kind, model.lm_head),
        heads=config.n_head,
        scale=(config.n_embd // config.n_head) ** -0.5,
    )


def _read_gpt_neo(model: Any, kind: torch.dtype, states: torch.Tensor | None) -> Decoder:  # noqa: ANN401
    del states
    stack, config = model.transformer, model.config
    blocks = []
    for block in stack.h:
        inner = block.attn.attention
        blocks.append(
            Block(
                joined=_linear(kind, inner.q_proj, inner.k_proj, inner.v_proj),
                out=_linear(kind, inner.out_proj),
                norm=block.ln_1,
                up=_linear(kind, block.mlp.c_fc),
                activation=_activation(block.mlp.act, kind),
                down=_linear(kind, block.mlp.c_proj),
                feed_norm=block.ln_2,
            )
        )
    return Decoder(
        tokens=stack.wte.weight.detach(),
        positions=stack.wpe.weight.detach(),
        first_norm=None,
        blocks=tuple(blocks),
        post=False,
        last_norm=stack.ln_f,
        head=_linear(kind, model.lm_head),
        heads=config.num_heads,
        scale=1.0,  # GPT-Neo does not divide by the width of a head
    )


def _read_gpt_j(model: Any, kind: torch.dtype, states: torch.Tensor | None) -> Decoder:  # noqa: ANN401
    del states
    stack, config = model.transformer, model.config
    width = config.n_embd // config.n_head
    angles = stack.h[0].attn.embed_positions.detach()  # (positions, rotary), sines first
    turning = angles.shape[1]
    rotary = torch.zeros(len(angles), 2, width, device=angles.device)
    rotary[:, 1] = 1.0
    rotary[:, 0, :turning] = angles[:, : turning // 2].repeat_interleave(2, dim=1)
    rotary[:, 1, :turning] = angles[:, turning // 2 :].repeat_interleave(2, dim=1)
    blocks = [
        Block(
            joined=_linear(kind, block.attn.q_proj, block.attn.k_proj, block.attn.v_proj),
            out=_linear(kind, block.attn.out_proj),
            norm=block.ln_1,
            up=_linear(kind, block.mlp.fc_in),
            activation=_activation(block.mlp.act, kind),
            down=_linear(kind, block.mlp.fc_out),
            feed_norm=None,
        )
        for block in stack.h
    ]
    return Decoder(
        tokens=stack.wte.weight.detach(),
        positions=None,
        first_norm=None,
        blocks=tuple(blocks),
        post=False,
        last_norm=stack.ln_f,
        head=_linear(kind, model.lm_head),
        heads=config.n_head,
        scale=width**-0.5,
        rotary=rotary,
    )


def _read_bart(model: Any, kind: torch.dtype, states: torch.Tensor | None) -> Decoder:  # noqa: ANN401
    assert states is not None
    stack, config = model.model.decoder, model.config
    heads = config.decoder_attention_heads
    blocks = [
        Block(
            joined=_linear(kind, layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
            out=_linear(kind, layer.self_attn.out_proj),
            norm=layer.self_attn_layer_norm,
            up=_linear(kind, layer.fc1),
            activation=layer.activation_fn,
            down=_linear(kind, layer.fc2),
            feed_norm=layer.final_layer_norm,
            across=_across(layer, states, heads, kind),
        )
        for layer in stack.layers
    ]
    head = _linear(kind, model.lm_head)
    return Decoder(
        tokens=stack.embed_tokens.weight.detach() * stack.embed_tokens.embed_scale,
        positions=stack.embed_positions.weight.detach()[stack.embed_positions.offset :],
        first_norm=stack.layernorm_embedding,
        blocks=tuple(blocks),
        post=True,
        last_norm=None,
        head=Linear(head.weight, model.final_logits_bias[0].detach().to(kind)),
        heads=heads,
        scale=(config.d_model // heads) ** -0.5,
    )


@torch.no_grad()
def _across(layer: Any, states: torch.Tensor, heads: int, kind: torch.dtype) -> Norm:  # noqa: ANN401
    """Make what a layer adds from the encoder, whose keys and values are the same for all nodes."""
    inner = layer.encoder_attn
    key, value = (
        projection(states)[0].unflatten(-1, (heads, -1)) for projection in (inner.k_proj, inner.v_proj)
    )
    query, out = _linear(kind, inner.q_proj), _linear(kind, inner.out_proj)
    scale = key.shape[-1] ** -0.5

    def added(hidden: torch.Tensor) -> torch.Tensor:
        asked = query(hidden).float().unflatten(-1, (heads, -1))  # (N, H, D)
        shares = (torch.einsum("nhd,shd->nhs", asked, key) * scale).softmax(dim=-1)
        mixed = torch.einsum("nhs,shd->nhd", shares, value).flatten(1)
        normed: torch.Tensor = layer.encoder_attn_layer_norm(hidden + out(mixed))
        return normed

    return added


_READERS: Final[dict[str, Callable[[Any, torch.dtype, torch.Tensor | None], Decoder]]] = {
    "openai-gpt": _read_gpt,
    "gpt2": _read_gpt,
    "gpt_neo": _read_gpt_neo,
    "gptj": _read_gpt_j,
    "bart": _read_bart,
}
