"""Sizes of each architecture that a test trains in seconds: two layers of width 64."""

from __future__ import annotations

from typing import Any, Final

SIZES: Final[dict[str, dict[str, Any]]] = {
    "gpt": {"n_layer": 2, "n_embd": 64, "n_head": 4},
    "gpt2": {"n_layer": 2, "n_embd": 64, "n_head": 4},
    "gpt-neo": {
        "num_layers": 2,
        "hidden_size": 64,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
    },
    "gpt-j": {"n_layer": 2, "n_embd": 64, "n_head": 4, "rotary_dim": 16},
    "bart": {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "d_model": 64,
        "encoder_ffn_dim": 256,
        "decoder_ffn_dim": 256,
    },
    "blm": {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4},
    "roberta": {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 256},
}
