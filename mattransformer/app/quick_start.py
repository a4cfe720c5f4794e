"""Gradio imported and a page laid out without the work that this page has no use for: twice as fast.

Each of these puts something back in its place when its block ends.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def imported_quickly(*, mcp: bool) -> Iterator[None]:
    """Let Gradio be imported in the block, which may be more than once.

    Args:
        mcp: whether it will serve tools of agents; the library for them is as large as the rest.

    Yields:
        Nothing.
    """
    with ExitStack() as stack:
        stack.enter_context(no_stubs_written())
        stack.enter_context(_templates_read_once())
        # The command `gradio` and notebooks have no part in a page.
        commands: Any = ModuleType("gradio.cli")
        commands.deploy = None
        stack.enter_context(_in_place_of("gradio.cli", commands))
        stack.enter_context(_in_place_of("IPython", None))
        if not mcp:
            stack.enter_context(_in_place_of("mcp", None))
        elif "gradio.mcp" in sys.modules and not hasattr(sys.modules["gradio.mcp"].GradioMCPServer, "types"):
            importlib.reload(
                sys.modules["gradio.mcp"]
            )  # a page without tools was served by this process before
        yield


@contextmanager
def no_stubs_written() -> Iterator[None]:
    """Keep Gradio from parsing each of its components to write stubs for editors.

    It does not where a class is in no file (`gradio.component_meta.create_or_modify_pyi`), so that is what it is told.
    """
    original = inspect.getfile

    def getfile(asked: Any) -> str:  # noqa: ANN401 - whatever is defined somewhere
        if isinstance(asked, type) and asked.__module__.startswith("gradio."):
            raise OSError("not looked for")
        return original(asked)

    inspect.getfile = getfile  # type: ignore[assignment] # the same but for the name of its argument
    try:
        yield
    finally:
        inspect.getfile = original


@contextmanager
def _templates_read_once() -> Iterator[None]:
    """Compile the template of an event's docstring once, and not for every component that has the event."""
    from jinja2 import Environment

    original = Environment.compile
    Environment.compile = functools.lru_cache(original)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Environment.compile = original  # type: ignore[method-assign]


@contextmanager
def _in_place_of(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    """Have a module that takes long to import replaced, or missing with None, unless it is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in  # type: ignore[assignment] # importing None is an ImportError
    try:
        yield
    finally:
        sys.modules.pop(name, None)


@contextmanager
def laid_out_only() -> Iterator[None]:
    """Lay a page out without its server, which Gradio makes anew at each step and again when it is launched."""
    from gradio.routes import App

    original = App.__dict__["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        App.create_app = original  # type: ignore[method-assign]
