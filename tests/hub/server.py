"""A model hub on loopback, for tests: the HTTP protocol that `huggingface_hub` speaks, without Xet.

Two servers share one state: the hub itself, and the storage of large files at another address, where no token may go.
What goes wrong is put into `Hub.faults`; what was asked for is in `Hub.log`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.hub.faults import AFTER, BEFORE, Fault
from tests.hub.store import LARGE, Account, Blob, Files, Repository

PAGE = 3  # entries of a tree in one answer, so that even small repositories have several
_REPO = r"(?P<name>[^/]+/[^/]+)"
_KIND = "(?:models|datasets)"  # which a hub keeps apart, and the names here do not collide


@dataclass
class Reply:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, why: str, code: str | None = None) -> None:
        """Make the answer."""
        super().__init__(why)
        headers = {"Content-Type": "application/json", "X-Error-Message": why}
        if code is not None:
            headers["X-Error-Code"] = code
        self.reply = Reply(status, json.dumps({"error": why}).encode(), headers)


@dataclass
class Call:
    """What a client asks for."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    parts: dict[str, str] = field(default_factory=dict)
    step: str = ""

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body or b"{}")


def answer(content: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


class Hub:
    """The state of a hub, and what it answers.

    Attributes:
        accounts: by token.
        repositories: by name.
        objects: large files that were uploaded, by SHA-256.
        faults: what goes wrong.
        log: step and headers of every call.
    """

    def __init__(self) -> None:
        """Make an empty one."""
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.log: list[Call] = []
        self.url = self.storage = ""
        self.lock = threading.RLock()

    def steps(self) -> list[str]:
        """Name the steps that were asked for, and forget them."""
        steps = [call.step for call in self.log]
        self.log.clear()
        return steps

    # Who may do what

    def account(self, call: Call) -> Account | None:
        """Say who asks; None for anybody."""
        given = call.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if given and given not in self.accounts:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return self.accounts.get(given)

    def found(self, call: Call) -> Repository:
        """Give the repository, if it is there and may be seen."""
        account = self.account(call)
        repository = self.repositories.get(call.parts["name"])
        owner = call.parts["name"].partition("/")[0]
        hidden = repository and repository.private
        if repository is None or (
            hidden and owner not in (account.name, *account.groups) if account else hidden
        ):
            raise RefusedError(404 if account else 401, "Repository not found", "RepoNotFound")
        return repository

    def writable(self, call: Call) -> Repository:
        """Give the repository, if it may be changed."""
        repository = self.found(call)
        account = self.account(call)
        if account is None or not account.may_write(repository.name.partition("/")[0]):
            raise RefusedError(403, "You don't have the rights to write to this repository")
        return repository

    def at(self, call: Call, repository: Repository) -> str:
        """Give the commit of the revision."""
        revision = unquote(call.parts.get("revision") or "main")
        commit = repository.resolve(revision)
        if commit is None:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    # Publishing

    def whoami(self, call: Call) -> Reply:
        """Say whose a token is, and what it may do."""
        account = self.account(call)
        if account is None:
            raise RefusedError(401, "Invalid username or password.")
        access = {"displayName": "test", "role": account.role}
        groups = [{"name": group, "type": "org"} for group in account.groups]
        auth = {"type": "access_token", "accessToken": access}
        return answer({"type": "user", "name": account.name, "orgs": groups, "auth": auth})

    def create(self, call: Call) -> Reply:
        """Make a repository, with the first commit that a hub makes."""
        account, asked = self.account(call), call.json()
        owner = asked["organization"] or (account.name if account else "")
        name = f"{owner}/{asked['name']}"
        if account is None or not account.may_write(owner):
            raise RefusedError(
                403, f'You don\'t have the rights to create a model under the namespace "{owner}"'
            )
        if name in self.repositories:
            raise RefusedError(409, "You already created this model repo")
        made = self.repositories[name] = Repository(name, asked.get("visibility") == "private")
        made.commit("main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n")})
        return answer({"url": f"{self.url}/{name}", "name": name})

    def branch(self, call: Call) -> Reply:
        """Make a branch from the main one."""
        repository, name = self.writable(call), unquote(call.parts["revision"])
        if name in repository.branches:
            raise RefusedError(409, "Reference already exists")
        repository.branches[name] = repository.branches["main"]
        return answer({})

    def validate(self, call: Call) -> Reply:
        """Look at the front matter of a card."""
        if not call.json()["content"].startswith("---\n"):
            return answer({"errors": [{"message": "no metadata"}], "warnings": []}, 400)
        return answer({"errors": [], "warnings": []})

    def preupload(self, call: Call) -> Reply:
        """Say which files are large, and what is there already."""
        repository = self.writable(call)
        files = repository.commits[self.at(call, repository)]
        modes = []
        for file in call.json()["files"]:
            there = files.get(file["path"])
            mode = "lfs" if file["path"].endswith(LARGE) else "regular"
            oid = {"oid": there.etag} if there else {}
            modes.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, **oid})
        return answer({"files": modes})

    def batch(self, call: Call) -> Reply:
        """Say where large files go that are not there yet."""
        self.writable(call)
        objects = []
        for one in call.json()["objects"]:
            actions = {
                "upload": {"href": f"{self.storage}/upload/{one['oid']}"},
                "verify": {"href": f"{self.url}/api/verify", "header": {}},
            }
            kept = one["oid"] in self.objects
            objects.append(one if kept else {**one, "actions": actions})
        return answer({"transfer": "basic", "objects": objects})

    def upload(self, call: Call) -> Reply:
        """Take a large file."""
        if hashlib.sha256(call.body).hexdigest() != call.parts["oid"]:
            raise RefusedError(400, "The upload is not what was announced")
        self.objects[call.parts["oid"]] = call.body
        return Reply()

    def verify(self, call: Call) -> Reply:
        """Say whether a large file came."""
        asked = call.json()
        if len(self.objects.get(asked["oid"], b"")) != asked["size"]:
            raise RefusedError(404, "The upload did not come")
        return answer({})

    def commit(self, call: Call) -> Reply:
        """Make a commit of lines of JSON: a header, and a file each."""
        repository = self.writable(call)
        head, branch = self.at(call, repository), unquote(call.parts["revision"])
        lines = [json.loads(line) for line in call.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", head) != head:
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        files: Files = dict(repository.commits[head])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "lfsFile" and value["oid"] not in self.objects:
                raise RefusedError(400, f"{value['path']} was not uploaded")
            large = line["key"] == "lfsFile"
            content = self.objects[value["oid"]] if large else base64.b64decode(value["content"])
            files[value["path"]] = Blob(content, large)
        oid = repository.commit(branch, files, header["summary"])
        return answer(
            {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{repository.name}/commit/{oid}"}
        )

    # Reading

    def info(self, call: Call) -> Reply:
        """Tell of a repository at a revision."""
        repository = self.found(call)
        commit = self.at(call, repository)
        siblings = []
        for path, blob in repository.commits[commit].items():
            detail = {"size": len(blob.content), "blobId": blob.oid, **blob.lfs("sha256")}
            siblings.append({"rfilename": path, **(detail if call.query.get("blobs") else {})})
        return answer(
            {
                "id": repository.name,
                "private": repository.private,
                "sha": commit,
                "siblings": siblings,
                "tags": [],
            }
        )

    def tree(self, call: Call) -> Reply:
        """List the files of a revision, some at a time."""
        repository = self.found(call)
        within = f"{call.parts['folder']}/" if "folder" in call.parts else ""
        kept = repository.commits[self.at(call, repository)].items()
        files = sorted((path, blob) for path, blob in kept if path.startswith(within))
        start = int(call.query.get("cursor", "0"))
        entries = [_entry(path, blob) for path, blob in files[start : start + PAGE]]
        if start + PAGE >= len(files):
            return answer(entries)
        return answer(entries, Link=f'<{self.url}{call.path}?cursor={start + PAGE}>; rel="next"')

    def paths(self, call: Call) -> Reply:
        """Tell of some files of a revision."""
        repository = self.found(call)
        files = repository.commits[self.at(call, repository)]
        asked = (
            json.loads(call.body)["paths"]
            if call.body.startswith(b"{")
            else parse_qs(call.body.decode())["paths"]
        )
        return answer([_entry(path, files[path]) for path in asked if path in files])

    def resolve(self, call: Call) -> Reply:
        """Give a file, or say where it is stored."""
        repository = self.found(call)
        commit = self.at(call, repository)
        blob = repository.commits[commit].get(unquote(call.parts["path"]))
        if blob is None:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if not blob.large:
            return _ranged(blob.content, call, headers)
        self.objects[blob.sha256] = blob.content
        headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
        return Reply(302, b"", {**headers, "Location": f"{self.storage}/storage/{quote(blob.sha256)}"})

    def stored(self, call: Call) -> Reply:
        """Give a large file."""
        return _ranged(self.objects[call.parts["oid"]], call, {"Accept-Ranges": "bytes"})


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    return {"type": "file", "path": path, "oid": blob.oid, "size": len(blob.content), **blob.lfs("oid")}


def _ranged(content: bytes, call: Call, headers: dict[str, str]) -> Reply:
    """Answer with a file, or with the part of it that is asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
    if asked is None:
        return Reply(200, content, headers)
    start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    span = f"bytes {start}-{end}/{len(content)}"
    return Reply(206, content[start : end + 1], headers | {"Content-Range": span})


ROUTES: list[tuple[str, str, str, Callable[[Hub, Call], Reply]]] = [
    ("GET", r"/api/whoami-v2", "whoami", Hub.whoami),
    ("POST", r"/api/repos/create", "create", Hub.create),
    ("POST", r"/api/validate-yaml", "validate", Hub.validate),
    ("POST", r"/api/verify", "verify", Hub.verify),
    ("POST", rf"/api/models/{_REPO}/branch/(?P<revision>[^/]+)", "branch", Hub.branch),
    ("POST", rf"/api/models/{_REPO}/preupload/(?P<revision>[^/]+)", "preupload", Hub.preupload),
    ("POST", rf"/api/models/{_REPO}/commit/(?P<revision>[^/]+)", "commit", Hub.commit),
    ("GET", rf"/api/{_KIND}/{_REPO}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", "tree", Hub.tree),
    ("POST", rf"/api/{_KIND}/{_REPO}/paths-info/(?P<revision>[^/]+)", "paths", Hub.paths),
    ("GET", rf"/api/{_KIND}/{_REPO}(?:/revision/(?P<revision>[^/]+))?", "info", Hub.info),
    ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", "batch", Hub.batch),
    ("PUT", r"/upload/(?P<oid>[0-9a-f]+)", "upload", Hub.upload),
    ("GET", r"/storage/(?P<oid>[0-9a-f]+)", "storage", Hub.stored),
    ("HEAD", rf"(?:/datasets)?/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "head", Hub.resolve),
    ("GET", rf"(?:/datasets)?/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "download", Hub.resolve),
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing: the log is kept."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        call = self._call()
        with self.hub.lock:
            fault = self._fault(call)
            if fault is not None:
                time.sleep(fault.seconds)
            if fault is not None and fault.cut == BEFORE:
                self.close_connection = True
                return
            reply = self._reply(call) if fault is None or fault.status is None else _bad(fault)
        if fault is not None and fault.cut == AFTER:
            self.close_connection = True
            return
        if fault is not None and fault.change is not None:
            reply.body = json.dumps(fault.change(json.loads(reply.body))).encode()
        if fault is not None and fault.status is None:
            reply.headers |= fault.headers
        if fault is not None and fault.body_of is not None:
            reply.body = fault.body_of(reply.body)
        self._send(call, reply, None if fault is None else fault.cut)

    def _call(self) -> Call:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self._chunks() if headers.get("transfer-encoding") == "chunked" else self.rfile.read(length)
        call = Call(self.command, url.path, query, headers, body)
        for method, pattern, step, _ in ROUTES:
            match = re.fullmatch(pattern, url.path)
            if method == self.command and match is not None:
                call.step = step
                call.parts = {key: value for key, value in match.groupdict().items() if value is not None}
                break
        self.hub.log.append(call)
        return call

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _fault(self, call: Call) -> Fault | None:
        for fault in self.hub.faults:
            if fault.step == call.step and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _reply(self, call: Call) -> Reply:
        run = next((run for _, _, step, run in ROUTES if step == call.step), None)
        if run is None:
            return answer({"error": "no such address"}, 404)
        try:
            return run(self.hub, call)
        except RefusedError as refusal:
            return refusal.reply

    def _send(self, call: Call, reply: Reply, cut: int | None) -> None:
        self.send_response(reply.status)
        for key, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(key, value)
        self.end_headers()
        if call.method != "HEAD":
            self.wfile.write(reply.body if cut is None else reply.body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


def _bad(fault: Fault) -> Reply:
    assert fault.status is not None
    return Reply(fault.status, fault.body, dict(fault.headers))


class _Server(ThreadingHTTPServer):
    """A server that takes its connections with it when it goes."""

    def __init__(self, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that have gone."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve a hub, and its storage at another address, as long as the block lasts."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [_Server(handler) for _ in range(2)]
    hub.url, hub.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.stop()
