"""Pages of a database on disk, kept as they come, so that a fetch that was cut off goes on where it was.

They lie in the cache (`data.cache`) under `databases`, in a folder for each query and day. A fetch that is whole
answers the same query for the rest of its day (UTC); one that is not is continued for a week.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.cache import cache_folder
from mattransformer.data.databases.origin import Origin, Page
from mattransformer.data.readers import CorpusError
from mattransformer.files import replacing, write_text

if TYPE_CHECKING:
    import pandas as pd

CONTINUED: Final = timedelta(days=7)
"""How long after its beginning a fetch is continued."""

_STATE: Final = "state.json"


class PageStore:
    """The pages of one fetch.

    Attributes:
        begun: when it began.
        origin: what the database said of itself then; None before it was asked.
        position: where the next page begins.
        pages: how many there are.
        rows: in them.
        total: rows of the whole answer, where the database says so.
        complete: whether the last page is there.
    """

    def __init__(self, folder: Path, begun: datetime) -> None:
        self.folder = folder
        self.begun = begun
        self.origin: Origin | None = None
        self.position: Any = None
        self.pages = 0
        self.rows = 0
        self.total: int | None = None
        self.complete = False

    @classmethod
    def open(cls, key: str, *, fresh: bool = False) -> PageStore:
        """Find the fetch of a query, or begin one.

        Args:
            key: of the query, see `cache.fingerprint`.
            fresh: begin anew whatever there is.

        Returns:
            Today's, one that is not complete yet, or an empty one.

        Raises:
            CorpusError: the cache cannot be written.
        """
        now = datetime.now(UTC)
        root = cache_folder() / "databases"
        found = sorted(root.glob(f"{key}-*"), reverse=True) if root.is_dir() else []
        for folder in [] if fresh else found:
            store = cls._read(folder)
            if store is not None and (
                store.begun.date() == now.date() if store.complete else now - store.begun < CONTINUED
            ):
                return store
        folder = root / f"{key}-{now:%Y%m%dT%H%M%S%f}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise CorpusError(
                f"cannot write the cache {folder}: {error.strerror}; MATTRANSFORMER_CACHE names another folder"
            ) from error
        return cls(folder, now)

    @classmethod
    def _read(cls, folder: Path) -> PageStore | None:
        """Read a fetch back; None where it is damaged or was never begun."""
        try:
            state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            store = cls(folder, datetime.fromisoformat(state["begun"]))
            store.origin = Origin.read(state["origin"])
            store.position, store.total = state["position"], state["total"]
            store.pages, store.rows, store.complete = state["pages"], state["rows"], state["complete"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return store if all(store._file(number).is_file() for number in range(store.pages)) else None

    @property
    def date(self) -> date:
        """The day that the rows are of."""
        return self.begun.date()

    def begin(self, origin: Origin) -> None:
        """Keep what a database says of itself."""
        self.origin = origin
        self._save()

    def add(self, page: Page, rows: int | None = None) -> None:
        """Keep a page; it counts once both it and the position behind it are on disk.

        Args:
            page: the next one.
            rows: of it to keep, all where left out; a page that is cut is the last.
        """
        kept = page.rows if rows is None else page.rows.iloc[:rows]
        with replacing(self._file(self.pages)) as temporary:
            kept.to_parquet(temporary, index=False)
        self.position = page.position
        self.pages += 1
        self.rows += len(kept)
        self.total = page.total if page.total is not None else self.total
        self.complete = page.position is None or rows is not None
        self._save()

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Read the pages one by one."""
        import pandas as pd

        for number in range(self.pages):
            yield pd.read_parquet(self._file(number))

    def remove_others(self) -> None:
        """Remove earlier fetches of the same query."""
        key = self.folder.name.rpartition("-")[0]
        for folder in self.folder.parent.glob(f"{key}-*"):
            if folder.name < self.folder.name:
                shutil.rmtree(folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"page-{number:06}.parquet"

    def _save(self) -> None:
        assert self.origin is not None
        state = {
            "begun": self.begun.isoformat(),
            "origin": self.origin.as_dict(),
            "position": self.position,
            "pages": self.pages,
            "rows": self.rows,
            "total": self.total,
            "complete": self.complete,
        }
        write_text(self.folder / _STATE, json.dumps(state, ensure_ascii=False))
