"""Oxidation states and electronegativities as the installed SMACT sees them.

Nothing is copied: the five named sets are read from SMACT's own data files through `smact.Element` when they
are first asked for, so that a verdict always speaks of the SMACT that is installed. An element that a set
does not list (Ne in most of them), or that SMACT does not know at all (Rf and beyond), is absent.

>>> oxidation_states("smact14")["Ti"]
(-1, 1, 2, 3, 4)
"""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.errors import MattransformerError

# Name of the set in the literature and in SMACT -> attribute of smact.Element. `icsd24` is SMACT's fixed list
# of states with six or more reports, not its default filter (three or more); SMACT itself warns of `wiki`.
STATE_SETS: Mapping[str, str] = MappingProxyType(
    {
        "smact14": "oxidation_states_smact14",
        "icsd16": "oxidation_states_icsd16",
        "icsd24": "oxidation_states_icsd24",
        "pymatgen_sp": "oxidation_states_sp",
        "wiki": "oxidation_states_wiki",
    }
)

# Of one atom; the highest that is known is +9, of Ir in IrO4+.
_LARGEST_CHARGE = 20

# The last element of SMACT's data files is lawrencium.
_LAST_ATOMIC_NUMBER = 103


Edition = tuple[int, int] | None
"""Of a file: time of its last change in nanoseconds and its size in bytes."""


class ScreeningError(MattransformerError):
    """A screening that cannot start: an unknown set of oxidation states, or no list of formulas."""


def oxidation_states(states: str = "smact14") -> Mapping[str, tuple[int, ...]]:
    """Return the oxidation states of every element that a set lists.

    Args:
        states: a name of `STATE_SETS`; `icsd24:consensus=3,commonality=low`, which is what SMACT itself filters by if
            no set is named (`smact.screening.ICSD24FilterConfig`; either key may be left out, `include_zero=true`
            added); or a text file in SMACT's format, a line an element: `Fe 2 3`, with # before a comment.

    Returns:
        Element symbol -> charges in units of e, ascending and without repeats; the elements that the set
        leaves out are absent. `wiki` is the only named set with charges of zero.

    Raises:
        ScreeningError: no set has this name, or a file has a line that cannot be read.
    """
    return _states_of(states, edition(states))


def edition(states: str) -> Edition:
    """Tell a file of oxidation states from what it was before an edit, so that memos by name do not outlive it.

    Args:
        states: as `oxidation_states` takes it.

    Returns:
        None for the sets with a name; of a file its time of change and its size.
    """
    if states in STATE_SETS or states.startswith(_FILTERED):
        return None
    try:
        found = Path(states).stat()
    except (OSError, ValueError):  # no file, or a name that no file can have
        return None
    return found.st_mtime_ns, found.st_size


@functools.cache
def _states_of(states: str, _edition: Edition) -> Mapping[str, tuple[int, ...]]:
    if states in STATE_SETS:
        found = _named(states)
    elif states.startswith(_FILTERED):
        found = _filtered(states)
    elif _is_file(states):
        found = _of_file(Path(states))
    else:
        close = difflib.get_close_matches(states.lower(), STATE_SETS, n=1, cutoff=0.4)
        hint = f": did you mean {close[0]!r}?" if close else ""
        raise ScreeningError(
            f"unknown oxidation-state set {states!r}{hint} (there are {', '.join(STATE_SETS)}, "
            f"{_FILTERED}consensus=3,commonality=low, and files)"
        )
    return MappingProxyType(
        {symbol: tuple(sorted(set(listed))) for symbol, listed in found.items() if listed}
    )


def _named(states: str) -> dict[str, Sequence[int]]:
    import smact

    elements = {symbol: smact.Element(symbol) for symbol in smact.ordered_elements(1, _LAST_ATOMIC_NUMBER)}
    return {symbol: getattr(element, STATE_SETS[states]) or () for symbol, element in elements.items()}


def _filtered(states: str) -> dict[str, Sequence[int]]:
    """Filter the counts of ICSD reports as SMACT does."""
    from smact.utils.oxidation import ICSD24OxStatesFilter

    settings: dict[str, Any] = {}
    for entry in filter(None, states.removeprefix(_FILTERED).split(",")):
        key, _, value = entry.partition("=")
        if key not in _FILTER_KEYS:
            raise ScreeningError(
                f"{states!r}: no setting {key!r}; the settings are {', '.join(_FILTER_KEYS)}"
            )
        try:
            settings[key] = _FILTER_KEYS[key](value)
        except ValueError:
            raise ScreeningError(
                f"{states!r}: {key} cannot be {value!r}; write for example {_FILTERED}consensus=3,commonality=low"
            ) from None
    try:
        table = ICSD24OxStatesFilter().filter(**settings)
    except ValueError:  # SMACT trips over a filter that leaves nothing
        raise ScreeningError(f"{states!r} leaves no oxidation state; write a smaller number") from None
    return {
        str(element): [int(state) for state in str(listed).split()]
        for element, listed in zip(table["element"], table["oxidation_state"], strict=True)
    }


def _commonality(text: str) -> str | float:
    if text in ("low", "medium", "high", "main"):
        return text
    share = float(text)
    if not 0 <= share <= 100:  # percent of an element's reports; NaN is refused too
        raise ValueError(text)
    return share


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


_FILTERED = "icsd24:"
_FILTER_KEYS: Mapping[str, Callable[[str], Any]] = {
    "consensus": _whole,
    "commonality": _commonality,
    "include_zero": _truth,
}


def _is_file(states: str) -> bool:
    try:
        return Path(states).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _of_file(path: Path) -> dict[str, Sequence[int]]:
    found: dict[str, Sequence[int]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScreeningError(
            f"{path} cannot be read ({error}); give a text file of oxidation states"
        ) from None
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            charges = [int(word) for word in words[1:]]
        except ValueError:
            charges = [_LARGEST_CHARGE + 1]
        if words[0] not in ATOMIC_NUMBER or any(abs(charge) > _LARGEST_CHARGE for charge in charges):
            raise ScreeningError(
                f"{path}, line {number}: {line.strip()!r} is no element with its charges; write Fe 2 3"
            )
        found[words[0]] = charges
    if not any(found.values()):
        raise ScreeningError(f"{path} lists no oxidation state; write a line an element: Fe 2 3")
    return found


@functools.cache
def electronegativities() -> Mapping[str, float]:
    """Return SMACT's Pauling electronegativities, in Pauling units; elements without one are absent.

    They are not pymatgen's (SMACT has W at 1.7, pymatgen at 2.36), so a verdict must not mix the two tables.
    """
    import smact

    known: dict[str, float] = {}
    for symbol in smact.ordered_elements(1, _LAST_ATOMIC_NUMBER):
        value = smact.Element(symbol).pauling_eneg
        if value is not None:
            known[symbol] = float(value)
    return MappingProxyType(known)


@functools.cache
def mixed_valence_elements() -> frozenset[str]:
    """Return the elements whose atoms SMACT lets take states of their own with `mixed_valence=True`."""
    from smact.screening import MIXED_VALENCE_ELEMENTS

    return MIXED_VALENCE_ELEMENTS


def smact_version() -> str:
    """Return the version of the installed SMACT distribution, for example "4.0.2"."""
    return importlib.metadata.version("smact")
