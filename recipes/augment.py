"""What the student is shown: random crops of whole photos, and mosaics of Tiny-ImageNet's small ones."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from recipes.photos import Photos

# How often each set is drawn: busy scenes with several things most, product photos on white least for their number.
SHARES = {"voc": 0.35, "flickr8k": 0.25, "caltech101": 0.2, "scenes": 0.08, "fashion": 0.12}
SMALLEST = 0.2  # share of a photo's area in a crop


def draw_weights(photos: Photos) -> Tensor:
    """(n,) how likely each full-size photo is drawn."""
    sets = [name.split("/")[0] for name in photos.names]
    return torch.tensor([SHARES[name] / sets.count(name) for name in sets], dtype=torch.float64)


def crops(photos: Photos, rows: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Random crops of a fifth to all of the area, random aspect, flip, colour -> (n, 3, size, size) in 0..1."""
    pixels = torch.from_numpy(np.ascontiguousarray(photos.pixels[rows.numpy()]))
    pixels = pixels.permute(0, 3, 1, 2).float().div_(255)
    n = len(pixels)
    area = _uniform(n, rng) * (1 - SMALLEST) + SMALLEST
    ratio = torch.exp(_around_zero(n, rng) * 2 * math.log(4 / 3))
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    x, y = _around_zero(n, rng) * 2 * (1 - w), _around_zero(n, rng) * 2 * (1 - h)
    flip = torch.where(_uniform(n, rng) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2], theta[:, 1, 1], theta[:, 1, 2] = w * flip, x, h, y
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    out = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    return coloured(out, rng)


def mosaics(photos: Photos, rows: Tensor, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Four small photos a picture: (4n,) rows -> (n, 3, size, size), classes (4n,) in reading order.

    Small photos keep the detail they have, and a position of the map learns to name what is at its own place.
    """
    n, half = len(rows) // 4, size // 2
    tiles = crops(photos, rows, half, rng).view(n, 2, 2, 3, half, half)
    pictures = tiles.permute(0, 3, 1, 4, 2, 5).reshape(n, 3, size, size)
    return pictures, torch.from_numpy(photos.classes[rows.numpy()])


def quarters(maps: Tensor) -> Tensor:
    """Average of each tile's positions: (n, c, 2k, 2k) -> (4n, c), in the order of `mosaics`."""
    n, c, side, _ = maps.shape
    k = side // 2
    return maps.reshape(n, c, 2, k, 2, k).mean((3, 5)).permute(0, 2, 3, 1).reshape(4 * n, c)


def coloured(pixels: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Random gain of each channel, brightness, and now and then no colour at all."""
    n = len(pixels)
    gain = 1 + (torch.rand(n, 3, 1, 1, generator=rng) - 0.5) * 0.3 * strength
    lift = (torch.rand(n, 1, 1, 1, generator=rng) - 0.5) * 0.2 * strength
    contrast = 1 + (torch.rand(n, 1, 1, 1, generator=rng) - 0.5) * 0.4 * strength
    centre = pixels.mean((1, 2, 3), keepdim=True)
    pixels = (pixels - centre) * contrast + centre
    grey = torch.rand(n, 1, 1, 1, generator=rng) < 0.05 * strength
    pixels = torch.where(grey, pixels.mean(1, keepdim=True), pixels)
    return (pixels * gain + lift).clamp_(0, 1)


def _uniform(n: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, generator=rng)


def _around_zero(n: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, generator=rng) - 0.5
