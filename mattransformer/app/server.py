"""The server: one process on loopback that answers pages, programs and agents, and asks nobody for anything.

with running(port=7860) as address:
    print(address)

Gradio is imported when a server starts, after the environment says that it is to send nothing. What people drop lies in
a folder that is emptied and, in the end, removed.
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from mattransformer.app import limits
from mattransformer.app.guards import no_connections
from mattransformer.errors import MattransformerError

HOST: Final = "127.0.0.1"
PORT: Final = 7860
INSTALL: Final = 'pip install "mattransformer[app]"'

_STYLE: Final = Path(__file__).with_name("style.css")
_KEPT: Final = 3_600.0  # seconds that a table waits to be downloaded
_SWEPT: Final = 300.0  # seconds between sweeps
_LOADED_AFTER: Final = 8.0  # seconds after which models are loaded, though no page has been opened
_SESSIONS: Final = 500  # of which what was typed is remembered
_OVERHEAD: Final = 1_000_000  # bytes of a request around a file
_log = logging.getLogger(__name__)


class ServerError(MattransformerError):
    """Why there is no server, in one line."""


@contextmanager
def running(host: str = HOST, port: int = PORT, *, mcp: bool = False) -> Iterator[str]:
    """Serve the page as long as the block lasts.

    Args:
        host: address that is listened on; loopback where left out, so that nobody else on the network is served.
        port: to listen on.
        mcp: whether the functions are tools of agents too, at `/gradio_api/mcp/`.

    Yields:
        The address of the page. Models are being loaded in the background.

    Raises:
        ServerError: a library is missing, or the port cannot be had.
    """
    _check_libraries(mcp)
    _check_port(host, port)
    with TemporaryDirectory(prefix="mattransformer-app-") as folder, no_connections(host):
        _send_nothing(Path(folder))
        opened = threading.Event()
        with _no_stubs_written():
            from mattransformer.app.page import build
        page = build(opened)
        _, address, _ = page.launch(server_name=host, server_port=port, mcp_server=mcp, **_launching())
        stopped = threading.Event()
        for work in (_load_models, _sweep):
            threading.Thread(target=work, args=(opened, stopped, Path(folder)), daemon=True).start()
        try:
            yield address.replace("0.0.0.0", HOST)
        finally:
            stopped.set()
            page.close(verbose=False)


@contextmanager
def _no_stubs_written() -> Iterator[None]:
    """Let Gradio be imported in half the time: it parses each of its components to write stubs for editors.

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


def _launching() -> dict[str, Any]:
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
                Middleware(BodyLimit, most=limits.MOST_UPLOAD + _OVERHEAD),
                Middleware(NothingFetched),
                Middleware(OwnSourcesOnly),
            ]
        },
    }


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


def _send_nothing(folder: Path) -> None:
    """Set the environment that Gradio, the hub's library and torch read when they are imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # models that ship are all that the page names
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # several requests at once share the cores better than threads of one
    # Gradio asks itself whether it is there: never by way of a proxy.
    others = [own for own in os.environ.get("NO_PROXY", "").split(",") if own]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(dict.fromkeys([*others, HOST, "localhost"]))


def _load_models(opened: threading.Event, stopped: threading.Event, _: Path) -> None:
    """Load models once the first page is there, so that both do not wait for each other."""
    from mattransformer.app import requests

    opened.wait(_LOADED_AFTER)
    if stopped.wait(1.0):
        return
    try:
        requests.warm()
    except Exception:  # the request that needs it will say so to who asked
        _log.exception("models could not be loaded ahead")


def _sweep(_: threading.Event, stopped: threading.Event, folder: Path) -> None:
    from mattransformer.app.downloads import sweep

    while not stopped.wait(_SWEPT):
        sweep(folder, _KEPT)
