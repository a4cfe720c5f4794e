"""Figures that others published, to stand beside ours; how they were measured is in the words of each.

Sources: N. Fu et al., Mach. Learn.: Sci. Technol. 4, 015001 (2023), "Materials Transformer"; L. Wei et al.,
arXiv:2204.11953, "Crystal Transformer" (BLMM); Y. Dan et al., npj Comput. Mater. 6, 84 (2020), MATGAN. Charge
neutrality and electronegativity balance are SMACT's with the states of 2014, one an element, alloys not exempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Published:
    """A line of another's table.

    Attributes:
        system: what it is.
        data: what it learned from.
        charge_neutral: share of the samples.
        balanced: share of the samples that are electronegativity-balanced too.
        training: the same two shares of its training rows, where they were given.
        found: held-out rows that 2,000,000 samples hold, by number of elements.
        found_of_training: training rows, likewise.
        new: share of 2,000,000 samples that are not in the training rows, by number of elements.
    """

    system: str
    data: str
    charge_neutral: float
    balanced: float
    training: tuple[float, float] | None = None
    found: Mapping[str, float] = field(default_factory=dict)
    found_of_training: Mapping[str, float] = field(default_factory=dict)
    new: Mapping[str, float] = field(default_factory=dict)


MATGAN_SAMPLES: Final = 2_000_000
"""Samples of MATGAN that recovery was counted in."""

FIGURES: Final = (
    Published("Materials Transformer, best causal model", "its own pure sets", 0.9761, 0.9122),
    Published("BLMM, best", "its own pure sets", 0.897, 0.848),
    Published("MATGAN", "MP", 0.848, 0.734, (0.835, 0.793)),
    Published("MATGAN", "OQMD", 0.561, 0.384, (0.558, 0.393)),
    Published(
        "MATGAN",
        "ICSD",
        0.803,
        0.703,
        (0.844, 0.781),
        {"binary": 0.827, "ternary": 0.312, "quaternary": 0.052},
        {"binary": 0.781, "ternary": 0.304, "quaternary": 0.033},
        {"binary": 0.8315, "ternary": 0.9868, "quaternary": 0.9998},
    ),
    Published("MATGAN", "ICSD, filtered", 0.921, 0.845, (1.0, 1.0)),
)
