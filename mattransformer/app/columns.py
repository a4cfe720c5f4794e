"""What each column of a table means, in a sentence or two for people who did not read the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rank": "Place among the suggestions for this site, 1 is the best.",
        "dopant": "The element that is suggested, or the atoms that were filled in.",
        "host": "The compound that is changed, reduced.",
        "site": "The element that is replaced, or the label of its site in the crystal.",
        "formula": "The composition, reduced; of a doped compound that of the supercell; of your list as you wrote it.",
        "fraction": "Share of the site's atoms that is replaced: the nearest one that a supercell can have.",
        "probability": "From 0 to 1, over all elements that the host does not have. Where one whole site is replaced, "
        "ranked by the combined score, it is calibrated: of the listed compounds with another element on this site, "
        "the share that is expected to have this one. With a fraction, for two sites and for other scores it is a "
        "relative score, which compares one suggestion with another and is not calibrated; with holes, the share among "
        "the rows that were asked for.",
        "log_odds": "Natural logarithm of how much likelier the new element is on this site than the old one, by "
        "the rest of the compound alone.",
        "masked_probability": "Probability of the element by the rest of the compound alone.",
        "exchange_probability": "Probability of the element as a replacement of the one that is there.",
        "joining_probability": "Probability that the element shares the site with the one that is there.",
        "log_likelihood_change": "Natural logarithm of how much likelier a language model takes the new compound to be "
        "than the host. Empty beyond the 30 best candidates, and beyond 30 atoms.",
        "host_state": "Oxidation state of the element that is replaced, on average.",
        "dopant_state": "Oxidation state that the new element would have.",
        "kind": "Donor: more positive than what it replaces. Acceptor: less so. Isovalent: the same charge.",
        "charge_neutral": "Whether one oxidation state an element can give a sum of charges of zero. With a fraction: "
        "whether the new ion has the charge of the old one.",
        "oxidation_states_set": "The list of oxidation states that neutrality is judged with.",
        "compensation": "What would make the doped compound neutral: a co-dopant, a vacancy, electrons or holes.",
        "radius_mismatch_percent": "By how many per cent the new ion is larger (or smaller, below 0) than the old one, "
        "by Shannon's radii.",
        "coordination": "Number of nearest neighbours that the radii are for.",
        "electronegativity_difference": "Pauling electronegativity of the new element less that of the old one.",
        "known": "Whether the Materials Project or OQMD lists the compound or a multiple of it, by the index that "
        "comes with the package. Other databases, such as the ICSD, are not looked at.",
        "filled": "The atoms that were filled in.",
        "tokens": "The atoms, one by one, as the model writes them.",
        "log_prob": "Natural logarithm of the model's probability of the composition; the nearer to 0, the likelier.",
        "log_prob_bound": "A lower bound of the natural logarithm of the model's probability of the composition.",
        "log_proposal": "Natural logarithm of the probability that it was drawn with, rules kept atom by atom.",
        "electronegativity_balanced": "Whether in such an assignment of charges every cation is less electronegative "
        "than every anion.",
        "novel": "Listed neither in the Materials Project nor in OQMD, by the index that comes with the package. Other "
        "databases, such as the ICSD, are not looked at.",
        "charge_neutral_mixed": "Whether some whole multiple is neutral if one element takes two positive states.",
        "alloy": "Metals alone.",
        "metallic": "Metallic by SMACT's score, which is 0.7 or more.",
        "smact_valid": "SMACT's verdict in the settings that were chosen.",
        "reason": "The first rule that fails, or why it is no formula; empty if none fails.",
    }
)
"""Column to its meaning."""

LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "known": "listed in MP or OQMD",
        "novel": "new: in neither MP nor OQMD",
        "smact_valid": "valid by SMACT",
        "radius_mismatch_percent": "radius mismatch / %",
    }
)
"""Column to what stands above it on the page, where its name alone does not say it."""


def explained(names: Iterable[str]) -> list[tuple[str, str]]:
    """Give the meanings of some columns, in their order; a column without one is left out."""
    return [(name, MEANINGS[name]) for name in names if name in MEANINGS]
