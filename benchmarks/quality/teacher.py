"""The teacher's own features, as a control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from devise.descriptors.network.backbones import cells
from devise.descriptors.network.config import BACKBONES
from devise.photos import load
from recipes.teacher import Teacher

BATCH = 16


@torch.inference_mode()
def teacher_features(paths: list[str], folder: Path) -> NDArray[np.float16]:
    """(n, views, 1280) of the teacher at the size and with the parts of the model that ships."""
    teacher, config = Teacher(Path(folder) / "teacher_mobilenet_v2.ts"), BACKBONES["slim"]
    side = config.preprocessing.size
    rows = []
    for start in range(0, len(paths), BATCH):
        pixels = np.stack([load(path, size=side, resize="squash") for path in paths[start : start + BATCH]])
        maps = teacher(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)[1]
        rows.append(torch.cat([maps.mean((2, 3))[:, None], cells(maps, config.parts)], 1).half().numpy())
    return np.concatenate(rows)
