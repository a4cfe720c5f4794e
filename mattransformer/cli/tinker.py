"""`mattransformer tinker`: a host and a site to the elements that could take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mattransformer.cli.elements import spelled_out
from mattransformer.cli.output import OutputOption, StatesOption, check_output, deliver


def tinker(
    host: Annotated[
        str,
        typer.Argument(
            metavar="FORMULA_OR_FILE",
            show_default=False,
            help='A formula; a composition with holes, in quotes: `"Sr <mask> O3"`; a CIF; or a table of hosts with '
            "a column of formulas and, if the sites differ, one called `site`.",
        ),
    ],
    site: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENT",
            help="Element to be replaced: `Ti`; two that are replaced together: `Fe,P`; of a CIF also the label of a "
            "symmetry-distinct site: `Fe2`.",
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of the site's atoms to replace, from 0.005 to 1: `0.05` for doping at 5 %. The nearest "
            "feasible one is taken, and the formula is that of the supercell. All atoms where left out."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Suggestions a host.")] = 20,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS", help="Elements that may come: `Ca,Sr,Ba`, or a group such as `LANTHANIDES`."
        ),
    ] = None,
    forbid: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS",
            help="Elements that may not: `Pb,Cd`, or a group such as `TOXIC`. Those without a stable isotope are left "
            "out anyway unless --only names them.",
        ),
    ] = None,
    score: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What ranks: `combined`; `network`, ten times as fast; or a baseline: `periodic`, `hautier`, "
            "`hautier-any-charge`, `smact-doper`, `skipspecies`, `skipspecies-any-charge`.",
        ),
    ] = "combined",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME_OR_FOLDER",
            show_default=False,
            help="Causal model of the combined score (gpt2 where left out), or the model that fills holes (roberta, "
            "for `<blank>` blm).",
        ),
    ] = None,
    masked: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FOLDER",
            help="A masked or blank-filling model whose score is shown beside: `roberta`.",
        ),
    ] = None,
    coordination: Annotated[
        int | None, typer.Option(min=1, help="Nearest neighbours of the site of a formula; radii go by it.")
    ] = None,
    oxidation_states: StatesOption = "smact14",
    known: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Formulas that are known besides the Materials Project and OQMD."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the formulas in a table of hosts.")
    ] = None,
    cifs: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Of a CIF: write an ordered supercell with each suggestion at the fraction, dopants most separated.",
        ),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Suggest elements that could take the place of another, and say what each would do.

    The table has a row a suggestion: the `dopant` and the `formula` that it leads to, its `probability`, the scores
    that this rests on, oxidation states, whether it is a `donor`, an `acceptor` or `isovalent`, what would compensate
    its charge, how much larger or smaller its ion is (Shannon radii), and whether the compound is `known`.

    **Examples**

    `mattransformer tinker SrTiO3 --site Ti`

    `mattransformer tinker SrTiO3 --site Ti --fraction 0.05 --top 10`

    `mattransformer tinker LiFePO4 --site Fe,P --top 50 -o phosphates.csv`

    `mattransformer tinker Y3Al5O12 --site Y --fraction 0.02 --only LANTHANIDES`

    `mattransformer tinker Fe3O4.cif --site Fe2 --fraction 0.1 --cifs supercells`

    `mattransformer tinker hosts.csv --site O --score network -o anions.parquet`
    """
    from mattransformer.tinkering.doping import write_supercells
    from mattransformer.tinkering.hosts import is_canvas, is_structure
    from mattransformer.tinkering.sites import TinkeringError
    from mattransformer.tinkering.tinker import tinker as suggest

    check_output(output)
    if cifs is not None and not is_structure(host):
        raise TinkeringError(f"--cifs: {host} is no structure, so there is no supercell of it; give a CIF")
    hosts, sites, left_out = _hosts(host, site, column, coordination)
    table = suggest(
        hosts,
        site=sites,
        fraction=fraction,
        top=top,
        only=spelled_out(only),
        forbid=spelled_out(forbid),
        score=score,
        model=model,
        masked=masked,
        coordination=coordination,
        oxidation_states=oxidation_states,
        known=known,
        progress=True,
    )
    place = (
        "the holes"
        if isinstance(hosts, str) and is_canvas(hosts)
        else f"{site or 'the sites'}, by {score} score"
    )
    summary = f"{host}: what could take the place of {place}{left_out}"
    if cifs is not None and len(table):
        written = write_supercells(host, table, cifs)
        summary += f"; {written} supercells in {cifs}"
    deliver(table, output, summary)


def _hosts(
    host: str, site: str | None, column: str | None, coordination: int | None
) -> tuple[Any, str | None, str]:
    """Read hosts and their sites: one as it stands, or those of a table; and say what is left out of it."""
    import pandas as pd

    from mattransformer.data.readers import READERS
    from mattransformer.data.streams import FormulaStream
    from mattransformer.tinkering.hosts import is_canvas, is_structure, read_hosts
    from mattransformer.tinkering.sites import TinkeringError

    table_name = bool(set(Path(host).suffixes) & set(READERS))
    if table_name and not is_structure(host) and not Path(host).is_file():
        raise TinkeringError(f"{host}: there is no such file; give a table of hosts, a CIF or a formula")
    if is_canvas(host) or is_structure(host) or not Path(host).is_file():
        return host, site, ""
    stream = FormulaStream(Path(host), column)
    table = pd.concat(list(stream.pieces()))
    asked = table["site"].tolist() if site is None and "site" in table else [site] * len(table)
    hosts, reasons = read_hosts(zip(table.index, table["formula"], asked, strict=True), coordination)
    reasons = stream.skipped | reasons
    if not hosts:
        raise TinkeringError(f"{host}: no row is a host; the first: {next(iter(reasons.values()))}")
    left_out = ""
    if reasons:
        line, reason = min(reasons.items())
        number = f"{len(reasons)} row{'s' if len(reasons) > 1 else ''}"
        left_out = f"; {number} left out, the first in {stream.unit} {line}: {reason}"
    return hosts, None, left_out
