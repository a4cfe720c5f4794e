"""The rules of a composition for those who sample with transformers' own `generate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor

from mattransformer.constraints import Automaton, Rules
from mattransformer.generation.requests import GenerationError, Listed, fingerprints_of
from mattransformer.tokenization import (
    CONDITIONS,
    END_ID,
    FIRST_ELEMENT_ID,
    PAD_ID,
    PROMPT_LENGTH,
    TOKEN_ID,
    VOCABULARY,
)

_CONDITIONS = [{TOKEN_ID[f"<{value}>"] for value in condition.values} for condition in CONDITIONS]


class RulesLogitsProcessor(LogitsProcessor):
    """Leaves only the tokens that can still lead to a formula that keeps all rules.

        rules = RulesLogitsProcessor(template="ABO3", charge_neutral=True)
        rules = LogitsProcessorList([rules])
        model.generate(**prompt, do_sample=True, top_k=0, max_new_tokens=31, logits_processor=rules)

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
        lengths: dict[int, list[tuple[int, list[int]]]] = {}
        for row, ids in enumerate(input_ids.tolist()):
            atoms = _atoms(ids)
            if atoms is not None:
                lengths.setdefault(len(atoms), []).append((row, atoms))
        for length, group in lengths.items():
            prefixes = np.array([atoms for _, atoms in group], dtype=np.int64).reshape(len(group), length)
            allowed = self._automaton.allowed(prefixes - (FIRST_ELEMENT_ID - 1))
            if not allowed.any(axis=1).all():
                stuck = prefixes[int(np.argmin(allowed.any(axis=1)))].tolist()
                raise GenerationError(
                    f"{' '.join(VOCABULARY[token] for token in stuck)}: no formula that keeps the rules begins so; "
                    "give atoms in canonical order, or loosen the rules"
                )
            mask = torch.zeros(len(group), masked.shape[1], dtype=torch.bool)
            mask[:, END_ID] = torch.from_numpy(allowed[:, 0])
            mask[:, FIRST_ELEMENT_ID : FIRST_ELEMENT_ID + allowed.shape[1] - 1] = torch.from_numpy(
                allowed[:, 1:]
            )
            at = torch.tensor([row for row, _ in group], device=masked.device)
            masked[at] = masked[at].masked_fill(~mask.to(masked.device), -torch.inf)
        return masked


def _atoms(ids: list[int]) -> list[int] | None:
    """Give the atoms behind the conditions; None where the formula has ended."""
    start = next((at for at, token in enumerate(ids) if token != PAD_ID), len(ids))
    prompt, rest = ids[start : start + PROMPT_LENGTH], ids[start + PROMPT_LENGTH :]
    if len(prompt) < PROMPT_LENGTH or any(
        token not in own for token, own in zip(prompt, _CONDITIONS, strict=True)
    ):
        raise GenerationError(
            "a prompt does not begin with the condition tokens; begin it like '<mp> <strict>'"
        )
    if END_ID in rest or PAD_ID in rest:
        return None
    if min(rest, default=FIRST_ELEMENT_ID) < FIRST_ELEMENT_ID:
        raise GenerationError(
            f"{VOCABULARY[min(rest)]} stands behind the condition tokens; only atoms have a place there"
        )
    return rest
