"""Whose the data is: what a card has to say of each corpus that a checkpoint learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_CRITEXAM: Final = "C. J. Bartel et al., npj Computational Materials 6, 97 (2020), https://doi.org/10.1038/s41524-020-00362-y"
_CRABNET: Final = "A. Y.-T. Wang et al., npj Computational Materials 7, 77 (2021), https://doi.org/10.1038/s41524-021-00545-1"
_ROOST: Final = "R. E. A. Goodall, A. A. Lee, Nature Communications 11, 6280 (2020), https://doi.org/10.1038/s41467-020-19964-7"
_MATERIALS_PROJECT: Final = (
    "A. Jain et al., APL Materials 1, 011002 (2013), https://doi.org/10.1063/1.4812323"
)


@dataclass(frozen=True)
class Attribution:
    """What a licence asks to be said of a corpus.

    Attributes:
        title: of the database.
        licence: of the published formulas.
        published: how they came to be public.
        citations: the works to name.
    """

    title: str
    licence: str
    published: str
    citations: tuple[str, ...]


_TRANSPORT: Final = Attribution(
    "Materials Project, entries of the electronic transport database",
    "CC BY 4.0",
    "as the `matminer` package distributes it",
    (
        "F. Ricci et al., Scientific Data 4, 170085 (2017), https://doi.org/10.1038/sdata.2017.85",
        _MATERIALS_PROJECT,
    ),
)

# By the names of the corpora.
ATTRIBUTIONS: Final[dict[str, Attribution]] = {
    "mp": Attribution(
        "Materials Project",
        "CC BY 4.0",
        "as published with the CritExam, CrabNet and Roost benchmarks",
        (_MATERIALS_PROJECT, _CRITEXAM, _CRABNET, _ROOST),
    ),
    "oqmd": Attribution(
        "Open Quantum Materials Database (OQMD)",
        "CC BY 4.0",
        "as published with the CrabNet benchmark",
        (
            "J. E. Saal et al., JOM 65, 1501 (2013), https://doi.org/10.1007/s11837-013-0755-4",
            "S. Kirklin et al., npj Computational Materials 1, 15010 (2015), https://doi.org/10.1038/npjcompumats.2015.10",
            _CRABNET,
        ),
    ),
    "mp-transport": _TRANSPORT,
    "embedded": _TRANSPORT,
}

# What a model was trained on that is no corpus with a name.
OWN_FILE: Final = Attribution("a file", "not recorded; ask who trained the checkpoint", "not published", ())


def attribution_of(report: Mapping[str, Any]) -> Attribution:
    """Say whose a corpus is.

    Args:
        report: its account, as `run.json` holds it.

    Returns:
        That of a corpus with a name; of a file that was fetched what its card said, in words that fit into a line and
        a cell of Markdown, since others wrote them.
    """
    name, card = report["name"], report.get("card")
    if name in ATTRIBUTIONS:
        return ATTRIBUTIONS[name]
    if card is None:
        return OWN_FILE
    told = {key: _plain(words or "not recorded") for key, words in card.items()}
    chosen = f", filter `{in_code(card['filter'])}`" if card["filter"] else ""
    return Attribution(
        told["title"],
        told["licence"],
        f"fetched on {told['fetched']} from `{in_code(card['database'])}`{chosen}",
        (told["url"],) if ":" in told["url"] else (),  # not that of a folder
    )


def _plain(words: str) -> str:
    """Take out of a text what Markdown would take for more than words; lines are joined."""
    return in_code(words).replace("<", "‹")


def in_code(words: str) -> str:
    """Take out of a text what would end code in a cell of Markdown.

    Args:
        words: that somebody else wrote, such as the name of a file.

    Returns:
        The same in one line, without bars and backticks.
    """
    return " ".join(words.split()).replace("|", "/").replace("`", "'")
