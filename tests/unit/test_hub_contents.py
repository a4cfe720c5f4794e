"""What is published of a record, and what stays with the user."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mattransformer.generation.sharing import SharedModel
from mattransformer.hub.contents import shareable
from mattransformer.hub.publishing import publish


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        ("/home/ada/secret/oxides.csv", "oxides.csv"),
        ("C:\\Users\\ada\\oxides.csv", "oxides.csv"),
        ("~/data/oxides.csv", "oxides.csv"),
        ("hf:/home/ada/secret/oxides?split=train", "hf:oxides?split=train"),
        ("hf:LeMaterial/LeMat-Bulk", "hf:LeMaterial/LeMat-Bulk"),
        ("mp=/home/ada/secret/oxides.csv", "mp=oxides.csv"),
        ("file:///home/ada/secret/oxides.csv", "oxides.csv"),
        ("../../secret client/oxides.csv", "oxides.csv"),
        ("secret client/oxides.csv.gz", "oxides.csv.gz"),
        ("https://host/data/oxides.csv", "https://host/data/oxides.csv"),
        ("mp:train+oqmd:train", "mp:train+oqmd:train"),
        ("runs/oxides", "runs/oxides"),
        ("mp", "mp"),
        ("~", "~"),
        ("a formula / another", "a formula / another"),
        (3, 3),
        (None, None),
    ],
)
def test_of_a_path_from_the_root_of_a_disk_the_last_part_is_published(given: Any, shared: Any) -> None:
    assert shareable(given) == shared
    assert shareable({"config": {"corpora": [given]}, "run": [{"x": given}]}) == {
        "config": {"corpora": [shared]},
        "run": [{"x": shared}],
    }
    assert shareable({given: 1}) == {shared: 1}


def test_a_model_is_pushed_with_the_options_that_a_checkpoint_is_published_with() -> None:
    published = list(inspect.signature(publish).parameters.values())[1:]
    pushed = list(inspect.signature(SharedModel.push_to_hub).parameters.values())[1:]
    assert pushed == published
