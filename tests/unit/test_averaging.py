"""The running mean of the weights."""

from __future__ import annotations

import pytest
import torch

from mattransformer.training.averaging import WeightAverage


class Counter(torch.nn.Module):
    """One weight, which is the number of steps done."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def step(self) -> None:
        """Count one more."""
        with torch.no_grad():
            self.weight.add_(1)


def average_after(steps: int, reach: int) -> float:
    model = Counter()
    average = WeightAverage(model, reach)
    for step in range(steps):
        model.step()
        average.update(model, step)
    return float(average.weights["weight"])


def test_no_steps_keep_the_weights_as_they_are() -> None:
    assert average_after(50, 0) == 50


def test_the_mean_lags_behind_by_about_as_many_steps_as_were_asked_for() -> None:
    assert average_after(2000, 100) == pytest.approx(2000 - 100, abs=2)


def test_the_start_is_soon_forgotten_however_far_the_mean_reaches() -> None:
    model = Counter()
    average = WeightAverage(model, 1000)
    model.step()
    for step in range(90):  # at 1 all the time, after a start at 0
        average.update(model, step)
    assert 0.9 < float(average.weights["weight"]) < 1


def test_swapping_twice_gives_back_the_last_bit() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(7, 5)
    average = WeightAverage(model, 10)
    for step in range(5):
        with torch.no_grad():
            model.weight += torch.randn(5, 7)
        average.update(model, step)
    trained, mean = model.weight.detach().clone(), average.weights["weight"].clone()
    average.swap(model)
    assert torch.equal(model.weight, mean)
    assert torch.equal(average.weights["weight"], trained)
    average.swap(model)
    assert torch.equal(model.weight, trained)
    assert torch.equal(average.weights["weight"], mean)
