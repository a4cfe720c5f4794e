"""Fixtures that tests of all kinds share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Tables and kernels are loaded by the first example that needs them: no test is a measurement of time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_REFUSED = "refused"

# The files that take longest come first, so that no process waits for another at the end; short ones fill the gaps.
_LONGEST_FIRST = (
    "test_architectures.py",
    "test_readme.py",
    "test_app.py",
    "test_wheel.py",
    "test_generate_agreement.py",
    "test_configs.py",
    "test_smact_agreement.py",
    "test_training.py",
    "test_notebooks.py",
    "test_onnx_export.py",
    "test_hub_exchange.py",
    "test_filling.py",
    "test_benchmark_run.py",
    "test_pipeline.py",
    "test_app_programs.py",
    "test_generate_to.py",
    "test_tokenization.py",
    "test_tinker.py",
    "test_known.py",
    "test_formula.py",
    "test_hub_refusals.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refusals", action="store_true", help="list what was refused, and in which words")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long files begin; `make test` hands them out in this order, and keeps each of them together."""
    places = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the bad inputs that tests gave, and the lines that refused them."""
    if not config.getoption("refusals"):
        return
    told = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == _REFUSED
    ]
    terminalreporter.section(f"{len(told)} bad inputs, each refused in one line")
    for where, wrong, message in told:
        terminalreporter.write_line(f"{where}: {wrong}")
        terminalreporter.write_line(f"    {message}")


@pytest.fixture
def refused_in(record_property: Callable[[str, object], None]) -> Callable[[str, str, str], None]:
    """Puts a bad input into the list of `--refusals`: where it was given, what is wrong with it, the line it got."""
    return lambda where, wrong, message: record_property(_REFUSED, [where, wrong, message.strip()])


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
