"""CIFAR-10 as a JPEG copy: its pictures in memory, the splits of three papers, a small VGG that learns from the start.

python -m benchmarks.codes.cifar --data DIR --photos 50000 --epochs 8     # goes on where it was stopped
"""

from __future__ import annotations

import argparse
import io
import math
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from benchmarks import data
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint, save
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.preprocess import Preprocessing
from devise.files import replacing

RUNS = Path("runs/codes")
SEED = 7
BATCH, RATE, DECAY, SMOOTHING = 256, 4e-3, 0.05, 0.1  # AdamW; the rate rises for a fifth of the steps, then falls to 0
# 25 million products a picture: an epoch of 50,000 is 50 s of one core
VGG32 = BackboneConfig(
    name="vgg32", layers=(32, "M", 64, "M", 128, 128, "M", 256), batch_norm=True, first_stride=1, top="conv",
    num_features=256, preprocessing=Preprocessing(size=32, resize="squash"),
)  # fmt: skip


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


def normalized(pixels: NDArray[np.uint8]) -> Tensor:
    about = VGG32.preprocessing
    mean, std = (torch.tensor(row).view(3, 1, 1) for row in (about.mean, about.std))
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return ((tensor - mean) / std).contiguous(memory_format=torch.channels_last)


def augmented(pixels: Tensor) -> Tensor:
    """Mirrored, moved by up to 4 pixels, with a square of 8 left out: (n, 3, 32, 32)."""
    pixels = torch.where(torch.rand(len(pixels), 1, 1, 1) < 0.5, pixels.flip(3), pixels)
    padded, (dy, dx) = F.pad(pixels, (4,) * 4, mode="reflect"), torch.randint(0, 9, (2, len(pixels)))
    each, at = torch.arange(len(pixels)).view(-1, 1, 1), torch.arange(32)
    moved = padded[each, :, dy.view(-1, 1, 1) + at.view(1, -1, 1), dx.view(-1, 1, 1) + at.view(1, 1, -1)]
    y, x = torch.randint(0, 32, (2, len(pixels), 1))
    hidden = ((at - y).abs() < 4)[:, :, None] & ((at - x).abs() < 4)[:, None]
    return (moved * ~hidden[..., None]).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def features(backbone: nn.Module, pixels: NDArray[np.uint8]) -> Tensor:
    backbone.eval()
    return torch.cat([backbone(normalized(pixels[at : at + 500])).float() for at in range(0, len(pixels), 500)])


def learn(cifar: Cifar, rows: NDArray[np.int64], epochs: int, name: str) -> Path:
    """A VGG that tells the ten classes apart, from the start; its checkpoint. Goes on where it was stopped."""
    path, state = RUNS / f"{name}.safetensors", RUNS / f"{name}.state"
    if path.exists():
        return path
    torch.manual_seed(SEED)
    backbone, head = Backbone(VGG32), nn.Linear(VGG32.num_features, len(cifar.classes))
    backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = nn.ModuleDict({"backbone": backbone, "head": head})
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    done, seconds = 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        done, seconds = kept["epoch"], kept["seconds"]
    for epoch in range(done, epochs):
        begun = time.process_time()
        loss = _epoch(model, optimizer, cifar, rows, (epoch, epochs))
        seconds += time.process_time() - begun
        with replacing(state) as temporary:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1,
                        "seconds": seconds}, temporary)  # fmt: skip
        print(f"{name}: epoch {epoch + 1} of {epochs}, loss {loss:.3f}, {_right(model, cifar):.3f} of 2,000 test "
              f"pictures right, {seconds:.0f} s of one core", flush=True)  # fmt: skip
    head_config = HeadConfig(kind="classes", num_features=VGG32.num_features, num_out=10, labels=cifar.classes)
    about = {"seconds": seconds, "epochs": epochs, "photos": len(rows)}
    made = Checkpoint(name=name, backbone=backbone, training=about)
    made.add_head(head_config).load_state_dict({f"layer.{key}": value for key, value in head.state_dict().items()})
    save(made, path)
    return path


def _epoch(
    model: nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    cifar: Cifar,
    rows: NDArray[np.int64],
    which: tuple[int, int],
) -> float:
    """Each picture once, but for what does not fill a batch. The mean loss."""
    epoch, epochs = which
    torch.manual_seed(SEED + 1000 * epoch)
    model.train()
    labels, steps, total = torch.from_numpy(cifar.labels), len(rows) // BATCH, 0.0
    order = rows[torch.randperm(len(rows)).numpy()]
    for number in range(steps):
        done = (epoch * steps + number + 1) / (epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (done / 0.2 if done < 0.2 else (1 + math.cos(math.pi * (done - 0.2) / 0.8)) / 2)
        some = order[number * BATCH : (number + 1) * BATCH]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model["head"](model["backbone"](augmented(normalized(cifar.pixels[some]))))
        loss = F.cross_entropy(logits.float(), labels[torch.from_numpy(some)], label_smoothing=SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / steps


@torch.no_grad()
def _right(model: nn.ModuleDict, cifar: Cifar) -> float:
    found = model["head"](features(model["backbone"], cifar.pixels[50_000::5])).argmax(1)
    return float((found == torch.from_numpy(cifar.labels[50_000::5])).float().mean())


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=8)
    options: argparse.Namespace = parser.parse_args()
    cifar = read(options.data)
    learn(cifar, cifar.some("train", options.photos // 10), options.epochs, f"vgg32-{options.photos}")


if __name__ == "__main__":
    main()
