"""Batches: every row once, one length each, within the budget, decided by the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mattransformer.data.batches import epoch_rows, length_batches


@pytest.fixture(scope="module")
def lengths() -> np.ndarray:
    return np.random.default_rng(7).integers(5, 34, size=5_000)


def as_lists(batches: list[np.ndarray[Any, Any]]) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


def test_every_row_is_in_exactly_one_batch(lengths: np.ndarray) -> None:
    batches = length_batches(lengths, np.arange(len(lengths)), 512, seed=0, epoch=0)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(len(lengths)))


def test_a_row_that_is_taken_three_times_is_in_the_batches_three_times(lengths: np.ndarray) -> None:
    rows = np.repeat(np.arange(100), 3)
    batches = length_batches(lengths, rows, 512, seed=0, epoch=0)
    assert np.array_equal(np.sort(np.concatenate(batches)), rows)


def test_a_batch_holds_one_length_and_as_many_rows_as_the_budget_allows(lengths: np.ndarray) -> None:
    batches = length_batches(lengths, np.arange(len(lengths)), 512, seed=0, epoch=0)
    by_length: dict[int, list[int]] = {}
    for batch in batches:
        (length,) = set(lengths[batch].tolist())
        assert len(batch) * length <= 512
        by_length.setdefault(length, []).append(len(batch))
    for length, sizes in by_length.items():
        full = 512 // length
        assert sorted(sizes)[1:] == [full] * (len(sizes) - 1)  # all but one of a length are full


def test_a_formula_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    batches = length_batches(np.array([33, 33, 5]), np.arange(3), 20, seed=0, epoch=0)
    assert sorted(len(batch) for batch in batches) == [1, 1, 1]


def test_no_row_gives_no_batch(lengths: np.ndarray) -> None:
    assert length_batches(lengths, np.array([], dtype=np.int64), 512, seed=0, epoch=0) == []


def test_the_seed_and_the_epoch_decide_the_batches(lengths: np.ndarray) -> None:
    rows = np.arange(len(lengths))
    first = as_lists(length_batches(lengths, rows, 512, seed=3, epoch=1))
    assert first == as_lists(length_batches(lengths, rows, 512, seed=3, epoch=1))
    assert first != as_lists(length_batches(lengths, rows, 512, seed=4, epoch=1))
    assert first != as_lists(length_batches(lengths, rows, 512, seed=3, epoch=2))


def test_lengths_come_in_no_order(lengths: np.ndarray) -> None:
    batches = length_batches(lengths, np.arange(len(lengths)), 512, seed=0, epoch=0)
    order = np.array([lengths[batch[0]] for batch in batches])
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("weight", "expected"), [(0.0, {0}), (1.0, {1}), (3.0, {3}), (1.5, {1, 2}), (0.25, {0, 1})]
)
def test_a_row_is_taken_as_often_as_its_weight_says(weight: float, expected: set[int]) -> None:
    rows = epoch_rows(np.full(20_000, weight), seed=0, epoch=0)
    times = np.bincount(rows, minlength=20_000)
    assert set(times.tolist()) == expected
    assert times.mean() == pytest.approx(weight, abs=0.02)


def test_a_weight_of_one_and_a_half_takes_another_half_each_epoch() -> None:
    weights = np.full(10_000, 0.5)
    epochs = [np.bincount(epoch_rows(weights, 0, epoch), minlength=10_000) for epoch in range(2)]
    both = int((epochs[0] & epochs[1]).sum())
    assert both == pytest.approx(2_500, abs=250)


def test_weights_hold_for_each_row_by_itself() -> None:
    weights = np.array([2.0, 0.0, 1.0])
    assert epoch_rows(weights, seed=5, epoch=0).tolist() == [0, 0, 2]


def test_the_seed_and_the_epoch_decide_the_rows() -> None:
    weights = np.full(1_000, 0.5)
    rows = epoch_rows(weights, 1, 0).tolist()
    assert rows == epoch_rows(weights, 1, 0).tolist()
    assert rows != epoch_rows(weights, 2, 0).tolist()
    assert rows != epoch_rows(weights, 1, 1).tolist()
