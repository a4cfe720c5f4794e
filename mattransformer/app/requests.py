"""What the page asks of the library, as plain functions: for the views, the HTTP interface and the tools of agents.

    tinker("SrTiO3", site="Ti", fraction=0.05)
    generate("gpt2", 100, forbid="Pb, Cd")
    screen(["SrTiO3", "NaCl2"])
    evaluate(["SrTiO3", "NaCl"], held_out="mp-transport:test")

Each checks its limits first, asks one function of the library, and gives what that gives. Models are loaded once and
shared; one request at a time asks them, and who waits can be stopped. Of what was asked, only the last tables of
suggestions for formulas stay in memory; nothing of a file does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import mattransformer as mt
from mattransformer.app import limits
from mattransformer.app.limits import (
    LimitError,
    check_choice,
    check_formulas,
    check_holes,
    check_switch,
    check_text,
    check_whole,
)
from mattransformer.app.turns import Clock, Turns
from mattransformer.app.uploads import check_atoms, check_cif
from mattransformer.errors import MattransformerError
from mattransformer.tokenization import CONDITIONS

if TYPE_CHECKING:
    import pandas as pd

SOURCES: Final = CONDITIONS[0].values
VARIANTS: Final = CONDITIONS[1].values
SCORES: Final = (
    *("combined", "network", "periodic", "hautier", "hautier-any-charge"),
    *("smact-doper", "skipspecies", "skipspecies-any-charge"),
)
"""Of `mattransformer.tinkering.tinker.SCORES`, which is slow to import."""
TRAINING: Final = ("", "mp-transport:train")
HELD_OUT: Final = ("", "mp-transport:test", "mp-transport:valid")
"""Lists that come with the package; no others can be named, since a name may be that of a file."""

STRUCTURE: Final = "structure.cif"
"""What a CIF that is sent is called."""
LIST: Final = "formulas.csv"
"""What a list that is judged is called, with `formula` above its only column."""

Progress = Callable[[int], object]
_tinkering, _filling, _sampling, _evaluating = Turns(), Turns(), Turns(), Turns()


def tinker(
    formula: str = "",
    site: str = "",
    fraction: float | None = None,
    top: int = 20,
    only: str = "",
    forbid: str = "",
    score: str = "combined",
    cif: str = "",
) -> pd.DataFrame:
    """Suggest elements that could take the place of an element in an inorganic compound, best first.

    Args:
        formula: the host compound, with whole numbers, such as SrTiO3; at most 300 characters. Leave it empty if `cif`
            is given. Also a composition with holes, such as `Sr <mask> O3`, then without `site` and `fraction`: up to
            three `<mask>` of one atom each, or one `<blank>` of any number.
        site: the element that is replaced, such as Ti; two with a comma, such as `Fe, P`, are replaced together. With
            `cif` also the label of a symmetry-distinct site, such as Fe2.
        fraction: share of the site's atoms that is replaced, from 0.005 to 1 (no unit): 0.05 is doping at 5 percent.
            null replaces all of them.
        top: number of suggestions for a site, from 1 to 118.
        only: element symbols that may come, with commas, such as `Ca, Sr, Ba`; empty allows all with a stable isotope.
        forbid: element symbols that may not come, with commas.
        score: what ranks: combined (the best one), network (faster), or a published baseline: periodic, hautier,
            hautier-any-charge, smact-doper, skipspecies, skipspecies-any-charge.
        cif: text of a CIF of an ordered structure, at most 1 MB and 400 atoms in its cell; empty if `formula` is given.

    Returns:
        One row a suggestion: dopant (element), formula (that it leads to), probability (0 to 1), oxidation states (in
        elementary charges), kind (donor, acceptor or isovalent), compensation (what makes it charge-neutral),
        radius_mismatch_percent (Shannon radii), known (listed in the Materials Project or OQMD), and the scores that
        the ranking rests on (natural logarithms and probabilities).

    Raises:
        MattransformerError: one line with the input, the reason and the way out.
    """
    asked: dict[str, Any] = {
        "site": check_text("site", site) or None,
        "fraction": fraction,
        "top": check_whole("top", top, limits.MOST_SUGGESTIONS, "tinker"),
        "only": check_text("only", only, limits.MOST_CHARACTERS * 2) or None,
        "forbid": check_text("forbid", forbid, limits.MOST_CHARACTERS * 2) or None,
        "score": check_choice("score", score, SCORES),
    }
    host = _host(check_holes(check_text("formula", formula)), check_text("cif", cif, limits.MOST_CIF))
    if isinstance(host, str) and isinstance(fraction, float | int | None):
        return _remembered(host, **asked).copy()
    return _suggested(host, **asked)


def generate(
    model: str = "gpt2",
    n: int = 100,
    seed: int = 0,
    require: str = "",
    allow: str = "",
    forbid: str = "",
    template: str = "",
    charge_neutral: bool = False,
    electronegativity_balanced: bool = False,
    new_only: bool = False,
    temperature: float = 1.0,
    source: str = "mp",
    variant: str = "strict",
    *,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Sample distinct inorganic compositions from a language model, the most probable first.

    Args:
        model: gpt2 (the best), gpt, gpt-neo, gpt-j, bart, blm or roberta (slow: about 100 compositions a second).
        n: number of distinct compositions, from 1 to 10,000.
        seed: whole number from 0 that decides the result: the same seed, the same table.
        require: element symbols that every composition holds, with commas, such as `Li, Fe`.
        allow: element symbols; no others may occur. Empty allows all.
        forbid: element symbols that may not occur, with commas.
        template: proportions, such as ABX3; lists of elements may follow: `ABX3 X=O,F`.
        charge_neutral: whether one oxidation state an element has to give a sum of charges of zero (SMACT 2014 states).
        electronegativity_balanced: whether every cation has to be less electronegative (Pauling) than every anion too.
        new_only: whether compounds that the Materials Project or OQMD list are left out.
        temperature: from 0.001 to 100, no unit: below 1 likelier, above 1 more varied compositions.
        source: mp, oqmd or user: the database that the compositions should look like.
        variant: strict, pure or mix: what formulas of the training set keep that the compositions should look like.
        progress: is told now and then how many compositions there are; what it raises ends the work.

    Returns:
        One row a composition: formula (reduced), tokens (its atoms), log_prob (natural logarithm of its probability
        under the model; log_prob_bound is a lower bound), charge_neutral, electronegativity_balanced, novel (listed
        neither in the Materials Project nor in OQMD). Fewer rows than asked for if the rules admit no more.

    Raises:
        MattransformerError: one line with the input, the reason and the way out.
    """
    rules = {
        "require": check_text("require", require, limits.MOST_CHARACTERS * 2),
        "allow": check_text("allow", allow, limits.MOST_CHARACTERS * 2),
        "forbid": check_text("forbid", forbid, limits.MOST_CHARACTERS * 2),
        "template": check_text("template", template),
        "exclude": "known" if check_switch("new_only", new_only) else "",
    }
    asked: dict[str, Any] = {
        "n": check_whole("n", n, limits.MOST_SAMPLES, "generate -n 1000000 -o FILE"),
        "seed": check_whole("seed", seed, 2**63 - 1, "generate", least=0),
        "charge_neutral": check_switch("charge_neutral", charge_neutral),
        "electronegativity_balanced": check_switch("electronegativity_balanced", electronegativity_balanced),
        "temperature": temperature,
        "source": check_choice("source", source, SOURCES),
        "variant": check_choice("variant", variant, VARIANTS),
        **{name: value for name, value in rules.items() if value},
    }
    name = check_choice("model", model, mt.shipped_names())
    clock = Clock("generate -n 1000000 -o FILE", progress)
    with _sampling.taken(lambda: clock.waiting(0)):
        return _model(name).generate(progress=clock, **asked)


