"""The card of a corpus that was fetched: what it is, from where, of when, under which licence.

It lies beside the file, `mp.parquet` and `mp.parquet.card.json`, and belongs to this very file: a file that was
changed since has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.data.databases.origin import Origin
from mattransformer.data.databases.store import PageStore
from mattransformer.files import write_text

_ENDING: Final = ".card.json"
_RECORDED: Final = ("database", "title", "url", "revision", "filter", "limit", "fetched", "licence")


@dataclass(frozen=True)
class CorpusCard:
    """What is known of a file.

    Attributes:
        facts: as in the file: `source`, `database`, `title`, `url`, `revision`, `filter`, `fetched`, `licence`, `rows`,
            `announced`, `columns`, `notes`, `sha256`.
    """

    facts: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The condition token of its rows."""
        return str(self.facts["source"])

    @property
    def licence(self) -> str:
        """Of the data."""
        return str(self.facts["licence"])

    @property
    def provenance(self) -> dict[str, str | None]:
        """What the record of a training keeps of it: where the rows are from, of when, under which licence."""
        return {name: None if (fact := self.facts.get(name)) is None else str(fact) for name in _RECORDED}


def card_path(file: Path) -> Path:
    """Name the card of a file."""
    return file.with_name(file.name + _ENDING)


def write_card(
    file: Path,
    sha256: str,
    store: PageStore,
    origin: Origin,
    asked: Mapping[str, Any],
    known: Mapping[str, int],
) -> CorpusCard:
    """Write the card of a file that was fetched.

    Args:
        file: the corpus.
        sha256: of it.
        store: the pages that it was made of.
        origin: what the database said of itself.
        asked: the database as it was named, the filter and the limit.
        known: rows with a value by column.

    Returns:
        The card.
    """
    columns = {
        name: {
            "fields": list(column.fields),
            "unit": column.unit or None,
            "unit_stated_by_source": column.stated if column.unit else None,
            "note": column.note or None,
            "rows_with_value": known[name],
        }
        for name, column in origin.columns.items()
    }
    facts = {
        "database": asked["database"],
        "title": origin.title,
        "url": origin.url,
        "revision": origin.revision,
        "filter": asked["filter"] or None,
        "limit": asked["limit"],
        "fetched": store.date.isoformat(),
        "licence": origin.licence,
        "source": origin.source,
        "rows": store.rows,
        "announced": store.total,
        "columns": columns,
        "notes": list(origin.notes),
        "sha256": sha256,
    }
    write_text(card_path(file), json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return CorpusCard(facts)


def read_card(file: Path, sha256: str) -> CorpusCard | None:
    """Read the card of a file.

    Args:
        file: a corpus.
        sha256: of it.

    Returns:
        The card; None where there is none, or that of another file.
    """
    try:
        facts = json.loads(card_path(file).read_text(encoding="utf-8"))
        card = CorpusCard(facts)
        return card if facts["sha256"] == sha256 and card.source and card.licence else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
