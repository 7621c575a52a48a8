"""CIFAR-10 as a JPEG copy: its pictures in memory, drawn parts of them, and how they are changed while one learns."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from devise.descriptors.network.preprocess import Preprocessing
from devise.files import replacing

RUNS = Path("runs/codes")
SEED = 7
SHIFT = 2  # pixels that a picture is moved by, at most


@dataclass(frozen=True)
class Cifar:
    """pixels: (60000, 32, 32, 3) uint8, labels: (60000,); the first 50,000 are the training part, sorted by class."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def some(self, part: str, each: int, seed: int = SEED) -> NDArray[np.int64]:
        """Rows of so many of each class, drawn with a seed, of the part "train" or "test"."""
        random = np.random.default_rng(seed)
        rows = np.arange(50_000) if part == "train" else np.arange(50_000, 60_000)
        of_class = [rows[self.labels[rows] == label] for label in range(10)]
        return np.sort(np.concatenate([random.permutation(some)[:each] for some in of_class]))


def read(folder: Path) -> Cifar:
    """From cifar10.tar.xz, decoded once and kept beside the runs."""
    kept = RUNS / "cifar10.npz"
    if not kept.exists():
        found: dict[str, list[tuple[str, NDArray[np.uint8]]]] = {"train": [], "test": []}
        with tarfile.open(folder / "cifar10.tar.xz") as archive:
            for member in archive:
                parts = Path(member.name).parts[-3:]
                file = archive.extractfile(member) if member.name.endswith(".jpg") else None
                if file:
                    picture = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))
                    found[parts[0]].append(("/".join(parts[1:]), picture))
        every = sorted(found["train"], key=lambda one: one[0]) + sorted(found["test"], key=lambda one: one[0])
        names = np.array([name.split("/")[0] for name, _ in every])
        with replacing(kept) as temporary, temporary.open("wb") as opened:
            np.savez(opened, pixels=np.stack([picture for _, picture in every]), names=names)
    stored = np.load(kept)
    classes, labels = np.unique(stored["names"], return_inverse=True)
    return Cifar(stored["pixels"], labels.astype(np.int64), tuple(classes.tolist()))


def normalized(pixels: NDArray[np.uint8], about: Preprocessing) -> Tensor:
    """As the network wants them, enlarged where it looks at more than 32 pixels: (n, 3, size, size)."""
    mean, std = (torch.tensor(row).view(3, 1, 1) for row in (about.mean, about.std))
    tensor = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std
    return _sized(tensor, about)


def augmented(pixels: NDArray[np.uint8], about: Preprocessing, mirrored: Tensor) -> Tensor:
    """The same of pictures that are moved, and of those that are to be mirrored."""
    small = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    small = torch.where(mirrored.view(-1, 1, 1, 1), small.flip(3), small).float()
    padded = F.pad(small, (SHIFT,) * 4, mode="reflect")
    dy, dx = torch.randint(0, 2 * SHIFT + 1, (2, len(small), 1, 1))
    at = torch.arange(32)
    moved = padded[torch.arange(len(small)).view(-1, 1, 1), :, dy + at.view(1, -1, 1), dx + at.view(1, 1, -1)]
    return normalized(moved.to(torch.uint8).numpy(), about)


def _sized(pixels: Tensor, about: Preprocessing) -> Tensor:
    if about.size != pixels.shape[2]:
        pixels = F.interpolate(pixels, size=(about.size, about.size), mode="bilinear", antialias=True)
    return pixels.contiguous(memory_format=torch.channels_last)
