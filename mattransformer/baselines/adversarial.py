"""Training against a critic: Wasserstein loss with gradient penalty.

The critic learns to score true samples above generated ones, the generator to be scored high; the difference of the
mean scores nears the Wasserstein distance of both, as far as the critic's gradient has norm 1 between them (Arjovsky et
al., arXiv:1701.07875; Gulrajani et al., arXiv:1704.00028). A critic that also predicts the condition of a sample
learns that from true samples, and the generator is held to the condition it was given (Odena et al., arXiv:1610.09585).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from mattransformer.baselines.method import Batches, Noise


class AdversarialMethod:
    """A generator and its critic.

    Attributes:
        networks: `generator` and `critic`.
        optimizers: Adam for each.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        rows: Batches,
        noise: Noise,
        rng: torch.Generator,
        *,
        batch_size: int,
        rates: tuple[float, float],
        betas: tuple[float, float],
        critic_steps: int,
        gradient_penalty: float,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.networks = {"generator": generator, "critic": critic}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(network.parameters(), rate, betas)
            for (name, network), rate in zip(self.networks.items(), rates, strict=True)
        }
        self.rows, self.noise, self.rng = rows, noise, rng
        self.batch_size, self.critic_steps, self.gradient_penalty = batch_size, critic_steps, gradient_penalty
        self.autocast = autocast

    def step(self) -> dict[str, float]:
        """Let the critic learn some steps, and the generator one; see `Method.step`."""
        losses: dict[str, float] = {}
        for _ in range(self.critic_steps):
            losses = self._critic_step()
        return losses | self._generator_step()

    def _critic_step(self) -> dict[str, float]:
        real, conditions = self._batch()
        with torch.no_grad():
            made = self._generate(conditions)
        share = torch.rand((len(real), *[1] * (real.ndim - 1)), generator=self.rng)
        between = (real + share * (made - real)).requires_grad_()
        true_scores, predicted = self._judge(real)
        distance = true_scores.mean() - self._judge(made)[0].mean()
        (slope,) = torch.autograd.grad(self._judge(between)[0].sum(), between, create_graph=True)
        penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
        loss = self.gradient_penalty * penalty - distance
        losses = {"distance": distance.item(), "penalty": penalty.item()}
        if predicted is not None and conditions is not None:
            off = mse_loss(predicted, conditions)
            loss = loss + off
            losses["condition_error"] = off.item()
        self._move("critic", loss)
        return losses

    def _generator_step(self) -> dict[str, float]:
        _, conditions = self._batch()
        scores, predicted = self._judge(self._generate(conditions))
        loss = -scores.mean()
        if predicted is not None and conditions is not None:
            loss = loss + mse_loss(predicted, conditions)
        self._move("generator", loss)
        return {"generator_loss": loss.item()}

    def _batch(self) -> tuple[Tensor, Tensor | None]:
        return self.rows.take(torch.randint(len(self.rows), (self.batch_size,), generator=self.rng))

    def _generate(self, conditions: Tensor | None) -> Tensor:
        noise = self.noise(self.batch_size)
        with self.autocast():
            generator = self.networks["generator"]
            made: Tensor = generator(noise) if conditions is None else generator(noise, conditions)
        return made.float()

    def _judge(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        with self.autocast():
            scores, predicted = self.networks["critic"](samples)
        return scores.float(), predicted

    def _move(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        # Only what this network learns from: the generator's loss has gradients in the critic too.
        parameters = list(self.networks[name].parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
