"""The Materials Project by its own client, `mp-api` (extra `mp`), for users with a key in `MP_API_KEY`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mattransformer.data.admission import MAX_ELEMENTS, MIN_ELEMENTS
from mattransformer.data.databases.addresses import Address
from mattransformer.data.databases.origin import Origin, Page, Request
from mattransformer.data.databases.properties import UNITS, Column
from mattransformer.data.readers import CorpusError
from mattransformer.errors import without_secrets

KEY_VARIABLE: Final = "MP_API_KEY"

_COLUMNS: Final[Mapping[str, Column]] = {
    "id": Column(("material_id",)),
    "formula": Column(("formula_pretty",)),
    "e_above_hull": Column(("energy_above_hull",), UNITS["e_above_hull"]),
    "formation_energy_per_atom": Column(("formation_energy_per_atom",), UNITS["formation_energy_per_atom"]),
    "band_gap": Column(("band_gap",), UNITS["band_gap"]),
}


class MaterialsProject:
    """The summaries of all materials, a page for each number of elements that a corpus keeps."""

    def __init__(self, address: Address, request: Request) -> None:
        """Check that it can be asked.

        Args:
            address: `mp-api`.
            request: what to ask.

        Raises:
            CorpusError: a filter, which it has not; no key, or the extra is not installed.
        """
        self._name = address.text
        if request.filter:
            raise CorpusError(f"{address.text} takes no --filter; optimade:mp does")
        if not os.environ.get(KEY_VARIABLE):
            raise CorpusError(
                f"{address.text} needs a key of the Materials Project in {KEY_VARIABLE}; get one from its dashboard, "
                "or use optimade:mp, which needs none"
            )
        try:
            from mp_api.client import MPRester
        except ImportError as error:
            raise CorpusError(
                f'{address.text} needs the mp-api package ({error}); pip install "mattransformer[mp]"'
            ) from error
        self._rester = MPRester

    def begin(self) -> Origin:
        """Say what is known of it: see `origin.Database`."""
        return Origin(
            title="Materials Project",
            url="https://api.materialsproject.org",
            licence="CC-BY-4.0 (as published by the provider)",
            source="mp",
            columns=_COLUMNS,
            notes=(
                f"entries of {MIN_ELEMENTS} to {MAX_ELEMENTS} elements, which are all that a corpus keeps",
            ),
        )

    def pages(self, origin: Origin, position: Any) -> Iterator[Page]:  # noqa: ANN401 - see `origin.Database`
        """Ask for the entries of two elements, of three, and so on: see `origin.Database`."""
        import pandas as pd

        fields = [column.fields[0] for column in origin.columns.values()]
        for elements in range(position or MIN_ELEMENTS, MAX_ELEMENTS + 1):
            try:
                with self._rester() as rester:
                    documents = rester.materials.summary.search(
                        num_elements=(elements, elements), deprecated=False, all_fields=False, fields=fields
                    )
            except Exception as error:  # its own, those of requests, and of its document models
                words = without_secrets(" ".join(str(error).split()), [os.environ[KEY_VARIABLE]])[:200]
                raise CorpusError(
                    f"{self._name}: {words}; check {KEY_VARIABLE}, or run the command again later, it goes on where it "
                    "was"
                ) from None
            found = [_plain(document, fields) for document in documents]
            rows = {
                "id": pd.Series([str(entry.get("material_id", "")) for entry in found], dtype="str"),
                "formula": pd.Series([entry.get("formula_pretty") for entry in found], dtype="str"),
            }
            for name, column in origin.columns.items():
                if name not in rows:
                    rows[name] = pd.Series([column.read(entry) for entry in found], dtype="float64")
            yield Page(pd.DataFrame(rows), elements + 1 if elements < MAX_ELEMENTS else None)


def _plain(document: object, fields: Sequence[str]) -> Mapping[str, Any]:
    """Give the fields of a document, which is a mapping or one of the client's models."""
    if isinstance(document, Mapping):
        return document
    return {field: getattr(document, field, None) for field in fields}
