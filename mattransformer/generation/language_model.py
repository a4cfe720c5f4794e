"""A trained model as a chemist uses it: open it, generate compositions, score formulas.

    lm = load("gpt2")
    table = lm.generate(1000, seed=0)
    lm.log_prob(["SrTiO3", "NaCl"])

A request is answered for one set of conditions at a time; the defaults are those of `tokenization.CONDITIONS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mattransformer.data.tables import check_target
from mattransformer.formula import Formula
from mattransformer.generation.answers import Progress, composition_table, counting, rows_of, warn_if_short
from mattransformer.generation.drawing import Drawing, Score
from mattransformer.generation.filling import FINE_ORDERS, added, candidates, read_canvas, shortlisted
from mattransformer.generation.found import Found
from mattransformer.generation.requests import (
    Elements,
    GenerationError,
    Listed,
    Range,
    Request,
    check_whole,
    conditions_of,
    known_besides,
    truncation_of,
)
from mattransformer.generation.samples import MOST_ATOMS, SampleSet
from mattransformer.generation.sharing import SharedModel
from mattransformer.generation.streaming import Pieces, pieces_folder, write_ranked
from mattransformer.models.checkpoints import describe, find_checkpoint, load_model
from mattransformer.tokenization import CONDITIONS, prompt_ids
from mattransformer.training.record import versions

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


class LanguageModel(SharedModel):
    """A language model of compositions.

    Attributes:
        model: the Hugging Face model, float32, in evaluation mode.
        folder: of its checkpoint.
        objective: what it was trained for.
    """

    def generate(
        self,
        n: int = 1000,
        seed: int = 0,
        *,
        conditions: Mapping[str, str] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        require: Elements = None,
        allow: Elements = None,
        forbid: Elements = None,
        chemical_system: Elements = None,
        n_elements: Range = None,
        n_atoms: Range = None,
        template: str | None = None,
        sites: Mapping[str, str | Iterable[str]] | None = None,
        partial: str | None = None,
        charge_neutral: bool = False,
        electronegativity_balanced: bool = False,
        oxidation_states: str = "smact14",
        exclude: Listed = None,
        replace: bool = True,
        exact: bool = False,
        precision: str = "float32",
        known: Listed = None,
        progress: Progress = False,
        **condition: str,
    ) -> pd.DataFrame:
        """Sample until n distinct compositions are there.

        Without rules these are plain samples of the model: those with one element, over 8 elements or over 30 atoms are
        dropped, and the rest are merged by reduced formula. With rules every atom is drawn from those that can still
        lead to a formula that keeps all of them, so that no sample is dropped, and each is the canonical one of its
        composition. Rules count in the reduced formula. If samples hardly bring new compositions any more, what there
        is is returned and a warning is logged.

        Args:
            n: distinct compositions wanted.
            seed: decides the result.
            conditions: what the samples are to look like, for example `{"source": "oqmd"}`; the single conditions
                are keywords too: `source` (`mp`, `oqmd`, `user`; default `mp`) and `variant` (`strict`, `pure`,
                `mix`; default `strict`).
            temperature: below 1 for likelier, above 1 for more varied compositions.
            top_k: sample each atom among that many most probable tokens.
            top_p: sample each atom among the most probable tokens that hold this share of the probability.
            require: rule: elements that must be present, as symbols in a list or a text: `"Li, Fe"`.
            allow: rule: no others than these.
            forbid: rule: none of these; groups are in `mattransformer.elements`: `RADIOACTIVE`, `TOXIC`.
            chemical_system: rule: exactly these elements: `"Li-P-S"`.
            n_elements: rule: number of elements, or least and most.
            n_atoms: rule: number of atoms, or least and most.
            template: rule: proportions, such as `ABX3` or `A2BB'X6 A=Ca,Sr X=O`; different letters are different
                elements, see `mattransformer.screening.stoichiometry`.
            sites: elements of the letters of the template, as an alternative to listing them behind it.
            partial: rule: exactly these elements, with their numbers of atoms or `?` for any: `Li? P? O4`.
            charge_neutral: rule: one oxidation state an element, the sum of charges zero.
            electronegativity_balanced: rule: and every cation less electronegative than every anion.
            oxidation_states: the set that these rules, and the verdicts in the table, go by.
            exclude: rule: none of these formulas (a list, a text file of them, or `"known"` for what the Materials
                Project and OQMD list).
            replace: whether samples are independent. If not, n distinct compositions are drawn without replacement
                (stochastic beam search, Kool et al. 2019): each with the probability of the model given the rules as
                they are kept atom by atom.
            exact: whether samples follow the model's own distribution given the rules, instead of that of the rules
                kept atom by atom; samples that come to break a rule are dropped as soon as that is certain, so this is
                slow where rules are rarely kept.
            precision: of matrix products: `float32`, or `bfloat16`, faster and with log-probabilities off by some
                hundredths.
            known: formulas, or a text file of them, that are not new either.
            progress: show a progress bar; or a function that is told now and then how many compositions there are,
                and may raise to end it.
            condition: conditions by keyword.

        Returns:
            One row a composition, the most probable first: `formula` (reduced), `tokens`, `log_prob` (natural
            logarithm of the model's own probability of the canonical sequence, end token included, conditions given;
            `log_prob_bound` where only a lower bound is known), with rules or without replacement `log_proposal` (of
            the probability that it was drawn with, rules kept atom by atom), without replacement
            `inclusion_probability`, `oxidation_states_set`, `charge_neutral`, `electronegativity_balanced`, `novel`
            (neither in the Materials Project, nor in OQMD, nor in `known`). `attrs` holds the settings and what became
            of the samples.

        Raises:
            MattransformerError: a request that makes no sense, or rules that no composition keeps.
        """
        request = Request.of(
            n,
            seed,
            conditions=conditions_of(conditions, condition),
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            require=require,
            allow=allow,
            forbid=forbid,
            chemical_system=chemical_system,
            n_elements=n_elements,
            n_atoms=n_atoms,
            template=template,
            sites=sites,
            partial=partial,
            charge_neutral=charge_neutral,
            electronegativity_balanced=electronegativity_balanced,
            oxidation_states=oxidation_states,
            exclude=exclude,
            replace=replace,
            exact=exact,
            precision=precision,
        )
        listed = known_besides(known)
        with counting(request.n, "generating", show=progress, model=self.model) as count:
            drawn = Drawing(self.model, request, self._scorer(request), progress=count).run()
        warn_if_short(drawn, request)
        return composition_table(drawn, request, self.score, listed)

    def generate_to(
        self,
        path: str | Path,
        n: int = 1000,
        seed: int = 0,
        *,
        conditions: Mapping[str, str] | None = None,
        known: Listed = None,
        progress: bool = False,
        **words: Any,  # noqa: ANN401 - those of `generate`
    ) -> dict[str, Any]:
        """Do what `generate` does, into a file, in bounded memory: by the million, and to be resumed.

        What is drawn is kept in a folder beside the file until that is whole. If the run is cut off, the same call goes
        on where it was and ends with the same table.

        Args:
            path: of the table: .csv, .parquet, .jsonl or .arrow.
            n: see `generate`.
            seed: see `generate`.
            conditions: see `generate`.
            known: see `generate`.
            progress: show progress bars.
            words: see `generate`.

        Returns:
            `rows` of the table; how many are `novel`, `charge_neutral`, `electronegativity_balanced` and
            `new_and_balanced`; `drawn`, `failures` and `settings`.

        Raises:
            MattransformerError: see `generate`; also a folder with pieces of another request.
            OSError: the disk is full, or fails.
        """
        path = Path(path)
        check_target(path)
        request = self._request(n, seed, conditions, words)
        listed = known_besides(known)
        facts = {"weights": describe(self.folder)["sha256"], **request.identity(), **versions()}
        pieces = Pieces(pieces_folder(path), facts)
        with counting(request.n, "generating", show=progress) as count:
            drawn = Drawing(self.model, request, self._scorer(request), pieces, count).run()
        warn_if_short(drawn, request)
        with counting(len(drawn.found), "writing", show=progress) as count:
            counts = write_ranked(
                drawn, path, lambda found: rows_of(found, drawn.last, request, self.score, listed), count
            )
        pieces.remove()
        return {**counts, "drawn": drawn.drawn, "failures": drawn.failures, "settings": request.settings()}

    def likeliest(
        self,
        n: int = 1000,
        *,
        conditions: Mapping[str, str] | None = None,
        known: Listed = None,
        **words: Any,  # noqa: ANN401 - those of `generate`
    ) -> pd.DataFrame:
        """Find the n most probable compositions: exactly these, nothing is sampled.

        Args:
            n: compositions wanted.
            conditions: see `generate`.
            known: see `generate`.
            words: the rules of `generate`, conditions by keyword, `oxidation_states`, `exclude` and `precision`.

        Returns:
            See `generate`.

        Raises:
            MattransformerError: a request that makes no sense, rules that no composition keeps, or a model whose
                probabilities are not known exactly.
        """
        for name in ("seed", "temperature", "top_k", "top_p", "replace", "exact"):
            if name in words:
                raise GenerationError(
                    f"{name}: it decides how samples are drawn, and none are here; leave it out"
                )
        request = self._request(n, 0, conditions, words | {"likeliest": True})
        listed = known_besides(known)
        drawn = Drawing(self.model, request, self._scorer(request)).run()
        warn_if_short(drawn, request)
        return composition_table(drawn, request, self.score, listed)

    def _request(
        self, n: int, seed: int, conditions: Mapping[str, str] | None, words: Mapping[str, Any]
    ) -> Request:
        """Read a request, single conditions among its words."""
        names = {condition.name for condition in CONDITIONS}
        single = {name: value for name, value in words.items() if name in names}
        others = {name: value for name, value in words.items() if name not in names}
        return Request.of(n, seed, conditions=conditions_of(conditions, single), **others)

    def _scorer(self, request: Request) -> Score:
        """Make what scores compositions whose canonical sequences did not come."""

        def score(found: Found) -> np.ndarray:
            own = found.compositions
            formulas = [own.formula(at) for at in range(len(own))]
            return self.log_prob(formulas, conditions=request.conditions)

        return score

    def sample(
        self,
        n: int,
        seed: int | list[int] = 0,
        *,
        conditions: Mapping[str, str] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> SampleSet:
        """Draw n plain samples, repetitions and failures counted.

        Args:
            n: samples.
            seed: decides them.
            conditions: see `generate`.
            temperature: see `generate`.
            top_k: see `generate`.
            top_p: see `generate`.

        Returns:
            The samples, merged by reduced formula.

        Raises:
            MattransformerError: a request that makes no sense.
        """
        check_whole("n", n, 0)
        if not isinstance(seed, list):
            check_whole("seed", seed, 0)
        samples = SampleSet()
        prompt = prompt_ids(conditions)
        truncation = truncation_of(temperature, top_k, top_p)
        samples.add(self.objective.sample(self.model, prompt, n, seed, truncation, max_tokens=MOST_ATOMS))
        return samples

    def fill(
        self,
        canvas: str | Sequence[str],
        top: int = 10,
        *,
        seed: int = 0,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> pd.DataFrame:
        """Fill the holes of a composition.

        Args:
            canvas: atoms or formulas with holes between them: `<mask>` for one atom, and for BART and BLM `<blank>` for
                one or more. `Sr <mask> O3` asks for X in SrXO3.
            top: rows wanted.
            seed: decides what a model proposes where there are too many choices to score all: with three masks and
                more, and with blanks.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            The most probable compositions, best first: `formula` (reduced), `filled` (the atoms that were put in), and
            `log_prob` of the whole composition, or `log_prob_bound`, see `log_prob`.

        Raises:
            MattransformerError: holes that cannot be read, or that this model cannot fill.
        """
        import pandas as pd

        check_whole("top", top, 1)
        check_whole("seed", seed, 0)
        chosen = conditions_of(conditions, condition)
        tokens = read_canvas(canvas)
        found = candidates(self.model, prompt_ids(chosen), tokens, seed)
        if not found:
            _log.warning(
                "%s: the model proposes nothing that fits; try another model, or fewer holes", canvas
            )

        def score(formulas: list[Formula], orders: int) -> np.ndarray:
            return self.log_prob(formulas, orders=orders, conditions=chosen)

        exact = self.objective.exact
        scored = list(found) if exact else shortlisted(self.model, chosen, tokens, found, top, score)
        table = pd.DataFrame(
            {
                "formula": [formula.reduced_formula for formula in scored],
                "filled": [added(formula, tokens) for formula in scored],
                self.score: score(scored, FINE_ORDERS),
            }
        )
        ranked = table.sort_values([self.score, "formula"], ascending=[False, True], kind="stable")
        return ranked.drop_duplicates("formula", ignore_index=True).head(top)


def load(name_or_folder: str | Path = "gpt2", revision: str | None = None) -> LanguageModel:
    """Open a checkpoint: one that ships with the package, a folder, or a repository of a model hub.

    Args:
        name_or_folder: a shipped name such as `gpt2`, a folder, or `owner/name` on a hub. What was fetched once is
            opened without a network, too.
        revision: a branch, a tag or a commit of a repository; its main branch where left out.

    Returns:
        The model.

    Raises:
        CheckpointError: a missing, damaged or foreign checkpoint, or one that cannot be fetched; the file and the
            reason are named.
    """
    folder = find_checkpoint(name_or_folder, revision)
    return LanguageModel(load_model(folder), folder)
