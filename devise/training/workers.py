"""Several processes that train one model together, each on its share of every batch (torchrun starts them).

torch's DistributedDataParallel averages what they learn, over gloo, on graphics cards over NCCL; so a step is that of
one process with the whole batch, but for the batch norms, which see a share, and for what is drawn at random. The first
process judges, writes and talks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from devise.errors import TrainingError
from devise.training.objectives.base import Heads, Objective

T = TypeVar("T")
PATIENCE = timedelta(hours=6)  # for the process that judges and saves while the others wait
LOST = ("gloo", "nccl", "connection closed", "connection reset", "timed out", "broken pipe")  # of a process that ended


@dataclass(frozen=True)
class Workers:
    """One process among `count`. Alone, all of this costs nothing and changes nothing."""

    count: int = 1
    rank: int = 0

    @property
    def is_alone(self) -> bool:
        return self.count == 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, drawn: Tensor, batch: int) -> tuple[Tensor, int]:
        """Of rows in batches those of this process, a share of each, and how many a batch then has."""
        if self.count == 1:
            return drawn, batch
        mine = [some[self.rank :: self.count] for some in torch.split(drawn, batch)]
        return torch.cat(mine), -(-batch // self.count)

    def seed(self, seed: int) -> None:
        """What is drawn from here on differs between processes."""
        if self.rank:
            torch.manual_seed(seed + self.rank * 15_485_863)  # a prime far from the seeds of epochs

    def together(self, losses: Losses) -> nn.Module:
        """The losses, whose steps are averaged over all processes."""
        if self.count == 1:
            return losses
        return DistributedDataParallel(losses, find_unused_parameters=True)  # objectives differ in what they need

    def joined(self, losses: nn.Module) -> AbstractContextManager[object]:
        """An epoch: who has fewer batches, for photos that cannot be read, lets the others finish."""
        return losses.join() if isinstance(losses, DistributedDataParallel) else nullcontext()

    def sum(self, *numbers: float) -> tuple[float, ...]:
        """Over all processes."""
        if self.count == 1:
            return numbers
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return tuple(total.tolist())

    def first(self, work: Callable[[], T]) -> T:
        """What the first process makes of it, for all."""
        if self.count == 1:
            return work()
        made: list[Any] = [work() if self.is_first else None]
        dist.broadcast_object_list(made, 0)
        found: T = made[0]
        return found

    def gathered(self, mine: Sequence[T]) -> list[T]:
        """What all processes have."""
        if self.count == 1:
            return list(mine)
        each: list[Any] = [None] * self.count
        dist.all_gather_object(each, list(mine))
        return [one for part in each for one in part]

    def sent(self, rows: NDArray[Any], owner: int) -> None:
        """The rows that process `owner` has, into those of the others."""
        if self.count > 1:
            flat = torch.from_numpy(rows.view(np.uint8).reshape(-1))
            dist.broadcast(flat, owner)

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()


ALONE = Workers()


class Losses(nn.Module):
    """The losses of all objectives as one module, with all that learns."""

    def __init__(self, objectives: Sequence[Objective], heads: Heads, others: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.heads = heads  # a mapping is no module: they are registered as parts
        self.objectives = list(objectives)
        self.parts = nn.ModuleList([*heads.values(), *others.values()])

    def forward(self, features: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        return tuple(objective.loss(self.heads, features, rows) for objective in self.objectives)


@contextmanager
def workers(batch: int) -> Iterator[Workers]:
    """Those that torchrun started, or this process alone. batch: photos a step, of all together.

    Raises TrainingError for a batch that is too small for so many, and where one of them ends.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if count == 1:
        yield ALONE
        return
    if batch < 2 * count:
        raise TrainingError(f"a batch of {batch} is too small for {count} processes; give --batch {2 * count} or more")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    else:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", count))
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // here))
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
        yield Workers(count, rank)
    except (RuntimeError, ValueError) as error:
        if not any(sign in str(error).lower() for sign in LOST):
            raise
        raise TrainingError(
            f"another of the {count} processes has ended, and with it this run; what was learnt until its last epoch "
            "is kept: go on with the same command and --resume"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
