"""The same request in Python and on the command line, to be copied: run, they give the same table.

print(python("tinker", {"formula": "SrTiO3", "site": "Ti"}))
print(command("tinker", {"formula": "SrTiO3", "site": "Ti"}))
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from mattransformer.app.links import defaults
from mattransformer.app.requests import LIST, STRUCTURE
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula

OUTPUTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tinker": "suggestions.csv",
        "generate": "compositions.csv",
        "screen": "verdicts.csv",
        "evaluate": "report",
    }
)
"""What each command writes: a table, or a folder."""

_INLINE: Final = 20  # formulas that are written out; more are in a file
_PLAIN: Final = re.compile(r"[A-Z][A-Za-z0-9()]*")  # that no shell, and no eye, takes for anything else
_READ_LIST: Final = f'pd.read_csv("{LIST}", dtype=str, keep_default_na=False)["formula"].tolist()'


def python(view: str, values: Mapping[str, Any]) -> str:
    """Write a request in Python.

    Args:
        view: `tinker`, `generate`, `screen` or `evaluate`.
        values: its inputs, as the function of `requests` takes them; what is left out is as usual.

    Returns:
        Some lines, which end with a variable `table`, of `evaluate` with one called `evaluation`.
    """
    return _PYTHON[view](defaults(view) | dict(values))


def command(view: str, values: Mapping[str, Any]) -> str:
    """Write a request as one command.

    Args:
        view: see `python`.
        values: see `python`.

    Returns:
        A line, which writes `OUTPUTS`.
    """
    words = ["mattransformer", view, *_WORDS[view](defaults(view) | dict(values)), "-o", OUTPUTS[view]]
    return shlex.join(words)


def remark(view: str, values: Mapping[str, Any]) -> str:
    """Say which file has to be there, if any."""
    if values.get("cif"):
        return f"{STRUCTURE} is your CIF."
    formulas = values.get("formulas") or []
    if view == "evaluate" or (view == "screen" and not _is_inline(formulas)):
        whose = "Of the command, " if view == "screen" and _is_short(formulas) else ""
        return f"{whose}{LIST} holds your list, with the heading formula above it."
    return ""


def _tinker_in_python(values: Mapping[str, Any]) -> str:
    said = _differing("tinker", values, "site", "fraction", "top", "only", "forbid", "score")
    host = STRUCTURE if values.get("cif") else values["formula"]
    return f"import mattransformer as mt\n\ntable = mt.tinker({_arguments(host, said)})"


def _tinker_in_words(values: Mapping[str, Any]) -> list[str]:
    said = _differing("tinker", values, "site", "fraction", "top", "only", "forbid", "score")
    return [STRUCTURE if values.get("cif") else values["formula"], *_options(said)]


def _generate_in_python(values: Mapping[str, Any]) -> str:
    said = {"seed": values["seed"], **_rules(values)}
    return (
        f"import mattransformer as mt\n\nlm = mt.load({_quoted(values['model'])})\n"
        f"table = lm.generate({_arguments(values['n'], said)})"
    )


def _generate_in_words(values: Mapping[str, Any]) -> list[str]:
    said = {"model": values["model"], "number": values["n"], "seed": values["seed"], **_rules(values)}
    return _options(said)


def _rules(values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("require", "allow", "forbid", "template", "charge_neutral", "electronegativity_balanced")
    said = _differing("generate", values, *names)
    if values["new_only"]:
        said["exclude"] = "known"
    return said | _differing("generate", values, "temperature", "source", "variant")


def _screen_in_python(values: Mapping[str, Any]) -> str:
    said = ["known=mt.KnownFormulas.load()"]
    if values["oxidation_states"] != defaults("screen")["oxidation_states"]:
        said.insert(0, f"oxidation_states={_quoted(values['oxidation_states'])}")
    switches = [name for name in ("alloys", "mixed_valence") if values[name]]
    if switches:
        said.append(f"validity=mt.Validity({', '.join(f'{name}=True' for name in switches)})")
    formulas = values["formulas"]
    if _is_short(formulas):
        listed, imported = f"[{', '.join(map(_quoted, formulas))}]", "import mattransformer as mt"
    else:
        listed, imported = _READ_LIST, "import mattransformer as mt\nimport pandas as pd"
    return f"{imported}\n\nformulas = {listed}\ntable = mt.screen(formulas, {', '.join(said)})"


def _screen_in_words(values: Mapping[str, Any]) -> list[str]:
    formulas = values["formulas"]
    said = _differing("screen", values, "oxidation_states", "mixed_valence", "alloys")
    named = [*formulas] if _is_inline(formulas) else [LIST, "--column", "formula"]
    return [*named, *_options(said)]


def _evaluate_in_python(values: Mapping[str, Any]) -> str:
    said = [f"{name}=[{_quoted(values[name])}]" for name in ("training", "held_out") if values[name]]
    said += [f"seed={values['seed']}"] if values["seed"] else []
    arguments = ", ".join([_quoted(LIST), 'column="formula"', *said])
    return f"import mattransformer as mt\n\nevaluation = mt.evaluate_file({arguments})"


def _evaluate_in_words(values: Mapping[str, Any]) -> list[str]:
    said = _differing("evaluate", values, "training", "held_out", "seed")
    return [LIST, "--column", "formula", *_options(said)]


_PYTHON: Final = MappingProxyType(
    {
        "tinker": _tinker_in_python,
        "generate": _generate_in_python,
        "screen": _screen_in_python,
        "evaluate": _evaluate_in_python,
    }
)
_WORDS: Final = MappingProxyType(
    {
        "tinker": _tinker_in_words,
        "generate": _generate_in_words,
        "screen": _screen_in_words,
        "evaluate": _evaluate_in_words,
    }
)


def _is_short(formulas: Sequence[str]) -> bool:
    """Say whether formulas are few enough to be written out."""
    return 0 < len(formulas) <= _INLINE


def _is_inline(formulas: Sequence[str]) -> bool:
    """Say whether formulas are few and plain enough for a command, and one at least is a formula."""
    plain = _is_short(formulas) and all(_PLAIN.fullmatch(own) for own in formulas)
    return plain and any(map(_is_formula, formulas))


def _is_formula(text: str) -> bool:
    try:
        Formula.parse(text)
    except MattransformerError:
        return False
    return True


def _differing(view: str, values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    usual = defaults(view)
    return {name: values[name] for name in names if values[name] != usual[name]}


def _arguments(first: object, others: Mapping[str, Any]) -> str:
    return ", ".join([_quoted(first), *(f"{name}={_quoted(value)}" for name, value in others.items())])


def _quoted(value: object) -> str:
    """Write a value in Python, text in double quotes where that needs no escapes."""
    written = repr(value)
    if isinstance(value, str) and '"' not in value and "\\" not in written:
        return f'"{value}"'
    return written


def _options(said: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in said.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    return words
