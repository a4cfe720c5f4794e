"""The README, run: its Python and its commands, in order, in one empty folder.

A `text` block right after a block is what that block prints; `...` in it stands for anything.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$(?:\n+```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of the README.

    Attributes:
        language: what stands after its three backticks.
        code: its lines.
        output: what it should print, where the README says so.
        line: of the README.
    """

    language: str
    code: str
    output: str | None
    line: int


def blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    found = [
        Block(match[1], match[2], match[3], text.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(text)
    ]
    commands = ("bash", "mattransformer ")
    return [block for block in found if block.language == "python" or is_command(block, commands)]


def is_command(block: Block, commands: tuple[str, str]) -> bool:
    language, start = commands
    return block.language == language and block.code.startswith(start)


def run(block: Block, names: dict[str, Any]) -> str:
    if block.language == "python":
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(block.code, f"README.md, line {block.line}", "exec", dont_inherit=True), names)
        return printed.getvalue()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = ["bash", "-euc", block.code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, f"README.md, line {block.line}: {done.stderr}"
    return done.stdout


def test_every_block_of_the_readme_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for block in blocks():
        printed = run(block, names)
        if block.output is not None:
            assert doctest.OutputChecker().check_output(block.output, printed, flags), (
                f"README.md, line {block.line} prints\n{printed}\nand not\n{block.output}"
            )


def test_the_readme_shows_python_with_its_output_and_commands() -> None:
    assert any(block.language == "python" and block.output for block in blocks())
    assert any(block.language == "bash" for block in blocks())
