"""The split of a formula depends on its text alone."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from mattransformer.data.splits import SPLITS, split_of


@pytest.mark.parametrize("file", ["mp.csv.gz", "oqmd.csv.gz", "icsd.csv.gz"])
def test_every_published_row_is_in_the_split_that_its_hash_says(shared_data: Path, file: str) -> None:
    with gzip.open(shared_data / file, "rt", encoding="utf-8") as stream:
        rows = [(row["formula"], row["split"]) for row in csv.DictReader(stream)]
    assert len(rows) > 40_000
    assert [formula for formula, split in rows if split_of(formula) != split] == []


def test_train_valid_and_test_hold_90_5_and_5_percent() -> None:
    shares = Counter(
        split_of(f"Na{sodium}Cl{chlorine}") for sodium in range(1, 201) for chlorine in range(1, 201)
    )
    assert set(shares) == set(SPLITS)
    assert shares["train"] / 40_000 == pytest.approx(0.90, abs=0.01)
    assert shares["valid"] / 40_000 == pytest.approx(0.05, abs=0.01)
    assert shares["test"] / 40_000 == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("formula", "percentile", "split"),
    [("P", 89, "train"), ("VP", 90, "valid"), ("N2", 94, "valid"), ("Hf", 95, "test")],
)
def test_phosphorus_and_vanadium_phosphide_lie_on_two_sides_of_a_border(
    formula: str, percentile: int, split: str
) -> None:
    assert int(hashlib.sha256(formula.encode()).hexdigest()[:8], 16) % 100 == percentile
    assert split_of(formula) == split
