"""The reference server of OPTIMADE on loopback, with its own structures, behind a door that can misbehave.

The server is that of the `optimade` package (extra `test`), its 17 structures in memory. Some of them are given
energies and band gaps in the fields of a provider. The door forwards every request, but for the faults that a
test asks for.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Fault = Callable[[Answer], Answer | None]
"""Makes another answer of that of the server; None cuts the connection."""

ENERGIES = {"mpf_2": -0.31, "mpf_3": -0.25, "mpf_30": -3.6, "mpf_110": -2.2}
GAPS = {"mpf_30": 4.1, "mpf_110": 1.25}


@contextmanager
def reference_server() -> Iterator[str]:
    """Run the server in a thread; gives its base URL."""
    import optimade.server.data as data
    import uvicorn
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    for structure in data.structures:
        structure["formation_energy_per_atom"] = ENERGIES.get(structure["task_id"])
        structure["band_gap"] = GAPS.get(structure["task_id"])
    fields: list[Any] = [
        {"name": "formation_energy_per_atom", "type": "float", "unit": "eV/atom", "description": "made up"},
        {"name": "band_gap", "type": "float", "unit": "eV", "description": "made up"},
    ]
    # Its own way to insert them asks the list of providers on the internet as well.
    config = ServerConfig(
        aliases={
            "structures": {
                "id": "task_id",
                "chemical_formula_reduced": "pretty_formula",
                "chemical_formula_descriptive": "pretty_formula",
                "chemical_formula_anonymous": "formula_anonymous",
            }
        },
        provider_fields={"structures": fields},
        page_limit_max=20,
        insert_test_data=False,
        log_level="error",
    )
    app = create_app(config)
    structures = app.state.entry_collections["structures"]
    if not len(structures):  # its database is that of the process, where a server may have run before
        structures.insert(data.structures)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Door:
    """What stands before the server.

    Attributes:
        server: its base URL.
        url: of the door.
        faults: of the next requests of structures, one each; None lets one pass.
        asked: paths and queries, in order.
        authorizations: the header of that name of every request, None where there was none.
        documents: answers in place of the server's, by path.
    """

    server: str
    url: str = ""
    faults: list[Fault | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)

    def answer(self, path: str) -> Answer | None:
        """Answer a request."""
        self.asked.append(path)
        document = self.documents.get(path.partition("?")[0])
        if document is not None:
            return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
        request = urllib.request.Request(
            self.server + path, headers={"Host": self.url.removeprefix("http://")}
        )
        try:
            with urllib.request.urlopen(request) as response:
                found = response.status, {"Content-Type": response.headers["Content-Type"]}, response.read()
        except urllib.error.HTTPError as error:
            found = error.code, {"Content-Type": error.headers["Content-Type"]}, error.read()
        if not path.startswith("/v1/structures") or not self.faults:
            return found
        fault = self.faults.pop(0)
        return found if fault is None else fault(found)


@contextmanager
def opened(server: str) -> Iterator[Door]:
    """Open a door to a server."""
    door = Door(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            door.authorizations.append(self.headers.get("Authorization"))
            answer = door.answer(self.path)
            if answer is None:  # a promise of more than comes
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"data": [')
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    door.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
