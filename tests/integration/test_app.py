"""The page as people use it, and the answers of the library to compare with."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pandas as pd
import pytest

from mattransformer.app import limits, requests
from tests.app_server import AppServer, serving
from tests.app_visitor import CHROMIUM, PATIENCE, REQUIRED, TABS, Visitor, box, started, value_is

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 390, "height": 800}
_AXE = {"resultTypes": ["violations"], "iframes": False}
"""The report of an evaluation is a page of its own, in a frame that lets nobody in."""
TYPED = ["SrTiO3", "nan", "NaCl2", "True", "None", "12", "<script>alert(1)</script>", "CuSO4·5H2O", "NaCl"]
"""A list as people paste it, with what is no formula among it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serving(tmp_path_factory.mktemp("app")) as found:
        yield found
        assert found.attempts.read_text() == "", "the server tried to reach others"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        assert not REQUIRED, "there is no chromium, and MATTRANSFORMER_BROWSER says that it is required"
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    with sync_playwright() as player, started(player) as opened:
        yield opened


@pytest.fixture
def visitor(browser: Browser, server: AppServer) -> Iterator[Visitor]:
    """Open a window, in which nothing may be in the console and nobody else may be asked."""
    opened = Visitor(browser, server.address, viewport=DESKTOP)
    yield opened
    opened.closes()
    assert opened.complaints == []


@pytest.fixture(scope="module")
def filled(browser: Browser, server: AppServer) -> Iterator[Visitor]:
    """Use every view as a person would, once, for all tests that look at what came of it."""
    opened = Visitor(browser, server.address, viewport=DESKTOP)
    page = opened.opens()
    box(page, "tinker-formula").fill("LiFePO4")
    page.locator('#tinker-tokens [data-site="Fe"]').first.click()
    value_is(page, "tinker-site", "Fe")
    page.get_by_text("Doping: a part of them").click()
    box(page, "tinker-fraction").fill("0.1")
    opened.runs("tinker", "#tinker-table td")
    opened.shows("generate")
    box(page, "generate-n").fill("30")
    box(page, "generate-template").fill("ABX3")
    page.locator('#generate-rules [data-symbol="O"]').click()
    page.locator('#generate-rules [data-symbol="O"][aria-label="O, oxygen, required"]').wait_for()
    page.locator("#generate-mode").get_by_text("forbidden").click()
    page.locator('#generate-rules [data-symbol="Pb"]').click()
    page.locator('#generate-rules [data-symbol="Pb"][aria-label="Pb, lead, forbidden"]').wait_for()
    page.get_by_label("Charge-neutral").check()
    opened.runs("generate", "#generate-table td")
    opened.shows("screen")
    box(page, "screen-formulas").fill("\n".join(TYPED))
    opened.runs("screen", "#screen-table td")
    opened.runs("evaluate", "#evaluate-report pre")
    for view in ("tinker", "generate", "screen"):
        opened.shows(view)
        for closed in ("in Python, on the command line", "What the columns mean"):
            for place in page.get_by_text(closed).all():
                if place.is_visible():
                    place.click()
    yield opened
    opened.closes()
    assert opened.complaints == []


# Others than people


@pytest.mark.parametrize("length", [200_000_000, limits.MOST_UPLOAD + 1_000])
def test_a_large_upload_is_refused(server: AppServer, length: int) -> None:
    told = length > limits.MOST_UPLOAD + 1_000_000
    head = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="../../large.csv"\r\n\r\n'
        if not told
        else b""
    )
    body = b"" if told else head + b"0" * length + b"\r\n--x--\r\n"
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=PATIENCE / 1000)
    connection.putrequest("POST", "/gradio_api/upload")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(length if told else len(body)))
    connection.endheaders()
    if body:
        connection.send(body)
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"MB" in answer.read() or not told
    connection.close()


