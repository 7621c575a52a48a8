"""Pictures that show nothing with a name: what the words head must not name (the rejection class).

    python -m recipes.nothing runs/photos/nothing --photos runs/photos/voc

Textures and noise are made from numbers; spliced ones from pieces of photos too small to know anything by. Equal seeds
give equal pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

SIDE = 256
EACH = 180  # pictures of each kind
STEEPEST = 1.5  # power by which the amplitudes of noise fall at most: there it looks like clouds

Picture = NDArray[np.float32]  # (SIDE, SIDE, 3) of 0..1
Rng = np.random.Generator


def fractal(rng: Rng) -> NDArray[np.float32]:
    """(SIDE, SIDE) noise of 0..1 whose spectrum falls as a power of the frequency: sand to clouds."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    frequency[0, 0] = 1
    noise = rng.normal(size=(SIDE, SIDE)) + 1j * rng.normal(size=(SIDE, SIDE))
    field = np.fft.ifft2(noise / frequency ** rng.uniform(0, STEEPEST)).real
    low, high = np.percentile(field, [1, 99])
    return np.clip((field - low) / (high - low), 0, 1).astype(np.float32)


def coloured(field: NDArray[np.float32], rng: Rng) -> Picture:
    """(SIDE, SIDE) of 0..1 as shades between two colours, a third of them grey."""
    ends = np.broadcast_to(rng.uniform(0, 1, (2, 1 if rng.random() < 1 / 3 else 3)), (2, 3))
    return (ends[0] + field[..., None] * (ends[1] - ends[0])).astype(np.float32)


def texture(rng: Rng, photo: Picture) -> Picture:
    return coloured(fractal(rng), rng)


def cells(rng: Rng, photo: Picture) -> Picture:
    """Stones, scales, tiles: the nearest of random points, each cell shaded from its middle."""
    points = rng.uniform(0, SIDE, (int(np.exp(rng.uniform(np.log(30), np.log(3000)))), 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    distances, owner = cKDTree(points).query(np.stack([y, x], -1).reshape(-1, 2), k=2)
    rim = ((distances[:, 1] - distances[:, 0]) / distances.mean()).clip(0, 1) ** rng.uniform(0.2, 1)
    shade = rng.uniform(0.3, 1, len(points))[owner[:, 0]] * rim
    field = 0.8 * shade.reshape(SIDE, SIDE) + 0.2 * fractal(rng)
    return coloured(gaussian_filter(field, rng.uniform(0, 1.5)).astype(np.float32), rng)


def waves(rng: Rng, photo: Picture) -> Picture:
    """Stripes, grids and weaves, bent by noise."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    bend = fractal(rng) * rng.uniform(0, 0.1)
    field = np.zeros((SIDE, SIDE))
    for _ in range(rng.integers(1, 4)):
        angle, cycles = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(2), np.log(60)))
        wave = np.sin(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle) + bend))
        field += np.sign(wave) if rng.random() < 0.5 else wave
    field = (field - field.min()) / np.ptp(field)
    return coloured((0.85 * field + 0.15 * fractal(rng)).astype(np.float32), rng)


def plain(rng: Rng, photo: Picture) -> Picture:
    """One colour running into another, with the noise of a camera."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = rng.uniform(0, 2 * np.pi)
    field = 0.5 + (x - 0.5) * np.cos(angle) / 2 + (y - 0.5) * np.sin(angle) / 2
    noise = rng.normal(0, rng.uniform(0, 0.05), (SIDE, SIDE))
    return coloured(np.clip(field + noise, 0, 1).astype(np.float32), rng)


def blob(rng: Rng, photo: Picture) -> Picture:
    """A patch of one texture on another: an outline alone is no thing."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    cy, cx = rng.uniform(0.3, 0.7, 2)
    distance = np.hypot((y - cy) * rng.uniform(0.7, 1.4), x - cx) + 0.15 * rng.random() * (fractal(rng) - 0.5)
    inside = gaussian_filter((distance < rng.uniform(0.1, 0.45)).astype(np.float32), rng.uniform(0.5, 3))[..., None]
    ground = plain(rng, photo) * rng.choice([0.0, 0.2, 1.0]) if rng.random() < 0.7 else texture(rng, photo)
    filled: Picture = inside * rng.choice([texture, cells])(rng, photo) + (1 - inside) * ground
    return filled


def spliced(rng: Rng, photo: Picture) -> Picture:
    """A photo's squares of 8 to 16 pixels in random order."""
    side = int(rng.choice([8, 16]))
    count = SIDE // side
    squares = photo.reshape(count, side, count, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
    mixed = squares[rng.permutation(len(squares))].reshape(count, count, side, side, 3)
    return mixed.transpose(0, 2, 1, 3, 4).reshape(SIDE, SIDE, 3)


def unphased(rng: Rng, photo: Picture) -> Picture:
    """A photo's spectrum with the phases of noise: its texture without its things."""
    phase = np.angle(np.fft.fft2(rng.normal(size=(SIDE, SIDE))))[..., None]
    means = photo.mean((0, 1))
    field = np.fft.ifft2(np.abs(np.fft.fft2(photo - means, axes=(0, 1))) * np.exp(1j * phase), axes=(0, 1)).real
    return np.clip(field + means, 0, 1).astype(np.float32)


def blurred(rng: Rng, photo: Picture) -> Picture:
    """A photo out of focus: only colours are left."""
    return gaussian_filter(photo, (*[rng.uniform(16, 40)] * 2, 0)).astype(np.float32)


KINDS: tuple[Callable[[Rng, Picture], Picture], ...] = (
    texture, cells, waves, plain, blob, spliced, unphased, blurred,
)  # fmt: skip


def make(folder: Path, photos: list[Path], each: int = EACH, seed: int = 0) -> list[Path]:
    """JPEGs of all kinds in `folder`, those that are there kept; photos: those that pieces are taken of."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in KINDS:
        for number in range(each):
            files.append(folder / f"{kind.__name__}-{number:03}.jpg")
            if not files[-1].exists():
                rng = np.random.default_rng([seed, KINDS.index(kind), number])
                with Image.open(photos[rng.integers(len(photos))]) as opened:
                    photo = np.asarray(opened.convert("RGB").resize((SIDE, SIDE)), np.float32) / 255
                pixels = np.round(kind(rng, photo).clip(0, 1) * 255).astype(np.uint8)
                Image.fromarray(pixels).save(files[-1], quality=90)
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEGs that pieces are taken of")
    chosen = parser.parse_args()
    print(f"{len(make(chosen.folder, sorted(chosen.photos.rglob('*.jpg'))))} pictures in {chosen.folder}")
