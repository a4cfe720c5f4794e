"""The vocabulary and the tokenizer: one token an atom, after tokens that state the conditions of a sequence.

    <mp> <strict> Sr Ti O O O </s>

The vocabulary is a word list in four blocks, in this order: special tokens for every training objective, condition
tokens, tokens kept free for later conditions (property bins and the like, so that a new condition does not change the
size of a trained model), and the 118 elements by atomic number. `python -m mattransformer.tokenization tokenizer/`
writes it as a tokenizer that `transformers.AutoTokenizer` loads.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BEGIN, END, MASK, BLANK, UNKNOWN = SPECIAL = ("<pad>", "<s>", "</s>", "<mask>", "<blank>", "<unk>")


class ConditionError(MattransformerError):
    """A condition, or a value of one, that the vocabulary does not have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a sequence states of itself before its first atom.

    Attributes:
        name: what is stated, a keyword of `generate`.
        values: its values; the token of a value is the value in angle brackets.
        default: the value that sampling uses when none is asked for.
        describes: what a user reads in the help.
    """

    name: str
    values: tuple[str, ...]
    default: str
    describes: str


# In the order in which their tokens begin a sequence.
CONDITIONS: Final[tuple[Condition, ...]] = (
    Condition("source", ("mp", "oqmd", "user"), "mp", "the corpus that a composition looks like"),
    Condition("variant", ("strict", "pure", "mix"), "strict", "the strongest variant that it satisfies"),
)
CONDITION_TOKENS: Final = tuple(f"<{value}>" for condition in CONDITIONS for value in condition.values)
RESERVED: Final = tuple(f"<reserved_{number}>" for number in range(64))
VOCABULARY: Final[tuple[str, ...]] = (*SPECIAL, *CONDITION_TOKENS, *RESERVED, *SYMBOLS)
TOKEN_ID: Final[dict[str, int]] = {token: index for index, token in enumerate(VOCABULARY)}
PAD_ID, BEGIN_ID, END_ID, MASK_ID, BLANK_ID, UNKNOWN_ID = (TOKEN_ID[token] for token in SPECIAL)
FIRST_ELEMENT_ID: Final = TOKEN_ID[SYMBOLS[0]]
PROMPT_LENGTH: Final = len(CONDITIONS)
VOCABULARY_SHA256: Final = hashlib.sha256("\n".join(VOCABULARY).encode()).hexdigest()


def condition_values(chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """Complete a choice of conditions with the defaults.

    Args:
        chosen: condition name to value, for example `{"variant": "pure"}`.

    Returns:
        A value for every condition, in the order of `CONDITIONS`.

    Raises:
        ConditionError: an unknown condition or value.
    """
    chosen = dict(chosen or {})
    values = {
        condition.name: _checked(condition, chosen.pop(condition.name, condition.default))
        for condition in CONDITIONS
    }
    if chosen:
        names = ", ".join(condition.name for condition in CONDITIONS)
        raise ConditionError(f"no condition {next(iter(chosen))!r}: the conditions are {names}")
    return values


def _checked(condition: Condition, value: str) -> str:
    if value in condition.values:
        return value
    near = get_close_matches(str(value), condition.values, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConditionError(f"no {condition.name} {value!r}: choose one of {', '.join(condition.values)}{hint}")


def prompt_ids(chosen: Mapping[str, str] | None = None) -> list[int]:
    """Encode the conditions that begin a sequence.

    Args:
        chosen: condition name to value; what is left out takes its default.

    Returns:
        `PROMPT_LENGTH` token ids.

    Raises:
        ConditionError: an unknown condition or value.
    """
    return [TOKEN_ID[f"<{value}>"] for value in condition_values(chosen).values()]


def element_ids(tokens: Sequence[str]) -> list[int]:
    """Encode the atoms of a formula.

    Args:
        tokens: element symbols, one an atom.

    Returns:
        As many token ids.
    """
    return [TOKEN_ID[token] for token in tokens]


def build_tokenizer(padding_side: str = "left") -> PreTrainedTokenizerFast:
    """Build the tokenizer from the vocabulary: words split at white space, nothing added by itself.

    Args:
        padding_side: `left` for models that go on behind a prompt, `right` for those that read a whole canvas.

    Returns:
        A fast tokenizer. It adds neither begin nor end, so that a prompt of conditions and atoms can be continued.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(vocab=dict(TOKEN_ID), unk_token=UNKNOWN))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # A space before every token: pipelines decode the continuation alone and append it to the prompt.
    words.decoder = decoders.Replace(Regex("^"), " ")
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        mask_token=MASK,
        unk_token=UNKNOWN,
        additional_special_tokens=[BLANK, *CONDITION_TOKENS, *RESERVED],
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        padding_side=padding_side,
        model_max_length=256,
    )


@cache
def tokenizer_files(padding_side: str = "left") -> dict[str, bytes]:
    """Render the files of the tokenizer.

    Args:
        padding_side: see `build_tokenizer`.

    Returns:
        File name to content, the same on every machine.
    """
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        build_tokenizer(padding_side).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def save_tokenizer(folder: Path, padding_side: str = "left") -> None:
    """Write the tokenizer so that `AutoTokenizer.from_pretrained(folder)` opens it.

    Args:
        folder: made if it is missing; files of the same names are replaced one by one, each of them whole.
        padding_side: see `build_tokenizer`.
    """
    from mattransformer.files import write_bytes

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer_files(padding_side).items():
        write_bytes(folder / name, content)


if __name__ == "__main__":
    save_tokenizer(Path(sys.argv[1] if len(sys.argv) > 1 else "tokenizer"))
