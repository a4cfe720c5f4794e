"""A running mean of the weights, which generalises better than the last weights of a noisy descent.

Source: Polyak and Juditsky, SIAM J. Control Optim. 30, 838 (1992); as an exponential mean with a short start.
"""

from __future__ import annotations

import torch


class WeightAverage:
    """An exponential mean of the weights of a model.

    Attributes:
        steps: how many steps back the mean reaches, about; 0 copies the weights as they are.
        weights: parameter name to mean.
    """

    def __init__(self, model: torch.nn.Module, steps: int) -> None:
        """Start from the weights of a model."""
        self.steps = steps
        self.weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module, step: int) -> None:
        """Move the mean towards the weights.

        Args:
            model: after its optimizer step.
            step: optimizer steps done before; the first ones count more, so that the random start is forgotten.
        """
        share = 1.0 if self.steps == 0 else 1.0 / min(step + 10, self.steps)
        current = [parameter.detach() for _, parameter in model.named_parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, share)

    @torch.no_grad()
    def swap(self, model: torch.nn.Module) -> None:
        """Exchange the weights of the model with the mean; a second call undoes it."""
        for name, parameter in model.named_parameters():
            kept = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)
