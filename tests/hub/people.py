"""Those who use a hub in the tests: each a process with a cache, a token and a log of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.hub.server import Hub

CLIENT = Path(__file__).with_name("client.py")


class Person:
    """A process that does what it is told.

    Attributes:
        home: what it writes, its cache and its log among it.
        token: that it shows to the hub; None shows none.
    """

    def __init__(self, hub: Hub, home: Path, token: str | None) -> None:
        """Start the process, with an empty cache."""
        self.home, self.token = home, token
        home.mkdir()
        hidden = ("HF_", "HUGGING", "TRANSFORMERS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home / "huggingface"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_ETAG_TIMEOUT": "600",  # a busy machine is no fault of the hub
            "HF_HUB_DOWNLOAD_TIMEOUT": "600",
            "HF_DEBUG": "1",
            "HF_HUB_VERBOSITY": "debug",
            "NO_PROXY": "127.0.0.1",
            "HOME": str(home),
        }
        self._log = (home / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(CLIENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=kept | settings,
            cwd=home,
            text=True,
        )

    def does(self, do: str, *, as_: str | None = "", **asked: Any) -> dict[str, Any]:
        """Have something done, and give what became of it; `as_` is another token for once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        token = self.token if as_ == "" else as_
        self._process.stdin.write(json.dumps({"do": do, "token": token, **asked}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client has gone: {self.log()[-3000:]}"
        return dict(json.loads(line))

    def refused(self, do: str, **asked: Any) -> str:
        """Have something done that should fail, and give the one line."""
        said = self.does(do, **asked)
        assert said.get("told"), said
        message = str(said["refused"])
        assert "\n" not in message
        return message

    def log(self) -> str:
        """Give what was logged so far, requests among it."""
        self._log.flush()
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def leave(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
