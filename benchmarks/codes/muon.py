"""Muon for a network from the start: kernels keep their length, and each step turns them by a share of it.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, as in Jordan's record for CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from recipes.muon import polar

MOMENTUM = 0.9  # of batches of 500; Jordan's 0.6 is of batches of 2,000


class Muon(torch.optim.Optimizer):
    def __init__(self, kernels: Iterable[nn.Parameter], *, lr: float) -> None:
        super().__init__(kernels, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"].mul_(MOMENTUM).add_(p.grad)
                update = polar(p.grad.add(momentum, alpha=MOMENTUM).flatten(1)).view(p.shape)
                p.mul_(len(p) ** 0.5 / p.norm()).sub_(update, alpha=group["lr"])
