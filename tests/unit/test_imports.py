"""What is loaded when: `import mattransformer` loads nothing heavy, and screening never needs torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import mattransformer

HEAVY = {
    "accelerate",
    "datasets",
    "gradio",
    "huggingface_hub",
    "numpy",
    "pandas",
    "pyarrow",
    "pymatgen",
    "smact",
    "torch",
    "transformers",
}


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh Python and give the top-level packages that it loaded."""
    report = f"{code}\nimport json, sys; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_importing_the_package_loads_no_heavy_library() -> None:
    assert not loaded_after("import mattransformer") & HEAVY


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    assert not loaded_after("import mattransformer.cli") & HEAVY


def test_a_server_that_is_not_started_loads_no_heavy_library() -> None:
    assert not loaded_after("import mattransformer.app.server, mattransformer.app.links") & HEAVY


def test_parsing_a_plain_formula_needs_no_pymatgen() -> None:
    code = (
        "import mattransformer as mt; assert mt.Formula.parse('SrTiO3').tokens == ('Sr', 'Ti', 'O', 'O', 'O')"
    )
    assert not loaded_after(code) & (HEAVY - {"numpy"})


def test_screening_strontium_titanate_loads_no_torch() -> None:
    code = "import mattransformer as mt; assert mt.screen('SrTiO3')['charge_neutral'].item()"
    assert not loaded_after(code) & {"torch", "transformers", "accelerate"}


@pytest.mark.parametrize("name", mattransformer.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert name in dir(mattransformer)
    assert getattr(mattransformer, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'formula_of_love'"):
        _ = mattransformer.formula_of_love
