"""A visitor of the page: Debian's Chromium, without a window, by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Locator, Page, Playwright

CHROMIUM: Final = shutil.which("chromium")
FLAGS: Final = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE: Final = 180_000
"""Milliseconds that a visitor waits, since no test is a measurement of time."""

_STILL: Final = """
document.addEventListener('DOMContentLoaded', () => {
  const still = document.createElement('style');
  still.textContent = '*, *::before, *::after { animation: none !important; transition: none !important; }';
  document.head.append(still);
});
"""
"""Nothing turns or fades: without a graphics card that takes all of a processor, and there is nothing to wait for."""

TABS: Final = {"tinker": "Tinker", "generate": "Generate", "screen": "Screen", "evaluate": "Screen"}
"""View to the name of its tab."""

REQUIRED: Final = os.environ.get("MATTRANSFORMER_BROWSER") == "required"
"""Whether it is an error that there is no Chromium, as where all tests have to run."""


@contextmanager
def started(player: Playwright) -> Iterator[Browser]:
    """Start the browser, and end it with the block."""
    browser = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()


class Visitor:
    """A page in a window of its own, with all that must not happen written down.

    Attributes:
        page: of Playwright.
        address: of the page.
        complaints: errors in the console, dialogs, and requests to others.
    """

    def __init__(self, browser: Browser, address: str, **window: Any) -> None:
        """Open a window."""
        self._context = browser.new_context(accept_downloads=True, reduced_motion="reduce", **window)
        self._context.add_init_script(_STILL)
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address, self.complaints = address, list[str]()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._asked)
        self.page.on("request", lambda request: self._asked_for(request.url))
        self.page.on("websocket", lambda opened: self._asked_for(opened.url.replace("ws", "http", 1)))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _asked(self, dialog: Any) -> None:
        self.complaints.append("a dialog opened")
        dialog.dismiss()

    def _asked_for(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:", "about:")):
            self.complaints.append(f"asks others: {url}")

    def opens(self, query: str = "", view: str = "tinker") -> Page:
        """Open the page, and the part of it with a view."""
        self.page.goto(self.address + query)
        runs = ", ".join(f"#{name}-run:enabled" for name in TABS)  # a link has filled the inputs in
        self.page.locator(runs).first.wait_for(state="attached")
        return self.shows(view)

    def shows(self, view: str) -> Page:
        """Go to the part of the page with a view."""
        self.page.get_by_role("tab", name=TABS[view], exact=True).click()
        self.page.locator(f"#{view}-run:enabled").wait_for()
        return self.page

    def runs(self, view: str, table: str) -> None:
        """Press the button of a view, and wait for what it makes."""
        self.page.locator(f"#{view}-run").click()
        self.page.locator(table).first.wait_for()

    def downloads(self, button: str) -> bytes:
        """Press a button that gives a file."""
        place = self.page.locator(f"#{button}")
        self.page.wait_for_function(f"!document.querySelector('#{button}').hasAttribute('disabled')")
        with self.page.expect_download() as waiting:
            place.click()
        given: Download = waiting.value
        return Path(given.path()).read_bytes()

    def closes(self) -> None:
        """Close the window."""
        self._context.close()


def box(page: Page, name: str) -> Locator:
    """Find the field in a component."""
    return page.locator(f"#{name} input, #{name} textarea").first


def value_is(page: Page, name: str, value: str) -> None:
    """Wait until the field in a component holds something."""
    page.wait_for_function(
        "([name, value]) => document.querySelector(`#${name} input, #${name} textarea`)?.value === value",
        arg=[name, value],
    )
