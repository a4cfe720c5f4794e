"""The server: one process on loopback that answers pages, programs and agents, and asks nobody for anything.

with running(port=7860) as address:
    print(address)

Gradio is imported when a server starts, after the environment says that it is to send nothing. What people drop lies in
a folder that is emptied and, in the end, removed; what is kept of a page that is open is in `sessions`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from mattransformer.app import limits
from mattransformer.app.guards import no_connections
from mattransformer.app.quick_start import imported_quickly, laid_out_only
from mattransformer.errors import MattransformerError

if TYPE_CHECKING:
    from mattransformer.app.sessions import Sessions

HOST: Final = "127.0.0.1"
PORT: Final = 7860
INSTALL: Final = 'pip install "mattransformer[app]"'

_STYLE: Final = Path(__file__).with_name("style.css")
_SWEPT: Final = 30.0  # seconds between sweeps
_SECONDS_AFTER_CLOSING: Final = 60.0  # a network that broke off comes back
_LOADED_AFTER: Final = 8.0  # seconds after which models are loaded, though no page has been opened
_SESSIONS: Final = 500  # of which what was typed is remembered
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.*-]+(:[0-9]+)?")
_log = logging.getLogger(__name__)


class ServerError(MattransformerError):
    """Why there is no server, in one line."""


@contextmanager
def running(
    host: str = HOST, port: int = PORT, *, mcp: bool = False, frames: Sequence[str] = ()
) -> Iterator[str]:
    """Serve the page as long as the block lasts.

    Args:
        host: address that is listened on; loopback where left out, so that nobody else on the network is served.
        port: to listen on.
        mcp: whether the functions are tools of agents too, at `/gradio_api/mcp/`.
        frames: addresses of pages that may show this one in a frame, such as `https://huggingface.co`; no others may.

    Yields:
        The address of the page. Models are being loaded in the background.

    Raises:
        ServerError: a library is missing, the port cannot be had, or an address of a frame is none.
    """
    _check_frames(frames)
    _check_libraries(mcp)
    _check_port(host, port)
    with (
        TemporaryDirectory(prefix="mattransformer-app-") as folder,
        _sending_nothing(Path(folder)),
        no_connections(host),
    ):
        opened = threading.Event()
        with imported_quickly(mcp=mcp):
            from mattransformer.app.page import build
            from mattransformer.app.sessions import Sessions
        with laid_out_only():
            page = build(opened)
        named = f"[{host}]" if ":" in host else host  # as addresses of IPv6 stand in a URL
        _, address, _ = page.launch(server_name=named, server_port=port, mcp_server=mcp, **_launching(frames))
        sessions = page.app.state_holder = Sessions()
        sessions.set_blocks(page)
        stopped = threading.Event()
        for work in (lambda: _load_models(opened, stopped), lambda: _sweep(stopped, Path(folder), sessions)):
            threading.Thread(target=work, daemon=True).start()
        try:
            yield address.replace("0.0.0.0", HOST)
        finally:
            stopped.set()
            page.close(verbose=False)


def _launching(frames: Sequence[str]) -> dict[str, Any]:
    """Give what a page is launched with: nothing from elsewhere, nothing kept, nothing larger than the limits."""
    import gradio as gr
    from starlette.middleware import Middleware

    from mattransformer.app.guards import BodyLimit, NothingFetched, OwnSourcesOnly

    fonts = ("system-ui", "DejaVu Sans", "Helvetica", "Arial", "sans-serif")
    return {
        "theme": gr.themes.Default(
            primary_hue="blue",
            neutral_hue="slate",
            font=fonts,
            font_mono=("ui-monospace", "DejaVu Sans Mono", "Consolas", "monospace"),
        ).set(
            # White letters on Gradio's own blue are too pale to be read by everybody.
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_800",
        ),
        "css": _STYLE.read_text(encoding="utf-8"),
        "share": False,
        "quiet": True,
        "inbrowser": False,
        "prevent_thread_lock": True,
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "show_error": False,
        "max_file_size": limits.MOST_UPLOAD,
        "state_session_capacity": _SESSIONS,
        "app_kwargs": {
            "middleware": [
                Middleware(BodyLimit, most=limits.MOST_UPLOAD),
                Middleware(NothingFetched),
                Middleware(OwnSourcesOnly, frames=frames),
            ]
        },
    }


def _check_frames(frames: Sequence[str]) -> None:
    for address in frames:
        if not _ADDRESS.fullmatch(address):
            raise ServerError(
                f"frame: {address[:60]!r} is no address of a site; give one such as https://huggingface.co"
            )


def _check_libraries(mcp: bool) -> None:
    for module in ("gradio", "mcp") if mcp else ("gradio",):
        if importlib.util.find_spec(module) is None:
            raise ServerError(f"the page needs {module}, which is not installed: {INSTALL}")


def _check_port(host: str, port: int) -> None:
    if not 1 <= port <= 65_535:
        raise ServerError(f"port: {port} is not possible; give a number from 1 to 65535")
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another with --port"
            ) from error


@contextmanager
def _sending_nothing(folder: Path) -> Iterator[None]:
    """Set the environment that Gradio, the hub's library and torch read when they are imported, and put it back."""
    before = dict(os.environ)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # models that ship are all that the page names
    # Several requests at once share the cores better than threads of one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Gradio asks itself whether it is there: never by way of a proxy.
    others = [own for own in os.environ.get("NO_PROXY", "").split(",") if own]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(dict.fromkeys([*others, HOST, "localhost"]))
    changed = {name for name, value in os.environ.items() if before.get(name) != value}
    try:
        yield
    finally:
        for name in changed:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


def _load_models(opened: threading.Event, stopped: threading.Event) -> None:
    """Load models once the first page is there, so that both do not wait for each other."""
    from mattransformer.app import requests

    opened.wait(_LOADED_AFTER)
    if stopped.wait(1.0):
        return
    try:
        requests.warm()
    except Exception:  # the request that needs it will say so to who asked
        _log.exception("models could not be loaded ahead")


def _sweep(stopped: threading.Event, folder: Path, sessions: Sessions) -> None:
    """Remove what nobody will ask for any more: see `limits`."""
    from mattransformer.app.downloads import forget, sweep

    while not stopped.wait(_SWEPT):
        for name in sessions.sweep(limits.SECONDS_KEPT, _SECONDS_AFTER_CLOSING):
            forget(folder, name)
        sweep(folder, limits.SECONDS_KEPT, limits.MOST_FILES)
