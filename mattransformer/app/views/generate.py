"""Generate: a model, what its compositions have to keep, and the table of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

import mattransformer as mt
from mattransformer.app import limits, links, requests
from mattransformer.app.downloads import written as to_files
from mattransformer.app.jobs import Job
from mattransformer.app.periodic_table import rules_as_html, shares_as_html
from mattransformer.app.tables import as_html
from mattransformer.app.views.scripts import ELEMENTS, RULES
from mattransformer.app.views.view import (
    PRIVATE,
    QUICK,
    Copies,
    View,
    asked_by,
    examples,
    followed,
    meanings,
    run_button,
    status,
    stopping,
    told,
)
from mattransformer.elements import ATOMIC_NUMBER, RADIOACTIVE, TOXIC

if TYPE_CHECKING:
    import pandas as pd

NAME: Final = "generate"
MODES: Final = ("required", "allowed", "forbidden")
"""What a click makes of an element, in the order of the text boxes."""
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Plain samples": {"n": 100},
    "ABO3, charge-neutral, none that is listed": {
        "n": 100,
        "template": "ABX3 X=O",
        "charge_neutral": True,
        "new_only": True,
    },
    "Li-P-S electrolytes": {"n": 50, "require": "Li, P, S", "allow": "Li, P, S", "charge_neutral": True},
    "Oxides without toxic metals": {"n": 200, "require": "O", "forbid": ", ".join(sorted(TOXIC))},
}
SHOWN: Final = (
    *(
        "formula",
        "log_prob",
        "log_prob_bound",
        "charge_neutral",
        "electronegativity_balanced",
        "novel",
        "tokens",
    ),
)


def build() -> View:
    """Lay the view out.

    Returns:
        What a link restores.
    """
    gr.Markdown(
        "Sample new compositions. What you ask of them is kept for certain; the table says which are listed."
    )
    with gr.Row():
        model = gr.Dropdown(
            mt.shipped_names(), value="gpt2", label="Model", elem_id="generate-model", min_width=150
        )
        number = gr.Number(
            100,
            label=f"Compositions, up to {limits.MOST_SAMPLES:,}",
            minimum=1,
            precision=0,
            elem_id="generate-n",
            min_width=150,
        )
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=150)
        template = gr.Textbox(
            label="Template",
            placeholder="ABX3 X=O,F",
            max_lines=1,
            elem_id="generate-template",
            min_width=200,
        )
    with gr.Row(elem_classes="mt-checks"):
        neutral = gr.Checkbox(False, label="Charge-neutral", elem_id="generate-neutral", min_width=200)
        balanced = gr.Checkbox(False, label="Electronegativity-balanced", min_width=200)
        new_only = gr.Checkbox(False, label="None that is listed already", min_width=200)
    with gr.Accordion("Elements: required, allowed, forbidden", open=True):
        mode = gr.Radio(
            list(MODES), value="required", label="A click makes an element", elem_id="generate-mode"
        )
        elements = gr.HTML(
            rules_as_html(_LABEL, {}), js_on_load=RULES, elem_id="generate-rules", padding=False
        )
        with gr.Row():
            require = gr.Textbox(label="Required", max_lines=1, elem_id="generate-require", min_width=180)
            allow = gr.Textbox(
                label="Allowed, and no others", max_lines=1, elem_id="generate-allow", min_width=180
            )
            forbid = gr.Textbox(label="Forbidden", max_lines=1, elem_id="generate-forbid", min_width=180)
        with gr.Row():
            toxic = gr.Button("Forbid toxic ones", size="sm")
            radioactive = gr.Button("Forbid radioactive ones", size="sm")
            clear = gr.Button("Clear", size="sm")
    with gr.Accordion("More choices", open=False), gr.Row():
        temperature = gr.Number(1.0, label="Temperature", minimum=0.001, maximum=100, step=0.1, min_width=150)
        source = gr.Dropdown(list(requests.SOURCES), value="mp", label="Should look like", min_width=150)
        variant = gr.Dropdown(list(requests.VARIANTS), value="strict", label="Variant", min_width=150)
    inputs = [
        *(model, number, seed, require, allow, forbid, template, neutral, balanced, new_only),
        *(temperature, source, variant),
    ]
    examples(EXAMPLES, NAME, inputs, restored)
    job = gr.State(None)
    with gr.Row():
        run = run_button("Generate", NAME)
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="generate-stop")
    so_far = status("generate-status")
    heat = gr.HTML(js_on_load=ELEMENTS, elem_id="generate-heat", padding=False)
    table = gr.HTML(elem_id="generate-table", padding=False)
    with gr.Row():
        as_csv = gr.DownloadButton("Download CSV", size="sm", interactive=False, elem_id="generate-csv")
        as_parquet = gr.DownloadButton(
            "Download Parquet", size="sm", interactive=False, elem_id="generate-parquet"
        )
    copies = Copies(NAME)
    meanings((*SHOWN, "log_proposal", "oxidation_states_set"))

    @told
    def answer(
        model: str,
        number: float,
        seed: float,
        require: str,
        allow: str,
        forbid: str,
        template: str,
        neutral: bool,
        balanced: bool,
        new_only: bool,
        temperature: float,
        source: str,
        variant: str,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        given = (model, number, seed, require, allow, forbid, template, neutral, balanced, new_only)
        values = values_of(*given, temperature, source, variant)
        limits.check_whole("n", values["n"], limits.MOST_SAMPLES, "generate -n 1000000 -o FILE")
        work = Job(lambda tell: requests.generate(**values, progress=tell))

        def finished(found: pd.DataFrame) -> list[Any]:
            return [
                f"<p>{escape(_summary(found, values['n']))}</p>",
                heat_as_html(found),
                as_html(found, "Compositions, the most probable first", SHOWN),
                *(
                    gr.DownloadButton(value=path, interactive=True)
                    for path in to_files(found, "compositions")
                ),
                *copies.of(values, request),
            ]

        others = [heat, table, as_csv, as_parquet, *copies.boxes]
        yield from followed(work, lambda own: _progress(own, values["n"]), finished, len(others))

    outputs = [job, stop, so_far, heat, table, as_csv, as_parquet, *copies.boxes]
    asked_by(run, answer, inputs, outputs, "sampling")
    stop.click(stopping, job, [job, stop, so_far], **PRIVATE, queue=False)
    texts = [require, allow, forbid]
    elements.select(_clicked, [mode, *texts], texts, **QUICK)
    gr.on([own.change for own in texts], _rules, texts, elements, **QUICK)
    toxic.click(lambda own: _with(own, TOXIC), forbid, forbid, **QUICK)
    radioactive.click(lambda own: _with(own, RADIOACTIVE), forbid, forbid, **QUICK)
    clear.click(lambda: ("", "", ""), None, texts, **QUICK)
    return View(NAME, inputs, restored, [run], (_rules, texts, elements))


_LABEL: Final = "Elements and their rules"


def values_of(*given: Any) -> dict[str, Any]:  # noqa: ANN401 - what the inputs hold, in the order of `requests.generate`
    """Make arguments of `requests.generate` of what the inputs hold."""
    names = (
        *("model", "n", "seed", "require", "allow", "forbid", "template", "charge_neutral"),
        *("electronegativity_balanced", "new_only", "temperature", "source", "variant"),
    )
    return {
        name: value.strip() if isinstance(value, str) else value
        for name, value in zip(names, given, strict=True)
    }


def restored(values: Mapping[str, Any]) -> list[Any]:
    """Fill the inputs in from arguments of `requests.generate`."""
    return list(values.values())


def heat_as_html(table: pd.DataFrame) -> str:
    """Draw how many of the compositions hold each element."""
    from mattransformer.formula import Formula

    if not len(table):
        return ""
    counts: dict[str, int] = {}
    for formula in table["formula"]:
        for symbol in Formula.parse(formula).elements:
            counts[symbol] = counts.get(symbol, 0) + 1
    shares = {symbol: count / len(table) for symbol, count in counts.items()}
    return shares_as_html(
        "Share of the compositions that hold an element, per cent", shares, without="in none of them"
    )


def _progress(so_far: int | None, number: float) -> str:
    have = so_far or 0
    return (
        f"<p>{have:,} of {number:,.0f} compositions</p>"
        f'<progress max="{number:.0f}" value="{have}" aria-label="Progress"></progress>'
    )


def _summary(table: pd.DataFrame, number: float) -> str:
    if not len(table):
        return "No composition keeps all of this."
    parts = [
        f"{int(table[name].sum()):,} {words}"
        for name, words in (
            ("charge_neutral", "charge-neutral"),
            ("electronegativity_balanced", "electronegativity-balanced"),
            ("novel", "not in the Materials Project or OQMD"),
        )
    ]
    fewer = "" if len(table) >= number else f" instead of {number:,.0f}: hardly any others keep the rules"
    return f"{len(table):,} compositions{fewer}; {', '.join(parts)}."


def _words(text: str | None) -> list[str]:
    """Take a list of symbols apart as the library does."""
    words = links.BETWEEN_SYMBOLS.split((text or "")[: limits.MOST_CHARACTERS * 2])
    return [word for word in dict.fromkeys(words) if word]


def _symbols(text: str | None) -> list[str]:
    return [word for word in _words(text) if word in ATOMIC_NUMBER]


def _with(text: str, others: frozenset[str]) -> str:
    own = _words(text)
    return ", ".join([*own, *sorted(others - {*own})])


def _rules(require: str, allow: str, forbid: str) -> str:
    rules = {
        symbol: rule
        for rule, text in zip(("forbidden", "allowed", "required"), (forbid, allow, require), strict=True)
        for symbol in _symbols(text)
    }
    return rules_as_html(_LABEL, rules)


def _clicked(mode: str, require: str, allow: str, forbid: str, event: gr.EventData) -> list[str]:
    """Give an element the rule that is chosen, or take it away where it has it already."""
    data: Any = getattr(event, "_data", None) or {}
    symbol = str(data.get("symbol", "")) if isinstance(data, dict) else ""
    lists = [_words(text) for text in (require, allow, forbid)]  # with what is no symbol, to be mended
    if symbol in ATOMIC_NUMBER and mode in MODES:
        own = lists[MODES.index(mode)]
        has = symbol in own
        lists = [[other for other in listed if other != symbol] for listed in lists]
        if not has:
            lists[MODES.index(mode)].append(symbol)
    return [", ".join(listed) for listed in lists]
