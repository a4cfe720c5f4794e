"""The built wheel works by itself: no make, no checkout, nothing but what pip installs.

The environment is kept in build/ under a hash of pyproject.toml and constraints.txt, so it is made anew, and
empty, whenever what is to be installed may have changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
LARGEST_WEIGHTS = 24_000_000  # bytes of all checkpoints together, which hardly shrink in an archive
LARGEST_NETWORK = 1_100_000  # of the two networks that tinkering asks
NETWORK = "mattransformer/tinkering/files/network.safetensors"
LARGEST_REST = 4_500_000  # bytes of the archive beside them


def outside() -> dict[str, str]:
    """The environment variables of a user who has no checkout and no corpora."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "MATTRANSFORMER_DATA", "MATTRANSFORMER_CACHE"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    held = CONSTRAINTS.as_uri()  # a path with blanks would be taken for several
    return {
        **kept,
        "PIP_CONSTRAINT": held,
        "PIP_BUILD_CONSTRAINT": held,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=outside(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT, folder=folder)
    (built,) = folder.glob("mattransformer-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The folder of commands of an environment that holds the wheel and what it asks for."""
    digest = hashlib.sha256(sys.version.encode())
    for file in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(file.read_bytes())
    environments = ROOT / "build" / "wheel-environment"
    environment = environments / digest.hexdigest()[:12]
    complete = environment / "complete"
    commands = environment / SCRIPTS
    if not complete.exists():
        shutil.rmtree(environments, ignore_errors=True)
        run(sys.executable, "-m", "venv", environment, folder=wheel.parent)
        how: tuple[str, ...] = ("--no-compile",)
    else:
        how = ("--no-deps", "--force-reinstall")
    run(commands / "python", "-m", "pip", "install", "--quiet", *how, wheel, folder=wheel.parent)
    complete.touch()
    return commands


def test_the_wheel_carries_its_data_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        weights = [entry for entry in archive.infolist() if entry.filename.endswith(".safetensors")]
    assert {
        "mattransformer/py.typed",
        "mattransformer/data/files/known.npy",
        "mattransformer/data/files/mp_transport.csv.gz",
        "mattransformer/data/files/NOTICE.md",
        "mattransformer/models/shipped/gpt2/model.safetensors",
        NETWORK,
        "mattransformer/evaluation/card.md.j2",
        "mattransformer/tinkering/files/calibration.json",
    } <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"mattransformer"}
    sizes = {entry.filename: entry.file_size for entry in weights}
    assert sizes.pop(NETWORK) < LARGEST_NETWORK
    assert sum(sizes.values()) < LARGEST_WEIGHTS
    assert wheel.stat().st_size - sum(entry.compress_size for entry in weights) < LARGEST_REST


def test_an_installed_wheel_generates_compositions_outside_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    run(
        installed / "mattransformer", "generate", "-n", "200", "--seed", "0", "-o", "out.csv", folder=tmp_path
    )
    header, *rows = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[:3] == ["formula", "tokens", "log_prob"]
    assert len({row.partition(",")[0] for row in rows}) == 200
    where = run(
        installed / "python", "-c", "import mattransformer; print(mattransformer.__file__)", folder=tmp_path
    )
    assert Path(where.strip()).is_relative_to(installed.parent)
