"""The functions of `requests` as other programs call them: over HTTP, and as tools of agents (MCP).

Their names, types and docstrings become the schemas; tables come as lists of rows, and what is unknown as null.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, Final

import gradio as gr
from gradio.events import api

from mattransformer.app import limits, requests
from mattransformer.errors import MattransformerError

FUNCTIONS: Final[tuple[Callable[..., Any], ...]] = (
    requests.tinker,
    requests.generate,
    requests.screen,
    requests.evaluate,
)
_GROUPS: Final = {"tinker": "tinker", "generate": "sampling", "screen": "screening", "evaluate": "evaluate"}
"""Function to the queue that it shares with the page."""
_TYPES: Final[dict[str, Any]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": float,
    "float | None": float | None,
    "list[str]": list[str],
}
"""Types of arguments, as they are written in `requests`, where no types of tables are imported."""


def publish() -> None:
    """Add the functions to the page that is being laid out."""
    for function in FUNCTIONS:
        name = function.__name__
        limit = 2 if name == "screen" else limits.MOST_WAITING
        api(published(function), api_name=name, concurrency_id=_GROUPS[name], concurrency_limit=limit)


def published(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that takes and gives what JSON knows.

    Args:
        function: of `requests`.

    Returns:
        The same without keyword-only arguments; a table becomes a list of rows, an evaluation its record, and an error
        that can be mended one line for the caller.
    """
    signature = inspect.signature(function)
    kept = [own for own in signature.parameters.values() if own.kind is not own.KEYWORD_ONLY]
    is_table = function is not requests.evaluate
    result: Any = list[dict[str, Any]] if is_table else dict[str, Any]

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
        try:
            found = function(*args, **kwargs)
        except MattransformerError as error:
            raise gr.Error(" ".join(str(error).split()), print_exception=False) from None
        return records(found) if is_table else dict(found.record)

    hints = {own.name: _TYPES[str(own.annotation)] for own in kept}
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[own.replace(annotation=hints[own.name]) for own in kept], return_annotation=result
    )
    run.__annotations__ = {**hints, "return": result}
    run.__doc__ = one_line_arguments(inspect.getdoc(function) or "")
    del run.__wrapped__  # whose signature would be read instead
    return run


def records(table: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a table of pandas
    """Give the rows of a table as JSON knows them."""
    names = list(table.columns)
    return [
        dict(zip(names, map(_plain, row), strict=True)) for row in table.itertuples(index=False, name=None)
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of any column
    if type(value) in (str, bool, int):  # nearly all, by the hundred thousand
        return value
    own = value.item() if hasattr(value, "item") else value
    return None if str(own) in ("None", "nan", "<NA>", "inf", "-inf") else own


def one_line_arguments(text: str) -> str:
    """Put every entry of a docstring on one line, as Gradio reads them, and leave out what it raises."""
    before, returns, given = text.partition("\nRaises:")[0].rstrip().partition("\nReturns:\n")
    return re.sub(r"\n {8,}(?=\S)", " ", before) + returns + f"    {' '.join(given.split())}"
