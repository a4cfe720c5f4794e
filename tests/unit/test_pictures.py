"""Pictures hold the numbers they were given, and the report is one page that asks nothing of the network."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("plotly", reason="pictures need the extra `report`")

from mattransformer.baselines.checkpoints import save_generator
from mattransformer.baselines.pseudo_random import StoichiometryRandom
from mattransformer.formula import Formula
from mattransformer.generation.language_model import load
from mattransformer.metrics.formation_energy import record as energy_record
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.scores import score
from mattransformer.metrics.space import neighbourhood
from mattransformer.pictures import rendering
from mattransformer.pictures.composition_map import Points, composition_map, layout
from mattransformer.pictures.curves import Curve, recovery_curves, uniqueness_curves
from mattransformer.pictures.embeddings import check_embedding, element_fractions, embedding_of
from mattransformer.pictures.energies import Energies, energy_histogram
from mattransformer.pictures.periodic_tables import Occurrence, element_table
from mattransformer.pictures.picture import LINES, Picture, PictureError, template
from mattransformer.pictures.rendering import find_browser, standing_alone, write_images
from mattransformer.pictures.report import PAGE, write_report
from mattransformer.pictures.score_pictures import score_pictures
from mattransformer.pictures.space_tables import space_tables
from mattransformer.pictures.tables import NONE, estimate, tables
from mattransformer.pictures.validity import PUBLISHED, TRAINING_SET, Bar, Estimate, validity_bars
from mattransformer.screening.compositions import Compositions

SAMPLES = ["NaCl", "MgO", "SrTiO3", "NaCl", "KCl", "CaTiO3", "LiFePO4", "Ni3Al"]
TRAINING = ["MgO", "CaO", "SrTiO3", "BaTiO3", "GaAs"]
HELD_OUT = ["NaCl", "CaTiO3", "ZnS"]
HOSTILE = "<img src=x onerror=alert(1)>&</script>"


@pytest.fixture(scope="module")
def scores() -> dict[str, Any]:
    lists = {"MP": FormulaList.of(TRAINING)}, {HOSTILE: FormulaList.of(HELD_OUT)}
    own = score(FormulaList.of([*SAMPLES, HOSTILE]), training=lists[0], held_out=lists[1], known=lists[0])
    made: dict[str, Any] = json.loads(json.dumps(own.as_dict()))
    return made


def compositions(formulas: Sequence[str]) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: dict[str | None, str] = {}
        self._script: tuple[str | None] | None = None
        self.feed(text)

    def handle_starttag(  # noqa: D102
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id"),) if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:  # noqa: D102
        self._script = None

    def handle_data(self, data: str) -> None:  # noqa: D102
        if self._script is None:
            self.texts.append(data)
        else:
            self.scripts[self._script[0]] = self.scripts.get(self._script[0], "") + data


# --- the periodic table


def differences(picture: Picture) -> dict[str, float]:
    """Read the numbers back from the coloured tiles."""
    tiles = picture.figure.data[-1]
    found = {}
    for row, column in zip(*np.nonzero(np.isfinite(tiles.z)), strict=True):
        symbol = tiles.text[row, column].partition("<b>")[2].partition("</b>")[0]
        found[symbol] = float(tiles.z[row, column])
    return found


def test_a_periodic_table_holds_differences_in_percentage_points() -> None:
    # O: 3 of 4 against 1 of 2; Na: 1 of 4 against none; S: none against 1 of 2
    drawn = element_table(Occurrence({"O": 3, "Na": 1}, 4), Occurrence({"O": 1, "S": 1}, 2))
    assert differences(drawn) == {"O": 25.0, "Na": 25.0, "S": -50.0}


def test_the_colours_of_a_periodic_table_are_centred_at_no_difference() -> None:
    drawn = element_table(Occurrence({"O": 3, "Na": 1}, 4), Occurrence({"O": 1, "S": 1}, 2))
    tiles = drawn.figure.data[-1]
    assert tiles.zmin == -tiles.zmax
    assert len(tiles.colorscale) % 2 == 1
    assert tiles.colorscale[len(tiles.colorscale) // 2][1] == "#f7f7f7"


def test_every_element_has_a_tile_of_its_own_and_iron_is_in_group_8_of_period_4() -> None:
    drawn = element_table(Occurrence({"Fe": 1}, 2), Occurrence({"O": 1}, 2))
    below = drawn.figure.data[0]
    assert np.count_nonzero(np.isfinite(below.z)) == 118
    assert np.isfinite(drawn.figure.data[-1].z[3, 7])  # counted from 0


def test_a_colour_scale_that_ends_before_oxygen_says_so() -> None:
    many = dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In"), 1)
    many |= dict.fromkeys(("Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr", "Mo", "W", "Mn"), 1)
    drawn = element_table(Occurrence({"O": 80}, 100), Occurrence(many, 100))
    assert drawn.figure.data[-1].zmax == 1.0
    assert "O\u00a0+80.0" in drawn.caption


def test_a_periodic_table_of_nothing_is_refused() -> None:
    with pytest.raises(PictureError, match="the generated list is empty"):
        element_table(Occurrence({}, 0), Occurrence({"O": 1}, 1))
    with pytest.raises(PictureError, match="'Xx' is no element"):
        element_table(Occurrence({"Xx": 1}, 1), Occurrence({"O": 1}, 1))


# --- curves


def test_a_curve_holds_its_shares_in_per_cent_on_a_logarithmic_axis() -> None:
    drawn = uniqueness_curves([Curve("gpt2", np.array([10, 100, 1000]), np.array([1.0, 0.99, 0.8]))]).figure
    assert drawn.data[0].x.tolist() == [10, 100, 1000]
    assert drawn.data[0].y.tolist() == [100.0, 99.0, 80.0]
    assert drawn.layout.xaxis.type == "log"
    assert drawn.layout.yaxis.range[0] <= 80 < 100 <= drawn.layout.yaxis.range[1]


def test_curves_of_many_systems_are_told_apart_by_colour_dash_or_mark() -> None:
    curves = [Curve(str(at), np.array([1, 2]), np.array([0.1, 0.2])) for at in range(12)]
    lines = recovery_curves(curves).figure.data
    assert len({(line.line.color, line.line.dash, line.marker.symbol) for line in lines}) == 12


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        ([], "there is no sample"),
        ([Curve("a", np.array([]), np.array([]))], "there is no sample"),
        ([Curve("a", np.array([1, 2]), np.array([0.1]))], "2 sizes and 1 shares"),
        ([Curve("a", np.array([2, 1]), np.array([0.1, 0.2]))], "do not ascend"),
        ([Curve("a", np.array([0, 1]), np.array([0.1, 0.2]))], "do not ascend"),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused(curves: list[Curve], reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        recovery_curves(curves)


# --- validity


def test_validity_bars_hold_shares_and_the_two_ends_of_their_intervals() -> None:
    bar = Bar("gpt2", Estimate(0.97, 0.95, 0.98), Estimate(0.9, 0.88, 0.93))
    neutral, balanced = validity_bars([bar], "smact14", published=()).figure.data[:2]
    assert (neutral.name, neutral.x) == ("charge-neutral", (97.0,))
    assert balanced.x == (90.0,)
    assert [balanced.error_x.array[0], balanced.error_x.arrayminus[0]] == pytest.approx([3, 2])


def test_published_values_are_hatched_named_and_without_whiskers() -> None:
    bars = [
        Bar("mp", Estimate(0.75), Estimate(0.7), TRAINING_SET),
        Bar("gpt2", Estimate(0.97), Estimate(0.9)),
    ]
    drawn = validity_bars(bars, "smact14")
    published = next(
        trace for trace in drawn.figure.data if trace.name == "charge-neutral" and not trace.showlegend
    )
    assert list(published.x) == pytest.approx([100 * own.neutral.value for own in PUBLISHED])
    assert published.marker.pattern.shape == "/"
    assert published.error_x.array is None
    names = [note.text for note in drawn.figure.layout.annotations]
    assert names[0] == "gpt2"
    assert "training set" in names[1]
    assert all("published" in name for name in names[2:])
    assert "not measured here" in drawn.caption


def test_shares_in_per_cent_are_refused() -> None:
    with pytest.raises(PictureError, match="give fractions, not per cent"):
        validity_bars([Bar("gpt2", Estimate(97.0), Estimate(90.0))], "smact14")


# --- energies


def test_an_energy_histogram_gives_each_list_as_shares_of_its_own_bins() -> None:
    energies = Energies(np.array([-1.05, -1.0, -0.95, 0.05]), np.array([-0.05, np.nan]), np.array([0.05]))
    picture = energy_histogram(energies, 0.123)
    lines = {line.name: line for line in picture.figure.data}
    generated = lines["generated (4)"]
    bins = {round(edge, 6): share for edge, share in zip(generated.x, generated.y, strict=True) if share}
    # the last step is drawn to the last edge, so that its share comes twice
    assert bins == {-1.1: 25.0, -1.0: 50.0, 0.0: 25.0, 0.1: 25.0}
    assert "training (1)" in lines
    assert "0.123 eV/atom" in picture.caption
    assert "too low" not in picture.caption
    biased = energy_histogram(energies, 0.123, -0.2724)
    assert (
        "hypothetical compounds (of OQMD, not in MP) its estimates are 0.27 eV/atom too low" in biased.caption
    )
    assert "eV/atom" in picture.figure.layout.xaxis.title.text


def test_energies_that_are_unknown_or_in_another_unit_are_refused() -> None:
    nothing = np.array([])
    with pytest.raises(PictureError, match="no formation energy is known"):
        energy_histogram(Energies(np.array([np.nan]), nothing, nothing), 0.1)
    with pytest.raises(PictureError, match="not in eV/atom"):
        energy_histogram(Energies(np.array([-250_000.0, 10.0]), nothing, nothing), 0.1)


# --- the map


def test_element_fractions_of_perovskite_are_a_fifth_a_fifth_and_three_fifths() -> None:
    fractions = element_fractions(compositions(["SrTiO3", "NaCl"]))
    assert fractions.shape == (2, 118)
    assert fractions[0, [37, 21, 7]].tolist() == pytest.approx([0.2, 0.2, 0.6])
    assert fractions.sum(axis=1).tolist() == pytest.approx([1, 1])


def test_a_map_draws_the_same_points_for_the_same_seed() -> None:
    halides = [f"{a}{x}" for a in ("Li", "Na", "K", "Rb", "Cs", "Ag") for x in ("F", "Cl", "Br", "I")]
    one, same, other = (Points.of("training", compositions(halides), seed, most=10) for seed in (0, 0, 1))
    assert one.labels == same.labels != other.labels
    assert len(one.labels) == 10
    assert set(one.labels) <= set(halides)


def test_a_map_shows_training_behind_every_other_list_and_escapes_labels() -> None:
    pytest.importorskip("umap", reason="maps need the extra `report`")
    rng = np.random.default_rng(0)
    kinds = [
        Points(name, rng.random((20, 5)).astype(np.float32), [HOSTILE] * 20)
        for name in ("training", "held out", "generated")
    ]
    picture = composition_map(kinds, embedding="embeddings of a test", most=15)
    names = [trace.name for trace in picture.figure.data]
    assert names == ["training (15)", "training (15)", "held out (15)", "generated (15)"]
    assert all(len(trace.x) == 15 and np.isfinite(trace.x).all() for trace in picture.figure.data)
    assert "<" not in picture.figure.data[-1].text[0]
    assert "embeddings of a test" in picture.caption


def test_a_map_of_a_language_model_says_so_and_leaves_out_what_is_too_long_for_it() -> None:
    pytest.importorskip("umap", reason="maps need the extra `report`")
    embedding = embedding_of("gpt2")
    salts = [f"{a}{x}" for a in ("Li", "Na", "K", "Rb") for x in ("F", "Cl", "Br", "I")]
    own = compositions([*salts, "C60H61", "B2C59"])
    points = Points.of("generated", own, embedding=embedding)
    assert (list(points.labels), points.left_out) == ([*salts, "B2C59"], 1)  # room for 61 atoms
    assert points.embeddings.shape == (17, 192)
    # Batches of other sizes may round the last bits otherwise.
    np.testing.assert_allclose(points.embeddings[:3], load("gpt2").embed(salts)[:3], rtol=1e-4, atol=1e-5)
    caption = composition_map([points], embedding=embedding.in_words).caption
    assert "UMAP of embeddings of the language model gpt2" in caption
    assert "Left out: 1 with more atoms" in caption


def test_an_embedding_by_fractions_takes_every_composition() -> None:
    embedding = embedding_of("fractions")
    assert embedding.in_words == "element fractions"
    assert embedding.takes(compositions(["C60H61"])).all()


def test_a_generator_that_is_no_language_model_embeds_nothing(tmp_path: Path) -> None:
    save_generator(StoichiometryRandom.fit(["NaCl", "KBr"]), tmp_path)
    with pytest.raises(PictureError, match="no language model and embeds nothing"):
        check_embedding(str(tmp_path))


def test_a_seed_decides_the_layout_and_oxides_lie_apart_from_intermetallics() -> None:
    pytest.importorskip("umap", reason="maps need the extra `report`")
    metals = ["Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ti", "Zr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"]
    oxides = [f"{a}{b}O{n}" for n, (a, b) in enumerate(pairwise(metals), start=3)]
    alloys = [f"{a}{b}" for a, b in pairwise(metals)]
    embedded = element_fractions(compositions([*oxides, *alloys]))
    places = layout(embedded, seed=3)
    assert np.array_equal(places, layout(embedded, seed=3))
    oxide, alloy = places[: len(oxides)], places[len(oxides) :]
    apart = float(np.linalg.norm(oxide.mean(axis=0) - alloy.mean(axis=0)))
    within = float(np.linalg.norm(oxide - oxide.mean(axis=0), axis=1).mean())
    assert apart > within


def test_a_map_of_too_few_points_or_of_two_kinds_of_embeddings_is_refused() -> None:
    pytest.importorskip("umap", reason="maps need the extra `report`")
    flat, deep = (Points("training", np.zeros((1, d), dtype=np.float32), ["NaCl"]) for d in (2, 3))
    with pytest.raises(PictureError, match="a map of 1 compositions shows nothing"):
        composition_map([flat])
    with pytest.raises(PictureError, match="different dimensions"):
        composition_map([flat, deep])


# --- tables


def test_tables_have_the_shares_of_the_scores(scores: dict[str, Any]) -> None:
    found = {table.title: table for table in tables(scores)}
    listed = {row.name: row.cells[0].value for row in found["The list"].rows}
    assert listed["rows"] == "9"
    assert listed["distinct compositions"] == "7"
    assert listed["unique, of the readable rows"] == "87.5 %"  # 7 of 8
    recovered = {row.name: [cell.value for cell in row.cells] for row in found["Recovery"].rows}
    assert recovered[HOSTILE][:3] == ["2", "3", "66.7 %"]  # NaCl and CaTiO3, not ZnS
    assert all(len(row.cells) == len(table.columns) for table in found.values() for row in table.rows)


def test_measures_that_no_table_knows_are_shown_all_the_same(scores: dict[str, Any]) -> None:
    added = {
        **scores,
        "whole": {**scores["whole"], "coverage": {"precision": {"share": 0.5, "interval": [0.4, 0.6]}}},
    }
    last = tables(added)[-1]
    assert [(row.name, row.cells[0].value, row.cells[0].interval) for row in last.rows] == [
        ("coverage, precision", "50.0 %", "40.0 to 60.0")
    ]


def test_a_share_of_nothing_and_an_open_interval_are_written() -> None:
    assert estimate({"share": None, "interval": None, "reason": "nothing"}).value == NONE
    assert estimate({"enrichment": 4.0, "interval": [1.5, None]}).interval == "1.5 to ∞"
    assert estimate({"share": 0.0038, "interval": [0.002, 0.006]}).value == "0.38 %"


# --- where the compositions lie


@pytest.fixture(scope="module")
def space() -> dict[str, Any]:
    corpus = FormulaList.of_corpus("mp-transport:valid")
    training, test, other = (
        corpus.select((np.arange(len(corpus)) >= low) & (np.arange(len(corpus)) < high))
        for low, high in ((0, 300), (290, 400), (400, 450))
    )
    lists = {"test": test, "short": FormulaList.of(["NaCl"])}
    made: dict[str, Any] = json.loads(
        json.dumps(neighbourhood(other, lists, {"training": training}).as_dict(), allow_nan=False)
    )
    return made


def test_coverage_precision_diversity_and_energies_have_tables_with_what_they_mean(
    space: dict[str, Any],
) -> None:
    coverage, energies = space_tables(space)
    rows = {row.name: [cell.value for cell in row.cells] for row in coverage.rows}
    own = space["coverage"]["test"]
    assert rows["test"][0] == f"{100 * own['coverage']['share']:.1f} %"
    assert rows["test"][-2:] == ["110", "50"]
    assert rows["short"][:3] == [NONE, NONE, NONE]
    assert "10 of it are training compositions and left out" in coverage.note
    assert (
        "Coverage of short cannot be judged: what is near is measured on 6 compositions or more"
        in coverage.note
    )
    first = dict(zip(energies.columns, energies.rows[0].cells, strict=True))
    assert energies.rows[0].name == "all"
    assert first["diversity"].value == f"{space['diversity']['mean']:.2f}"
    assert first["formation energy, mean"].interval.count(" to ") == 1
    errors = energy_record()
    assert (
        f"{errors['test']['mae']['value']:.2f} eV/atom on {errors['test']['rows']:,} test rows"
        in energies.note
    )
    assert f"{-errors['hypothetical']['bias']['value']:.2f} eV/atom too low" in energies.note
    assert all(len(row.cells) == len(table.columns) for table in (coverage, energies) for row in table.rows)


def test_a_draw_of_a_long_list_is_told_in_the_table(space: dict[str, Any]) -> None:
    longer = json.loads(json.dumps(space))
    longer["coverage"]["test"]["compared"] |= {"samples": 10_000, "of_samples": 944_902}
    (first, *_), _ = (table.rows for table in space_tables(longer))
    assert first.cells[-1].value == "10,000 of 944,902"


def test_the_page_of_a_list_has_where_its_compositions_lie(
    scores: dict[str, Any], space: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BROWSERS", ())
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    text = write_report(scores, (), tmp_path, space=space).page.read_text(encoding="utf-8")
    for words in (
        "Coverage and precision",
        "Diversity and estimated formation energies",
        "hypothetical compounds",
    ):
        assert words in text


# --- the report


def test_pictures_of_scores_hold_their_numbers(scores: dict[str, Any]) -> None:
    pictures = {picture.name: picture for picture in score_pictures(scores)}
    assert list(pictures) == ["validity", "elements", "uniqueness", "recovery"]
    assert differences(pictures["elements"])["O"] == pytest.approx(100 * (4 / 7 - 4 / 5))
    recovery = pictures["recovery"].figure.data[-1]
    assert recovery.y[-1] == pytest.approx(100 * 2 / 3)
    assert "<" not in recovery.name


def test_a_periodic_table_is_beside_all_training_lists_together_and_says_which() -> None:
    lists = {"MP": FormulaList.of(["MgO", "NaCl"]), "more": FormulaList.of(["MgO", "KF", "LiF"])}
    found = score(FormulaList.of(["MgO"]), training=lists).as_dict()
    drawn = {picture.name: picture for picture in score_pictures(found)}["elements"]
    assert differences(drawn)["O"] == pytest.approx(75.0)  # 1 of 1 against 1 of 4
    assert "4 of MP, more together" in drawn.caption
    del found["training_profile"]  # as older reports have it
    drawn = {picture.name: picture for picture in score_pictures(found)}["elements"]
    assert "2 of MP, in" in drawn.caption


def test_scores_of_an_empty_list_make_a_report_without_pictures_of_it(tmp_path: Path) -> None:
    empty = score(FormulaList.of([])).as_dict()
    report = write_report(empty, score_pictures(empty), tmp_path)
    assert "the list is empty" in "".join(Page(report.page.read_text(encoding="utf-8")).texts)
    assert report.note.endswith("no pictures")


def test_a_report_is_one_page_that_names_no_outside_address(
    scores: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BROWSERS", ())
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    report = write_report(scores, score_pictures(scores), tmp_path)
    page = Page(report.page.read_text(encoding="utf-8"))
    assert not [tag for tag, own in page.tags if {"src", "href", "srcset", "data", "action"} & own.keys()]
    policy = next(
        own["content"] for _, own in page.tags if own.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert sum(script.count("* plotly.js v") for script in page.scripts.values()) == 1
    assert "prefers-color-scheme: dark" in report.page.read_text(encoding="utf-8")
    assert any(own.get("name") == "viewport" for _, own in page.tags)


def test_html_in_a_formula_or_a_name_stays_text(
    scores: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BROWSERS", ())
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    report = write_report(scores, score_pictures(scores, HOSTILE), tmp_path, title=HOSTILE)
    page = Page(report.page.read_text(encoding="utf-8"))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.texts.count(HOSTILE) >= 3  # the title, its heading, and the list that is called so
    assert any(HOSTILE[:8] in text for text in page.texts if text.startswith("unreadable"))
    plots = json.loads(page.scripts["plots"])
    assert [plot["name"] for plot in plots] == ["validity", "elements", "uniqueness", "recovery"]
    assert "&lt;img" in plots[-1]["data"][-1]["name"]  # Plotly would read tags


def test_a_page_draws_with_the_template_of_either_scheme(
    scores: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "BROWSERS", ())
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    page = Page(write_report(scores, score_pictures(scores), tmp_path).page.read_text(encoding="utf-8"))
    templates = json.loads(page.scripts["templates"])
    assert templates == {"light": template(dark=False), "dark": template(dark=True)}
    assert all("template" not in plot["layout"] for plot in json.loads(page.scripts["plots"]))


def test_without_a_browser_there_is_the_page_and_a_line_that_says_how_to_get_images(
    scores: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    (tmp_path / "validity.png").write_bytes(b"of an earlier report")
    report = write_report(scores, score_pictures(scores), tmp_path)
    assert report.images == ()
    assert [path.name for path in tmp_path.iterdir()] == [PAGE]
    assert "HTML only" in report.note
    assert "apt install chromium" in report.note
    assert "\n" not in report.note


def test_a_browser_that_does_not_draw_leaves_the_page_and_a_line(
    scores: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kaleido", reason="images need the extra `report`")
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    report = write_report(scores, score_pictures(scores), tmp_path / "report")
    assert report.images == ()
    assert [path.name for path in (tmp_path / "report").iterdir()] == [PAGE]
    assert f"{broken} does not draw" in report.note
    assert "\n" not in report.note


def test_a_png_has_the_width_asked_for_and_room_for_title_and_caption(tmp_path: Path) -> None:
    pytest.importorskip("kaleido", reason="images need the extra `report`")
    browser = find_browser()
    if browser is None:
        pytest.skip("needs a Chromium")
    picture = recovery_curves([Curve("MP", np.array([1, 10]), np.array([0.0, 0.5]))])
    (image,) = write_images([picture], tmp_path, browser, width=800, scale=1)
    content = image.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (800, standing_alone(picture).layout.height)
    assert height > picture.figure.layout.height
    assert picture.figure.layout.title.text is None


def test_two_pictures_of_the_same_name_and_names_of_other_folders_are_refused(tmp_path: Path) -> None:
    picture = recovery_curves([Curve("MP", np.array([1, 10]), np.array([0.0, 0.5]))])
    with pytest.raises(PictureError, match="2 pictures are called 'recovery'"):
        write_report({}, [picture, picture], tmp_path)
    with pytest.raises(PictureError, match="no name of a picture"):
        write_report({}, [Picture("../up", "", "", picture.figure)], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("colour", LINES)
def test_lines_stand_out_from_white_and_from_black(colour: str, dark: bool) -> None:
    """A contrast of 3 at least: WCAG 2.1, criterion 1.4.11."""
    paper = template(dark=dark)["layout"]["hoverlabel"]["bgcolor"]
    light, deep = sorted((luminance(colour), luminance(paper)), reverse=True)
    assert (light + 0.05) / (deep + 0.05) >= 3


def luminance(colour: str) -> float:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
