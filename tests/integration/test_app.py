"""The page as people, programs and agents use it, and the answers of the library to compare with."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from mattransformer.app import limits, requests
from tests.app_server import AppServer, serving
from tests.app_visitor import CHROMIUM, PATIENCE, TABS, Visitor, box, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serving(tmp_path_factory.mktemp("app")) as found:
        yield found
        assert found.attempts.read_text() == "", "the server tried to reach others"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    with sync_playwright() as player, started(player) as opened:
        yield opened


@pytest.fixture
def visitor(browser: Browser, server: AppServer) -> Iterator[Visitor]:
    opened = Visitor(browser, server.address, viewport={"width": 1200, "height": 900})
    yield opened
    opened.closes()
    assert opened.complaints == []


# Other programs


def test_programs_get_the_tables_of_the_library(server: AppServer) -> None:
    from gradio_client import Client

    client = Client(server.address, verbose=False)
    rows = client.predict("SrTiO3", "Ti", 0.05, 5, api_name="/tinker")
    own = requests.tinker("SrTiO3", site="Ti", fraction=0.05, top=5)
    assert [row["formula"] for row in rows] == own["formula"].tolist()
    assert [row["probability"] for row in rows] == pytest.approx(own["probability"].tolist(), rel=1e-6)
    rows = client.predict(model="gpt2", n=20, seed=7, charge_neutral=True, api_name="/generate")
    assert [row["formula"] for row in rows] == requests.generate(n=20, seed=7, charge_neutral=True)[
        "formula"
    ].tolist()
    rows = client.predict(["SrTiO3", "NaCl2", "<b>"], api_name="/screen")
    assert [row["smact_valid"] for row in rows] == [True, False, False]
    with pytest.raises(Exception, match="10,000 that one request may ask for"):
        client.predict(n=10_000_000, api_name="/generate")
    with pytest.raises(Exception, match="10,002 characters"):
        client.predict("SrTiO3" * 1_667, "Ti", api_name="/tinker")


def test_programs_find_the_four_functions_and_none_of_the_page(server: AppServer) -> None:
    from gradio_client import Client

    named = Client(server.address, verbose=False).view_api(return_format="dict", print_info=False)
    assert isinstance(named, dict)
    assert set(named["named_endpoints"]) == {"/tinker", "/generate", "/screen", "/evaluate"}
    assert named["unnamed_endpoints"] == {}


def test_agents_find_tools_whose_schemas_say_units_and_limits(server: AppServer) -> None:
    tools, answer = asyncio.run(_asked_by_an_agent(server.address))
    assert set(tools) == {"tinker", "generate", "screen", "evaluate"}
    tinker, generate = tools["tinker"].inputSchema["properties"], tools["generate"].inputSchema["properties"]
    assert "from 0.005 to 1 (no unit)" in tinker["fraction"]["description"]
    assert "from 1 to 10,000" in generate["n"]["description"]
    assert generate["n"]["type"] == "integer"
    assert "progress" not in generate
    assert "Raises" not in tools["generate"].description
    assert "natural logarithm" in tools["generate"].description
    assert "NaCl" in answer


async def _asked_by_an_agent(address: str) -> tuple[dict[str, Any], str]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{address}gradio_api/mcp/") as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        answer = await session.call_tool("screen", {"formulas": ["NaCl"]})
        return tools, json.dumps([part.model_dump(mode="json") for part in answer.content])


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


# People


def test_tinkering_as_a_person_does_it(visitor: Visitor) -> None:
    page = visitor.opens()
    box(page, "tinker-formula").fill("LiFePO4")
    page.locator('#tinker-tokens [data-site="Fe"]').first.click()
    page.wait_for_function(
        "document.querySelector('#tinker-site input, #tinker-site textarea').value === 'Fe'"
    )
    page.get_by_text("Doping: a part of them").click()
    box(page, "tinker-fraction").fill("0.1")
    page.locator("#tinker-run").click()
    page.locator("#tinker-table td").first.wait_for()
    own = requests.tinker("LiFePO4", site="Fe", fraction=0.1)
    assert page.locator("#tinker-table tbody tr").first.locator("td").nth(1).inner_text() == own["dopant"][0]
    page.locator('#tinker-elements [data-symbol="Mn"]').click()
    detail = page.locator('[data-detail="Mn"]')
    assert detail.is_visible()
    row = own[own["dopant"] == "Mn"].iloc[0]
    assert row["formula"] in detail.inner_text()
    assert "Oxidation states" in detail.inner_text()
    given = pd.read_csv(io.BytesIO(visitor.downloads("tinker-csv")))
    expected = pd.read_csv(io.StringIO(own.to_csv(index=False)))
    pd.testing.assert_frame_equal(given, expected, rtol=1e-6)
    page.get_by_text("This request in Python").first.click()
    assert 'mt.tinker("LiFePO4", site="Fe", fraction=0.1)' in box(page, "tinker-python").input_value()
    link = box(page, "tinker-link").input_value()
    visitor.opens(link.removeprefix(visitor.address))
    page.wait_for_function("document.querySelector('#tinker-fraction input')?.value === '0.1'")
    assert box(page, "tinker-formula").input_value() == "LiFePO4"


def test_a_cif_is_dropped_and_its_sites_are_there(
    visitor: Visitor, server: AppServer, tmp_path: Path
) -> None:
    from tests.crystals import magnetite

    path = tmp_path / "my <b>magnetite.cif"
    magnetite().to(str(tmp_path / "plain.cif"))
    path.write_text((tmp_path / "plain.cif").read_text() + "\n# a secret recipe\n")
    page = visitor.opens()
    page.locator("#tinker-cif input[type=file]").set_input_files(path)
    page.locator('#tinker-tokens [data-site="Fe2"]').click()
    page.wait_for_function(
        "document.querySelector('#tinker-site input, #tinker-site textarea').value === 'Fe2'"
    )
    page.locator("#tinker-run").click()
    page.locator("#tinker-table td").first.wait_for()
    kept = [own for own in server.folder.rglob("*") if own.is_file()]
    assert not [own for own in kept if b"a secret recipe" in own.read_bytes()]


def test_generating_as_a_person_does_it(visitor: Visitor) -> None:
    page = visitor.opens(view="generate")
    box(page, "generate-n").fill("30")
    box(page, "generate-template").fill("ABX3")
    page.locator('#generate-rules [data-symbol="O"]').click()
    page.locator('#generate-rules [data-symbol="O"][aria-label="O, oxygen, required"]').wait_for()
    page.locator("#generate-mode").get_by_text("forbidden").click()
    page.locator('#generate-rules [data-symbol="Pb"]').click()
    page.locator('#generate-rules [data-symbol="Pb"][aria-label="Pb, lead, forbidden"]').wait_for()
    page.get_by_label("Charge-neutral").check()
    page.locator("#generate-run").click()
    page.locator("#generate-table td").first.wait_for()
    own = requests.generate(n=30, template="ABX3", require="O", forbid="Pb", charge_neutral=True)
    given = pd.read_parquet(io.BytesIO(visitor.downloads("generate-parquet")))
    pd.testing.assert_frame_equal(given, own, check_dtype=False, rtol=1e-6)
    assert page.locator('#generate-heat [data-symbol="O"]').get_attribute("aria-label") == "O, oxygen, 100 %"


def test_a_long_request_is_stopped(visitor: Visitor) -> None:
    page = visitor.opens("?view=generate&model=roberta&n=10000", view="generate")
    page.wait_for_function("document.querySelector('#generate-n input').value === '10000'")
    page.locator("#generate-run").click()
    page.locator("#generate-status progress").wait_for()
    page.locator("#generate-stop").click()
    page.get_by_text("Stopped: nothing was kept.").wait_for()
    box(page, "generate-n").fill("5")
    page.locator("#generate-model input").fill("gpt2")
    page.keyboard.press("Enter")
    page.locator("#generate-run").click()
    page.locator("#generate-table td").first.wait_for()


def test_screening_and_evaluating_as_a_person_does_it(
    visitor: Visitor, server: AppServer, tmp_path: Path
) -> None:
    formulas = ["SrTiO3", "NaCl2", "<script>alert(1)</script>", "NaCl", "K2SO4", "CaF2"]
    path = tmp_path / "..%2F..%2Fmine.csv"
    pd.DataFrame({"formula": formulas, "note": "a secret recipe"}).to_csv(path, index=False)
    page = visitor.opens(view="screen")
    page.locator("#screen-file input[type=file]").set_input_files(path)
    page.get_by_text("6 formulas from a file").wait_for()
    page.locator("#screen-run").click()
    page.locator("#screen-table td").first.wait_for()
    assert "<script>" in page.locator("#screen-table").inner_text()
    given = pd.read_csv(io.BytesIO(visitor.downloads("screen-csv")), keep_default_na=False)
    own = pd.read_csv(io.StringIO(requests.screen(formulas).to_csv(index=False)), keep_default_na=False)
    pd.testing.assert_frame_equal(given, own)
    kept = [one for one in server.folder.rglob("*") if one.is_file()]
    assert not [one for one in kept if b"a secret recipe" in one.read_bytes()]
    page.locator("#evaluate-run").click()
    page.locator("#evaluate-report pre").wait_for()
    scores = json.loads(visitor.downloads("evaluate-scores"))
    expected = json.loads(json.dumps(requests.evaluate(formulas).record))
    assert scores == expected


def test_a_list_of_100_000_rows_is_pasted(visitor: Visitor) -> None:
    page = visitor.opens(view="screen")
    box(page, "screen-formulas").evaluate(
        """(area) => {
            const clipboard = new DataTransfer();
            clipboard.setData('text/plain', 'SrTiO3\\nNaCl2\\n'.repeat(50000));
            const pasted = {clipboardData: clipboard, bubbles: true, cancelable: true};
            area.dispatchEvent(new ClipboardEvent('paste', pasted));
        }"""
    )
    page.locator("#screen-run").click()
    page.get_by_text("100,000 formulas: 50,000 valid").wait_for()
    assert "and 99,800 more rows" in page.locator("#screen-table").inner_text()


def test_the_keyboard_alone_is_enough(visitor: Visitor) -> None:
    page = visitor.opens()
    page.locator("body").press("Tab")
    _tab_to(page, "#tinker-formula *")
    page.keyboard.press("Control+A")
    page.keyboard.type("BaTiO3")
    page.locator('#tinker-tokens [data-site="Ba"]').wait_for()
    _tab_to(page, '#tinker-tokens [data-site="Ba"]')
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('#tinker-site input, #tinker-site textarea').value === 'Ba'"
    )
    _tab_to(page, "#tinker-run")
    page.keyboard.press("Enter")
    page.locator("#tinker-table td").first.wait_for()
    _tab_to(page, "#tinker-elements .mt-element")
    page.keyboard.press("ArrowDown")  # from hydrogen
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator('[data-detail="Mg"]').is_visible()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not come to {selector}")


def test_bad_links_and_bad_formulas_are_told_and_harm_nothing(visitor: Visitor) -> None:
    harm = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page = visitor.opens(f"?view=tinker&formula={harm}&site=Ti&top=1000000&volume={harm}")
    page.get_by_text("link: tinker has no input").wait_for()
    page.get_by_text("top: 1,000,000 is more than the 118").wait_for()
    page.locator("#tinker-run").click()
    page.get_by_text("cannot be read as a host").first.wait_for()
    assert page.locator("#tinker-tokens img, .toast-wrap img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_and_a_phone_shows_all(
    browser: Browser, server: AppServer, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    phone = Visitor(
        browser, server.address, viewport={"width": 390, "height": 800}, color_scheme=scheme, has_touch=True
    )
    page = phone.opens()
    page.locator("#tinker-run").click()
    page.locator("#tinker-table td").first.wait_for()
    for tab in TABS.values():
        page.get_by_role("tab", name=tab).first.click(force=True)
        page.wait_for_timeout(500)  # until colours have faded in
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{tab} is {width} pixels wide"
        found = Axe().run(page).response["violations"]
        serious = [
            f"{tab}, {scheme}: {own['id']}: {own['nodes'][0]['html'][:200]}"
            for own in found
            if own["impact"] in ("serious", "critical")
        ]
        assert serious == []
    phone.closes()
    assert phone.complaints == []
