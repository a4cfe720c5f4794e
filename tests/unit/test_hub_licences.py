"""Licences of data beside that of the weights: which ask for more."""

from __future__ import annotations

from typing import Any

import pytest

from mattransformer.hub.licences import contradiction, demands


def run_on(licence: str, parent: dict[str, Any] | None = None) -> dict[str, Any]:
    """A record of a training on one fetched file, as far as licences go."""
    card = {
        "database": "optimade:exmpl",
        "title": "Example provider",
        "url": "https://example.org",
        "filter": None,
        "limit": None,
        "fetched": "2026-01-01",
        "licence": licence,
    }
    source = {"name": "mine.parquet", "sha256": licence, "card": card}
    return {"data": {"sources": [source]}, "init_from": None if parent is None else {"run": parent}}


@pytest.mark.parametrize(
    ("weights", "data"),
    [
        ("mit", "CC-BY-NC-4.0"),
        ("cc-by-4.0", "cc-by-nc-4.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-SA-4.0"),
        ("mit", "CC-BY-SA-4.0 (as published by the provider; the server does not state it)"),
        ("apache-2.0", "ODbL-1.0"),
        ("mit", "GPL-3.0-only"),
        ("mit", "cc-by-nd-4.0"),
        ("mit", "http://creativecommons.org/licenses/by-nc/4.0/"),
        ("mit", "for non-commercial research"),
        ("mit", "CC-BY-NC-4.0, https://example.org/terms"),
    ],
)
def test_weights_that_are_freer_than_their_data_are_told(weights: str, data: str) -> None:
    said = contradiction(weights, run_on(data))
    assert said is not None
    assert "\n" not in said
    assert (
        f"under {weights}, but were trained on mine.parquet (Example provider) under {data}, which allows"
        in said
    )


@pytest.mark.parametrize(
    ("weights", "data"),
    [
        ("mit", "CC-BY-4.0"),
        ("mit", "cc0-1.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("cc-by-nc-sa-4.0", "CC-BY-SA-4.0"),
        ("mit", "CC-BY-NC-4.0, CC-BY-4.0"),  # one of them may be chosen
        ("mit", "not stated by the source; ask it before you publish what is made from it"),
        ("other", "CC-BY-NC-4.0"),  # terms that nobody can compare
        (None, "CC-BY-NC-4.0"),
    ],
)
def test_nothing_is_told_where_nothing_contradicts(weights: str | None, data: str) -> None:
    assert contradiction(weights, run_on(data)) is None


def test_the_data_of_the_checkpoint_that_a_training_began_from_counts_too() -> None:
    said = contradiction("mit", run_on("CC-BY-4.0", parent=run_on("CC-BY-NC-SA-4.0")))
    assert said is not None
    assert (
        "CC-BY-NC-SA-4.0, which allows non-commercial use only and what is made from it under the same"
        in said
    )
    assert "CC-BY-4.0," not in said


def test_letters_inside_other_words_are_no_terms() -> None:
    assert demands("Standby SA licence of Anand Inc") == frozenset()
