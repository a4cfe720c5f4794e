"""What the page gives to copy, run: Python and the command line give the same table as the page."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mattransformer.app import equivalents, requests
from mattransformer.cli import main
from tests import crystals

TABLES: list[tuple[str, dict[str, Any]]] = [
    ("tinker", {"formula": "SrTiO3", "site": "Ti", "fraction": 0.05, "top": 5, "forbid": "Pb, Cd"}),
    ("tinker", {"formula": "Sr <mask> O3", "top": 4}),
    ("tinker", {"cif": "magnetite", "site": "Fe", "top": 3}),
    ("tinker", {"formula": "LiFePO4", "site": "Fe, P", "top": 3, "score": "network"}),
    ("generate", {"n": 40, "seed": 1, "template": "ABX3 X=O", "charge_neutral": True, "new_only": True}),
    (
        "screen",
        {"formulas": ["SrTiO3", "NaCl2", "CuZn", "Xx2"], "alloys": True, "oxidation_states": "icsd24"},
    ),
    ("screen", {"formulas": ["NaN", "<b>x</b>", "CuSO4·5H2O", "-o", "$(touch harm)", '"quoted"']}),
]


def same(own: pd.DataFrame, other: pd.DataFrame, folder: Path) -> None:
    """Compare tables as they are read from files, since a file of text knows fewer types."""
    paths = [folder / "own.csv", folder / "other.csv"]
    for table, path in zip((own, other), paths, strict=True):
        table.to_csv(path, index=False)
    first, second = (pd.read_csv(path, keep_default_na=False) for path in paths)
    pd.testing.assert_frame_equal(first, second, rtol=1e-9)


@pytest.mark.parametrize(("view", "values"), TABLES)
def test_python_and_the_command_give_the_table_of_the_page(
    view: str, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _files_that_the_remark_names(values)
    if "cif" in values:
        values = {**values, "cif": Path("structure.cif").read_text()}
    expected = getattr(requests, view)(**values)
    same(_run(view, values)["table"], expected, tmp_path)
    written = pd.read_csv(equivalents.OUTPUTS[view], keep_default_na=False)
    same(written, pd.read_csv(tmp_path / "own.csv", keep_default_na=False), tmp_path)
    assert not Path("harm").exists()


@pytest.mark.parametrize("held_out", ["", "mp-transport:test"])
def test_python_and_the_command_give_the_report_of_the_page(
    held_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values: dict[str, Any] = {
        "formulas": ["SrTiO3", "NaCl2", "LiFePO4", "Xx2", "NaCl", "NaCl"],
        "held_out": held_out,
        "seed": 2,
    }
    _files_that_the_remark_names(values)
    expected = json.loads(json.dumps(requests.evaluate(**values).record))
    assert json.loads(json.dumps(_run("evaluate", values)["evaluation"].record)) == expected
    assert json.loads(Path(equivalents.OUTPUTS["evaluate"], "scores.json").read_text()) == expected


def _files_that_the_remark_names(values: dict[str, Any]) -> None:
    if "formulas" in values:
        pd.DataFrame({"formula": values["formulas"]}).to_csv("formulas.csv", index=False)
    if "cif" in values:
        crystals.magnetite().to("structure.cif")


def _run(view: str, values: dict[str, Any]) -> dict[str, Any]:
    """Run what is there to be copied, as it stands: the Python, whose variables come back, and the command."""
    names: dict[str, Any] = {}
    exec(compile(equivalents.python(view, values), "copied", "exec", dont_inherit=True), names)
    with pytest.raises(SystemExit) as left:
        main(shlex.split(equivalents.command(view, values))[1:])
    assert left.value.code == 0
    return names


def test_a_list_that_is_not_plain_is_read_from_a_file_and_the_page_says_so() -> None:
    assert equivalents.remark("screen", {"formulas": ["NaCl"]}) == ""
    assert "formulas.csv" in equivalents.remark("screen", {"formulas": ["$(rm -rf)"]})
    assert "formulas.csv" in equivalents.remark("evaluate", {"formulas": ["NaCl"]})
    assert "structure.cif" in equivalents.remark("tinker", {"cif": "data_x"})
    assert "structure.cif" in equivalents.command("tinker", {"cif": "data_x", "site": "Fe1"})