def screen(
    formulas: list[str],
    oxidation_states: str = "smact14",
    mixed_valence: bool = False,
    alloys: bool = False,
) -> pd.DataFrame:
    """Say which compositions are chemically sensible and new, and why the others are not (SMACT's rules).

    Args:
        formulas: up to 100,000 formulas, such as `["SrTiO3", "NaCl2"]`, each of at most 300 characters.
        oxidation_states: the charges that neutrality is judged with: smact14, icsd16, icsd24, pymatgen_sp or wiki.
        mixed_valence: whether atoms of mixed-valence elements, such as Fe, may differ in charge.
        alloys: whether compositions of metals alone are valid whatever their charges.

    Returns:
        One row a formula: formula, charge_neutral, charge_neutral_mixed, electronegativity_balanced, alloy, metallic,
        smact_valid, novel (listed neither in the Materials Project nor in OQMD), and reason: the first rule that fails,
        or why it is no formula; empty if none fails.

    Raises:
        MattransformerError: one line with the input, the reason and the way out.
    """
    own = check_formulas(formulas, "screen FILE")
    states = check_choice("oxidation_states", oxidation_states, tuple(mt.STATE_SETS))
    validity = mt.Validity(
        alloys=check_switch("alloys", alloys), mixed_valence=check_switch("mixed_valence", mixed_valence)
    )
    return mt.screen(own, oxidation_states=states, validity=validity, known=_known())


