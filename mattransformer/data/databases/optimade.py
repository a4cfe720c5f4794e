"""OPTIMADE databases, one page at a time, by the client of the `optimade` package (extra `databases`).

The client pages by itself too, but keeps all pages in memory, gives up at the first 5xx or broken connection, and
repeats a 429 every second for ever. So it is asked for single pages, and the link to the next one is kept with
what was read; patience is in the sessions that it is given (`retries`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from mattransformer.data.databases.addresses import PROVIDERS_VARIABLE as PROVIDERS_VARIABLE
from mattransformer.data.databases.addresses import Address
from mattransformer.data.databases.origin import NOT_STATED, Origin, Page, Request
from mattransformer.data.databases.properties import Column, optimade_columns
from mattransformer.data.readers import CorpusError
from mattransformer.errors import without_password

if TYPE_CHECKING:
    import pandas as pd
    import requests
    from optimade.client.utils import QueryResults


_PROVIDERS: Final = "https://providers.optimade.org"
_FORMULAS: Final = ("chemical_formula_reduced", "chemical_formula_descriptive")
_TOO_MANY: Final = frozenset({400, 403, 422})  # what servers answer to a page that is too long

# Of the best known providers, where the server does not state it; by the letters before the names of their fields.
_LICENCES: Final[Mapping[str, str]] = {
    "mp": "CC-BY-4.0",
    "oqmd": "CC-BY-4.0",
    "alexandria": "CC-BY-4.0",
    "cod": "CC0-1.0",
}
_SOURCES: Final = frozenset({"mp", "oqmd"})
INSTALL: Final = 'pip install "mattransformer[databases]"'


class Optimade:
    """A database of the OPTIMADE federation."""

    def __init__(self, address: Address, request: Request) -> None:
        """Keep what to ask.

        Args:
            address: of the database.
            request: what to ask.

        Raises:
            CorpusError: the extra is not installed, or the filter is none.
        """
        self._name = address.text
        self._address = address
        self._filter = request.filter
        self._page_rows = request.page_rows
        try:
            from optimade.client import OptimadeClient
            from requests.utils import get_auth_from_url

            from mattransformer.data.databases.retries import session_class
        except ImportError as error:
            raise CorpusError(f"{address.text} needs the optimade package ({error}); {INSTALL}") from error
        self._client = OptimadeClient
        # Name and password go with the requests, and into nothing that is kept or said.
        self._url = without_password(address.place)
        self._sessions = session_class(address.text, request.pause, get_auth_from_url(address.place))
        _check_filter(address.text, request.filter)

    def begin(self) -> Origin:
        """Find the server, and what it has: see `origin.Database`."""
        with self._sessions() as session:
            url = self._url if self._address.is_url else self._look_up(session)
            info = self._ask(session, f"{url}/v1/info")
            served = self._ask(session, f"{url}/v1/info/structures")["data"].get("properties")
        provider = _mapping(_mapping(info.get("meta")).get("provider"))
        prefix = str(provider.get("prefix") or "")
        columns = {"id": Column(("id",)), "formula": Column(_FORMULAS)}
        columns |= optimade_columns(_mapping(served))
        return Origin(
            title=str(provider.get("name") or url),
            url=url,
            licence=_licence(_mapping(info["data"].get("attributes")), prefix),
            source=prefix if prefix in _SOURCES and not self._address.is_url else "user",
            columns=columns,
        )

    def pages(self, origin: Origin, position: Any) -> Iterator[Page]:  # noqa: ANN401 - see `origin.Database`
        """Read page after page: see `origin.Database`."""
        seen: set[str] = set()
        last: object = None
        while True:
            results = self._page(origin, position)
            entries = results.data
            if not isinstance(entries, list):
                raise CorpusError(
                    f"{self._name}: {origin.url} gives no list of structures; check the address"
                )
            following = self._next(results, origin, position)
            ids = [entry.get("id") for entry in entries if isinstance(entry, Mapping)]
            if following is not None and (following in seen or not entries or (any(ids) and ids == last)):
                raise CorpusError(
                    f"{self._name}: the links from page to page go in a circle after {position or 'the first page'}; "
                    "narrow the filter, or tell those who run the server"
                )
            seen |= {following} if following else set()
            last = ids
            total = results.meta.get("data_returned")
            yield Page(self._rows(entries, origin), following, total if isinstance(total, int) else None)
            if following is None:
                return
            position = following

    def _page(self, origin: Origin, url: str | None) -> QueryResults:
        """Ask for the first page, or for one by its link."""
        from mattransformer.data.databases.retries import RefusalError

        try:
            return self._ask_page(origin, url, None if url else self._page_rows)
        except RefusalError as refusal:
            if url or refusal.status not in _TOO_MANY:
                raise
        return self._ask_page(origin, url, None)  # perhaps the page was too long

    def _ask_page(self, origin: Origin, url: str | None, rows: int | None) -> QueryResults:
        from mattransformer.data.databases.retries import Unanswered

        # A new client for each page: one keeps a bar of progress for every page that it is asked for.
        client = self._client(
            origin.url,
            use_async=False,
            silent=True,
            http_client=self._sessions,
            max_results_per_provider=10**9,
        )
        try:
            found = client.get_one(
                "structures",
                self._filter,
                origin.url,
                response_fields=_asked(origin.columns),
                page_limit=rows,
                paginate=False,
                override_url=url,
            )
        except Unanswered as refused:
            raise refused.error from refused.error.__cause__
        results: QueryResults = next(iter(found.values()))
        if results.errors:
            words = " ".join(map(str, results.errors))[:160]
            raise CorpusError(
                f"{self._name}: {origin.url} gives no OPTIMADE answer ({words}); check the address"
            )
        return results

    def _rows(self, entries: Sequence[Any], origin: Origin) -> pd.DataFrame:
        import pandas as pd

        attributes: list[Mapping[str, Any]] = []
        for entry in entries:
            if not isinstance(entry, Mapping) or not isinstance(entry.get("attributes"), Mapping):
                raise CorpusError(
                    f"{self._name}: {origin.url} gives structures without attributes; check the address"
                )
            attributes.append(entry["attributes"])
        columns: dict[str, Any] = {
            "id": pd.Series([str(entry.get("id", "")) for entry in entries], dtype="str"),
            "formula": pd.Series([_formula(own) for own in attributes], dtype="str"),
        }
        for name, column in origin.columns.items():
            if name not in columns:
                columns[name] = pd.Series([column.read(own) for own in attributes], dtype="float64")
        return pd.DataFrame(columns)

    def _next(self, results: QueryResults, origin: Origin, position: str | None) -> str | None:
        """Read the link to the next page, which has to be one of the same server."""
        link = results.links.get("next")
        link = link.get("href") if isinstance(link, Mapping) else link
        if not link:
            if results.meta.get("more_data_available") is True:
                raise CorpusError(
                    f"{self._name}: {origin.url} says that there is more, but not where; narrow the filter"
                )
            return None
        url = urljoin(f"{position or origin.url}", str(link))
        asked, given = urlsplit(origin.url), urlsplit(url)
        if given.netloc != asked.netloc and given.hostname != asked.hostname:
            raise CorpusError(
                f"{self._name}: the link to the next page goes to another server, {given.netloc or url}, and is not "
                "followed; tell those who run the server"
            )
        # Servers behind a proxy often give links without its encryption or its port.
        return given._replace(scheme=asked.scheme, netloc=asked.netloc).geturl()

    def _look_up(self, session: requests.Session) -> str:
        """Find the base URL of a database by its name in the list of providers."""
        listed = os.environ.get(PROVIDERS_VARIABLE, _PROVIDERS).rstrip("/")
        provider, _, database = self._address.place.partition("/")
        providers = self._links(session, listed)
        known = sorted(name for name, url in providers.items() if url)
        if not providers.get(provider):
            raise CorpusError(
                f"{self._name}: {listed} has no provider {provider!r}; it has {', '.join(known)}"
            )
        children = {name: url for name, url in self._links(session, providers[provider]).items() if url}
        if not database and len(children) == 1:
            return next(iter(children.values())).rstrip("/")
        if database in children:
            return children[database].rstrip("/")
        named = ", ".join(f"optimade:{provider}/{name}" for name in children) or "none"
        raise CorpusError(f"{self._name}: name one database of this provider: {named}")

    def _links(self, session: requests.Session, base: str) -> dict[str, str]:
        """List the databases or providers that a server links to, with their base URLs."""
        from mattransformer.data.databases.retries import read_json

        data = read_json(session, f"{base.rstrip('/')}/v1/links").get("data")
        found: dict[str, str] = {}
        for entry in data if isinstance(data, list) else []:
            attributes = _mapping(_mapping(entry).get("attributes"))
            url = attributes.get("base_url")
            url = url.get("href") if isinstance(url, Mapping) else url
            if attributes.get("link_type") in ("child", "external", None):
                found[str(_mapping(entry).get("id"))] = str(url or "")
        return found

    def _ask(self, session: requests.Session, url: str) -> dict[str, Any]:
        from mattransformer.data.databases.retries import read_json

        content = read_json(session, url)
        if not isinstance(content.get("data"), Mapping):
            raise CorpusError(f"{self._name}: {url} is no answer of an OPTIMADE server; check the address")
        return content


def _check_filter(name: str, text: str) -> None:
    """Refuse what is no filter before anybody is asked."""
    from optimade.exceptions import BadRequest
    from optimade.filterparser import LarkParser

    if not text:
        return
    try:
        LarkParser().parse(text)
    except BadRequest as error:
        said = str(error.detail).partition("Lark traceback:")[2].partition("Expected one of")[0].split()
        raise CorpusError(
            f"{name}: {text!r} is no filter ({' '.join(said) or 'not readable'}); write for example "
            'nelements<=5 AND elements HAS "O"'
        ) from error


def _asked(columns: Mapping[str, Column]) -> list[str]:
    """List the fields to ask for, mappings as a whole."""
    fields = [
        field.partition(".")[0] for column in columns.values() for field in column.fields if field != "id"
    ]
    return list(dict.fromkeys(fields))


def _formula(attributes: Mapping[str, Any]) -> str | None:
    """Give the reduced formula, or the descriptive one of a structure with partly filled sites, which has no other."""
    return next(
        (value for name in _FORMULAS if isinstance(value := attributes.get(name), str) and value), None
    )


def _licence(attributes: Mapping[str, Any], prefix: str) -> str:
    identifiers = attributes.get("available_licenses")
    link = attributes.get("license")
    link = link.get("href") if isinstance(link, Mapping) else link
    stated = [*(identifiers if isinstance(identifiers, list) else []), *([link] if link else [])]
    if stated:
        return ", ".join(map(str, stated))
    known = _LICENCES.get(prefix)
    return f"{known} (as published by the provider; the server does not state it)" if known else NOT_STATED


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
