"""What training lowers: the nats of a formula, and how much of the probability would break the rule of its condition.

The rule of a condition (`data.endings`) is asked wherever a formula could end: with q the probability of an end that
would break it, -log(1 - q) is lowered. A model that keeps the rule has no such end, and neither have the rows, so this
pulls nowhere that the likelihood does not; but it says at every atom what a row shows only once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from mattransformer.data.endings import broken_choices, broken_endings
from mattransformer.tokenization import END_ID, PROMPT_LENGTH


class Losses(NamedTuple):
    """Of a batch of formulas.

    Attributes:
        nats: negative log-likelihood of each formula, or a bound of it, (B,).
        broken: nats of the ends that would break the rule, (B,); 0 where nobody asked.
    """

    nats: torch.Tensor
    broken: torch.Tensor


def formula_loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Give the negative log-likelihood of each formula, written from left to right.

    Args:
        logits: (B, T, V), of the sequences themselves.
        ids: (B, T), prompt, atoms and end; no padding.

    Returns:
        Nats a formula, end token included, conditions given, (B,), float32.
    """
    predicted = logits[:, PROMPT_LENGTH - 1 : -1].float()  # (B, T - PROMPT_LENGTH, V)
    nats = torch.nn.functional.cross_entropy(
        predicted.reshape(-1, predicted.shape[-1]), ids[:, PROMPT_LENGTH:].reshape(-1), reduction="none"
    )
    return nats.view(ids.shape[0], -1).sum(dim=1)


def broken_ending_loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Give -log(1 - q), summed over the atoms after which an end would break the rule; q is its probability.

    Args:
        logits: (B, T, V), of the sequences themselves.
        ids: (B, T), prompt and atoms, with or without an end; no padding.

    Returns:
        Nats a formula, (B,), float32.
    """
    broken = torch.from_numpy(broken_endings(ids[:, :-1].cpu().numpy())).to(
        ids.device
    )  # (B, T - 1 - PROMPT_LENGTH)
    rows, atoms = broken.nonzero(as_tuple=True)
    predicted = logits[rows, PROMPT_LENGTH + atoms].float()  # (broken, V)
    others = predicted.index_fill(1, torch.tensor([END_ID], device=ids.device), float("-inf"))
    nats = predicted.logsumexp(dim=1) - others.logsumexp(dim=1)
    return nats.new_zeros(len(ids)).index_add(0, rows, nats)


def taught_loss(logits: torch.Tensor, teacher: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Give the cross-entropy with what a teacher says of every token, but for ends that would break the rule.

    Args:
        logits: (B, T, V), of the sequences themselves.
        teacher: the same of the teacher, without gradient.
        ids: (B, T), prompt, atoms and end; no padding.

    Returns:
        Nats a formula, (B,), float32.
    """
    broken = torch.from_numpy(broken_endings(ids[:, :-1].cpu().numpy())).to(ids.device)  # (B, n)
    said = teacher[:, PROMPT_LENGTH - 1 : -1].float().clone()  # (B, n + 1, V)
    said[:, 1:, END_ID].masked_fill_(broken, float("-inf"))
    predicted = logits[:, PROMPT_LENGTH - 1 : -1].float().log_softmax(dim=-1)
    return -(said.softmax(dim=-1) * predicted).sum(dim=(1, 2))


def broken_choice_loss(scores: torch.Tensor, ids: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Give -log(1 - q), with q the probability of the elements that would break the rule as the last atom.

    Where every element would, nothing can be learned from the last atom, and the loss is 0.

    Args:
        scores: logits of the elements for that atom, or log-probabilities of theirs and of what does not end the
            formula, (B, choices); the elements come first.
        ids: (B, T), prompt, atoms and end.
        at: which of the atoms is the last one to be chosen, (B,).

    Returns:
        Nats a formula, (B,), float32.
    """
    choices = broken_choices(ids[:, :-1].cpu().numpy(), at.cpu().numpy())
    broken = torch.from_numpy(choices).to(ids.device)
    broken = torch.nn.functional.pad(broken, (0, scores.shape[1] - broken.shape[1]))
    hopeless = broken.all(dim=1, keepdim=True)
    kept = scores.masked_fill(broken & ~hopeless, float("-inf"))
    return scores.logsumexp(dim=1) - kept.logsumexp(dim=1)
