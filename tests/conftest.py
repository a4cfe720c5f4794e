"""Fixtures that tests of all kinds share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of corpora beside the checkout (mp, oqmd, icsd); skips where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "mp.csv.gz").is_file():
        pytest.skip("needs the corpora in ../shared/data beside the checkout")
    return folder
