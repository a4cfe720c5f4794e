"""What a hub keeps: accounts, and repositories of commits on branches, as git and git-LFS do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

LARGE = (".safetensors", ".bin")  # kept as large files, as a hub's .gitattributes says


@dataclass(frozen=True)
class Account:
    """Who a token is for.

    Attributes:
        name: of the user.
        role: `write`, `read` or `fineGrained`.
        groups: organizations that the user is a member of.
    """

    name: str
    role: str = "write"
    groups: tuple[str, ...] = ()

    def may_write(self, owner: str) -> bool:
        """Say whether the token may change what an owner has."""
        return self.role != "read" and owner in (self.name, *self.groups)


@dataclass(frozen=True)
class Blob:
    """A file at a commit.

    Attributes:
        content: all of it.
        large: whether it is kept by git-LFS, and git has a pointer.
    """

    content: bytes
    large: bool = False

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """The name that git has for it."""
        kept = self._pointer() if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()

    @property
    def etag(self) -> str:
        """The name that a hub has for it."""
        return self.sha256 if self.large else self.oid

    def _pointer(self) -> bytes:
        lines = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        return lines.encode()

    def lfs(self, key: str) -> dict[str, Any]:
        """Describe a large file; the hash is `sha256` in one answer of a hub and `oid` in another."""
        if not self.large:
            return {}
        return {"lfs": {key: self.sha256, "size": len(self.content), "pointerSize": len(self._pointer())}}


Files = dict[str, Blob]


@dataclass
class Repository:
    """A repository.

    Attributes:
        name: `owner/name`.
        private: for its owner alone.
        commits: hash to files; a commit is never changed.
        branches: name to commit.
        history: commits in the order in which they came, with their messages.
    """

    name: str
    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)

    def commit(self, branch: str, files: Files, message: str = "initial commit") -> str:
        """Put files onto a branch, and give the commit."""
        digest = hashlib.sha1(f"{self.name} {len(self.history)} {message}".encode())
        for path, blob in sorted(files.items()):
            digest.update(f"{path} {blob.oid}".encode())
        oid = digest.hexdigest()
        self.commits[oid] = files
        self.branches[branch] = oid
        self.history.append((oid, message))
        return oid

    def resolve(self, revision: str) -> str | None:
        """Give the commit of a branch or of a commit."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> Files:
        """Give the files of a revision that is there."""
        return self.commits[self.branches.get(revision, revision)]
