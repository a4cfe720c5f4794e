"""Filling the holes of a composition: which atoms would a model put there.

A hole is `<mask>`, one atom, or `<blank>`, any number of atoms. What is filled in is a composition, and compositions
are ranked by what the model says of them as a whole: `fill` asks for `Sr <mask> O O O` which SrXO3 is likeliest,
wherever X stands in the canonical order. With one or two masks every choice of elements is scored, so the ranking is
complete; with more masks, and with blanks, the model proposes and the proposals are scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Final

from mattransformer.elements import SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula, FormulaError
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import BLANK, END_ID, FIRST_ELEMENT_ID, MASK, TOKEN_ID, VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_MOST_SCORED: Final = 2  # masks whose every choice is scored
_PROPOSALS: Final = 4_000


class FillingError(MattransformerError):
    """A composition with holes that cannot be read, or that a model cannot fill."""


def read_canvas(text: str | Sequence[str]) -> list[str]:
    """Read a composition with holes.

    Args:
        text: atoms and formulas, `<mask>` and `<blank>`, with spaces between them, or a list of them: `Sr <mask> O3`.

    Returns:
        One token an atom or a hole, in the order given.

    Raises:
        FillingError: a word that is neither, nothing to fill, or too many atoms.
    """
    words = text.split() if isinstance(text, str) else list(text)
    tokens: list[str] = []
    for word in words:
        if word in (MASK, BLANK):
            tokens.append(word)
            continue
        try:
            formula = Formula.parse(word)
            if any(sign in word for sign in ".·•"):  # the whole-number cell of a part is none of the whole
                raise FormulaError(
                    f"{word!r}: only whole numbers of atoms, and no hydrates, have a place here"
                )
            tokens.extend(formula.tokens)
        except FormulaError as error:
            raise FillingError(f"{text!r}: {error}; a hole is {MASK} or {BLANK}") from error
    if not {MASK, BLANK} & set(tokens):
        raise FillingError(
            f"{text!r} has nothing to fill: write {MASK} for an atom, or {BLANK} for any number"
        )
    atoms = sum(token != BLANK for token in tokens)
    if atoms > MOST_ATOMS:
        raise FillingError(
            f"{text!r} has {atoms} atoms, but models know up to {MOST_ATOMS}; reduce the formula"
        )
    return tokens


def candidates(model: PreTrainedModel, prompt: list[int], tokens: Sequence[str], seed: int) -> list[Formula]:
    """List compositions that fill the holes.

    Args:
        model: of any architecture.
        prompt: condition tokens.
        tokens: from `read_canvas`.
        seed: decides what a model proposes.

    Returns:
        Whole-number compositions as filled in, not reduced, each once.

    Raises:
        FillingError: the model has no `<blank>`.
    """
    known = Counter(token for token in tokens if token not in (MASK, BLANK))
    masks, blanks = tokens.count(MASK), tokens.count(BLANK)
    objective = objective_of(model)
    if blanks and not objective.fills_blanks:
        raise FillingError(
            f"{model.config.model_type} fills {MASK} alone, one an atom; ask bart or blm to fill {BLANK}"
        )
    if masks <= _MOST_SCORED and not blanks:
        filled: Iterable[Counter[str]] = (
            known + Counter(chosen) for chosen in combinations_with_replacement(SYMBOLS, masks)
        )
    else:
        canvas = [*prompt, *(TOKEN_ID[token] for token in tokens), END_ID]
        proposed = objective.fill(model, canvas, _PROPOSALS, seed, max_tokens=MOST_ATOMS)
        filled = _fitting(proposed, known, masks, exact=not blanks)
    return list(dict.fromkeys(Formula.from_tokens(list(atoms.elements())) for atoms in filled))


def added(formula: Formula, tokens: Sequence[str]) -> str:
    """Name the atoms of a filled composition that were not there, in canonical order: ``Ti``, ``Ti O``."""
    known = Counter(token for token in tokens if token not in (MASK, BLANK))
    return " ".join((Counter(formula.tokens) - known).elements())


def _fitting(
    sequences: Iterable[SampledSequence], known: Counter[str], masks: int, *, exact: bool
) -> Iterator[Counter[str]]:
    """Keep what has the atoms that were given and as many more as there are masks, or more where there are blanks."""
    for sequence in sequences:
        atoms = Counter(VOCABULARY[token] for token in sequence.ids)
        more = (atoms - known).total()
        fits = sequence.finished and not known - atoms and min(sequence.ids, default=0) >= FIRST_ELEMENT_ID
        if fits and (more == masks if exact else more >= masks):
            yield atoms
