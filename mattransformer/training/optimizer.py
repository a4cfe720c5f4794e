"""The optimizers: AdamW, or Muon on the matrices between layers with AdamW beside it for all other weights.

Muon moves a matrix along the orthogonal factor of its gradient, so that all its directions move alike (K. Jordan et
al., 2024, https://kellerjordan.github.io/posts/muon/). Its rate is scaled so that the mean square of a step is that of
AdamW (Liu et al., arXiv:2502.16982): one `learning_rate` serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import torch

from mattransformer.models.architectures import embedding_parameters
from mattransformer.training.processes import has_fast_bfloat16

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.training.config import TrainingConfig

_MOMENTUM: Final = 0.95
# Heads of a few outputs are no matrices between layers.
_LEAST_SIDE: Final = 16


def make_optimizer(model: PreTrainedModel, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimizer of a training; vectors (biases and norms) do not decay.

    Args:
        model: gives the parameters.
        config: gives the kind, rate, decay and betas.

    Returns:
        The optimizer.
    """
    parameters = list(model.parameters())
    if config.optimizer == "muon":
        outside = {id(parameter) for parameter in embedding_parameters(model)}
        inner = [
            p for p in parameters if p.ndim == 2 and min(p.shape) >= _LEAST_SIDE and id(p) not in outside
        ]
        return _MuonBesideAdamW(inner, _adamw(_without(parameters, inner), config), config)
    return _adamw(parameters, config)


def _adamw(parameters: list[torch.nn.Parameter], config: TrainingConfig) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.betas[0], config.betas[1]),
        fused=True,
    )


def _without(
    parameters: list[torch.nn.Parameter], left_out: list[torch.nn.Parameter]
) -> list[torch.nn.Parameter]:
    names = {id(parameter) for parameter in left_out}
    return [parameter for parameter in parameters if id(parameter) not in names]


class _SinglePrecisionMuon(torch.optim.Muon):
    """Muon that looks for the orthogonal factor in float32.

    torch does it in bfloat16, which costs 14 to 18 times as much on a processor without instructions for it.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take a step: that of torch's, but for the precision of the factor."""
        del closure
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weights.grad)
                mean = state["momentum_buffer"]
                mean.lerp_(weights.grad, 1 - group["momentum"])
                direction = _orthogonal_factor(weights.grad.lerp(mean, group["momentum"]), group)
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                # The scale of Liu et al., as adjust_lr_fn="match_rms_adamw".
                weights.add_(direction, alpha=-group["lr"] * 0.2 * max(weights.shape) ** 0.5)


def _orthogonal_factor(matrix: torch.Tensor, group: Mapping[str, Any]) -> torch.Tensor:
    """Make all singular values about one: the quintic Newton-Schulz iteration of Jordan et al."""
    a, b, c = group["ns_coefficients"]
    upright = matrix.shape[0] > matrix.shape[1]
    factor = matrix.T if upright else matrix
    factor = factor / factor.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = factor @ factor.T
        factor = torch.addmm(factor, torch.addmm(gram, gram, gram, beta=b, alpha=c), factor, beta=a)
    return factor.T if upright else factor


class _MuonBesideAdamW(torch.optim.Optimizer):
    """Two optimizers that share their groups and their state with this one, which is saved and restored as one."""

    def __init__(
        self, inner: list[torch.nn.Parameter], others: torch.optim.AdamW, config: TrainingConfig
    ) -> None:
        kind = torch.optim.Muon if has_fast_bfloat16() else _SinglePrecisionMuon
        self._muon = kind(
            inner,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            momentum=_MOMENTUM,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adamw = others
        super().__init__([*self._muon.param_groups, *others.param_groups], {})
        self._share()

    def _share(self) -> None:
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        self._muon.state = self._adamw.state = self.state

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take a step with both."""
        del closure
        cast("Any", self._muon).step()
        cast("Any", self._adamw).step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both."""
        super().load_state_dict(state_dict)
        self._share()
