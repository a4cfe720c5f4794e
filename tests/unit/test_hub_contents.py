"""What is published of a record, and what stays with the user."""

from __future__ import annotations

from typing import Any

import pytest

from mattransformer.hub.contents import shareable


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        ("/home/ada/secret/oxides.csv", "oxides.csv"),
        ("C:\\Users\\ada\\oxides.csv", "oxides.csv"),
        ("~/data/oxides.csv", "oxides.csv"),
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
