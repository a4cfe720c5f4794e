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
from collections.abc import Mapping
from types import MappingProxyType

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

# The last element of SMACT's data files is lawrencium.
_LAST_ATOMIC_NUMBER = 103


class ScreeningError(MattransformerError):
    """A screening that cannot start: an unknown set of oxidation states, or no list of formulas."""


@functools.cache
def oxidation_states(states: str = "smact14") -> Mapping[str, tuple[int, ...]]:
    """Return the oxidation states of every element that a named set lists.

    Args:
        states: a name of `STATE_SETS`.

    Returns:
        Element symbol -> charges in units of e, ascending and without repeats; the elements that the set
        leaves out are absent. `wiki` is the only set with charges of zero.

    Raises:
        ScreeningError: no set has this name.
    """
    if states not in STATE_SETS:
        close = difflib.get_close_matches(states.lower(), STATE_SETS, n=1, cutoff=0.0)
        raise ScreeningError(
            f"unknown oxidation-state set {states!r}: did you mean {close[0]!r}? "
            f"(there are {', '.join(STATE_SETS)})"
        )
    import smact

    found: dict[str, tuple[int, ...]] = {}
    for symbol in smact.ordered_elements(1, _LAST_ATOMIC_NUMBER):
        listed = getattr(smact.Element(symbol), STATE_SETS[states])
        if listed:
            found[symbol] = tuple(sorted(set(listed)))
    return MappingProxyType(found)


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


def smact_version() -> str:
    """Return the version of the installed SMACT distribution, for example "4.0.2"."""
    return importlib.metadata.version("smact")
