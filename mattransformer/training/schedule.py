"""The learning rate over a training: a linear rise, then a cosine."""

from __future__ import annotations

import math


def learning_rate(step: int, progress: float, *, peak: float, warmup_steps: int, final_share: float) -> float:
    """Give the learning rate of a step.

    Args:
        step: optimizer steps done before.
        progress: share of the training that is done, 0 to 1.
        peak: highest value.
        warmup_steps: steps of the linear rise.
        final_share: share of the peak at progress 1.

    Returns:
        The learning rate.
    """
    rise = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    fall = final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return peak * rise * fall
