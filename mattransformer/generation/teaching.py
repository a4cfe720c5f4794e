"""What a model learns from another one: its probabilities of every next token, and not only which token came.

Half of the samples are the teacher's and half the model's own, so that the model is corrected where it goes by itself
(Hinton et al., arXiv:1503.02531; on own samples Agarwal et al., arXiv:2306.13649). An end that would break the rule of
its condition is taken out of what the teacher says (`objectives.losses`). Formulas that the hash rule puts in the valid
or test split are left out, so that these stay unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.generation.self_training import Lessons, SelfTraining, own_sampler
from mattransformer.models.checkpoints import load_model
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import FIRST_ELEMENT_ID, prompt_ids
from mattransformer.training.rows import OwnSampler, WeightedRows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.training.config import TrainingConfig


@dataclass(frozen=True)
class Teaching:
    """Draws samples of a teacher and of the model under the conditions of the training rows.

    Attributes:
        own: shares of the conditions, and how samples are judged.
        teacher: in evaluation mode.
    """

    own: SelfTraining
    teacher: PreTrainedModel

    def __call__(self, model: PreTrainedModel, samples: int, seed: list[int]) -> WeightedRows:
        """Sample teacher and model.

        Args:
            model: in evaluation mode.
            samples: how many, over all conditions and both models.
            seed: decides them.

        Returns:
            Distinct sequences, each weighted by how often it was drawn.
        """
        lessons = Lessons()
        for number, ((source, variant), share) in enumerate(self.own.shares.items()):
            prompt = prompt_ids({"source": source, "variant": variant})
            for who, drawn_from in (("teacher", self.teacher), ("", model)):
                objective, n = objective_of(drawn_from), round(samples * share / 2)
                begun = [*seed, number, len(who)]
                drawn = list(objective.sample(drawn_from, prompt, n, begun, max_tokens=MOST_ATOMS))
                judged = self.own.judge(drawn, source, variant)
                lessons.facts[f"kept, {who} {source} {variant}".replace("  ", " ")] = judged.share(
                    judged.kept
                )
                for sequence, counted in zip(drawn, judged.counted.tolist(), strict=True):
                    if counted and sequence.finished and min(sequence.ids, default=0) >= FIRST_ELEMENT_ID:
                        lessons.add([*prompt, *sequence.ids], float(sequence.count), finished=True)
        return lessons.rows()


def sampler_of(config: TrainingConfig) -> OwnSampler | None:
    """Make the sampler that a training asks for.

    Args:
        config: its settings.

    Returns:
        A sampler of the model alone, or of a teacher as well; None where no own samples are asked for.
    """
    if not config.own_samples:
        return None
    own = own_sampler(config)
    return own if config.teacher is None else Teaching(own, load_model(config.teacher))
