"""The learning rate: a linear rise, then a cosine."""

from __future__ import annotations

import pytest

from mattransformer.training.schedule import learning_rate


def rate(step: int, progress: float, warmup_steps: int = 10) -> float:
    return learning_rate(step, progress, peak=2e-3, warmup_steps=warmup_steps, final_share=0.1)


def test_the_rate_rises_in_equal_steps_from_the_first() -> None:
    assert [rate(step, 0.0) for step in range(12)] == pytest.approx(
        [2e-4 * min(step + 1, 10) for step in range(12)]
    )


def test_without_a_warm_up_the_first_step_has_the_peak() -> None:
    assert rate(0, 0.0, warmup_steps=0) == pytest.approx(2e-3)


def test_a_cosine_falls_to_the_final_share() -> None:
    assert rate(1000, 0.5) == pytest.approx(2e-3 * 0.55)
    assert rate(1000, 1.0) == pytest.approx(2e-4)
    assert rate(1000, 1.2) == pytest.approx(2e-4)
    falling = [rate(1000, share / 20) for share in range(21)]
    assert falling == sorted(falling, reverse=True)
