"""Databases: what the reference server of OPTIMADE holds arrives whole, whatever happens on the way.

The server is the one of the `optimade` package with its own 17 structures, on loopback (`tests/optimade_server.py`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mattransformer as mt
from mattransformer.cli import main
from mattransformer.data.databases.cards import card_path
from mattransformer.data.databases.fetching import fetch_corpus
from mattransformer.data.databases.optimade import PROVIDERS_VARIABLE
from mattransformer.data.readers import CorpusError
from tests.optimade_server import Answer, Door, opened, reference_server

pytest.importorskip("optimade.client", reason="needs the optimade package with its client and server")
pytest.importorskip("uvicorn", reason="needs the server of the optimade package")

STRUCTURES = 17
PAGE = 4  # structures, so that five pages hold all


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with reference_server() as url:
        yield url


@pytest.fixture
def door(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path / "cache"))
    with opened(server) as door:
        yield door


def fetched(door: Door, target: Path, filter: str = "", **more: bool | int) -> pd.DataFrame:
    name = f"optimade:{door.url}"
    fetch_corpus(name, target, filter=filter, page_rows=PAGE, pause=0.01, **more)  # type: ignore[arg-type]
    return pd.read_csv(target)


def refusal(door: Door, target: Path, filter: str = "") -> str:
    with pytest.raises(CorpusError) as refused:
        fetched(door, target, filter)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"optimade:{door.url}")
    assert not target.exists()
    assert not card_path(target).exists()
    return message.replace(door.url, "URL").replace(door.url.partition("://")[2], "HOST")


def pages(door: Door) -> list[str]:
    """List the pages that were asked for, by where they begin."""
    asked = [path for path in door.asked if path.startswith("/v1/structures")]
    return [path.partition("page_offset=")[2] or "0" for path in asked]


# What arrives


def test_all_structures_arrive_with_their_energies_and_the_lowest_of_a_formula_first(
    door: Door, tmp_path: Path
) -> None:
    table = fetched(door, tmp_path / "all.csv")
    assert len(table) == STRUCTURES
    assert list(table.columns) == ["id", "formula", "formation_energy_per_atom", "band_gap"]
    oxide = table.set_index("id").loc["mpf_30"]
    assert (oxide.formula, oxide.formation_energy_per_atom, oxide.band_gap) == ("Ac2O3", -3.6, 4.1)
    assert pages(door) == ["0", "4", "8", "12", "16"]


def test_a_filter_is_the_servers_to_apply(door: Door, tmp_path: Path) -> None:
    table = fetched(door, tmp_path / "binary.csv", 'nelements=2 AND elements HAS "O"')
    assert table["formula"].tolist() == ["Ac2O3"]


def test_the_card_says_what_it_is_of_when_and_in_which_units(door: Door, tmp_path: Path) -> None:
    door.documents["/v1/info"] = {
        "data": {
            "type": "info",
            "id": "/",
            "attributes": {"available_licenses": ["CC-BY-4.0"], "license": None},
        },
        "meta": {"provider": {"name": "Example provider", "prefix": "exmpl"}},
    }
    fetched(door, tmp_path / "some.csv", "nelements<=3")
    card = json.loads(card_path(tmp_path / "some.csv").read_text(encoding="utf-8"))
    assert card["title"] == "Example provider"
    assert card["licence"] == "CC-BY-4.0"
    assert card["filter"] == "nelements<=3"
    assert card["rows"] == card["announced"] == 6
    gap = card["columns"]["band_gap"]
    assert (gap["fields"], gap["unit"], gap["unit_stated_by_source"]) == (["_exmpl_band_gap"], "eV", True)
    assert gap["rows_with_value"] == 1
    assert card["columns"]["formation_energy_per_atom"]["unit"] == "eV/atom"


def test_what_was_fetched_is_a_corpus_to_train_on(door: Door, tmp_path: Path) -> None:
    fetch_corpus(f"optimade:{door.url}", tmp_path / "all.parquet", page_rows=PAGE)
    corpus = mt.load_corpus(tmp_path / "all.parquet")
    corpus.require_trainable()
    assert corpus.sources == ("user",)
    assert corpus.report.sources[0].read == STRUCTURES
    assert corpus.report.sources[0].dropped["fewer than 2 elements"] == 2
    assert set(corpus.table["split"]) <= {"train", "valid", "test"}
    assert corpus.table.set_index("formula").loc["Ac2O3", "band_gap"] == 4.1


def test_rows_of_the_materials_project_keep_their_source_while_the_file_is_as_it_was_fetched(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(door, monkeypatch, {"mp": {"mp": door.url}})
    door.documents["/v1/info"] = {
        "data": {"type": "info", "id": "/", "attributes": {}},
        "meta": {"provider": {"name": "Materials Project", "prefix": "mp"}},
    }
    card = fetch_corpus("optimade:mp", tmp_path / "mp.csv", page_rows=PAGE)
    assert card.licence.startswith("CC-BY-4.0")
    assert mt.load_corpus(tmp_path / "mp.csv").sources == ("mp",)
    with (tmp_path / "mp.csv").open("a", encoding="utf-8") as file:
        file.write("x,NaCl,,\n")
    assert mt.load_corpus(tmp_path / "mp.csv").sources == ("user",)
    assert mt.load_corpus(f"mp={tmp_path / 'mp.csv'}").sources == ("mp",)


def test_the_command_says_what_came_and_what_becomes_of_its_rows(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(
            [
                "corpus",
                f"optimade:{door.url}",
                "--filter",
                "nelements<=4",
                "-o",
                str(tmp_path / "few.parquet"),
            ]
        )
    shown = capsys.readouterr()
    assert (left.value.code, shown.err) == (0, "")
    for words in (
        "Example provider: 8 entries, fetched ",
        "formation_energy_per_atom [eV/atom] of 4, band_gap [eV] of 2",
        "licence: not stated by the source",
        "with its card few.parquet.card.json",
        "rows read",
    ):
        assert words in shown.out


def test_a_limit_cuts_the_last_page(door: Door, tmp_path: Path) -> None:
    assert len(fetched(door, tmp_path / "six.csv", limit=6)) == 6
    assert pages(door) == ["0", "4"]


def test_a_server_that_allows_shorter_pages_only_is_asked_for_its_own(door: Door, tmp_path: Path) -> None:
    fetch_corpus(f"optimade:{door.url}", tmp_path / "all.csv", page_rows=500)
    first, second = (path for path in door.asked if path.startswith("/v1/structures"))
    assert "page_limit=500" in first
    assert "page_limit" not in second


def test_of_polymorphs_the_one_nearest_to_the_hull_comes_first(door: Door, tmp_path: Path) -> None:
    door.faults = [lambda answer: edited(answer, b'"Ac2AgPb"', b'"Ac2AgIr"')] * 5
    table = fetched(door, tmp_path / "all.csv")
    same = table[table["formula"] == "Ac2AgIr"]
    assert same["id"].tolist() == ["mpf_2", "mpf_3"]
    door.faults = [lambda answer: edited(edited(answer, b'"Ac2AgPb"', b'"Ac2AgIr"'), b"-0.25", b"-9.25")] * 5
    table = fetched(door, tmp_path / "all.csv", fresh=True)
    assert table[table["formula"] == "Ac2AgIr"]["id"].tolist() == ["mpf_3", "mpf_2"]
    corpus = mt.load_corpus(tmp_path / "all.csv").table.set_index("formula")
    assert corpus.loc["Ac2AgIr", "formation_energy_per_atom"] == -9.25


# What happens on the way


def edited(answer: Answer, old: bytes, new: bytes) -> Answer:
    status, headers, body = answer
    return status, headers, body.replace(old, new)


def busy(status: int, **headers: str) -> object:
    return lambda _: (status, {"Content-Type": "text/plain", **headers}, b"busy")


def late(answer: Answer) -> Answer:
    time.sleep(60)
    return answer


@pytest.mark.parametrize(
    "fault",
    [
        busy(429, **{"Retry-After": "0"}),
        busy(429, **{"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        busy(500),
        busy(503),
        lambda _: None,
    ],
    ids=["429 with seconds", "429 with a date", "500", "503", "cut connection"],
)
def test_a_server_that_stumbles_is_asked_again(door: Door, tmp_path: Path, fault: object) -> None:
    door.faults = [None, fault, fault, None, fault]  # type: ignore[list-item]
    assert len(fetched(door, tmp_path / "all.csv")) == STRUCTURES
    assert pages(door) == ["0", "4", "4", "4", "8", "8", "12", "16"]


def test_a_server_that_asks_to_wait_is_waited_for(door: Door, tmp_path: Path) -> None:
    door.faults = [busy(429, **{"Retry-After": "0.3"})]  # type: ignore[list-item]
    begun = time.monotonic()
    fetched(door, tmp_path / "all.csv")
    assert time.monotonic() - begun >= 0.3


def test_a_number_that_is_none_is_a_missing_value(door: Door, tmp_path: Path) -> None:
    door.faults = [lambda answer: edited(answer, b"1.25", b"NaN")] * 5
    table = fetched(door, tmp_path / "all.csv").set_index("id")
    assert len(table) == STRUCTURES
    assert table["band_gap"].isna()["mpf_110"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            lambda _: (200, {"Content-Type": "text/html"}, b"<!doctype html><html>Please log in</html>"),
            "URL/v1/structures answers with a web page instead of the JSON of OPTIMADE; check the address",
        ),
        (lambda _: (200, {}, b'{"data": [{"id": "x"'), "answers with something else instead of the JSON"),
        (lambda _: (200, {}, b"[]"), "answers with something else instead of the JSON"),
        (lambda _: (200, {}, b'{"data": [{"id": "x"}]}'), "gives structures without attributes"),
        (lambda _: (200, {}, b'{"data": {"id": "x"}}'), "gives no list of structures"),
        (lambda _: (404, {}, b"nothing here"), "HOST refuses the request with 404; check the address"),
        (
            lambda answer: edited(answer, b"page_offset=8", b"page_offset=4"),
            "the links from page to page go in a circle",
        ),
        (
            lambda answer: edited(answer, b"http://127.0.0.1", b"http://elsewhere.example"),
            "the link to the next page goes to another server, elsewhere.example",
        ),
        (
            lambda answer: edited(answer, b'"next":', b'"before":'),
            "says that there is more, but not where",
        ),
        (
            busy(429, **{"Retry-After": "7200"}),
            "HOST answers 429 and asks to wait 120 minutes; run the command again",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_in_one_line(
    door: Door, tmp_path: Path, fault: object, reason: str
) -> None:
    door.faults = [None, fault]  # type: ignore[list-item]
    assert reason in refusal(door, tmp_path / "all.csv")


def test_a_server_that_stays_down_is_given_up_and_gone_on_with_later(door: Door, tmp_path: Path) -> None:
    door.faults = [None, None, *[busy(503)] * 6]  # type: ignore[list-item]
    assert "HOST answers 503, 6 times; run the command again later, it goes on where it was" in refusal(
        door, tmp_path / "all.csv"
    )
    door.asked.clear()
    assert len(fetched(door, tmp_path / "all.csv")) == STRUCTURES
    assert pages(door) == ["8", "12", "16"]


def test_a_fetch_that_was_killed_goes_on_where_it_was_and_ends_the_same(door: Door, tmp_path: Path) -> None:
    whole = fetched(door, tmp_path / "whole.csv")
    again = {**os.environ, "MATTRANSFORMER_CACHE": str(tmp_path / "other")}
    program = (
        "import sys; from mattransformer.data.databases.fetching import fetch_corpus; "
        f"fetch_corpus(sys.argv[1], sys.argv[2], page_rows={PAGE}, pause=0.01)"
    )
    command = [sys.executable, "-c", program, f"optimade:{door.url}", str(tmp_path / "cut.csv")]
    door.asked.clear()
    door.faults = [None, None, None, late]
    child = subprocess.Popen(command, env=again)
    while len(pages(door)) < 4:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "cut.csv").exists()
    door.asked.clear()
    door.faults = []
    subprocess.run(command, env=again, check=True)
    assert pages(door) == ["12", "16"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "cut.csv"), whole)


def test_the_same_query_is_answered_from_the_cache_for_a_day_and_afresh_on_request(
    door: Door, tmp_path: Path
) -> None:
    first = fetched(door, tmp_path / "a.csv")
    door.asked.clear()
    pd.testing.assert_frame_equal(fetched(door, tmp_path / "b.csv"), first)
    assert door.asked == []
    fetched(door, tmp_path / "b.csv", fresh=True)
    assert len(pages(door)) == 5


def test_yesterdays_answer_is_asked_for_again_and_a_damaged_one_too(door: Door, tmp_path: Path) -> None:
    fetched(door, tmp_path / "a.csv")
    (state,) = (tmp_path / "cache" / "databases").glob("*/state.json")
    content = json.loads(state.read_text(encoding="utf-8"))
    state.write_text(json.dumps({**content, "begun": "2020-01-01T00:00:00+00:00"}), encoding="utf-8")
    door.asked.clear()
    fetched(door, tmp_path / "a.csv")
    assert len(pages(door)) == 5
    (page, *_) = sorted((tmp_path / "cache" / "databases").glob("*/page-*.parquet"))
    page.unlink()
    door.asked.clear()
    fetched(door, tmp_path / "a.csv")
    assert len(pages(door)) == 5


# Providers by name


def listed(door: Door, patch: pytest.MonkeyPatch, providers: dict[str, dict[str, str]]) -> None:
    """Let the door be the list of providers, and the index of each of them."""
    patch.setenv(PROVIDERS_VARIABLE, door.url)

    def link(name: str, url: str, kind: str) -> dict[str, object]:
        return {"id": name, "type": "links", "attributes": {"base_url": url, "link_type": kind}}

    indexes = [link(name, f"{door.url}/{name}", "external") for name in providers]
    door.documents["/v1/links"] = {"data": indexes}
    for name, databases in providers.items():
        children = [link(child, url, "child") for child, url in databases.items()]
        door.documents[f"/{name}/v1/links"] = {"data": [*children, link("optimade", "", "providers")]}


def test_a_provider_with_one_database_needs_no_second_name(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(door, monkeypatch, {"cod": {"cod": door.url}})
    fetch_corpus("optimade:cod", tmp_path / "cod.csv")
    assert len(pd.read_csv(tmp_path / "cod.csv")) == STRUCTURES


def test_of_a_provider_with_several_databases_one_is_chosen(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(door, monkeypatch, {"alexandria": {"pbe": door.url, "pbesol": f"{door.url}/none"}})
    with pytest.raises(CorpusError, match="optimade:alexandria/pbe, optimade:alexandria/pbesol"):
        fetch_corpus("optimade:alexandria", tmp_path / "x.csv")
    fetch_corpus("optimade:alexandria/pbe", tmp_path / "x.csv")
    assert len(pd.read_csv(tmp_path / "x.csv")) == STRUCTURES


def test_an_unknown_provider_is_told_which_there_are(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(door, monkeypatch, {"mp": {}, "oqmd": {}})
    with pytest.raises(CorpusError, match="no provider 'mpp'; it has mp, oqmd"):
        fetch_corpus("optimade:mpp", tmp_path / "x.csv")


def test_a_password_in_an_address_goes_to_the_server_and_nowhere_else(door: Door, tmp_path: Path) -> None:
    name = f"optimade:{door.url.replace('://', '://ada:s3cretpassword@')}"
    told = []
    for asked in ({"filter": "nelements less than 5"}, {"filter": "_x_nothing=5"}, {"column": "formula"}):
        with pytest.raises(CorpusError) as refused:
            fetch_corpus(name, tmp_path / "x.csv", pause=0.01, **asked)  # type: ignore[arg-type]
        told.append(str(refused.value))
    door.faults = [None, *[busy(503)] * 6]  # type: ignore[list-item]
    with pytest.raises(CorpusError) as refused:
        fetch_corpus(name, tmp_path / "all.csv", page_rows=PAGE, pause=0.01)
    told.append(str(refused.value))
    assert all(message.startswith(f"optimade:{door.url}") for message in told)
    fetch_corpus(name, tmp_path / "all.csv", page_rows=PAGE, pause=0.01)
    assert set(door.authorizations) == {f"Basic {b64encode(b'ada:s3cretpassword').decode()}"}
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2
    assert not any(b"s3cret" in content for content in [*written, *map(str.encode, told)])


def test_what_is_no_filter_is_refused_before_anybody_is_asked(door: Door, tmp_path: Path) -> None:
    message = refusal(door, tmp_path / "x.csv", "nelements less than 5")
    assert "'nelements less than 5' is no filter" in message
    assert "Expected" not in message
    assert door.asked == []


def test_a_filter_that_the_server_does_not_know_is_refused_in_its_words(door: Door, tmp_path: Path) -> None:
    assert "refuses the request with 400: " in refusal(
        door, tmp_path / "x.csv", "_exmpl_nothing_like_it=5 AND x=1"
    )


def test_a_query_without_an_answer_is_told(door: Door, tmp_path: Path) -> None:
    assert "has no entries for nelements>90; ask for others" in refusal(
        door, tmp_path / "x.csv", "nelements>90"
    )
