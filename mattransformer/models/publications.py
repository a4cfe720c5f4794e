"""What was published of a checkpoint, or would be: its files, its card, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SENT: Final = "published"
UNCHANGED: Final = "unchanged"
NOTHING_SENT: Final = "nothing was sent"


@dataclass(frozen=True)
class PublishedFile:
    """A file of a publication.

    Attributes:
        name: in the repository.
        size: bytes.
    """

    name: str
    size: int


@dataclass(frozen=True)
class Publication:
    """A checkpoint in a repository.

    Attributes:
        repository: `owner/name`.
        revision: the branch.
        endpoint: the hub.
        files: all of them, in the order of their names.
        card: `README.md`.
        outcome: `SENT`, `UNCHANGED` where the repository had all of it already, or `NOTHING_SENT`.
        commit: that the branch is at; None where nothing was sent.
    """

    repository: str
    revision: str
    endpoint: str
    files: tuple[PublishedFile, ...]
    card: str = field(repr=False)
    outcome: str = NOTHING_SENT
    commit: str | None = None

    @property
    def url(self) -> str:
        """Where people look at it."""
        at = "" if self.commit is None else f"/tree/{self.commit}"
        return f"{self.endpoint}/{self.repository}{at}"
