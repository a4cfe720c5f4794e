"""Fixtures that tests of all kinds share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Tables and kernels are loaded by the first example that needs them: no test is a measurement of time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of corpora beside the checkout (mp, oqmd, icsd); skips where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "mp.csv.gz").is_file():
        pytest.skip("needs the corpora in ../shared/data beside the checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _corpora_cached_for_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the tests share a cache of corpora of their own, so that the user's stays as it is."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, each with a folder in that of the run
        folder = folder.parent
    (folder / "corpora").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTRANSFORMER_CACHE", str(folder / "corpora"))
        yield
