"""The vocabulary and the tokenizer that is built from it."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula
from mattransformer.tokenization import (
    CONDITION_TOKENS,
    CONDITIONS,
    FIRST_ELEMENT_ID,
    RESERVED,
    SPECIAL,
    TOKEN_ID,
    VOCABULARY,
    ConditionError,
    build_tokenizer,
    condition_values,
    element_ids,
    prompt_ids,
    save_tokenizer,
)

ARTEFACT = Path(__file__).resolve().parents[2] / "tokenizer"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    opened = AutoTokenizer.from_pretrained(ARTEFACT)
    assert isinstance(opened, PreTrainedTokenizerFast)
    return opened


def formulas_of(path: Path) -> set[str]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return {row["formula"] for row in csv.DictReader(stream)}


def text_of(tokenizer: PreTrainedTokenizerFast, ids: list[int], **options: bool) -> str:
    text = tokenizer.decode(ids, **options)
    assert isinstance(text, str)
    return text


# The artefact


def test_the_built_tokenizer_is_the_one_in_the_repository_byte_for_byte(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "built")
    built = {path.name: path.read_bytes() for path in (tmp_path / "built").iterdir()}
    assert built == {path.name: path.read_bytes() for path in ARTEFACT.iterdir()}


def test_plain_transformers_opens_the_artefact_as_a_fast_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert tokenizer.get_vocab() == build_tokenizer().get_vocab() == TOKEN_ID
    assert tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))) == list(VOCABULARY)


def test_the_vocabulary_has_118_elements_64_reserved_tokens_and_a_token_a_condition() -> None:
    blocks = (*SPECIAL, *CONDITION_TOKENS, *RESERVED, *SYMBOLS)
    assert blocks == VOCABULARY
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 6 + 6 + 64 + 118
    assert VOCABULARY[FIRST_ELEMENT_ID:] == SYMBOLS
    assert CONDITION_TOKENS == ("<mp>", "<oqmd>", "<user>", "<strict>", "<pure>", "<mix>")


def test_the_special_tokens_have_their_roles(tokenizer: PreTrainedTokenizerFast) -> None:
    roles = ("pad_token", "bos_token", "eos_token", "mask_token", "unk_token")
    assert [getattr(tokenizer, role) for role in roles] == ["<pad>", "<s>", "</s>", "<mask>", "<unk>"]
    assert set(tokenizer.all_special_tokens) == {*SPECIAL, *CONDITION_TOKENS, *RESERVED}


# Text to ids and back


def test_strontium_titanate_is_five_atoms_after_its_conditions(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("<mp> <strict> Sr Ti O O O </s>")["input_ids"]
    assert ids == [*prompt_ids(), *element_ids(["Sr", "Ti", "O", "O", "O"]), TOKEN_ID["</s>"]]
    assert text_of(tokenizer, ids, skip_special_tokens=True).split() == ["Sr", "Ti", "O", "O", "O"]


def test_a_continuation_is_decoded_with_a_space_before_it(tokenizer: PreTrainedTokenizerFast) -> None:
    # Pipelines append it to the prompt: without the space, carbon after titanium would read TiC.
    prompt = "<mp> <strict> Sr Ti"
    assert prompt + text_of(tokenizer, element_ids(["C", "O"])) == "<mp> <strict> Sr Ti C O"


@pytest.mark.parametrize("word", ["Xx", "SrTiO3", "sr", "D", "<new>"])
def test_what_is_no_token_becomes_the_unknown_token(word: str, tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer(f"Sr {word}")["input_ids"] == [TOKEN_ID["Sr"], TOKEN_ID["<unk>"]]


def test_a_batch_is_padded_on_the_left_so_that_it_can_be_continued(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    batch = tokenizer(["Na Cl", "Sr Ti O O O"], padding=True)
    assert batch["input_ids"][0][:3] == [TOKEN_ID["<pad>"]] * 3
    assert batch["attention_mask"] == [[0, 0, 0, 1, 1], [1, 1, 1, 1, 1]]


def check_round_trip(formulas: set[str], tokenizer: PreTrainedTokenizerFast) -> None:
    """Formula to tokens to ids to text to formula, in blocks because a call of the tokenizer has its price."""
    parsed = [Formula.parse(formula) for formula in sorted(formulas)]
    words = tokenizer.backend_tokenizer
    for start in range(0, len(parsed), 10_000):
        block = parsed[start : start + 10_000]
        text = " </s> ".join(" ".join(formula.tokens) for formula in block)
        ids = words.encode(text).ids
        tokens = [token for formula in block for token in (*formula.tokens, "</s>")][:-1]
        assert ids == element_ids(tokens)  # what models are trained on
        decoded = words.decode(ids, skip_special_tokens=False).split("</s>")
        assert [Formula.from_tokens(atoms.split()) for atoms in decoded] == block


def test_every_formula_of_the_embedded_corpus_returns_from_its_tokens(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    formulas = formulas_of(EMBEDDED_FILE)
    assert len(formulas) == 34_631
    check_round_trip(formulas, tokenizer)


def test_every_formula_of_mp_oqmd_and_icsd_returns_from_its_tokens(
    shared_data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    formulas = {f for name in ("mp", "oqmd", "icsd") for f in formulas_of(shared_data / f"{name}.csv.gz")}
    assert len(formulas) > 390_000
    check_round_trip(formulas, tokenizer)


# Conditions


def test_conditions_left_out_take_their_defaults() -> None:
    assert condition_values() == {"source": "mp", "variant": "strict"}
    assert condition_values({"variant": "pure"}) == {"source": "mp", "variant": "pure"}
    assert list(condition_values({"variant": "mix", "source": "user"})) == [row.name for row in CONDITIONS]


def test_a_prompt_is_the_tokens_of_its_conditions_in_their_order() -> None:
    assert prompt_ids({"variant": "mix", "source": "oqmd"}) == [TOKEN_ID["<oqmd>"], TOKEN_ID["<mix>"]]


def test_a_misspelt_condition_value_names_the_nearest_one() -> None:
    with pytest.raises(
        ConditionError, match=r"^no source 'oqdm': choose one of mp, oqmd, user; did you mean 'oqmd'\?$"
    ):
        condition_values({"source": "oqdm"})


def test_an_unknown_condition_names_the_known_ones() -> None:
    with pytest.raises(ConditionError, match=r"^no condition 'colour': the conditions are source, variant$"):
        prompt_ids({"colour": "red"})
