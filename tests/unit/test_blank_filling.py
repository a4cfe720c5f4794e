"""The blank language model: what its three choices may be, and that padding and files change nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from mattransformer.models.blank_filling import ACTIONS, BlankFillingConfig, BlankFillingModel
from mattransformer.models.kernels import use_fast_kernels
from mattransformer.tokenization import (
    BLANK_ID,
    FIRST_ELEMENT_ID,
    PAD_ID,
    PROMPT_LENGTH,
    TOKEN_ID,
    VOCABULARY,
    prompt_ids,
)

CANVASES = ("_", "_ O", "Sr _ O _", "_ Ti _ O O", "Ca C _ O", "_ Fe _ O _ O _")


def small(**changes: Any) -> BlankFillingModel:
    """A narrow model with fresh weights, large enough for its choices to differ from canvas to canvas."""
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 40,
        "hidden_dropout": 0.0,
    }
    torch.manual_seed(5)
    model = BlankFillingModel(BlankFillingConfig(**sizes | changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    return model


def canvas(text: str) -> list[int]:
    return [*prompt_ids(), *(BLANK_ID if word == "_" else TOKEN_ID[word] for word in text.split())]


def padded(texts: tuple[str, ...], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [canvas(text) for text in texts]
    room = max(map(len, rows)) + 3
    gaps = [[PAD_ID] * (room - len(row)) for row in rows]
    seen = [[1] * len(row) for row in rows]
    none = [[0] * len(gap) for gap in gaps]
    if side == "left":
        rows, seen = ([b + a for a, b in zip(*pair, strict=True)] for pair in ((rows, gaps), (seen, none)))
    else:
        rows, seen = ([a + b for a, b in zip(*pair, strict=True)] for pair in ((rows, gaps), (seen, none)))
    return torch.tensor(rows), torch.tensor(seen)


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_oxide_on_a_canvas_reads_the_same_with_and_without_padding(side: str) -> None:
    model = small()
    ids, mask = padded(CANVASES, side)
    with torch.no_grad():
        together = model(input_ids=ids, attention_mask=mask).last_hidden_state
        blanks = model.blank_log_probs(together, ids)
        for row, text in enumerate(CANVASES):
            alone_ids = torch.tensor([canvas(text)])
            alone = model(input_ids=alone_ids).last_hidden_state
            kept = mask[row].bool()
            torch.testing.assert_close(together[row, kept], alone[0], rtol=0, atol=1e-4)
            own = model.blank_log_probs(alone, alone_ids)[0]
            torch.testing.assert_close(blanks[row, kept], own, rtol=0, atol=1e-4)


def test_the_order_of_canvases_in_a_batch_changes_no_titanate() -> None:
    model = small()
    ids, mask = padded(CANVASES, "right")
    with torch.no_grad():
        one = model(input_ids=ids, attention_mask=mask).last_hidden_state
        other = model(input_ids=ids.flip(0), attention_mask=mask.flip(0)).last_hidden_state.flip(0)
    torch.testing.assert_close(one[mask.bool()], other[mask.bool()], rtol=0, atol=1e-4)


def test_atoms_on_both_sides_of_a_blank_decide_what_fills_it() -> None:
    model = small()
    with torch.no_grad():
        hidden = [model(input_ids=torch.tensor([canvas(text)])).last_hidden_state for text in ("_ O", "_ F")]
        first, second = (model.element_log_probs(states[0, PROMPT_LENGTH]) for states in hidden)
    assert (first - second).abs().max() > 0.01


def test_blanks_elements_and_actions_each_add_up_to_one() -> None:
    model = small()
    ids = torch.tensor([canvas("_ Ti _ O O")])
    blank = ids[0] == BLANK_ID
    with torch.no_grad():
        hidden = model(input_ids=ids).last_hidden_state
        blanks = model.blank_log_probs(hidden, ids)[0]
        elements = model.element_log_probs(hidden[0, blank])
        actions = model.action_log_probs(hidden[0, blank], torch.tensor([TOKEN_ID["Sr"], TOKEN_ID["O"]]))
    assert float(blanks.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert bool((blanks[~blank] == float("-inf")).all())
    assert elements.shape == (2, len(VOCABULARY) - FIRST_ELEMENT_ID)
    assert elements.exp().sum(dim=-1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert actions.shape == (2, len(ACTIONS))
    assert actions.exp().sum(dim=-1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_a_step_scored_in_the_forward_pass_is_the_sum_of_its_three_choices() -> None:
    model = small()
    ids = torch.tensor([canvas("_ Ti _ O O")])
    positions = torch.tensor([[PROMPT_LENGTH, PROMPT_LENGTH + 2, PROMPT_LENGTH + 1]])
    tokens = torch.tensor([[TOKEN_ID["Sr"], TOKEN_ID["O"], TOKEN_ID["Ti"]]])
    kinds = torch.tensor([[0, 3, 0]])
    with torch.no_grad():
        output = model(input_ids=ids, positions=positions, elements=tokens, actions=kinds)
        hidden = output.last_hidden_state[0, positions[0]]
        expected = model.blank_log_probs(output.last_hidden_state, ids)[0, positions[0]]
        expected += model.element_log_probs(hidden)[range(3), tokens[0] - FIRST_ELEMENT_ID]
        expected += model.action_log_probs(hidden, tokens[0])[range(3), kinds[0]]
    assert float(output.log_probs[0, 2]) == float("-inf")  # titanium is placed already
    torch.testing.assert_close(output.log_probs[0], expected)


def test_leaving_out_what_is_no_blank_changes_no_blank() -> None:
    model = small()
    ids, mask = padded(CANVASES, "right")
    with torch.no_grad():
        whole = model(input_ids=ids, attention_mask=mask).last_hidden_state
        part = model(input_ids=ids, attention_mask=mask, blanks_only=True).last_hidden_state
    blank = ids == BLANK_ID
    torch.testing.assert_close(part[blank], whole[blank], rtol=0, atol=1e-5)
    assert not part[~blank].any()


def test_a_canvas_without_blanks_gives_no_nan() -> None:
    model = small()
    ids = torch.tensor([canvas("Na Cl")])
    with torch.no_grad():
        blanks = model.blank_log_probs(model(input_ids=ids).last_hidden_state, ids)
    assert bool((blanks == float("-inf")).all())


def test_fast_kernels_change_no_number() -> None:
    plain, fast = small(), small()
    use_fast_kernels(fast)
    ids, mask = padded(CANVASES, "right")
    with torch.no_grad():
        both = [model(input_ids=ids, attention_mask=mask).last_hidden_state for model in (plain, fast)]
    torch.testing.assert_close(both[0], both[1], rtol=0, atol=1e-6)


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="hidden_size 32 is not divisible by num_attention_heads 5"):
        small(num_attention_heads=5)


def test_the_small_sizes_fit_into_four_megabytes_of_half_precision() -> None:
    model = small(
        hidden_size=168,
        num_hidden_layers=4,
        num_attention_heads=6,
        intermediate_size=672,
        max_position_embeddings=64,
    )
    assert model.num_parameters() <= 1_500_000
    assert model.element_head.weight is model.word_embeddings.weight


@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_model_opens_and_fills_perovskites_the_same_way(tied: bool, tmp_path: Path) -> None:
    model = small(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(again, BlankFillingModel)
    assert again.config.to_dict().items() >= {"model_type": "blm", "tie_word_embeddings": tied}.items()
    ids = torch.tensor([canvas("Sr _ O O O")])
    with torch.no_grad():
        hidden = [each(input_ids=ids).last_hidden_state for each in (model, again)]
        assert torch.equal(hidden[0], hidden[1])
        assert torch.equal(model.element_log_probs(hidden[0]), again.element_log_probs(hidden[1]))


def test_importing_the_module_is_all_that_plain_transformers_needs(tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    code = (
        "import sys, mattransformer.models.blank_filling\n"
        "from transformers import AutoConfig, AutoModel\n"
        "assert AutoConfig.from_pretrained(sys.argv[1]).model_type == 'blm'\n"
        "print(type(AutoModel.from_pretrained(sys.argv[1])).__name__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["BlankFillingModel"]
