"""The energy of a training: hours of its cores times a power, and nothing where that is not known."""

from __future__ import annotations

from typing import Any

import pytest

from mattransformer.evaluation.energy import WATTS_A_CORE, training_energy


def step(seconds: float, processes: int = 1, threads: int = 1, device: str = "cpu") -> dict[str, Any]:
    return {
        "seconds": seconds,
        "surroundings": {"processes": processes, "threads": threads, "device": device},
    }


def test_an_hour_of_one_thread_is_a_core_hour_and_its_watts() -> None:
    energy = training_energy([step(3600)])
    assert energy is not None
    assert energy.core_hours == 1
    assert energy.kilowatt_hours == pytest.approx(WATTS_A_CORE / 1000)


def test_steps_add_up_with_all_their_processes_and_threads() -> None:
    energy = training_energy([step(1800, processes=2, threads=3), step(3600, threads=2)])
    assert energy is not None
    assert energy.core_hours == pytest.approx(5)
    assert energy.kilowatt_hours == pytest.approx(0.06)


def test_nothing_is_said_of_what_ran_on_something_else() -> None:
    assert training_energy([step(3600), step(10, device="cuda")]) is None
