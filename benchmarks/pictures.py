"""VOC's photos as large as photos are: VOC comes with 320 pixels on its longest side, users' photos do not.

They are enlarged by Pillow (Lanczos) with grain on top, as sensors have it, and saved with quality 90: without grain,
files of 12 megapixels have 0.8 MB and are decoded in half the time that a phone's take.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import data
from devise import config

ORDINARY = 500  # pixels on the longest side: VOC's originals, ImageNet's average
PHONE = 4032  # 12 megapixels
GRAIN = 6.0  # standard deviation in brightness: 3.4 MB at 12 megapixels
QUALITY = 90


def photos(folder: Path | None, pixels: int, count: int | None = None) -> list[Path]:
    """The first `count` photos of VOC (all: None), enlarged; made once and kept in the cache."""
    sources = sorted((data.unpacked(folder, "voc") / "images").glob("*.jpg"))[:count]
    place = config.user_cache() / "benchmarks" / f"voc-{pixels}"
    place.mkdir(parents=True, exist_ok=True)
    files = [place / source.name for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(_enlarge, pixels=pixels), sources, files))
    return files


def linked(files: list[Path], folder: Path) -> Path:
    """A folder of just these files."""
    folder.mkdir(parents=True)
    for file in files:
        try:
            (folder / file.name).hardlink_to(file)
        except OSError:  # another disk
            shutil.copy2(file, folder)
    return folder


def _enlarge(source: Path, file: Path, pixels: int) -> None:
    if file.exists():
        return
    with Image.open(source) as image:
        scale = pixels / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        enlarged = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    rng = np.random.default_rng(list(source.name.encode()))
    grain = rng.standard_normal((size[1], size[0], 1), dtype=np.float32) * GRAIN
    grainy = Image.fromarray(np.clip(np.asarray(enlarged) + grain, 0, 255).astype(np.uint8))
    temporary = file.with_suffix(".part")
    grainy.save(temporary, "JPEG", quality=QUALITY)
    temporary.rename(file)
