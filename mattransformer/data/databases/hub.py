"""Data sets of the Hugging Face hub, or of a folder laid out like one, streamed by the `datasets` library."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.databases.addresses import Address
from mattransformer.data.databases.origin import NOT_STATED, Origin, Page, Request
from mattransformer.data.databases.properties import Column, table_columns
from mattransformer.data.formula_columns import CorpusError, formula_column
from mattransformer.errors import without_secrets
from mattransformer.formula import Formula, FormulaError

if TYPE_CHECKING:
    import pandas as pd

_PAGE_ROWS: Final = 50_000
_SAMPLE: Final = 200
_NAMES: Final = ("immutable_id", "material_id", "id")  # columns that name an entry
_TALKATIVE: Final = ("datasets", "huggingface_hub")  # log every attempt, which the message says in one line


class HubDataset:
    """A data set, read row by row: of Parquet files only the columns that are wanted are fetched."""

    def __init__(self, address: Address, request: Request) -> None:
        """Keep what to ask.

        Args:
            address: of the data set.
            request: what to ask.

        Raises:
            CorpusError: a filter, which data sets have not.
        """
        if request.filter:
            raise CorpusError(
                f"{address.text}: --filter is for OPTIMADE databases; filter the file that is written"
            )
        self._name = address.text
        self._address = address
        self._column = request.column

    def begin(self) -> Origin:
        """Find the columns: see `origin.Database`."""
        import pandas as pd

        revision = self._revision()
        stream = self._stream(None, revision)
        with _told(self._name):
            sample = pd.DataFrame(list(stream.take(_SAMPLE)))
        if sample.empty:
            raise CorpusError(
                f"{self._name} holds no rows; name another split, such as hf:owner/name?split=validation"
            )
        names = list(map(str, sample.columns))
        formula = formula_column(sample, self._column, Path(self._address.place))
        if f"{formula}.1" in names:  # what pandas calls a second one
            raise CorpusError(f"{self._name} has two columns {formula!r}; rename one of them")
        identifier = next((name for name in _NAMES if name in names and name != formula), None)
        columns = {"id": Column((identifier,))} if identifier else {}
        columns |= {"formula": Column((formula,)), **table_columns(names)}
        folder = Path(self._address.place).expanduser()
        return Origin(
            title=folder.name if folder.exists() else self._address.place,
            url="a folder" if folder.exists() else self._name,
            licence=_licence(self._address, revision),
            source="user",
            columns=columns,
            revision=revision,
        )

    def pages(self, origin: Origin, position: Any) -> Iterator[Page]:  # noqa: ANN401 - see `origin.Database`
        """Read on from where the library says it was: see `origin.Database`."""
        columns = [column.fields[0] for column in origin.columns.values()]
        stream = self._stream(columns, origin.revision).with_format("arrow")
        if position is not None:
            stream.load_state_dict(position)
        with _told(self._name):
            for batch in stream.iter(batch_size=_PAGE_ROWS):
                yield Page(_rows(batch, origin), stream.state_dict())
            yield Page(_rows(None, origin))  # that there is no more is known when one has asked for it

    def _revision(self) -> str | None:
        """Name the commit that is read, so that what comes in pieces is of one state; None of a folder."""
        from huggingface_hub import HfApi

        place, asked = self._address.place, self._address.options.get("revision")
        if Path(place).expanduser().exists():
            return asked
        with _told(self._name):
            return HfApi().dataset_info(place, revision=asked).sha or asked

    def _stream(self, columns: list[str] | None, revision: str | None) -> Any:  # noqa: ANN401 - an IterableDataset, which has no types
        from datasets import load_dataset, load_dataset_builder

        place = self._address.place
        options = self._address.options
        source = {"path": str(Path(place).expanduser()) if Path(place).expanduser().exists() else place}
        source |= {"name": options["config"]} if "config" in options else {}
        source |= {"revision": revision} if revision else {}
        with _told(self._name):
            projected = {}
            if columns and load_dataset_builder(**source).__class__.__name__ == "Parquet":
                projected = {"columns": list(dict.fromkeys(columns))}
            stream = load_dataset(**source, **projected, split=options.get("split", "train"), streaming=True)
            return (
                stream.select_columns(list(dict.fromkeys(columns))) if columns and not projected else stream
            )


def _rows(batch: Any, origin: Origin) -> pd.DataFrame:  # noqa: ANN401 - an Arrow table or None
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from mattransformer.data.streams import formula_values

    found: dict[str, Any] = {}
    for name, column in origin.columns.items():
        values = pa.array([]) if batch is None else batch.column(column.fields[0]).combine_chunks()
        if name == "formula":
            cells = list(formula_values(values)) if len(values) else []
            found[name] = pd.Series([_text(cell) for cell in cells], dtype="str")
        elif name == "id":
            found[name] = pd.Series(values.to_pylist(), dtype="str")
        else:
            numbers = pd.to_numeric(pd.Series(values.to_pandas()), errors="coerce").astype("float64")
            found[name] = numbers.where(np.isfinite(numbers))
    return pd.DataFrame(found)


def _text(cell: object) -> str | None:
    """Write a formula that is a mapping of element to amount, or the JSON of one; what is no text either is missing."""
    if isinstance(cell, str) and cell.startswith("{"):
        try:
            cell = json.loads(cell)
        except ValueError:
            return str(cell)
    if isinstance(cell, Mapping):
        try:
            return str(Formula.parse(cell))
        except FormulaError:
            return None
    return cell if isinstance(cell, str) else None


def _licence(address: Address, revision: str | None) -> str:
    """Read the licence from the head of the data set's README."""
    from huggingface_hub import DatasetCard, hf_hub_download

    folder = Path(address.place).expanduser()
    try:
        if folder.exists():
            card = DatasetCard.load(folder / "README.md")
        else:
            readme = hf_hub_download(address.place, "README.md", repo_type="dataset", revision=revision)
            card = DatasetCard.load(readme)
        return str(card.data.to_dict().get("license") or NOT_STATED)
    except Exception:  # no README, no head, or one that nobody can read: whatever it is, it states no licence
        return NOT_STATED


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say in one line what `datasets` and the hub complain of in their own ways."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError

    loggers = [logging.getLogger(library) for library in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:  # those of datasets, of the hub, of the network and of Arrow
        causes = list(_causes(error))
        encoding = next((cause for cause in causes if isinstance(cause, UnicodeDecodeError)), None)
        if encoding is not None:
            raise CorpusError(
                f"{name}: byte {encoding.start:,} of a file is not UTF-8 ({encoding.reason}); save the file as UTF-8"
            ) from error
        words = without_secrets(_first_sentence(causes[-1]), [get_token()]) or type(causes[-1]).__name__
        status = next(
            (cause.response.status_code for cause in causes if isinstance(cause, HfHubHTTPError)), None
        )
        answered = "" if status is None else f" (the hub answers {status})"
        raise CorpusError(
            f"{name}: {shorten(words, 300, placeholder=' …')}{answered}; check the name and its options "
            "(?config=…&split=…), or run the command again later, it goes on where it was"
        ) from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_sentence(error: BaseException) -> str:
    """Leave out the advice that libraries add, and the identifiers of requests."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Request ID" not in line]
    return told[0].partition(". ")[0] if told else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Go from an error to what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
