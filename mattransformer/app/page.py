"""The page: its parts side by side, the functions for other programs, and what a link restores."""

from __future__ import annotations

import threading
from html import escape
from typing import Any, Final

import gradio as gr

from mattransformer.app import api, links
from mattransformer.app.views import generate, screen, tinker
from mattransformer.app.views.view import QUICK, status

TITLE: Final = "mattransformer"
_SUBTITLE: Final = "Language models that learn the formulas of inorganic compounds and propose new ones."
_LOOKING: Final = 0.02  # seconds between looks at whether a request has come
_WAITING: Final = 200  # requests in a queue; more are told to come back


def build(opened: threading.Event | None = None) -> gr.Blocks:
    """Lay the page out.

    Args:
        opened: is set when somebody opens it.

    Returns:
        The page, ready to be launched.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(
            f"<h1>{TITLE}</h1><p>{_SUBTITLE}</p>",
            elem_id="mt-top",
            padding=False,
        )
        note = status("mt-link-note")
        with gr.Tabs() as tabs:
            with gr.Tab("Tinker", id="tinker"):
                views = [tinker.build()]
            with gr.Tab("Generate", id="generate"):
                views += [generate.build()]
            with gr.Tab("Screen", id="screen"):
                views += screen.build()
        api.publish()

        def restore(request: gr.Request) -> list[Any]:
            if opened is not None:
                opened.set()
            found = links.decoded({str(name): str(own) for name, own in dict(request.query_params).items()})
            shown: list[Any] = [gr.skip() if found.view is None else gr.Tabs(selected=_tab(found.view))]
            shown.append(_complaints(found.complaints))
            for view in views:
                own = view.name == found.view
                values = view.restored(links.defaults(view.name) | dict(found.values)) if own else None
                shown += values if values is not None else [gr.skip()] * len(view.inputs)
            return shown + [gr.Button(interactive=True) for view in views for _ in view.runs]

        filled = page.load(
            restore,
            None,
            [
                *(tabs, note, *(own for view in views for own in view.inputs)),
                *(own for view in views for own in view.runs),
            ],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        for view in views:
            if view.drawn is not None:
                filled.then(*view.drawn, **QUICK)
    page.queue(max_size=_WAITING, default_concurrency_limit=4)
    # Gradio looks for requests a thousand times a second, for a fifth of a core while nobody asks anything.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = _LOOKING
    return page


def _tab(view: str) -> str:
    return "screen" if view == "evaluate" else view


def _complaints(lines: tuple[str, ...]) -> str:
    return "".join(f'<p class="mt-note">{escape(line)}</p>' for line in lines)
