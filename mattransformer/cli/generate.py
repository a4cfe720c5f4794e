"""`mattransformer generate`: a checkpoint to new compositions, with any rules the user sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mattransformer.cli.elements import GROUPS, spelled_out
from mattransformer.cli.output import OutputOption, StatesOption, check_output, deliver, show
from mattransformer.cli.screen import RANGE, read_range
from mattransformer.cli.summary import facts_of, summary_of

_RULES, _DRAWN = "Rules, which are kept for certain", "How they are drawn"
_SYMBOLS: Final = "Symbols, with commas, dashes or blanks between them"
_OF_ALL: Final = ("model", "number", "seed", "oxidation_states", "known", "output")  # of other generators too


def generate(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME_OR_FOLDER",
            help="A shipped checkpoint, a folder of your own (of a generator to compare with, too), or owner/name "
            "on a model hub, also as owner/name@revision.",
        ),
    ] = "gpt2",
    number: Annotated[
        int,
        typer.Option(
            "--number", "-n", min=1, help="Distinct compositions wanted; a million is fine with -o."
        ),
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Decides the samples: the same seed, the same table.")] = 0,
    source: Annotated[
        str, typer.Option(metavar="mp|oqmd|user", help="The database that the samples should look like.")
    ] = "mp",
    variant: Annotated[
        str,
        typer.Option(
            metavar="strict|pure|mix", help="The rules that the samples should satisfy, as far as learned."
        ),
    ] = "strict",
    require: Annotated[
        str | None,
        typer.Option(
            metavar="Li,Fe", help=f"Elements that must be there. {_SYMBOLS}.", rich_help_panel=_RULES
        ),
    ] = None,
    allow: Annotated[
        str | None, typer.Option(metavar="Li,Fe,O", help="No others than these.", rich_help_panel=_RULES)
    ] = None,
    forbid: Annotated[
        str | None,
        typer.Option(
            metavar="Pb,TOXIC",
            help=f"None of these. Groups, also of --require and --allow: {', '.join(GROUPS)}.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    chemical_system: Annotated[
        str | None, typer.Option(metavar="Li-P-S", help="Exactly these elements.", rich_help_panel=_RULES)
    ] = None,
    n_elements: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help=f"How many elements. {RANGE}", rich_help_panel=_RULES),
    ] = None,
    n_atoms: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help=f"Atoms of the reduced formula. {RANGE}", rich_help_panel=_RULES),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="ABX3",
            help='Proportions; lists of elements a letter may stand behind: `"A2BB\'X6 A=Ca,Sr X=O"`.',
            rich_help_panel=_RULES,
        ),
    ] = None,
    partial: Annotated[
        str | None,
        typer.Option(
            metavar="'Li? P? O4'",
            help="Exactly these elements, with their numbers of atoms, or ? for any.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    charge_neutral: Annotated[
        bool,
        typer.Option(
            "--charge-neutral",
            help="One oxidation state an element, the charges sum to zero.",
            rich_help_panel=_RULES,
        ),
    ] = False,
    electronegativity_balanced: Annotated[
        bool,
        typer.Option(
            "--electronegativity-balanced",
            help="And every cation is less electronegative than every anion.",
            rich_help_panel=_RULES,
        ),
    ] = False,
    oxidation_states: StatesOption = "smact14",
    exclude: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|known",
            help="None of the formulas of a file; known: none that the Materials Project or OQMD list.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(
            help="Below 1: likelier and less varied; 1: as learned; above 1: more varied.",
            rich_help_panel=_DRAWN,
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Choose each atom among the K most probable elements.", rich_help_panel=_DRAWN
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Choose each atom among the elements that hold this share of probability.",
            rich_help_panel=_DRAWN,
        ),
    ] = None,
    no_replacement: Annotated[
        bool,
        typer.Option(
            "--no-replacement",
            help="Distinct compositions without replacement, with inclusion probabilities.",
            rich_help_panel=_DRAWN,
        ),
    ] = False,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Follow the model's own distribution given the rules; slow where it rarely keeps them.",
            rich_help_panel=_DRAWN,
        ),
    ] = False,
    likeliest: Annotated[
        bool,
        typer.Option(
            "--likeliest",
            help="No samples: the most probable compositions, exactly these.",
            rich_help_panel=_DRAWN,
        ),
    ] = False,
    precision: Annotated[
        str,
        typer.Option(
            metavar="float32|bfloat16",
            help="Of matrix products; half precision is faster.",
            rich_help_panel=_DRAWN,
        ),
    ] = "float32",
    known: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Formulas of your own that are not novel either."),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Sample new compositions, and say which are chemically sensible and which nobody has listed.

    The table has a row a composition, the most probable first: `formula` (reduced), `tokens` (its atoms),
    `log_prob` (natural logarithm of the model's probability for it), `oxidation_states_set`,
    `charge_neutral`, `electronegativity_balanced` and `novel`; with rules `log_proposal`, of the probability that it
    was drawn with.

    With -o the samples go to disk as they come, so memory stays small. If the command is cut off, the same command goes
    on where it was, and ends with the same file.

    A folder of a generator that language models are compared with, such as MATGAN, takes -n, --seed,
    --oxidation-states, --known and -o, and no other option. Its table has no `tokens` and no `log_prob`; the rows stand
    in the order in which they came, and are written when all are there.

    **Examples**

    `mattransformer generate -n 1000 --seed 0 -o new_compositions.csv`

    `mattransformer generate --chemical-system Li-P-S --charge-neutral -n 50`

    `mattransformer generate --template "ABX3 X=O,F" --forbid TOXIC,RADIOACTIVE --electronegativity-balanced
    --exclude known -n 100000 -o perovskites.parquet`

    `mattransformer generate --model runs/oxides --source user --variant mix --temperature 0.8 -o
    oxides.jsonl`

    `mattransformer generate --model runs/matgan-mp -n 1000 -o matgan.csv`
    """
    from mattransformer.baselines.answers import composition_table
    from mattransformer.baselines.checkpoints import is_generator, load_generator
    from mattransformer.generation.language_model import load
    from mattransformer.generation.requests import GenerationError
    from mattransformer.models.checkpoints import find_checkpoint

    check_output(output)
    folder = find_checkpoint(model)
    if is_generator(folder):
        generator = load_generator(folder)
        _refuse_others(context, model, generator.name)
        table = composition_table(
            generator, number, seed, oxidation_states=oxidation_states, known=known, progress=True
        )
        deliver(table, output, summary_of(facts_of(table), model, oxidation_states, known))
        return
    rules = {
        "require": spelled_out(require),
        "allow": spelled_out(allow),
        "forbid": spelled_out(forbid),
        "chemical_system": chemical_system,
        "n_elements": None if n_elements is None else read_range("--n-elements", n_elements),
        "n_atoms": None if n_atoms is None else read_range("--n-atoms", n_atoms),
        "template": template,
        "partial": partial,
        "charge_neutral": charge_neutral,
        "electronegativity_balanced": electronegativity_balanced,
        "exclude": exclude,
    }
    request: dict[str, Any] = {
        "source": source,
        "variant": variant,
        "oxidation_states": oxidation_states,
        "known": known,
        "precision": precision,
        **{name: value for name, value in rules.items() if value is not None},
    }
    lm = load(folder)
    if likeliest:
        drawn = {"--exact": exact, "--no-replacement": no_replacement, "--temperature": temperature != 1.0}
        drawn |= {"--top-k": top_k is not None, "--top-p": top_p is not None, "--seed": seed != 0}
        for option, given in drawn.items():
            if given:
                raise GenerationError(f"{option}: with --likeliest nothing is sampled; leave one of them out")
        table = lm.likeliest(number, **request)
        deliver(table, output, summary_of(facts_of(table), model, oxidation_states, known))
        return
    request |= {"temperature": temperature, "top_k": top_k, "top_p": top_p, "exact": exact, "progress": True}
    request["replace"] = not no_replacement
    if output is None:
        table = lm.generate(number, seed, **request)
        show(table, len(table), None, summary_of(facts_of(table), model, oxidation_states, known))
        return
    try:
        facts = lm.generate_to(output, number, seed, **request)
    except KeyboardInterrupt:
        typer.echo("mattransformer: interrupted; the same command goes on where it was", err=True)
        raise typer.Exit(130) from None
    show(None, facts["rows"], output, summary_of(facts, model, oxidation_states, known))


def _refuse_others(context: typer.Context, model: str, generator: str) -> None:
    """Refuse the options that were given and only language models understand."""
    from mattransformer.generation.requests import GenerationError

    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name not in _OF_ALL and source is not None and source.name == "COMMANDLINE":
            raise GenerationError(
                f"{option.opts[0]}: only language models understand it, and {model} is the generator {generator}; "
                "leave it out"
            )
