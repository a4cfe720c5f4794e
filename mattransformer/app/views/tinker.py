"""Tinker: a compound, one of its sites, and which element could sit there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import gradio as gr

import mattransformer as mt
from mattransformer.app import limits, requests, uploads
from mattransformer.app.downloads import written as to_files
from mattransformer.app.periodic_table import shares_as_html
from mattransformer.app.tables import as_html, facts_as_html, written
from mattransformer.app.views.scripts import ELEMENTS, TOKENS
from mattransformer.app.views.view import (
    PRIVATE,
    QUICK,
    Copies,
    View,
    examples,
    meanings,
    run_button,
    status,
    told,
)
from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.errors import MattransformerError
from mattransformer.notation import signed

if TYPE_CHECKING:
    import pandas as pd

NAME: Final = "tinker"
SUBSTITUTION: Final = "Substitution: all atoms of the site"
DOPING: Final = "Doping: a part of them"
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "SrTiO3, Ti doped at 5 %": {"formula": "SrTiO3", "site": "Ti", "fraction": 0.05},
    "LiFePO4, another metal": {"formula": "LiFePO4", "site": "Fe"},
    "Garnet: Y by a rare earth": {
        "formula": "Y3Al5O12",
        "site": "Y",
        "fraction": 0.02,
        "only": "La, Ce, Pr, Nd, Sm, Eu, Gd, Tb, Dy, Ho, Er, Tm, Yb, Lu",
    },
    "CsPbI3 without lead": {"formula": "CsPbI3", "site": "Pb", "forbid": "As, Be, Cd, Hg, Tl"},
}
SHOWN: Final = (
    *("rank", "dopant", "site", "formula", "probability", "kind", "host_state", "dopant_state"),
    *("radius_mismatch_percent", "charge_neutral", "known", "compensation", "log_prob", "log_prob_bound"),
)
"""Columns on the page; the files hold all."""
PROBABILITY, RELATIVE, SHARE = "Probability", "Relative score", "Share among these suggestions"
REMARKS: Final[Mapping[str, str]] = {
    PROBABILITY: "Probabilities are calibrated on listed compounds; see what the columns mean.",
    RELATIVE: "Relative scores compare suggestions with each other. They are not calibrated: 40 % does not mean that "
    "40 of 100 such compounds exist.",
    SHARE: "Shares are among the suggestions that were asked for, and not among all elements.",
}
"""What `probability` is called on the page, and what is said of it."""
_USUAL_FRACTION: Final = 0.05
_MOST_TOKENS: Final = 60
_DROP: Final = "or drop a CIF"

Token = tuple[str, str, str]
"""What is chosen by a button, the element that it is, and the words on it."""


def build() -> View:
    """Lay the view out.

    Returns:
        What a link restores.
    """
    gr.Markdown(
        "Type a compound or drop a CIF, choose the atoms to replace, and see which elements could take their place."
    )
    cif, places = gr.State(""), gr.State([])
    with gr.Row(equal_height=False):
        with gr.Column(scale=3):
            formula = gr.Textbox(
                label="Compound",
                value="SrTiO3",
                max_lines=1,
                elem_id="tinker-formula",
                info="A formula such as SrTiO3, or atoms with a hole: Sr <mask> O3",
            )
            tokens = gr.HTML(
                tokens_as_html("SrTiO3", "Ti", []), js_on_load=TOKENS, elem_id="tinker-tokens", padding=False
            )
            site = gr.Textbox(
                label="Site",
                value="Ti",
                max_lines=1,
                elem_id="tinker-site",
                info="Click an atom above, or type an element: all its atoms are the site, and only a CIF tells them "
                "apart. Two with a comma are replaced together",
            )
        with gr.Column(scale=2):
            upload = gr.File(
                label=_DROP, file_types=[uploads.CIF], height=140, elem_id="tinker-cif", type="filepath"
            )
            mode = gr.Radio(
                [SUBSTITUTION, DOPING], value=SUBSTITUTION, label="How much", elem_id="tinker-mode"
            )
            fraction = gr.Number(
                _USUAL_FRACTION,
                label="Fraction that is replaced",
                minimum=0.005,
                maximum=1,
                step=0.005,
                visible=False,
                elem_id="tinker-fraction",
            )
    with gr.Accordion("More choices", open=False):
        with gr.Row():
            only = gr.Textbox(
                label="Only these elements", max_lines=1, placeholder="Ca, Sr, Ba", min_width=220
            )
            forbid = gr.Textbox(label="None of these", max_lines=1, placeholder="Pb, Cd", min_width=220)
        with gr.Row():
            score = gr.Dropdown(list(requests.SCORES), value="combined", label="Ranked by", min_width=220)
            top = gr.Number(
                20,
                label="Rows of the table",
                minimum=1,
                maximum=limits.MOST_SUGGESTIONS,
                precision=0,
                min_width=220,
            )
    inputs = [formula, site, mode, fraction, top, only, forbid, score]
    chosen = examples(EXAMPLES, NAME, inputs, restored)
    run = run_button("Tinker", NAME)
    heading = status("tinker-heading")
    elements = gr.HTML(js_on_load=ELEMENTS, elem_id="tinker-elements", padding=False)
    table = gr.HTML(elem_id="tinker-table", padding=False)
    with gr.Row():
        as_csv = gr.DownloadButton("Download CSV", size="sm", interactive=False, elem_id="tinker-csv")
        as_parquet = gr.DownloadButton(
            "Download Parquet", size="sm", interactive=False, elem_id="tinker-parquet"
        )
    copies = Copies(NAME)
    meanings((*SHOWN, "fraction", "log_odds", "exchange_probability", "joining_probability"))

    @told
    def answer(
        formula: str,
        site: str,
        mode: str,
        fraction: float,
        top: int,
        only: str,
        forbid: str,
        score: str,
        cif: str,
        request: gr.Request,
    ) -> list[Any]:
        values = values_of(formula, site, mode, fraction, top, only, forbid, score, cif)
        rows = limits.check_whole("top", values["top"], limits.MOST_SUGGESTIONS, NAME)
        # Of a hole, probabilities are shares among the suggestions that are asked for.
        most = limits.MOST_SUGGESTIONS if values["site"] or values["cif"] else rows
        whole = requests.tinker(**values | {"top": most})
        own = best(whole, rows)
        files = to_files(own, "suggestions")
        return [
            f"<p>{escape(_summary(whole, values))}</p>",
            suggestions_as_html(whole, values["score"]),
            suggestions_as_table(own, values["score"]),
            *(gr.DownloadButton(value=path, interactive=True) for path in files),
            *copies.of(values, request),
        ]

    outputs = [heading, elements, table, as_csv, as_parquet, *copies.boxes]
    asked: dict[str, Any] = {"concurrency_id": NAME, "concurrency_limit": limits.MOST_WAITING, **PRIVATE}
    told_of = gr.on([run.click, formula.submit, site.submit], answer, [*inputs, cif], outputs, **asked)
    # What stands below would be taken for the answer to what was refused.
    told_of.failure(_nothing, None, [heading, elements, table, as_csv, as_parquet], **QUICK)

    def dropped(upload: str | None) -> tuple[str, list[Token], Any, str, str]:
        """Read a CIF, and empty its box, so that another can be dropped."""
        text = "" if upload is None else uploads.read_text(upload)
        found, compound = sites_of(text)
        box = gr.File(value=None, label=f"{compound} from a CIF; drop another one")
        return text, found, box, compound, found[0][0]

    def left() -> tuple[str, list[Token], Any]:
        """Forget the CIF: what is typed is a compound of its own."""
        return "", [], gr.File(label=_DROP)

    forgotten = [cif, places, upload]
    read = upload.upload(
        told(dropped), upload, [*forgotten, formula, site], show_progress="hidden", **PRIVATE
    )
    # A crystal that was there before is not taken for the one that was refused.
    read.failure(lambda: ("", [], gr.File(value=None, label=_DROP)), None, forgotten, **QUICK)
    formula.input(left, None, forgotten, **QUICK)
    for button in chosen:
        button.click(left, None, forgotten, **QUICK)
    shown: list[Any] = [formula, site, places]
    gr.on([own.change for own in shown], tokens_as_html, shown, tokens, **QUICK)
    tokens.select(_site_of, None, site, **QUICK)
    mode.change(lambda mode: gr.Number(visible=mode == DOPING), mode, fraction, **QUICK)
    return View(NAME, inputs, restored, [run], (tokens_as_html, shown, tokens))


def _nothing() -> list[Any]:
    """Give the outputs of a request that was refused."""
    return ["<p>Nothing was made.</p>", "", "", *(gr.DownloadButton(value=None, interactive=False),) * 2]


def values_of(
    formula: str,
    site: str,
    mode: str,
    fraction: float | None,
    top: float,
    only: str,
    forbid: str,
    score: str,
    cif: str,
) -> dict[str, Any]:
    """Make arguments of `requests.tinker` of what the inputs hold; atoms with a hole have neither site nor fraction."""
    hole = "<" in (formula or "") and not cif
    return {
        "formula": "" if cif else (formula or "").strip(),
        "site": "" if hole else (site or "").strip(),
        "fraction": _asked_fraction(fraction) if mode == DOPING and not hole else None,
        "top": top,
        "only": (only or "").strip(),
        "forbid": (forbid or "").strip(),
        "score": score,
        "cif": cif,
    }


def _asked_fraction(fraction: float | None) -> float:
    """Refuse doping without a fraction, which would be a substitution of all atoms."""
    if fraction is None:
        raise limits.LimitError("fraction: it is empty; give a share such as 0.05, or choose substitution")
    return fraction


def restored(values: Mapping[str, Any]) -> list[Any]:
    """Fill the inputs in from arguments of `requests.tinker`."""
    doping = values["fraction"] is not None
    return [
        values["formula"] or ("" if values["site"] else "SrTiO3"),  # a link does not hold a CIF
        values["site"],
        DOPING if doping else SUBSTITUTION,
        gr.update(value=values["fraction"] if doping else _USUAL_FRACTION, visible=doping),
        values["top"],
        values["only"],
        values["forbid"],
        values["score"],
    ]


def tokens_as_html(formula: str, site: str, places: Sequence[Token]) -> str:
    """Show the atoms of a compound, or the sites of a structure, as buttons.

    Args:
        formula: as it is typed, so far.
        site: that is chosen.
        places: of a structure, instead of the formula; empty without one.

    Returns:
        HTML; why there are no atoms where there are none.
    """
    chosen = (site or "").replace(",", " ").split()
    try:
        found = list(places) or _atoms(formula)
    except MattransformerError as error:
        return f'<p class="mt-note">{escape(str(error)[:300])}</p>'
    buttons = "".join(
        f'<button type="button" class="mt-token" data-site="{escape(name)}" '
        f'aria-pressed="{str(name in chosen or element in chosen).lower()}">{escape(words)}</button>'
        for name, element, words in found
    )
    hint = "Atoms with a hole: run it as it is." if "<" in (formula or "") else ""
    return f'<div class="mt-tokens" role="group" aria-label="Atoms; choose the site">{buttons}{hint}</div>'


def sites_of(cif: str) -> tuple[list[Token], str]:
    """Give a button for each site of a structure, and its formula."""
    structure = requests.read_cif(cif)
    found = [
        (place.label, place.element, f"{place.label} × {len(place.indices)}")
        for place in mt.distinct_sites(structure)
    ]
    return found, str(structure.composition.reduced_formula)


def measure_of(table: pd.DataFrame, score: str) -> str:
    """Name what the column `probability` of a table is: a probability only where it is calibrated."""
    if "host" not in table:
        return SHARE
    together = table["dopant"].str.contains(",").any()
    diluted = (table["fraction"] < 1).any()
    return PROBABILITY if score == "combined" and not together and not diluted else RELATIVE


def suggestions_as_table(table: pd.DataFrame, score: str) -> str:
    """Show suggestions as a table, best first."""
    return as_html(table, "Suggestions, best first", SHOWN, {"probability": measure_of(table, score).lower()})


def suggestions_as_html(table: pd.DataFrame, score: str) -> str:
    """Draw the suggestions of one element as a periodic table a site, with what each would do."""
    if "probability" not in table or not len(table) or not table["dopant"].isin(ATOMIC_NUMBER).all():
        return ""  # two sites together, or several atoms
    if table["probability"].isna().all():
        return '<p class="mt-note">Scores of a baseline are no probabilities: see the table.</p>'
    measure = measure_of(table, score)
    if "site" in table:
        panels = [
            _panel(own, f"{measure} of each element on {site} in {own['host'].iloc[0]}, per cent", measure)
            for site, own in table.groupby("site", sort=False)
        ]
    else:
        panels = [_panel(table.drop_duplicates("dopant"), f"{measure}, per cent", measure)]
    return f'{"".join(panels)}<p class="mt-note">{escape(REMARKS[measure])}</p>'


def _panel(rows: pd.DataFrame, name: str, measure: str) -> str:
    shares = dict(zip(rows["dopant"], rows["probability"].astype(float), strict=True))
    details = {row["dopant"]: _detail(row, measure) for row in rows.to_dict("records")}
    return shares_as_html(name, shares, details, ends=("unlikely", "likely"), without="not suggested")


def best(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Keep the first suggestions of each site."""
    return table[table["rank"] <= rows].reset_index(drop=True)


