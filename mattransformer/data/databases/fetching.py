"""A database to a file that is a corpus, with its card; what was read is kept, so that it can be cut off at any time.

    fetch_corpus("optimade:mp", "mp.parquet", filter="nelements<=5")
    corpus = load_corpus("mp.parquet")      # rows of source mp

Of several entries with the same formula, polymorphs for instance, the one nearest to the convex hull comes first in
the file, so that it is the one whose properties a corpus keeps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.cache import fingerprint
from mattransformer.data.databases.addresses import HUB, OPTIMADE, PROVIDERS_VARIABLE, Address, read_address
from mattransformer.data.databases.cards import CorpusCard, card_path, write_card
from mattransformer.data.databases.origin import Database, Origin, Request
from mattransformer.data.databases.store import PageStore
from mattransformer.data.readers import CorpusError, sha256_of
from mattransformer.data.tables import check_target, table_writer
from mattransformer.screening.columns import read_column

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_VERSION: Final = 2  # of the pages: raise it whenever the same answer would give others
_RANKED_BY: Final = ("e_above_hull", "formation_energy_per_atom")  # the lower, the likelier a compound


def fetch_corpus(
    database: str,
    output: str | Path,
    *,
    filter: str = "",
    column: str | None = None,
    limit: int | None = None,
    fresh: bool = False,
    progress: bool = False,
    page_rows: int = 500,
    pause: float = 1.0,
) -> CorpusCard:
    """Fetch a database into a file; it is there whole or not at all, and a second call goes on where the first was.

    Args:
        database: `optimade:PROVIDER`, `optimade:URL`, `hf:OWNER/DATASET` or `mp-api`, see `addresses`.
        output: the file, `.csv`, `.parquet` or `.jsonl`; its card is written beside it.
        filter: which entries, in the language of OPTIMADE: `nelements<=5 AND elements HAS "O"`.
        column: that holds the formulas of a data set, where it is not found by itself.
        limit: rows at most.
        fresh: fetch anew what was fetched today already.
        progress: show a bar on a terminal.
        page_rows: rows to ask an OPTIMADE server for at a time.
        pause: seconds before a request that failed is repeated; each further pause is twice as long.

    Returns:
        The card of the file.

    Raises:
        CorpusError: no such database, or it cannot be read; what was read of it is kept for the next call.
        TableError: the file cannot be written.
    """
    target = Path(output).expanduser()
    check_target(target)
    if limit is not None and limit < 1:
        raise CorpusError(f"a limit of {limit} rows leaves nothing; give 1 or more")
    address = read_address(database)
    request = Request(filter.strip(), column, limit, page_rows, pause)
    if column is not None and address.kind != HUB:
        raise CorpusError(
            f"{address.text}: a column is named for data sets (hf:…) only; databases have theirs"
        )
    opened = _opened(address, request)
    key = fingerprint(
        {
            "database": database,
            "meaning": _meaning(address),
            "filter": request.filter,
            "column": column,
            "limit": limit,
            "version": _VERSION,
        }
    )
    store = PageStore.open(key, fresh=fresh)
    origin = _fetch(opened, store, request, progress)
    if not store.rows:
        asked = f" for {request.filter}" if request.filter else ""
        raise CorpusError(f"{address.text} has no entries{asked}; ask for others with --filter")
    card_path(target).unlink(missing_ok=True)  # that of the file which is replaced
    known = _write(store, target)
    question = {"database": address.text, "filter": request.filter, "limit": limit}
    return write_card(target, sha256_of(target), store, origin, question, known)


def _meaning(address: Address) -> list[object]:
    """Say what the same name may mean another time: a folder with its files, or what the environment names."""
    if address.kind == OPTIMADE:
        return [os.environ.get(PROVIDERS_VARIABLE)]
    place = Path(address.place).expanduser()
    if address.kind != HUB or not place.exists():
        return [os.environ.get("HF_ENDPOINT")]
    files = sorted(path for path in (place, *place.rglob("*")) if path.is_file())
    return [
        str(place.resolve()),
        *([str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files),
    ]


def _opened(address: Address, request: Request) -> Database:
    if address.kind == OPTIMADE:
        from mattransformer.data.databases.optimade import Optimade

        return Optimade(address, request)
    if address.kind == HUB:
        from mattransformer.data.databases.hub import HubDataset

        return HubDataset(address, request)
    from mattransformer.data.databases.materials_project import MaterialsProject

    return MaterialsProject(address, request)


def _fetch(database: Database, store: PageStore, request: Request, progress: bool) -> Origin:
    """Read what is not in the store yet."""
    from tqdm import tqdm

    if store.origin is None:
        store.begin(database.begin())
    origin = store.origin
    assert origin is not None
    if store.complete:
        return origin
    quiet = None if progress else True  # None: a bar on a terminal, nothing in a log
    most = request.limit
    with tqdm(initial=store.rows, total=store.total, desc="fetching", unit=" rows", disable=quiet) as bar:
        for page in database.pages(origin, store.position):
            room = None if most is None else most - store.rows
            store.add(page, room if room is not None and len(page.rows) >= room else None)
            bar.total = store.total if most is None or store.total is None else min(store.total, most)
            bar.update(len(page.rows))
            if store.complete:
                break
    store.remove_others()
    return origin


def _write(store: PageStore, target: Path) -> dict[str, int]:
    """Write the rows of all pages, first the best of each formula; count those with a value in each column."""
    first = _best_of_formula(store)
    known: dict[str, int] = {}
    with table_writer(target) as writer:
        passes = [True] if first is None else [True, False]
        for best in passes:
            for piece in _gathered(_chosen(store, first, best)):
                writer.add(piece)
                for name in piece.columns:
                    values = piece[name]
                    count = int((values.notna() & (values != "")).sum())
                    known[name] = known.get(name, 0) + count
    return known


def _chosen(store: PageStore, first: NDArray[np.bool_] | None, best: bool) -> Iterator[pd.DataFrame]:
    begin = 0
    for piece in store.pieces():
        mask = None if first is None else first[begin : begin + len(piece)] == best
        begin += len(piece)
        yield piece if mask is None else piece[mask]


def _gathered(pieces: Iterator[pd.DataFrame], rows: int = 100_000) -> Iterator[pd.DataFrame]:
    """Put small pieces together, so that a Parquet file does not get a row group for each; one comes at least."""
    import pandas as pd

    first = next(pieces)
    held, count = [first], len(first)
    for piece in pieces:
        if count and count + len(piece) > rows:
            yield pd.concat(held, ignore_index=True)
            held, count = [], 0
        held.append(piece)
        count += len(piece)
    yield pd.concat(held, ignore_index=True)


def _best_of_formula(store: PageStore) -> NDArray[np.bool_] | None:
    """Tell which rows are the lowest in energy of their formula, (rows,); None where no energies are known."""
    import numpy as np

    hashes: list[Any] = []
    energies: dict[str, list[Any]] = {}
    for piece in store.pieces():
        hashes.append(_keys(piece["formula"]))
        for name in _RANKED_BY:
            if name in piece:
                energies.setdefault(name, []).append(piece[name].to_numpy())
    columns = [np.concatenate(parts) for parts in energies.values()]
    if not any(np.isfinite(column).any() for column in columns):
        return None
    keys = np.concatenate(hashes)
    # NaN sorts last; rows that are equal in all stay in the order of the database.
    order = np.lexsort([np.arange(len(keys)), *reversed(columns), keys])
    first = np.zeros(len(keys), dtype=np.bool_)
    first[order[np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]) != 0)]] = True
    return first


def _keys(formulas: pd.Series) -> NDArray[np.uint64]:
    """Give rows of the same composition the same number, multiples aside; what is no formula goes by its text."""
    import pandas as pd

    keys = pd.util.hash_array(formulas.fillna("").to_numpy(dtype=object))
    column = read_column(formulas)
    keys[column.readable] = column.compositions.fingerprints()
    return keys
