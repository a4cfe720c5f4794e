"""Training a decoder with an encoder: the variational autoencoder (Kingma and Welling, arXiv:1312.6114).

The loss of a row is the squared error of its vector after encoding and decoding, summed over the entries, and the
divergence of its code from the normal distribution that samples start from, with a weight.
"""

from __future__ import annotations

import torch
from torch import nn

from mattransformer.baselines.method import Batches, Noise


class VariationalMethod:
    """A decoder, which is the generator, and its encoder.

    Attributes:
        networks: `generator` and `encoder`.
        optimizers: Adam for each.
    """

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        rows: Batches,
        noise: Noise,
        rng: torch.Generator,
        *,
        batch_size: int,
        rate: float,
        betas: tuple[float, float],
        kl_weight: float,
    ) -> None:
        self.networks = {"generator": generator, "encoder": encoder}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(network.parameters(), rate, betas)
            for name, network in self.networks.items()
        }
        self.rows, self.noise, self.rng = rows, noise, rng
        self.batch_size, self.kl_weight = batch_size, kl_weight

    def step(self) -> dict[str, float]:
        """Do one step of both networks; see `Method.step`."""
        rows = torch.randint(len(self.rows), (self.batch_size,), generator=self.rng)
        vectors, conditions = self.rows.take(rows)
        mean, log_variance = self.networks["encoder"](vectors, conditions)
        codes = mean + (log_variance / 2).exp() * self.noise(self.batch_size)
        error = ((self.networks["generator"](codes, conditions) - vectors) ** 2).sum(dim=1).mean()
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        (error + self.kl_weight * divergence).backward()
        for optimizer in self.optimizers.values():
            optimizer.step()
        return {"squared_error": error.item(), "divergence": divergence.item()}