def _detail(row: Mapping[Any, Any], measure: str) -> str:
    formula = str(row["formula"])
    facts = {
        "New formula": formula,
        measure: f"{100 * row['probability']:.3g} %, rank {row['rank']}",
        **(_effects(row) if "host" in row else {}),
        "Listed": "in the Materials Project or OQMD"
        if row["known"]
        else "new: neither in the Materials Project nor in OQMD",
    }
    link = f'<a href="?view=tinker&amp;formula={quote(formula)}">Tinker with {escape(formula)}</a>'
    return f"<h4>{escape(str(row['dopant']))}</h4>{facts_as_html(facts)}<p>{link}</p>"


def _effects(row: Mapping[Any, Any]) -> dict[str, str]:
    """Say what an element does on the site of another; what is unknown is said to be."""
    states = [row["host_state"], row["dopant_state"]]
    host, dopant = ("" if not written(state) else signed(float(state)) for state in states)
    mismatch = written(row["radius_mismatch_percent"])
    return {
        "Oxidation states": f"{dopant}, in place of {host}" if host and dopant else "unknown",
        "Kind": written(row["kind"]),
        "Radius mismatch": f"{mismatch} %" if mismatch else "unknown",
        "Compensation": written(row["compensation"]),
    }


def _summary(table: pd.DataFrame, values: Mapping[str, Any]) -> str:
    if not len(table):
        return "No element could take this place under these choices."
    if "host" not in table:
        return f"{len(table)} ways to fill {values['formula']}."
    first = table.iloc[0]
    share = f"{100 * float(first['fraction']):.3g} % of " if values["fraction"] is not None else ""
    known = int(table["known"].sum())
    sites = list(dict.fromkeys(table["site"]))
    return (
        f"{len(table)} suggestions for {share}{', '.join(sites)} in {first['host']}; the first: {first['dopant']}, "
        f"{first['formula']}. {known} of the compounds are listed in the Materials Project or OQMD."
    )


def _site_of(event: gr.EventData) -> str:
    chosen: Any = getattr(event, "_data", None) or {}
    return str(chosen.get("site", ""))[: limits.MOST_CHARACTERS] if isinstance(chosen, dict) else ""


def _atoms(formula: str) -> list[Token]:
    """Give a button for each atom, or for each element where there are many."""
    from mattransformer.formula import Formula

    text = limits.check_text("formula", formula)
    if not text or "<" in text:
        return []
    own = Formula.parse(text).reduced
    if own.atoms <= _MOST_TOKENS:
        return [(symbol, symbol, symbol) for symbol in own.tokens]
    return [(symbol, symbol, f"{symbol} × {count}") for symbol, count in own.counts]