def evaluate(
    formulas: list[str],
    training: str = "",
    held_out: str = "",
    seed: int = 0,
    *,
    progress: Callable[[str], object] = lambda _: None,
) -> mt.Evaluation:
    """Score a list of generated formulas: validity, uniqueness, novelty, recovery of held-out compounds, distances.

    Args:
        formulas: up to 100,000 formulas in the order in which they were generated, repetitions and all.
        training: what the generator learned from: mp-transport:train (rows of the Materials Project), or empty.
        held_out: compounds to be recovered: mp-transport:test, mp-transport:valid, or empty.
        seed: whole number from 0 that decides the bootstrap intervals (95 percent).
        progress: told of every stage in words, before it begins; what it raises ends the work.

    Returns:
        A record: scores (shares from 0 to 1 with intervals, as a whole and by class of chemistry), space (distances in
        places of the Pettifor scale, estimated formation energies in eV/atom), lists and versions. Some seconds of work
        at least.

    Raises:
        MattransformerError: one line with the input, the reason and the way out.
    """
    import pandas as pd

    from mattransformer.data.tables import write_table

    own = check_formulas(formulas, "evaluate FILE -o FOLDER")
    trained = check_choice("training", training, TRAINING)
    sought = check_choice("held_out", held_out, HELD_OUT)
    check_whole("seed", seed, 2**63 - 1, "evaluate", least=0)
    clock = Clock("evaluate FILE -o FOLDER", progress)
    with TemporaryDirectory() as folder, _evaluating.taken(lambda: clock.waiting("waiting")):
        path = Path(folder) / LIST
        write_table(pd.DataFrame({"formula": own}), path)
        return mt.evaluate_file(
            path,
            "formula",
            training=[trained] if trained else [],
            held_out=[sought] if sought else [],
            seed=int(seed),
            progress=clock,
        )


def warm() -> None:
    """Load what requests will ask, so that the first one is as fast as the others."""
    tinker("SrTiO3", site="Ti", top=1)
    generate(n=1)
    screen(["SrTiO3"] * 5_000)  # from some thousand rows on, kernels judge


def _suggested(host: Any, **asked: Any) -> pd.DataFrame:  # noqa: ANN401 - those of the library's function
    clock = Clock("tinker FORMULA")
    # Holes take seconds, in which others tinker.
    turns = _filling if isinstance(host, str) and "<" in host else _tinkering
    with turns.taken(clock.waiting):
        return mt.tinker(host, **asked)


_remembered = functools.lru_cache(limits.MOST_REMEMBERED, typed=True)(_suggested)


def _host(formula: str, cif: str) -> Any:  # noqa: ANN401 - a formula, or a Structure of pymatgen
    """Take a formula or the text of a CIF; a name of a file is neither, so that nothing of the server is read."""
    if cif:
        return read_cif(cif)
    if not formula:
        raise LimitError("formula: it is empty; give the compound to change, such as SrTiO3, or a CIF")
    if mt.is_structure(formula):
        raise LimitError(f"formula: {formula} is the name of a file; give its text as the CIF")
    return formula


def read_cif(text: str) -> Any:  # noqa: ANN401 - a Structure of pymatgen
    """Read the structure in the text of a CIF.

    Args:
        text: at most `limits.MOST_CIF` characters.

    Returns:
        The pymatgen Structure.

    Raises:
        MattransformerError: it is none, is disordered, or has too many atoms.
    """
    check_cif(text)
    with TemporaryDirectory() as folder:
        path = Path(folder) / STRUCTURE
        path.write_text(text, encoding="utf-8")
        try:
            structure = mt.read_structure(path)
        except MattransformerError as error:
            raise MattransformerError(str(error).replace(str(path), "the CIF")) from error
    check_atoms(len(structure))
    return structure


@functools.lru_cache(maxsize=8)
def _model(name: str) -> mt.LanguageModel:
    return mt.load(name)


@functools.cache
def _known() -> mt.KnownFormulas:
    return mt.KnownFormulas.load()
