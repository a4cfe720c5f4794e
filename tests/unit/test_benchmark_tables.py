"""The README's tables of screening, sampling, tinkering and evaluation are what the recorded runs say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tables", ROOT / "benchmarks" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["screening", "sampling", "tinkering", "evaluation"])
def test_the_readme_holds_the_table_of_the_recorded_runs(name: str, tables: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, last = tables.MARKS[name]
    assert f"{first}\n{tables.rendered(name)}\n{last}" in text


def test_a_readme_without_the_marks_is_refused(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no table\n", encoding="utf-8")
    monkeypatch.setattr(tables, "README", readme)
    assert tables.main() == 2
    assert "put <!-- screening:start -->" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == "no table\n"
