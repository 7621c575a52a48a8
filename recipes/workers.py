"""Several processes, one model: each looks at its own photos, all take the same step (torchrun sets them up)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

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
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        self.add_up(gradients)
        for gradient in gradients:
            gradient /= self.count

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def agree(self, module: nn.Module) -> None:
        """Give all processes what the first has: batch norms' averages are of each one's own photos."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()
