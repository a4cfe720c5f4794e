"""Every view of the page, light, dark and on a phone, as pictures for the documentation.

python -m tests.app_screenshots docs
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tests.app_server import serving
from tests.app_visitor import CHROMIUM, Visitor, started

if TYPE_CHECKING:
    from playwright.sync_api import Page

WINDOWS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1100, "height": 1000}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1100, "height": 1000}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
}
QUERIES: Final = {
    "tinker": "?view=tinker&formula=SrTiO3&site=Ti&fraction=0.05",
    "generate": "?view=generate&n=60&template=ABX3+X%3DO%2CF&forbid=Pb%2C+Cd&charge_neutral=true",
    "screen": "?view=screen&formulas=SrTiO3%0ANaCl%0ANaCl2%0AFe3O4%0ACuZn%0ACuSO4%C2%B75H2O%0ALi0.5CoO2%0AXx2",
}
"""View to what it is opened with."""
ANSWERS: Final = {
    "tinker": "suggestions for 5 % of Ti in SrTiO3",
    "generate": "60 compositions",
    "screen": "8 formulas",
}
"""View to what its answer begins with or holds."""
_TALLEST: Final = 2_400  # pixels


def main(folder: Path) -> None:
    """Draw all of them.

    Args:
        folder: for `tinker-light.png` and its like; made where it is missing.
    """
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        raise SystemExit("error: there is no chromium; apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as own,
        serving(Path(own)) as server,
        sync_playwright() as player,
        started(player) as browser,
    ):
        for scheme, window in WINDOWS.items():
            for view, query in QUERIES.items():
                visitor = Visitor(browser, server.address, **window)
                page = visitor.opens(query, view)
                _answered(page, view)
                _draw(page, folder / f"{view}-{scheme}.png")
                visitor.closes()


def _answered(page: Page, view: str) -> None:
    """Press the button of a view, and wait for its table."""
    page.wait_for_timeout(6_000)  # until the link has filled the inputs in
    page.locator(f"#{view}-run").click()
    page.locator(f"#{view}-table td").first.wait_for()
    page.get_by_text(
        ANSWERS[view]
    ).first.wait_for()  # of what the link asks for, not of what stood there before
    if view == "tinker":
        page.locator('#tinker-elements [data-symbol="Nb"]').click()
    page.wait_for_timeout(1_000)  # until nothing fades any more


def _draw(page: Page, path: Path) -> None:
    width, height = page.evaluate(
        "[document.documentElement.clientWidth, document.documentElement.scrollHeight]"
    )
    page.screenshot(
        path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, _TALLEST)}
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
