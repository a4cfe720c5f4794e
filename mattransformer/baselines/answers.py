"""What a user gets who asks a generator for compositions: their table, with the verdicts of the screening.

table = composition_table(load_generator("runs/matgan-mp"), 1000, seed=0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.generation.requests import Listed, known_besides
from mattransformer.screening.oxidation import oxidation_states as state_set
from mattransformer.screening.screen import screen

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    *("formula", "oxidation_states_set", "charge_neutral", "electronegativity_balanced", "novel"),
)
"""Those of a language model but for tokens and probabilities, which these generators do not know."""


def composition_table(
    generator: DrawingGenerator,
    n: int = 1000,
    seed: int = 0,
    *,
    oxidation_states: str = "smact14",
    known: Listed = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Draw until n distinct compositions are there, and judge them.

    Args:
        generator: draws them.
        n: distinct compositions wanted.
        seed: decides the result.
        oxidation_states: the set that the verdicts go by.
        known: formulas, or a file of them, that are not new either.
        progress: show a progress bar.

    Returns:
        One row a composition, in the order in which they first came: `COLUMNS`, as `LanguageModel.generate` gives them.
        `attrs` is that of `DrawingGenerator.generate`.

    Raises:
        MattransformerError: a request that makes no sense, or draws that hardly ever give another composition.
    """
    state_set(oxidation_states)  # refuses what is none before the work
    listed = known_besides(known)
    drawn = generator.generate(n, seed, progress=progress)
    table = screen(drawn["formula"], oxidation_states=oxidation_states, known=listed)[[*COLUMNS]]
    table.attrs = drawn.attrs
    return table
