"""What views have in common: how they are restored, what is there to be copied, examples, explanations, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from inspect import isgeneratorfunction
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import gradio as gr

from mattransformer.app import equivalents, limits, links
from mattransformer.app.jobs import Job
from mattransformer.app.tables import meanings_as_html
from mattransformer.app.views.scripts import LIVE
from mattransformer.errors import MattransformerError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private"}
"""Of events of the page: other programs call the functions of `requests`."""

QUICK: Final[dict[str, Any]] = {
    **PRIVATE,
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "always_last",
}
"""Of events that ask no model."""

_RESTORES: Final = "It restores these inputs."


@dataclass(frozen=True)
class View:
    """A part of the page.

    Attributes:
        name: of `links.FIELDS`.
        inputs: components that a link restores.
        restored: gives a value for each of them, from those in the link and what is usual for the others.
        runs: buttons that ask the library; they wait until a link has filled the inputs in.
        drawn: what shows the inputs: a function, its inputs and what it draws. It is called once a link has filled them
            in, since a part of the page that nobody has looked at yet may not tell of their change.
    """

    name: str
    inputs: Sequence[Any]
    restored: Callable[[Mapping[str, Any]], list[Any]]
    runs: Sequence[Any]
    drawn: tuple[Callable[..., Any], Sequence[Any], Any] | None = None


def run_button(label: str, name: str) -> gr.Button:
    """Lay out the button of a view; see `View.runs`."""
    return gr.Button(label, variant="primary", interactive=False, elem_id=f"{name}-run")


def asked_by(
    button: gr.Button, handler: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any], group: str
) -> None:
    """Let a button begin what takes long; it cannot be pressed again until that has ended.

    A click while a request is on its way is lost without a word, and one on its way to an end looks like one that has
    ended: who stopped a request could press the button for another in vain.

    Args:
        button: of `run_button`.
        handler: yields values of the outputs.
        inputs: of the handler.
        outputs: of the handler.
        group: the queue that it shares.
    """
    once = {**QUICK, "trigger_mode": "once"}
    begun = button.click(lambda: gr.Button(interactive=False), None, button, **once)
    limit = limits.MOST_WAITING
    ended = begun.then(handler, inputs, outputs, concurrency_id=group, concurrency_limit=limit, **PRIVATE)
    for end in (ended.success, ended.failure):  # of what failed, `then` never comes
        end(lambda: gr.Button(interactive=True), None, button, **once)


def status(name: str) -> gr.HTML:
    """Lay out where it is said how far a view is, in words that screen readers say."""
    return gr.HTML(js_on_load=LIVE, elem_id=name, padding=False)


def told(handler: Callable[P, R]) -> Callable[P, R]:
    """Show errors that people can mend as one line on the page."""
    if isgeneratorfunction(handler):

        @functools.wraps(handler)
        def run(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
            with _shown():
                yield from handler(*args, **kwargs)

        return run  # type: ignore[return-value]

    @functools.wraps(handler)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        with _shown():
            return handler(*args, **kwargs)

    return once


@contextmanager
def _shown() -> Iterator[None]:
    try:
        yield
    except MattransformerError as error:
        message = escape(" ".join(str(error).split()))
        raise gr.Error(message, duration=20, title="This cannot be done", print_exception=False) from None


class Copies:
    """A request in Python, on the command line and as a link, to be copied."""

    def __init__(self, view: str, what: str = "This request") -> None:
        """Lay the boxes out, closed.

        Args:
            view: of `links.FIELDS`.
            what: they say, for the heading.
        """
        self._view = view
        with gr.Accordion(f"{what} in Python, on the command line, as a link", open=False):
            self.remark = gr.Markdown(visible=False)
            shown: dict[str, Any] = {"interactive": False, "buttons": ["copy"], "elem_classes": "mt-code"}
            self.python = gr.Textbox(label="Python", elem_id=f"{view}-python", lines=2, max_lines=12, **shown)
            self.command = gr.Textbox(
                label="Command line", elem_id=f"{view}-command", lines=1, max_lines=6, **shown
            )
            self.link = gr.Textbox(
                label="Permanent link",
                info=_RESTORES,
                elem_id=f"{view}-link",
                lines=1,
                max_lines=4,
                **shown,
            )

    @property
    def boxes(self) -> list[Any]:
        """Outputs of `of`."""
        return [self.remark, self.python, self.command, self.link]

    def of(self, values: Mapping[str, Any], request: gr.Request | None) -> list[Any]:
        """Write them for the inputs of the view."""
        remark = equivalents.remark(self._view, values)
        link = f"{origin(request)}?{links.encoded(self._view, values)}"
        return [
            gr.Markdown(remark, visible=bool(remark)),
            equivalents.python(self._view, values),
            equivalents.command(self._view, values),
            gr.Textbox(link, info=links.left_out_in_words(self._view, values) or _RESTORES),
        ]


def origin(request: gr.Request | None) -> str:
    """Give the address of the page without its query; a browser names the page that it sends from."""
    headers = {} if request is None else dict(request.headers)
    page = urlsplit(str(headers.get("referer", "")))
    if page.scheme in ("http", "https") and page.netloc:
        return f"{page.scheme}://{page.netloc}{page.path}"
    return f"http://{headers['host']}/" if "host" in headers else ""


def examples(
    labels: Mapping[str, Mapping[str, Any]],
    view: str,
    inputs: Sequence[Any],
    restored: Callable[..., list[Any]],
) -> list[gr.Button]:
    """Lay out a button an example, which fills in the inputs of a view."""
    with gr.Row(elem_classes="mt-examples"):
        gr.HTML("<span>Examples:</span>", elem_classes="mt-label", padding=False)
        made = []
        for label, values in labels.items():
            button = gr.Button(label, size="sm", variant="secondary")
            filled = restored(links.defaults(view) | dict(values))
            button.click(lambda filled=filled: filled, None, list(inputs), **QUICK)
            made.append(button)
    return made


def meanings(names: Sequence[str]) -> None:
    """Lay out what the columns of a table mean, closed."""
    with gr.Accordion("What the columns mean", open=False):
        gr.HTML(meanings_as_html(names), padding=False)


def followed(
    work: Job[T],
    in_words: Callable[[Any], str],
    finished: Callable[[T], list[Any]],
    others: int,
) -> Iterator[list[Any]]:
    """Show how far work is, and what it gave.

    Args:
        work: that has begun.
        in_words: writes what it told last as HTML.
        finished: gives the words in the end, and the other outputs.
        others: how many outputs there are beside the job, the button to stop it and the words.

    Yields:
        Values of all outputs.

    Raises:
        MattransformerError: why the work failed.
    """
    kept = [gr.skip()] * others
    for so_far in work.reports():
        yield [work, gr.Button(interactive=True), in_words(so_far), *kept]
    if work.stopped:  # the last word, whatever progress is still on its way to the page
        yield [*_ended("Stopped: nothing was kept."), *kept]
        return
    try:
        found = work.result()
    except MattransformerError:
        yield [*_ended("Nothing was made."), *kept]
        raise
    yield [None, gr.Button(interactive=False), *finished(found)]


def stopping(work: Job[Any] | None) -> list[Any]:
    """Stop work; what it is waited for with ends by itself."""
    if work is not None:
        work.stop()
    return _ended("Stopped: nothing was kept.")


def _ended(words: str) -> list[Any]:
    """Give the job, the button and the words that stand where there is no work any more."""
    return [None, gr.Button(interactive=False), f"<p>{words}</p>"]
