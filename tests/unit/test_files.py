"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mattransformer.files import replacing, write_bytes, write_text


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half of the n", encoding="utf-8")
        raise error


def test_a_new_file_holds_what_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "formulas.txt", "CuSO4·5H2O\n")
    assert (tmp_path / "formulas.txt").read_bytes() == "CuSO4·5H2O\n".encode()
    assert list(tmp_path.iterdir()) == [tmp_path / "formulas.txt"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old weights, longer than the new ones")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_the_temporary_file_lies_beside_and_has_the_same_ending(tmp_path: Path) -> None:
    with replacing(tmp_path / "table.parquet") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".parquet"
        temporary.write_bytes(b"rows")
    assert (tmp_path / "table.parquet").read_bytes() == b"rows"


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_an_exception_leaves_the_old_file_and_no_rest(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "run.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write_half(tmp_path / "run.json", RuntimeError())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "nowhere" / "run.json", "")


def test_a_disk_that_fills_up_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")

    def fill_up(file: Path, content: bytes) -> int:
        with file.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_bytes(path, b"new weights")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"old")
    program = f"""
import os, signal
from pathlib import Path
from mattransformer.files import replacing
with replacing(Path({str(path)!r})) as temporary:
    temporary.write_bytes(b"half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_others_may_read_what_was_written_if_the_user_lets_them(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "run.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, there: bool) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "table.csv", tmp_path / "link.csv"
    if there:
        target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert [path.name for path in target.parent.iterdir()] == ["table.csv"]


@pytest.mark.skipif(os.name != "posix", reason="needs kill")
def test_a_stopped_program_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("old", encoding="utf-8")
    program = """
import os, signal
from pathlib import Path
from mattransformer.cli import app
from mattransformer.files import replacing
def stopped(**_):
    with replacing(Path("run.json")):
        os.kill(os.getpid(), signal.SIGTERM)
app.app = stopped
app.main([])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text(encoding="utf-8") == "old"
