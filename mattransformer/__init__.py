"""Language models that learn the formulas of inorganic compounds and propose new compositions.

    import mattransformer as mt

    lm = mt.load("gpt2")                  # a shipped checkpoint, a folder, or owner/name on a model hub
    table = lm.generate(1000, seed=0)     # a pandas.DataFrame, best first
    mt.screen(["SrTiO3", "NaCl2"])
    mt.tinker("SrTiO3", site="Ti", fraction=0.05)   # what to dope it with
    mt.assign_oxidation_states("Fe3O4")   # Fe2+ 1, Fe3+ 2, O2- 4, and less likely ones
    lm.generate(1000, template="ABO3", forbid=mt.elements.TOXIC)   # rules are kept for certain

Every name is imported on first use, so that `import mattransformer` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattransformer import elements as elements
    from mattransformer.constraints.rules import Rules as Rules
    from mattransformer.data.corpora import load_corpus as load_corpus
    from mattransformer.data.databases.fetching import fetch_corpus as fetch_corpus
    from mattransformer.data.known import KnownFormulas as KnownFormulas
    from mattransformer.data.screened import screen_file as screen_file
    from mattransformer.errors import MattransformerError as MattransformerError
    from mattransformer.formula import Formula as Formula
    from mattransformer.formula import FormulaError as FormulaError
    from mattransformer.generation.language_model import LanguageModel as LanguageModel
    from mattransformer.generation.language_model import load as load
    from mattransformer.generation.logits_processor import RulesLogitsProcessor as RulesLogitsProcessor
    from mattransformer.hub.publishing import publish as publish
    from mattransformer.metrics.evaluations import Evaluation as Evaluation
    from mattransformer.metrics.evaluations import evaluate as evaluate
    from mattransformer.metrics.evaluations import evaluate_file as evaluate_file
    from mattransformer.models.catalogue import list_models as list_models
    from mattransformer.models.checkpoints import shipped_names as shipped_names
    from mattransformer.pictures.evaluations import write_pictures as write_pictures
    from mattransformer.screening.assignments import assign_oxidation_states as assign_oxidation_states
    from mattransformer.screening.limits import Limits as Limits
    from mattransformer.screening.oxidation import STATE_SETS as STATE_SETS
    from mattransformer.screening.screen import Validity as Validity
    from mattransformer.screening.screen import screen as screen
    from mattransformer.tinkering.doping import doped_supercell as doped_supercell
    from mattransformer.tinkering.hosts import is_structure as is_structure
    from mattransformer.tinkering.structures import distinct_sites as distinct_sites
    from mattransformer.tinkering.structures import read_structure as read_structure
    from mattransformer.tinkering.supercells import write_cif as write_cif
    from mattransformer.tinkering.tinker import tinker as tinker

    __version__: str

_HOMES = {
    "Evaluation": "metrics.evaluations",
    "Formula": "formula",
    "FormulaError": "formula",
    "KnownFormulas": "data.known",
    "LanguageModel": "generation.language_model",
    "Limits": "screening.limits",
    "MattransformerError": "errors",
    "Rules": "constraints.rules",
    "RulesLogitsProcessor": "generation.logits_processor",
    "STATE_SETS": "screening.oxidation",
    "Validity": "screening.screen",
    "assign_oxidation_states": "screening.assignments",
    "distinct_sites": "tinkering.structures",
    "doped_supercell": "tinkering.doping",
    "evaluate": "metrics.evaluations",
    "evaluate_file": "metrics.evaluations",
    "fetch_corpus": "data.databases.fetching",
    "is_structure": "tinkering.hosts",
    "list_models": "models.catalogue",
    "load": "generation.language_model",
    "load_corpus": "data.corpora",
    "publish": "hub.publishing",
    "read_structure": "tinkering.structures",
    "screen": "screening.screen",
    "screen_file": "data.screened",
    "shipped_names": "models.checkpoints",
    "tinker": "tinkering.tinker",
    "write_cif": "tinkering.supercells",
    "write_pictures": "pictures.evaluations",
}

__all__ = [
    "STATE_SETS",
    "Evaluation",
    "Formula",
    "FormulaError",
    "KnownFormulas",
    "LanguageModel",
    "Limits",
    "MattransformerError",
    "Rules",
    "RulesLogitsProcessor",
    "Validity",
    "__version__",
    "assign_oxidation_states",
    "distinct_sites",
    "doped_supercell",
    "elements",
    "evaluate",
    "evaluate_file",
    "fetch_corpus",
    "is_structure",
    "list_models",
    "load",
    "load_corpus",
    "publish",
    "read_structure",
    "screen",
    "screen_file",
    "shipped_names",
    "tinker",
    "write_cif",
    "write_pictures",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name == "elements":
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
