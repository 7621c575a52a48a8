"""The slim backbone with a share of its units, to learn what width is worth: stem taken over, other blocks solved for.

    python -m recipes.narrow --width 0.5 --data D --photos runs/photos --out runs/widths/solved-0.5.safetensors

The units of each block's 3 x 3 convolution are fewer, its projections stay. All widths begin alike: the stem is that of
the model that ships, whatever follows it is solved for (recipes.solve) from the same photos, width 1 too. So what the
model that ships has learnt since counts for none of them. recipes.refine goes on from the file.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from recipes.photo_cache import PackedPhotos
from recipes.solve import solve
from recipes.student import CONFIG, NUM_BLOCKS, STEM, Student, Taught
from recipes.teacher import Teacher
from recipes.views import random_box

SIDE, POSITIONS = 256, 80_000  # of the photos that blocks are solved from, and of each map in all
SAMPLE = 256  # photos that the teacher's maps are scaled by
CHANNEL_GROUP = 8  # channels of which a processor takes as many at a time


def narrow_config(config: BackboneConfig, width: float) -> BackboneConfig:
    """The 3 x 3 convolutions after the stem with that share of their units, a multiple of CHANNEL_GROUP."""
    layers, projections = list(config.layers), 0
    for i, layer in enumerate(layers):
        if isinstance(layer, str):
            projections += layer.startswith("P")
        elif projections >= STEM:
            layers[i] = max(CHANNEL_GROUP, round(layer * width / CHANNEL_GROUP) * CHANNEL_GROUP)
    return replace(config, layers=tuple(layers)).checked()


@torch.no_grad()
def take_stem(student: Student, shipped: Backbone) -> None:
    """The stem of a backbone whose norms are folded: those of the student then only add its biases."""
    ours, theirs = student.blocks()[0], [m for m in shipped.features if isinstance(m, nn.Conv2d)]
    for module in ours:
        if isinstance(module, nn.Conv2d):
            convolution = theirs.pop(0)
            assert convolution.bias is not None
            module.weight.copy_(convolution.weight)
            if module.bias is not None:
                module.bias.copy_(convolution.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.fill_((1 + module.eps) ** 0.5)
            module.bias.copy_(convolution.bias)


def crops(photos: PackedPhotos, count: int, seed: int) -> Tensor:
    """(count, 3, SIDE, SIDE) in 0..1, of photos that may be learnt from."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(np.flatnonzero(~photos.held_out), count)
    pixels = np.stack([photos.pixels(row, SIDE, random_box(rng)) for row in rows])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=float, required=True, help="share of the units that are kept, up to 1")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--begin", default="slim", help="checkpoint of which the stem is taken")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=2_000, help="to solve from")
    options = parser.parse_args()
    if not 0 < options.width <= 1:
        parser.error(f"--width {options.width}: the teacher has no units for more than 1")
    photos = PackedPhotos(options.photos)
    taught = Taught(Teacher(options.data / "teacher_mobilenet_v2.ts").eval(), crops(photos, SAMPLE, seed=5))
    student = Student(taught, narrow_config(CONFIG, options.width))
    take_stem(student, load(options.begin).backbone)
    rng = torch.Generator().manual_seed(7)
    solve(student, taught, crops(photos, options.crops, seed=7), range(1, NUM_BLOCKS), POSITIONS, rng)
    made = Checkpoint(name=options.out.stem, backbone=student.backbone.eval())
    labels = tuple(_IMAGENET_CATEGORIES)
    head = made.add_head(HeadConfig(kind="classes", num_features=CONFIG.num_features, num_out=1000, labels=labels))
    head.get_submodule("layer").load_state_dict(student.classes.state_dict())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save(made, options.out)
    print(f"{options.out}: {sum(p.numel() for p in made.backbone.parameters()) / 1e6:.1f} million weights")


if __name__ == "__main__":
    main()
