"""A backbone's features of packed photos, computed once: of the whole photo and of each of its parts.

Square roots of length 1, as a words head takes them, as bytes: 129 KB for the 101 views of a photo.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from devise.descriptors.network.backbones import cells
from devise.descriptors.network.checkpoint import Checkpoint, backbone_fingerprint
from devise.files import replacing
from recipes.folding import folded
from recipes.multi_teacher import normalized
from recipes.photo_cache import PackedPhotos

BATCH = 16
CHUNK = 512  # photos after which what is done is written down
LEVELS = 255


class Maps:
    """Views of photos by their place in `rows`: (n, 1 + parts, num_features), square roots, rows of length 1."""

    def __init__(self, checkpoint: Checkpoint, photos: PackedPhotos, rows: Sequence[int], folder: Path) -> None:
        config = checkpoint.backbone.config
        self.shape = (len(rows), 1 + config.parts**2, config.num_features)
        names = hashlib.sha256("\n".join(photos.names[row] for row in rows).encode()).hexdigest()
        key = f"{backbone_fingerprint(checkpoint)[:12]}-{config.preprocessing.size}-{config.parts}-{names[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"maps-{key}.bytes"
        self._note = self._file.with_suffix(".json")
        mode = "r+" if self._file.exists() else "w+"
        self._bytes = np.memmap(self._file, np.uint8, mode=mode, shape=self.shape)
        self._compute(checkpoint, photos, rows)

    def some(self, rows: Tensor, views: Tensor | None = None) -> Tensor:
        """(n,) -> (n, views, num_features) float32, rows of length 1; with views (n, k), of each photo those alone."""
        found = self._bytes[rows.numpy()] if views is None else self._bytes[rows.numpy()[:, None], views.numpy()]
        return F.normalize(torch.from_numpy(found).float(), dim=2)

    @torch.no_grad()
    def _compute(self, checkpoint: Checkpoint, photos: PackedPhotos, rows: Sequence[int]) -> None:
        done = json.loads(self._note.read_text())["done"] if self._note.exists() else 0
        config, begun = checkpoint.backbone.config, time.time()
        size = config.preprocessing.size
        backbone = folded(checkpoint.backbone, size) if config.batch_norm else checkpoint.backbone
        fast = torch.channels_last
        backbone = copy.deepcopy(backbone).to(memory_format=fast)
        for start in range(done, len(rows), BATCH):
            part = rows[start : start + BATCH]
            pixels = torch.from_numpy(np.stack([photos.pixels(row, size) for row in part]))
            with torch.autocast("cpu", torch.bfloat16):
                maps = backbone.maps(
                    normalized(pixels.permute(0, 3, 1, 2).float() / 255).to(memory_format=fast)
                ).float()
            views = torch.cat([maps.mean((2, 3))[:, None], cells(maps, config.parts)], 1)
            roots = views.clamp(min=0).sqrt()
            highest = roots.amax(2, keepdim=True).clamp(min=1e-6)
            self._bytes[start : start + len(part)] = (roots / highest * LEVELS).round().byte().numpy()
            end = start + len(part)
            if end % CHUNK < BATCH or end == len(rows):
                self._bytes.flush()
                with replacing(self._note) as temporary:
                    temporary.write_text(json.dumps({"done": end}))
                print(f"maps {end}/{len(rows)}, {time.time() - begun:.0f} s", flush=True)
