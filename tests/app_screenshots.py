"""Every view of the page, light, dark and on a phone, as pictures for the documentation.

python -m tests.app_screenshots docs
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

from tests.app_server import serving
from tests.app_visitor import CHROMIUM, Visitor, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WINDOWS: Final[dict[str, tuple[Literal["light", "dark"], int, int]]] = {
    "light": ("light", 1100, 1000),
    "dark": ("dark", 1100, 1000),
    "phone": ("light", 390, 844),
}
"""Picture to its scheme, and the width and height of its window in pixels."""
_LIST: Final = (
    *("SrTiO3", "NaCl", "NaCl2", "Fe3O4", "CuZn", "LiCoO2", "BaTiO3", "PbTiO3", "CsPbI3", "KNbO3", "LaMnO3"),
    *("CaTiO3", "BaSnO3", "LiFePO4", "Li3PS4", "GaN", "ZnS", "CdTe", "MgB2", "Y3Al5O12", "NaNiO2", "K2SO4"),
)
QUERIES: Final = {
    "tinker": "?view=tinker&formula=SrTiO3&site=Ti&fraction=0.05",
    "generate": "?view=generate&n=60&template=ABX3+X%3DO%2CF&forbid=Pb%2C+Cd&charge_neutral=true",
    "screen": "?view=screen&formulas=SrTiO3%0ANaCl%0ANaCl2%0AFe3O4%0ACuZn%0ACuSO4%C2%B75H2O%0ALi0.5CoO2%0AXx2",
    "evaluate": "?view=evaluate&held_out=mp-transport%3Atest&formulas=" + "%0A".join(_LIST),
}
"""View to what it is opened with."""
ANSWERS: Final = {
    "tinker": "suggestions for 5 % of Ti in SrTiO3",
    "generate": "60 compositions",
    "screen": "8 formulas",
    "evaluate": "Evaluated.",
}
"""View to what its answer begins with or holds."""
_TABLES: Final = {"evaluate": "#evaluate-report pre"}  # where a view has no table of its own
_TALLEST: Final = 2_800  # pixels


def main(folder: Path) -> None:
    """Draw all of them, of a page that is served for it.

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
        draw(browser, server.address, folder)


def draw(browser: Browser, address: str, folder: Path) -> None:
    """Draw every view of a page in every window; see `main`."""
    for view, query in QUERIES.items():
        visitor = Visitor(browser, address)
        page = visitor.opens(query, view)
        visitor.runs(view, _TABLES.get(view, f"#{view}-table td"))
        page.get_by_text(ANSWERS[view]).first.wait_for()
        if view == "tinker":
            page.locator('#tinker-elements [data-symbol="Nb"]').click()
        for name, (scheme, width, height) in WINDOWS.items():
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            _draw(page, folder / f"{view}-{name}.png")
        visitor.closes()
        if visitor.complaints:
            raise SystemExit(f"error: {view}: {visitor.complaints}")


def _draw(page: Page, path: Path) -> None:
    page.mouse.move(0, 0)
    height = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
    # A frame beyond the window is not drawn at all.
    page.set_viewport_size({"width": page.evaluate("window.innerWidth"), "height": height})
    page.wait_for_timeout(2_000)  # until all is drawn
    page.screenshot(path=path)
    print(f"written to {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
