"""Filling the holes of a composition: which atoms would a model put there.

A hole is `<mask>`, one atom, or `<blank>`, one atom or more. What is filled in is a composition, and compositions
are ranked by what the model says of them as a whole: `fill` asks for `Sr <mask> O O O` which SrXO3 is likeliest,
wherever X stands in the canonical order. With one or two masks every choice of elements is looked at; with more masks,
and with blanks, the model proposes and the proposals are scored.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, combinations_with_replacement, islice
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mattransformer.elements import RANK, SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula, FormulaError
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.notation import read_plain, show
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import (
    BLANK,
    END_ID,
    FIRST_ELEMENT_ID,
    MASK,
    TOKEN_ID,
    VOCABULARY,
    prompt_ids,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_SCORED: Final = 2
"""Masks whose every choice of elements is looked at."""
FINE_ORDERS: Final = 16
"""Orders of atoms that bounds are averaged over where few compositions are compared; all orders up to 6 atoms."""
_ROUGH_ORDERS: Final = 4
_SHORTLIST: Final = 60
_PROPOSALS: Final = 4_000
_ARRANGEMENTS: Final = 16


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
    if not isinstance(text, str) and not (
        isinstance(text, Sequence) and all(isinstance(word, str) for word in text)
    ):
        raise FillingError(f"{show(text)} is no composition with holes; write one such as 'Sr {MASK} O3'")
    words = text.split() if isinstance(text, str) else list(text)
    tokens: list[str] = []
    for word in words:
        if word in (MASK, BLANK):
            tokens.append(word)
            continue
        try:
            formula = Formula.parse(word)
            if read_plain(word) is None:  # the whole-number cell of a part is none of the whole
                raise FormulaError(
                    f"{show(word)}: only symbols, whole numbers and simple parentheses have a place here"
                )
            tokens.extend(formula.tokens)
        except FormulaError as error:
            raise FillingError(f"{show(text)}: {error}; a hole is {MASK} or {BLANK}") from error
    if not {MASK, BLANK} & set(tokens):
        raise FillingError(
            f"{show(text)} has nothing to fill: write {MASK} for an atom, or {BLANK} for any number"
        )
    if len(tokens) > MOST_ATOMS:
        raise FillingError(
            f"{show(text)} has {len(tokens)} atoms or more, but models know up to {MOST_ATOMS}; reduce the formula"
        )
    return tokens


def candidates(
    model: PreTrainedModel, prompt: list[int], tokens: Sequence[str], seed: int
) -> Counter[Formula]:
    """List compositions that fill the holes.

    Args:
        model: of any architecture.
        prompt: condition tokens.
        tokens: from `read_canvas`.
        seed: decides what a model proposes.

    Returns:
        Whole-number compositions as filled in, reduced where there are blanks, to the number of times that the model
        proposed each; once where every choice is looked at.

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
    if masks <= MOST_SCORED and not blanks:
        chosen = combinations_with_replacement(SYMBOLS, masks)
        return Counter({Formula.from_tokens([*known.elements(), *symbols]): 1 for symbols in chosen})
    arranged = [tokens] if objective.fills_in_order else arrangements(tokens, seed)
    each = -(-_PROPOSALS // len(arranged))
    found: Counter[Formula] = Counter()
    for number, row in enumerate(arranged):
        ids = [*prompt, *(TOKEN_ID[token] for token in row), END_ID]
        for sequence in objective.fill(model, ids, each, seed + number, max_tokens=MOST_ATOMS):
            atoms = _atoms_of(sequence)
            if _fits(atoms, known, masks + blanks, exact=not blanks):
                found[Formula.from_tokens(list(atoms.elements()))] += sequence.count
    if not blanks:
        return found
    # As many atoms as the formula has and no multiple of them, where blanks leave the number open.
    reduced: Counter[Formula] = Counter()
    for formula, times in found.items():
        if _fits(Counter(formula.reduced.tokens), known, masks + blanks, exact=False):
            reduced[formula.reduced] += times
    return reduced


def arrangements(tokens: Sequence[str], seed: int) -> list[list[str]]:
    """Put the atoms of a canvas into canonical order, and the holes before, between and behind the elements.

    A hole belongs to the composition, not to a place in it: what fills it may come anywhere in the canonical order.

    Args:
        tokens: from `read_canvas`.
        seed: decides which arrangements are taken where there are many.

    Returns:
        Distinct canvases, at most 16.
    """
    known = Counter(token for token in tokens if token not in (MASK, BLANK))
    elements = sorted(known, key=RANK.__getitem__)
    gaps = range(len(elements) + 1)
    masks, blanks = tokens.count(MASK), tokens.count(BLANK)
    ways = math.comb(len(gaps) + masks - 1, masks) * math.comb(len(gaps) + blanks - 1, blanks)
    if ways <= _ARRANGEMENTS:
        placed = [
            (*chosen, *others)
            for chosen in combinations_with_replacement(gaps, masks)
            for others in combinations_with_replacement(gaps, blanks)
        ]
    else:
        drawn = np.random.default_rng(seed).integers(len(gaps), size=(_ARRANGEMENTS, masks + blanks))
        rows = np.concatenate([np.sort(drawn[:, :masks], axis=1), np.sort(drawn[:, masks:], axis=1)], axis=1)
        placed = [tuple(row) for row in np.unique(rows, axis=0).tolist()]
    holes = [MASK] * masks + [BLANK] * blanks
    return [
        [
            token
            for gap in gaps
            for token in [
                *(hole for hole, at in zip(holes, row, strict=True) if at == gap),
                *([elements[gap]] * known[elements[gap]] if gap < len(elements) else []),
            ]
        ]
        for row in placed
    ]


def shortlisted(
    model: PreTrainedModel,
    conditions: Mapping[str, str],
    tokens: Sequence[str],
    found: Counter[Formula],
    top: int,
    score: Callable[[list[Formula], int], np.ndarray],
) -> list[Formula]:
    """Leave out what a rough bound puts far down, where a good one of all would take minutes.

    What is proposed most often stays too: a bound of few orders is off by some nats for large formulas, and the number
    of proposals errs in other ways, so what is likely is seldom far down in both.

    Args:
        model: one whose likelihood is a bound.
        conditions: every condition to its value.
        tokens: from `read_canvas`.
        found: of `candidates`.
        top: how many are wanted in the end.
        score: gives bounds of compositions, averaged over a number of orders.

    Returns:
        Some more than are wanted.
    """
    keep = _SHORTLIST + 2 * top
    formulas = list(found)
    if len(formulas) <= keep:
        return formulas
    if tokens.count(MASK) <= MOST_SCORED and BLANK not in tokens:
        return most_fitting(model, prompt_ids(conditions), tokens, formulas, keep)
    often = [formula for formula, _ in found.most_common(keep // 2)]
    rough = score(formulas, _ROUGH_ORDERS)
    likely = (formulas[index] for index in np.argsort(-rough, kind="stable"))
    return list(islice(dict.fromkeys(chain(often, likely)), keep))


def most_fitting(
    model: PreTrainedModel, prompt: list[int], tokens: Sequence[str], found: list[Formula], keep: int
) -> list[Formula]:
    """Keep the compositions whose added atoms are likeliest given the atoms that were there.

    Args:
        model: one whose likelihood is a bound.
        prompt: condition tokens.
        tokens: from `read_canvas`; masks alone are its holes.
        found: compositions that fill them.
        keep: how many.

    Returns:
        The likeliest first.
    """
    known = Counter(token for token in tokens if token != MASK)
    ids = torch.tensor(
        [[*prompt, *(TOKEN_ID[token] for token in formula.tokens), END_ID] for formula in found],
        device=model.device,
    )
    given = torch.zeros(len(found), len(tokens), dtype=torch.bool, device=model.device)
    for row, formula in enumerate(found):
        left = Counter(known)
        for at, token in enumerate(formula.tokens):
            given[row, at] = left[token] > 0
            left[token] -= 1
    nats = objective_of(model).nats(model, ids, 0, 2 ** tokens.count(MASK), given).cpu().numpy()
    return [found[index] for index in np.argsort(nats, kind="stable")[:keep]]


def added(formula: Formula, tokens: Sequence[str]) -> str:
    """Name the atoms of a filled composition that were not there, in canonical order: ``Ti``, ``Ti O``."""
    known = Counter(token for token in tokens if token not in (MASK, BLANK))
    return " ".join((Counter(formula.tokens) - known).elements())


def _atoms_of(sequence: SampledSequence) -> Counter[str]:
    """Count the atoms of a proposal; none where it was cut off or has a token that is no element."""
    whole = sequence.finished and min(sequence.ids, default=0) >= FIRST_ELEMENT_ID
    return Counter(VOCABULARY[token] for token in sequence.ids) if whole else Counter()


def _fits(atoms: Counter[str], known: Counter[str], holes: int, *, exact: bool) -> bool:
    more = (atoms - known).total()
    return not known - atoms and (more == holes if exact else more >= holes)
