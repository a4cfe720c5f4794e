"""Permanent links: what is in them is restored, whatever else they hold is named and left out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from mattransformer.app import links

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("tinker", {"formula": "SrTiO3", "site": "Ti", "fraction": 0.05, "only": "Nb, Ta", "top": 7}),
    ("tinker", {"formula": "Sr <mask> O3"}),
    ("generate", {"model": "gpt", "n": 50, "template": "ABX3 X=O,F", "charge_neutral": True, "seed": 3}),
    ("screen", {"formulas": ["SrTiO3", "Xx2", "CuSO4·5H2O"], "alloys": True}),
    ("evaluate", {"formulas": ["NaCl"], "held_out": "mp-transport:test"}),
]


@pytest.mark.parametrize(("view", "values"), REQUESTS)
def test_a_link_restores_the_inputs(view: str, values: dict[str, Any]) -> None:
    restored = links.decoded(dict(parse_qsl(links.encoded(view, values))))
    assert restored == links.Restored(view, values)


def test_what_is_as_usual_is_left_out_of_a_link() -> None:
    usual = links.defaults("generate")
    assert links.encoded("generate", usual) == "view=generate"


def test_a_list_that_is_too_long_for_a_link_is_left_out_of_it() -> None:
    query = links.encoded("screen", {"formulas": ["SrTiO3"] * 10_000, "alloys": True})
    assert query == "view=screen&alloys=true&without=formulas"


def test_a_link_says_what_it_does_not_hold_where_it_is_made_and_where_it_is_opened() -> None:
    assert links.left_out_in_words("screen", {"formulas": ["NaCl"]}) == ""
    long, crystal = {"formulas": ["SrTiO3"] * 10_000}, {"cif": "data_x", "site": "Fe2"}
    kept: dict[str, Any] = {"tinker": {"site": "Fe2"}, "evaluate": {}}
    for view, values, what in (("evaluate", long, "the list"), ("tinker", crystal, "the CIF")):
        assert f"everything but {what}" in links.left_out_in_words(view, values)
        restored = links.decoded(dict(parse_qsl(links.encoded(view, values))))
        assert f"everything but {what}" in restored.complaints[0]
        assert restored.values == kept[view]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("n", "10000000"),
        ("n", "-1"),
        ("n", "1e3"),
        ("seed", "９"),
        ("temperature", "nan"),
        ("temperature", "hot"),
        ("model", "../../etc"),
        ("forbid", "Pb, <script>"),
        ("charge_neutral", "perhaps"),
        ("template", "A" * 10_000),
        ("volume", "11"),
    ],
)
def test_a_bad_input_is_named_and_the_others_are_restored(name: str, given: str) -> None:
    restored = links.decoded({"view": "generate", name: given, "require": "Li"})
    assert restored.view == "generate"
    assert restored.values == {"require": "Li"}
    assert len(restored.complaints) == 1
    assert restored.complaints[0].startswith("link: ")
    assert name in restored.complaints[0]
    assert len(restored.complaints[0]) < 300


def test_an_unknown_view_is_named_and_none_is_no_complaint() -> None:
    assert links.decoded({}) == links.Restored(None)
    assert "there is no view 'admin'" in links.decoded({"view": "admin"}).complaints[0]
