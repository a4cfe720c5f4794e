"""`mattransformer app`: the suite as a page in the browser, an HTTP interface, and tools for agents."""

from __future__ import annotations

from typing import Annotated

import typer


def web_page(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on. `127.0.0.1` serves this computer alone; `0.0.0.0` everybody who can reach it.",
        ),
    ] = "127.0.0.1",
    mcp: Annotated[
        bool,
        typer.Option("--mcp", help="Offer the functions as tools of agents too (Model Context Protocol)."),
    ] = False,
    frame: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Site whose pages may show this one in a frame, such as https://huggingface.co; repeat for more.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open a page to tinker, generate, screen and evaluate with; needs the extra `app`.

    The page asks nothing of the network, and keeps nothing that is dropped on it. Other programs call the same
    functions over HTTP, for example with `gradio_client`; what they take and give stands under *Use via API* at the
    foot. One request may ask for 10,000 compositions or 100,000 formulas; the other commands have no such limits.

    **Examples**

    `mattransformer app`

    `mattransformer app --port 8080 --mcp --no-browser`
    """
    import threading
    import webbrowser

    from mattransformer.app.server import running

    with running(host, port, mcp=mcp, frames=frame or ()) as address:
        typer.echo(f"mattransformer: the page is at {address} (Ctrl-C ends it)")
        if mcp:
            typer.echo(f"mattransformer: tools of agents are at {address}gradio_api/mcp/")
        if browser:
            webbrowser.open(address)
        threading.Event().wait()
