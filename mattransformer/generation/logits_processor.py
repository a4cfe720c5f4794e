"""The rules of a composition for those who sample with transformers' own `generate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor

from mattransformer.constraints import Automaton, Rules
from mattransformer.generation.orders import GenerationError, Listed, fingerprints_of
from mattransformer.tokenization import (
    CONDITION_TOKENS,
    END_ID,
    FIRST_ELEMENT_ID,
    PAD_ID,
    PROMPT_LENGTH,
    TOKEN_ID,
    VOCABULARY,
)

_CONDITIONS = frozenset(TOKEN_ID[token] for token in CONDITION_TOKENS)


class RulesLogitsProcessor(LogitsProcessor):
    """Leaves only the tokens that can still lead to a formula that keeps all rules.

        rules = RulesLogitsProcessor(template="ABO3", charge_neutral=True)
        model.generate(**prompt, do_sample=True, top_k=0, logits_processor=LogitsProcessorList([rules]))

    For causal checkpoints. A sequence is padding on the left, the condition tokens, and atoms in canonical order.
    """

    def __init__(self, *, exclude: Listed = None, **rules: Any) -> None:  # noqa: ANN401 - in the words of `Rules.of`
        """Build the look-ahead.

        Args:
            exclude: formulas that must not come: a list, a file of them, or `known`.
            rules: in the words of `LanguageModel.generate`.

        Raises:
            MattransformerError: rules that make no sense or that no composition keeps.
        """
        self._automaton = Automaton(Rules.of(**rules, exclude=fingerprints_of(exclude)))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Set what breaks a rule to minus infinity.

        Args:
            input_ids: (B, T).
            scores: of the next token, (B, V).

        Returns:
            The scores, (B, V).

        Raises:
            GenerationError: a sequence without condition tokens at its head, or with atoms that cannot be completed.
        """
        masked = scores.clone()
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, ids in enumerate(input_ids.tolist()):
            atoms = _atoms(ids)
            if atoms is not None:
                groups.setdefault(atoms, []).append(row)
        for atoms, rows in groups.items():
            numbers = np.array([atoms], dtype=np.int64).reshape(1, -1) - (FIRST_ELEMENT_ID - 1)
            allowed = self._automaton.allowed(numbers)[0]
            if not allowed.any():
                names = " ".join(VOCABULARY[token] for token in atoms)
                raise GenerationError(
                    f"{names}: no formula that keeps the rules begins so; give atoms in canonical order, or loosen the "
                    "rules"
                )
            mask = torch.zeros(masked.shape[1], dtype=torch.bool)
            mask[END_ID] = bool(allowed[0])
            mask[FIRST_ELEMENT_ID : FIRST_ELEMENT_ID + len(allowed) - 1] = torch.from_numpy(allowed[1:])
            at = torch.tensor(rows, device=masked.device)
            masked[at] = masked[at].masked_fill(~mask.to(masked.device), -torch.inf)
        return masked


def _atoms(ids: list[int]) -> tuple[int, ...] | None:
    """Give the atoms behind the conditions; None where the formula has ended."""
    start = next((at for at, token in enumerate(ids) if token != PAD_ID), len(ids))
    prompt, rest = ids[start : start + PROMPT_LENGTH], ids[start + PROMPT_LENGTH :]
    if len(prompt) < PROMPT_LENGTH or not _CONDITIONS.issuperset(prompt):
        raise GenerationError(
            "a prompt does not begin with the condition tokens; begin it like '<mp> <strict>'"
        )
    if END_ID in rest or PAD_ID in rest:
        return None
    if min(rest, default=FIRST_ELEMENT_ID) < FIRST_ELEMENT_ID:
        raise GenerationError(
            f"{VOCABULARY[min(rest)]} stands behind the condition tokens; only atoms have a place there"
        )
    return tuple(rest)
