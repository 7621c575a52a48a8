"""Several processes, one model: each looks at its own photos, all take the same step (torchrun sets them up)."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

PATIENCE = timedelta(hours=1)  # for the process that validates and saves while the others wait


class Workers:
    """One process among its siblings; alone where torchrun did not start it."""

    def __init__(self) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.count > 1:
            torch.set_num_threads(1)
            dist.init_process_group("gloo", timeout=PATIENCE)

    def average_gradients(self, module: nn.Module) -> None:
        if self.count == 1:
            return
        parameters = [p for p in module.parameters() if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in parameters])  # type: ignore[union-attr]
        dist.all_reduce(flat)
        flat /= self.count
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.grad.copy_(part.view_as(p))  # type: ignore[union-attr]

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()
