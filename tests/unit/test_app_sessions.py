"""What the server remembers of its visitors: what they dropped, within quotas, and only as long as they are there."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mattransformer.app import downloads, limits

if TYPE_CHECKING:
    from mattransformer.app.sessions import Sessions

FORMULAS = ["SrTiO3", "NaCl"]


@pytest.fixture(scope="module")
def page() -> Any:
    import gradio as gr

    with gr.Blocks(analytics_enabled=False) as laid_out:
        gr.State([], render=True)
        gr.Textbox("")
    return laid_out


@pytest.fixture
def sessions(page: Any) -> Sessions:
    from mattransformer.app.sessions import Sessions

    found = Sessions()
    found.set_blocks(page)
    return found


def places(page: Any) -> tuple[int, int]:
    """Give the numbers of the state and of the text box."""
    found = {type(own).__name__: own._id for own in page.blocks.values()}
    return found["State"], found["Textbox"]


def later(sessions: Sessions, name: str, seconds: float) -> None:
    sessions.time_last_used[name] -= datetime.timedelta(seconds=seconds)


def test_a_dropped_list_is_forgotten_some_minutes_after_it_was_used_last(
    page: Any, sessions: Sessions
) -> None:
    state, _ = places(page)
    sessions["ada"][state] = FORMULAS
    assert sessions.sweep(limits.SECONDS_KEPT, 60) == []
    assert sessions["ada"][state] == FORMULAS
    later(sessions, "ada", limits.SECONDS_KEPT + 1)
    assert sessions.sweep(limits.SECONDS_KEPT, 60) == ["ada"]
    assert sessions["ada"][state] == []


def test_a_page_that_was_closed_is_forgotten_within_a_minute(page: Any, sessions: Sessions) -> None:
    state, _ = places(page)
    sessions["ada"][state] = FORMULAS
    sessions["bob"][state] = FORMULAS
    sessions["ada"].is_closed = True
    for name in ("ada", "bob"):
        later(sessions, name, 61)
    assert sessions.sweep(limits.SECONDS_KEPT, 60) == ["ada"]
    assert "bob" in sessions


def test_what_a_page_shows_is_not_remembered(page: Any, sessions: Sessions) -> None:
    _, text = places(page)
    sessions["ada"]._update_value_in_config(text, "a secret recipe")
    assert list(sessions["ada"].components) == []


def test_one_visitor_keeps_no_more_than_the_quota(
    page: Any, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_KEPT_OF_ONE", 20)
    state, _ = places(page)
    sessions["ada"][state] = ["SrTiO3"] * 3
    assert len(sessions["ada"][state]) == 3
    sessions["ada"][state] = ["SrTiO3"] * 4
    assert sessions["ada"][state] == []


def test_all_together_keep_no_more_than_the_quota_and_the_newest_stay(
    page: Any, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_KEPT", 25)
    state, _ = places(page)
    for name in ("ada", "bob", "eve"):
        sessions[name][state] = FORMULAS  # 10 characters
    assert sessions.sweep(limits.SECONDS_KEPT, 60) == ["ada"]
    sessions.capacity = 1
    assert sessions["joe"][state] == []
    assert set(sessions.session_data) == {"joe"}


def test_work_of_a_session_that_is_over_is_stopped(page: Any, sessions: Sessions) -> None:
    from mattransformer.app.jobs import Job, StoppedError

    state, _ = places(page)

    def endless(tell: Callable[[int], None]) -> None:
        while True:
            time.sleep(0.01)
            tell(1)

    work = Job(endless)
    sessions["ada"][state] = work
    later(sessions, "ada", limits.SECONDS_KEPT + 1)
    sessions.sweep(limits.SECONDS_KEPT, 60)
    with pytest.raises(StoppedError):
        work.result()


def test_files_go_with_their_session_and_the_oldest_of_too_many_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gradio as gr
    from gradio.context import LocalContext

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = {}
    for name in ("ada", "../bob"):
        token = LocalContext.request.set(gr.Request(session_hash=name))
        made[name] = downloads.new_folder()
        LocalContext.request.reset(token)
        (made[name] / "table.csv").write_text("formula\nNaCl\n")
        assert made[name].parent == tmp_path
    downloads.forget(tmp_path, "ada")
    assert not made["ada"].exists()
    assert (made["../bob"] / "table.csv").exists()
    new = tmp_path / "new.csv"
    new.write_text("formula\nNaCl\n")
    os.utime(made["../bob"] / "table.csv", (1, time.time() - 60))
    assert downloads.sweep(tmp_path, 3_600, most=15) == 1
    assert new.exists()
