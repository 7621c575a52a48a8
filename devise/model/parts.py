"""A photo's parts in few vectors: neighbouring windows mostly say the same, so like ones are merged."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ROUNDS = 5  # of k-means; sixteen windows settle in two or three


def kept(rows: Tensor, k: int) -> Tensor:
    """What is stored and asked of a photo: (n, 1 + parts, dim) -> (n, 1 + k, dim), the whole photo and merged parts."""
    return torch.cat([rows[:, :1], distinct(rows[:, 1:], rows[:, 0], k)], 1) if k else rows[:, :1]


def distinct(parts: Tensor, whole: Tensor, k: int) -> Tensor:
    """The k groups that unit rows fall into: (n, parts, dim), (n, dim) -> (n, k, dim) unit rows.

    k-means on the sphere (Dhillon and Modha, 2001), begun with the part least like the whole photo and then always
    the part least like those taken: what is small and different from the rest gets a vector of its own.
    """
    every = torch.arange(len(parts), device=parts.device)
    taken = [parts[every, torch.einsum("npd,nd->np", parts, whole).argmin(1)]]
    nearest = torch.einsum("npd,nd->np", parts, taken[0])
    while len(taken) < min(k, parts.shape[1]):
        taken.append(parts[every, nearest.argmin(1)])
        nearest = torch.maximum(nearest, torch.einsum("npd,nd->np", parts, taken[-1]))
    centres = torch.stack(taken, 1)
    for _ in range(ROUNDS):
        group = torch.einsum("npd,nkd->npk", parts, centres).argmax(2)
        members = F.one_hot(group, centres.shape[1]).to(parts.dtype)  # (n, parts, k)
        sums = torch.einsum("npk,npd->nkd", members, parts)
        lengths = sums.norm(dim=2, keepdim=True)
        centres = torch.where(lengths > 1e-6, sums / lengths.clamp(min=1e-6), centres)  # an empty group stays
    return centres
