"""What the page shows: every text escaped, every column explained, no state by colour alone."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pandas as pd
import pytest

from mattransformer.app import downloads, requests
from mattransformer.app.columns import MEANINGS
from mattransformer.app.jobs import Job, StoppedError
from mattransformer.app.periodic_table import rules_as_html, shares_as_html
from mattransformer.app.tables import MOST_SHOWN, as_html, written
from mattransformer.elements import NAMES, SYMBOLS, place


def test_html_in_a_cell_is_shown_as_text() -> None:
    html = as_html(pd.DataFrame({"formula": ["<script>alert(1)</script>", "a\"b'c"]}), 'name "quoted" <b>')
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_a_long_table_shows_its_first_rows_and_says_how_many_more() -> None:
    html = as_html(pd.DataFrame({"formula": ["NaCl"] * (MOST_SHOWN + 5)}), "many")
    assert html.count("<tr>") == MOST_SHOWN + 1
    assert "and 5 more rows" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, ""),
        (float("nan"), ""),
        (4.0, "4"),
        (0.123456, "0.1235"),
        ("x", "x"),
        ("True", "True"),
        ("nan", "nan"),
        ("<NA>", "<NA>"),
    ],
)
def test_a_cell_is_written_for_people(value: object, text: str) -> None:
    assert written(value) == text


def test_every_column_of_every_table_is_explained() -> None:
    tables = [
        requests.tinker("SrTiO3", site="Ti", top=1),
        requests.generate(n=2, charge_neutral=True),
        requests.screen(["NaCl"]),
    ]
    for table in tables:
        assert set(table.columns) <= MEANINGS.keys()


def test_each_element_has_a_place_of_its_own_and_the_name_that_pymatgen_has() -> None:
    from pymatgen.core.periodic_table import Element

    assert len({place(symbol) for symbol in SYMBOLS}) == 118
    ours = {"aluminium": "aluminum", "caesium": "cesium"}
    for symbol, name in zip(SYMBOLS, NAMES, strict=True):
        element = Element(symbol)
        assert ours.get(name, name) == element.long_name.lower()
        if not (element.is_lanthanoid or element.is_actinoid):
            assert place(symbol) == (element.row, element.group)


def test_a_legend_says_what_the_colours_mean_in_figures_and_words() -> None:
    pale = shares_as_html("shares", {"Ti": 0.04, "Zr": 0.01}, ends=("unlikely", "likely"), without="none")
    assert re.findall(r"</span>([^<]*)</li>", pale) == [
        *("0 %, unlikely", "0.2 %", "1 %", "2.2 %", "4 %, likely", "none"),
    ]
    # The colour of zirconium, a quarter of the largest share, is that of the third of the five.
    assert 'data-symbol="Zr"' in pale
    assert pale.count("--share:0.500") == 2
    assert "25 % or more, common" in shares_as_html("shares", {"O": 0.9})
    rules = rules_as_html("rules", {})
    assert re.findall(r"mt-swatch mt-\w+\">([^<]*)</span>([^<]*)", rules) == [
        *(("+", "required"), ("✓", "allowed"), ("×", "forbidden"), ("", "free")),
    ]


def test_a_rule_is_told_by_sign_and_label_beside_its_colour() -> None:
    html = rules_as_html("rules", {"Ti": "required", "Pb": "forbidden"})
    assert 'aria-label="Ti, titanium, required"' in html
    assert 'aria-label="Pb, lead, forbidden"' in html
    assert 'aria-label="O, oxygen, free"' in html
    assert len(re.findall("<small>[+×]</small>", html)) == 2
    assert html.count('tabindex="0"') == 1


def test_a_share_is_told_in_figures_beside_its_colour() -> None:
    html = shares_as_html("shares", {"Ti": 0.5, "Zr": 0.0004}, {"Ti": "<p>titanium</p>"})
    assert 'aria-label="Ti, titanium, 50 %"' in html
    assert "&lt;0.1" in html
    assert 'data-detail="Ti" hidden' in html
    assert 'aria-label="O, oxygen, no value"' in html


def test_a_job_tells_how_far_it_is_and_ends_when_it_is_stopped() -> None:
    job = Job(lambda tell: requests.generate(n=30, progress=tell))
    assert all(so_far is None or so_far <= 30 for so_far in job.reports())
    assert job.result().equals(requests.generate(n=30))
    endless = Job(_endless)
    reports = endless.reports()
    next(reports)
    endless.stop()
    with pytest.raises(StoppedError, match="nothing was kept"):
        endless.result()


def _endless(tell: object) -> None:
    assert callable(tell)
    while True:
        tell(1)
        time.sleep(0.01)


def test_tables_to_download_are_removed_when_they_are_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    old, new = (Path(downloads.written(pd.DataFrame({"a": [1]}), "table")[0]) for _ in range(2))
    os.utime(old, (0, 0))
    assert downloads.sweep(tmp_path, 60) == 1
    assert not old.exists()
    assert new.exists()