@pytest.mark.parametrize(
    "asked",
    [
        "/gradio_api/file=http://192.0.2.1/x.png",
        "/gradio_api/file%3Dhttps%3A%2F%2F192.0.2.1%2Fx.png",
        "/gradio_api/proxy=http://192.0.2.1/x",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
    ],
)
def test_nobody_makes_the_page_fetch_or_show_what_is_not_its_own(server: AppServer, asked: str) -> None:
    """What the server tried to reach is looked at when it is done."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=PATIENCE / 1000)
    connection.request("GET", asked)
    answer = connection.getresponse()
    assert answer.status in (403, 404)
    assert b"root:" not in answer.read()
    connection.close()


# People: what every view gives


def test_the_suggestions_are_those_of_the_library(filled: Visitor) -> None:
    page, own = filled.shows("tinker"), requests.tinker("LiFePO4", site="Fe", fraction=0.1)
    first = page.locator("#tinker-table tbody tr").first
    assert first.locator("td").nth(1).inner_text() == own["dopant"][0]
    assert first.locator("th").inner_text() == own["formula"][0]
    page.locator('#tinker-elements [data-symbol="Mn"]').click()
    detail = page.locator('[data-detail="Mn"]')
    assert detail.is_visible()
    row = own[own["dopant"] == "Mn"].iloc[0]
    told = detail.inner_text()
    assert row["formula"] in told
    assert "+2, in place of +2" in told
    assert "Materials Project" in told
    given = pd.read_csv(io.BytesIO(filled.downloads("tinker-csv")))
    expected = pd.read_csv(io.StringIO(own.to_csv(index=False)))
    pd.testing.assert_frame_equal(given, expected, rtol=1e-6)


def test_a_score_that_is_not_calibrated_is_not_called_a_probability(filled: Visitor) -> None:
    page = filled.shows("tinker")
    assert "Relative score of each element on Fe in LiFePO4" in page.locator("#tinker-elements").inner_text()
    assert "They are not calibrated" in page.locator("#tinker-elements").inner_text()
    heads = page.locator("#tinker-table thead th").all_inner_texts()
    assert "relative score" in heads
    assert "probability" not in heads


def test_the_compositions_are_those_of_the_library(filled: Visitor) -> None:
    page = filled.shows("generate")
    own = requests.generate(n=30, template="ABX3", require="O", forbid="Pb", charge_neutral=True)
    given = pd.read_parquet(io.BytesIO(filled.downloads("generate-parquet")))
    pd.testing.assert_frame_equal(given, own, check_dtype=False, rtol=1e-6)
    assert page.locator('#generate-heat [data-symbol="O"]').get_attribute("aria-label") == "O, oxygen, 100 %"


def test_what_cannot_be_read_says_so_and_stands_last(filled: Visitor) -> None:
    page, own = filled.shows("screen"), requests.screen(TYPED)
    given = pd.read_csv(io.BytesIO(filled.downloads("screen-csv")), keep_default_na=False)
    expected = pd.read_csv(io.StringIO(own.to_csv(index=False)), keep_default_na=False)
    pd.testing.assert_frame_equal(given, expected)
    rows = page.locator("#screen-table tbody tr")
    shown = [rows.nth(at).locator("th").inner_text() for at in range(len(TYPED))]
    bad = ["nan", "True", "None", "12", "<script>alert(1)</script>"]
    assert shown == [one for one in TYPED if one not in bad] + bad
    for at in range(len(TYPED) - len(bad), len(TYPED)):
        cells = rows.nth(at).locator("td").all_inner_texts()
        assert cells[0] == "unreadable"
        assert cells[1].startswith(f"not parseable: '{shown[at][:20]}")
        assert set(cells[2:]) == {""}
    told = page.locator("#screen-status").inner_text()
    assert "5 could not be read" in told
    assert "formula 2: 'nan' is not a formula" in told


def test_the_report_has_the_scores_of_the_library_and_pictures(filled: Visitor) -> None:
    page = filled.shows("evaluate")
    scores = json.loads(filled.downloads("evaluate-scores"))
    assert scores == json.loads(json.dumps(requests.evaluate(TYPED).record))
    drawn = page.frame_locator("iframe.mt-report").locator(".js-plotly-plot .main-svg")
    drawn.first.wait_for()
    assert drawn.count() >= 2
    assert b"Report on formulas.csv" in filled.downloads("evaluate-page")


def test_results_are_announced_named_and_explained(filled: Visitor) -> None:
    page = filled.page
    for name in ("tinker-heading", "generate-status", "screen-status", "evaluate-status", "mt-link-note"):
        assert page.locator(f'#{name} [role="status"][aria-live="polite"]').count() == 1, name
    for view in ("tinker", "generate", "screen"):
        table = page.locator(f"#{view}-table table")
        assert table.locator("caption").count() == 1
        assert table.locator("thead th[scope=col]").count() > 5
        assert table.locator("tbody th[scope=row]").count() > 5
    for name in ("tinker-elements", "generate-heat", "generate-rules"):
        words = page.locator(f"#{name} .mt-legend li").all_text_contents()
        assert len(words) >= 4, name
    assert page.locator("#tinker-elements .mt-legend li").last.text_content() == "not suggested"
    assert page.locator("#generate-heat .mt-legend li").all_text_contents() == [
        *("0 %, rare", "1.6 %", "6.2 %", "14 %", "25 % or more, common", "in none of them"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(
    filled: Visitor, window: dict[str, int], scheme: Literal["light", "dark"]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = filled.page
    page.set_viewport_size(window)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=scheme)
    found = []
    for view in ("tinker", "generate", "screen"):
        filled.shows(view)
        page.wait_for_timeout(400)  # until colours have faded in
        assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= window["width"], f"{view} is {width} pixels wide"
        found += [
            f"{view}: {own['id']}: {own['nodes'][0]['html'][:200]}"
            for own in Axe().run(page, options=_AXE).response["violations"]
            if own["impact"] in ("serious", "critical")
        ]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_in_the_report_which_is_no_wider_than_the_window(
    filled: Visitor, browser: Browser, window: Any, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    report = tmp_path / "report.html"
    report.write_bytes(filled.downloads("evaluate-page"))
    with browser.new_page(viewport=window, color_scheme=scheme) as page:
        page.goto(report.as_uri())
        page.locator("#plot-validity .main-svg").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]
        picture = page.locator("#plot-validity .main-svg").first.bounding_box()
        assert picture is not None
        assert picture["x"] + picture["width"] <= window["width"]
        assert [
            f"{own['id']}: {own['nodes'][0]['html'][:200]}"
            for own in Axe().run(page, options=_AXE).response["violations"]
            if own["impact"] in ("serious", "critical")
        ] == []


# People: links


def test_links_of_all_views_restore_what_they_say(filled: Visitor, visitor: Visitor) -> None:
    links = {view: box(filled.page, f"{view}-link").input_value() for view in TABS}
    assert 'mt.tinker("LiFePO4", site="Fe", fraction=0.1)' in box(filled.page, "tinker-python").input_value()
    expected = {
        "tinker": {"tinker-formula": "LiFePO4", "tinker-site": "Fe", "tinker-fraction": "0.1"},
        "generate": {"generate-n": "30", "generate-template": "ABX3", "generate-require": "O"},
        "screen": {"screen-formulas": "\n".join(TYPED)},
        "evaluate": {"screen-formulas": "\n".join(TYPED)},
    }
    for view, fields in expected.items():
        page = visitor.opens(links[view].removeprefix(visitor.address), view)
        assert page.get_by_role("tab", name=TABS[view]).get_attribute("aria-selected") == "true"
        for name, value in fields.items():
            assert box(page, name).input_value() == value
        if view == "generate":
            assert page.get_by_label("Charge-neutral").is_checked()
            for symbol, label in (("O", "O, oxygen, required"), ("Pb", "Pb, lead, forbidden")):
                page.locator(f'#generate-rules [data-symbol="{symbol}"][aria-label="{label}"]').wait_for()
        if view == "tinker":
            page.locator('#tinker-tokens [data-site="Fe"][aria-pressed="true"]').first.wait_for()


def test_nothing_can_be_run_before_a_link_has_filled_the_inputs_in(visitor: Visitor) -> None:
    page, held = visitor.page, list[Any]()
    page.route("**/gradio_api/run/**", lambda route: held.append(route))
    page.goto(f"{visitor.address}?view=generate&n=7&forbid=Pb")
    for view in ("tinker", "generate", "screen", "evaluate"):
        page.get_by_role("tab", name=TABS[view], exact=True).click()
        page.locator(f"#{view}-run").wait_for()
        assert page.locator(f"#{view}-run").is_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/run/**")
    visitor.shows("generate")
    assert box(page, "generate-n").input_value() == "7"
    assert box(page, "generate-forbid").input_value() == "Pb"


def test_bad_links_and_bad_formulas_are_told_and_harm_nothing(visitor: Visitor) -> None:
    harm = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page = visitor.opens(f"?view=tinker&formula={harm}&site=Ti&top=1000000&volume={harm}&without=cif")
    page.get_by_text("link: tinker has no input").wait_for()
    page.get_by_text("top: 1,000,000 is more than the 118").wait_for()
    page.get_by_text("link: it restores everything but the CIF: drop it again").wait_for()
    page.locator("#tinker-run").click()
    page.get_by_text("cannot be read as a host").first.wait_for()
    assert page.locator("#tinker-tokens img, .toast-wrap img[src=x]").count() == 0


# People: files


def test_files_are_dropped_read_and_not_kept(visitor: Visitor, server: AppServer, tmp_path: Path) -> None:
    from tests.crystals import magnetite

    path = tmp_path / "my <b>magnetite.cif"
    magnetite().to(str(tmp_path / "plain.cif"))
    path.write_text((tmp_path / "plain.cif").read_text() + "\n# a secret recipe\n")
    page = visitor.opens()
    page.locator("#tinker-cif input[type=file]").set_input_files(path)
    page.locator('#tinker-tokens [data-site="Fe2"]').click()
    value_is(page, "tinker-site", "Fe2")
    box(page, "tinker-site").fill("Fe")  # both sites
    visitor.runs("tinker", "#tinker-table td")
    titles = page.locator("#tinker-elements .mt-title").all_inner_texts()
    assert titles == [f"Probability of each element on Fe{at} in Fe3O4, per cent" for at in (1, 2)]
    own = requests.tinker(site="Fe", cif=path.read_text())
    given = pd.read_csv(io.BytesIO(visitor.downloads("tinker-csv")))
    pd.testing.assert_frame_equal(given, pd.read_csv(io.StringIO(own.to_csv(index=False))), rtol=1e-6)
    for at, site in enumerate(("Fe1", "Fe2")):
        panel = page.locator("#tinker-elements .mt-panel").nth(at)
        panel.locator('[data-symbol="Co"]').click()
        row = own[(own["site"] == site) & (own["dopant"] == "Co")].iloc[0]
        assert row["formula"] in panel.locator('[data-detail="Co"]').inner_text()
    page.get_by_text("This request in Python").first.click()
    assert "everything but the CIF" in page.locator("#tinker-link").inner_text()
    assert 'mt.tinker("structure.cif"' in box(page, "tinker-python").input_value()
    path = tmp_path / "..%2F..%2Fmine.csv"
    pd.DataFrame({"formula": ["SrTiO3", "NaCl2"], "note": "a secret recipe"}).to_csv(path, index=False)
    visitor.shows("screen")
    page.locator("#screen-file input[type=file]").set_input_files(path)
    page.get_by_text("2 formulas from a file").wait_for()
    visitor.runs("screen", "#screen-table td")
    kept = [one for one in server.folder.rglob("*") if one.is_file()]
    assert not [one for one in kept if b"a secret recipe" in one.read_bytes()]


def test_a_list_of_100_000_rows_is_dropped_or_pasted(visitor: Visitor) -> None:
    page = visitor.opens(view="screen")
    page.locator("#screen-file button").first.evaluate(
        """(zone) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File(['formula\\n' + 'SrTiO3\\nNaCl2\\n'.repeat(50000)], 'mine.csv'));
            zone.dispatchEvent(new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true}));
        }"""
    )
    page.get_by_text("100,000 formulas from a file").wait_for()
    page.locator("#screen-run").click()
    page.get_by_text("100,000 formulas: 50,000 valid").wait_for()
    assert "and 99,800 more rows" in page.locator("#screen-table").inner_text()
    assert len(pd.read_parquet(io.BytesIO(visitor.downloads("screen-parquet")))) == 100_000
    page.get_by_text("This screening in Python").click()
    assert "everything but the list" in page.locator("#screen-link").inner_text()
    box(page, "screen-formulas").evaluate(
        """(area) => {
            const clipboard = new DataTransfer();
            clipboard.setData('text/plain', 'SrTiO3\\nNaCl2\\nNaCl\\n'.repeat(33333));
            const pasted = {clipboardData: clipboard, bubbles: true, cancelable: true};
            area.dispatchEvent(new ClipboardEvent('paste', pasted));
        }"""
    )
    page.locator("#screen-run").click()
    page.get_by_text("99,999 formulas: 66,666 valid").wait_for()


# People: ways to work


def test_a_long_request_is_stopped(visitor: Visitor) -> None:
    page = visitor.opens("?view=generate&model=roberta&n=10000", view="generate")
    page.locator("#generate-run").click()
    page.locator("#generate-status progress").wait_for()
    page.locator("#generate-stop").click()
    page.get_by_text("Stopped: nothing was kept.").wait_for()
    box(page, "generate-n").fill("5")
    page.locator("#generate-model input").fill("gpt2")
    page.keyboard.press("Enter")
    visitor.runs("generate", "#generate-table td")


@pytest.mark.parametrize(
    ("query", "view", "box_", "bad", "good", "result"),
    [
        ("?view=generate&n=3", "generate", "generate-forbid", "TOXIC", "Pb", "#generate-table td"),
        ("?view=generate&forbid=Pb", "generate", "generate-n", "10000000", "3", "#generate-table td"),
        ("?view=screen", "evaluate", "screen-formulas", "", "NaCl", "#evaluate-report pre"),
        ("?view=tinker&site=Ti", "tinker", "tinker-formula", "NaCl", "SrTiO3", "#tinker-table td"),
    ],
)
def test_after_an_error_the_input_is_mended_and_asked_again(
    visitor: Visitor, query: str, view: str, box_: str, bad: str, good: str, result: str
) -> None:
    page = visitor.opens(query, view)
    box(page, box_).fill(bad)
    page.locator(f"#{view}-run").click()
    page.get_by_test_id("toast-body").first.wait_for()
    page.locator(f"#{view}-run:enabled").wait_for()
    assert page.locator(result).count() == 0
    box(page, box_).fill(good)
    visitor.runs(view, result)


def test_what_is_refused_leaves_nothing_of_what_was_there_before(visitor: Visitor, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("formula\nNaCl\n")
    bad.write_bytes(b"\x00\x01\x02")
    page = visitor.opens("?view=screen", "screen")
    for file in (good, bad):
        page.locator("#screen-file input[type=file]").set_input_files(file)
        told = "1 formulas from a file" if file is good else "or drop a file"
        page.locator("#screen-file").get_by_text(told).wait_for()
    page.locator("#screen-run").click()
    page.get_by_text("the list is empty").wait_for()
    box(page, "screen-formulas").fill("KBr, NaCl; SrTiO3")  # nothing lies over the field
    visitor.runs("screen", "#screen-table td")
    assert page.locator("#screen-table tbody th").all_inner_texts() == ["KBr", "NaCl", "SrTiO3"]
    page = visitor.opens("?view=tinker&formula=SrTiO3&site=Ti")
    visitor.runs("tinker", "#tinker-table td")
    box(page, "tinker-formula").fill("BaZrO3")
    page.locator("#tinker-run").click()
    page.get_by_text("Nothing was made.").wait_for()
    assert page.locator("#tinker-table td").count() == 0
    assert page.locator("#tinker-csv").is_disabled()


def test_an_element_is_clicked_and_what_was_typed_wrongly_stays_to_be_mended(visitor: Visitor) -> None:
    page = visitor.opens("?view=generate", "generate")
    box(page, "generate-forbid").fill("Xx; Pb")
    page.locator("#generate-mode").get_by_text("forbidden").click()
    page.locator('#generate-rules [data-symbol="Fe"]').click()
    value_is(page, "generate-forbid", "Xx, Pb, Fe")


def test_who_waits_for_another_says_so_and_is_stopped(
    visitor: Visitor, browser: Browser, server: AppServer
) -> None:
    other = Visitor(browser, server.address, viewport=DESKTOP)
    before = other.opens("?view=generate&model=roberta&n=10000", view="generate")
    before.locator("#generate-run").click()
    before.locator("#generate-status progress").wait_for()
    page = visitor.opens("?view=generate&n=10", view="generate")
    page.locator("#generate-run").click()
    page.locator("#generate-status").get_by_text("0 of 10 compositions").wait_for()
    page.locator("#generate-stop").click()
    page.locator("#generate-status").get_by_text("Stopped: nothing was kept.").wait_for()
    assert before.locator("#generate-status progress").count() == 1  # the other goes on
    before.locator("#generate-stop").click()
    before.get_by_text("Stopped: nothing was kept.").wait_for()
    other.closes()
    assert other.complaints == []


def test_the_keyboard_alone_is_enough(visitor: Visitor) -> None:
    page = visitor.opens()
    page.locator("body").press("Tab")
    _tab_to(page, "#tinker-formula *")
    page.keyboard.press("Control+A")
    page.keyboard.type("BaTiO3")
    page.locator('#tinker-tokens [data-site="Ba"]').wait_for()
    _tab_to(page, '#tinker-tokens [data-site="Ba"]')
    page.keyboard.press("Enter")
    value_is(page, "tinker-site", "Ba")
    _press(page, "#tinker-run", "#tinker-table td")
    _tab_to(page, "#tinker-elements .mt-element")
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "Enter"):  # from hydrogen
        page.keyboard.press(key)
    assert page.locator('[data-detail="Mg"]').is_visible()
    _press(page, "[data-tab-id=generate]", "#generate-run", "Shift+Tab")
    _tab_to(page, "#generate-n input")
    page.keyboard.press("Control+A")
    page.keyboard.type("8")
    _tab_to(page, "#generate-rules .mt-element")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator('#generate-rules [data-symbol="Li"][aria-label="Li, lithium, required"]').wait_for()
    value_is(page, "generate-require", "Li")
    _press(page, "#generate-run", "#generate-table td")
    assert page.locator("#generate-table tbody tr").count() == 8
    page.wait_for_function("!document.querySelector('#generate-csv').hasAttribute('disabled')")
    _tab_to(page, "#generate-csv, #generate-csv *")
    with page.expect_download():
        page.keyboard.press("Enter")
    _press(page, "[data-tab-id=screen]", "#screen-run", "Shift+Tab")
    _tab_to(page, "#screen-formulas textarea")
    page.keyboard.type("SrTiO3\nNaCl2")
    _press(page, "#screen-run", "#screen-table td")
    assert page.locator("#screen-table tbody tr").count() == 2
    _press(page, "#evaluate-run", "#evaluate-report pre")


def _tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    for _ in range(80):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"the {key} key does not come to {selector}")


def _press(page: Page, button: str, made: str, key: str = "Tab") -> None:
    """Come to a button with the Tab key, press it, and wait for what it makes."""
    _tab_to(page, button, key)
    page.keyboard.press("Enter")
    page.locator(made).first.wait_for()
