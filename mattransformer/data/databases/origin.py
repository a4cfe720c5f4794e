"""What a database says of itself, and the pages that it is read in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from mattransformer.data.databases.properties import Column

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED: Final = "not stated by the source; ask it before you publish what is made from it"


@dataclass(frozen=True)
class Origin:
    """What has to be recorded of a database before it is read.

    Attributes:
        title: of the database.
        url: that it is read from.
        licence: of its data, as it states it.
        source: the condition token of its rows: `mp`, `oqmd` or `user`.
        columns: of the corpus, with where each comes from.
        notes: what else one has to know.
        revision: the state of the data that is read, such as a commit; None where it has no name.
    """

    title: str
    url: str
    licence: str
    source: str
    columns: Mapping[str, Column]
    notes: tuple[str, ...] = ()
    revision: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return asdict(self)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Origin:
        """Make one of what `as_dict` gave."""
        columns = {
            name: Column(**{**column, "fields": tuple(column["fields"])})
            for name, column in record["columns"].items()
        }
        return cls(**{**record, "columns": columns, "notes": tuple(record["notes"])})


@dataclass(frozen=True)
class Page:
    """Some rows of a database.

    Attributes:
        rows: `id`, `formula` and the properties that the database has (float, NaN where unknown).
        position: where the next page begins, as plain values for JSON; None behind the last one.
        total: rows of the whole answer, where the database says so.
    """

    rows: pd.DataFrame
    position: Any = None
    total: int | None = None


class Database(Protocol):
    """What is read page by page."""

    def begin(self) -> Origin:
        """Ask the database about itself.

        Raises:
            CorpusError: it cannot be reached, or is none.
        """
        ...

    def pages(self, origin: Origin, position: Any) -> Iterator[Page]:  # noqa: ANN401 - plain values of JSON
        """Read the database.

        Args:
            origin: from `begin`, maybe of an earlier process.
            position: of the first page to read, from the page before it; None begins at the first.

        Yields:
            The pages; there is one at least.

        Raises:
            CorpusError: it cannot be reached any more, or its answer makes no sense.
        """
        ...


@dataclass(frozen=True)
class Request:
    """What is asked of a database.

    Attributes:
        filter: in the language of OPTIMADE; empty takes everything.
        column: that holds the formulas of a data set, where it is not found by itself.
        limit: rows at most; None takes all.
        page_rows: rows to ask an OPTIMADE server for at a time; one that allows fewer gives as many as it likes.
        pause: seconds before a request is repeated for the first time.
    """

    filter: str = ""
    column: str | None = None
    limit: int | None = None
    page_rows: int = 500
    pause: float = 1.0
