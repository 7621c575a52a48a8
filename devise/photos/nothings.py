"""Pictures of nothing, made of one's own photos: noise, spliced photos, patches; a model learns from them to say no.

Their colours and grain are those of the photos, so that being of another camera does not give them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from devise.errors import PhotoError
from devise.files import replacing
from devise.photos.open import load

KINDS = ("noise", "spliced", "patch")
SIDE = 256
TILES = 6  # a side of a spliced picture: of 4 x 4 one still tells what each photo was
PATCH = 10  # a patch is this part of a photo's side: an eye or a wheel would be something


def write_nothings(photos: Sequence[str], folder: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """(kind, path) of `count` pictures in a folder; those that are there already are left as they are.

    Photos that cannot be read are passed over; none is written where none can be. Raises WriteError.
    """
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        chosen = [photos[i] for i in random.integers(0, len(photos), 4)]
        own = np.random.default_rng([seed, number])
        file = folder / f"{kind}-{number:05}.png"
        if not file.is_file():
            pictures = [picture for picture in map(_opened, chosen) if picture is not None]
            if not pictures:
                continue
            with replacing(file) as temporary:
                _made(kind, pictures, own).save(temporary, format="PNG")
        found.append((kind, str(file)))
    return found


def _opened(path: str) -> NDArray[np.uint8] | None:
    try:
        return load(path, size=SIDE, resize="squash")
    except PhotoError:
        return None


def _made(kind: str, pictures: Sequence[NDArray[np.uint8]], random: np.random.Generator) -> Image.Image:
    if kind == "noise":
        return _noise(pictures[0], random)
    if kind == "patch":
        side = SIDE // PATCH
        x, y = random.integers(0, SIDE - side, 2)
        return Image.fromarray(pictures[0][y : y + side, x : x + side]).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    side = SIDE // TILES
    canvas = np.zeros((side * TILES, side * TILES, 3), np.uint8)
    for row in range(TILES):
        for column in range(TILES):
            x, y = random.integers(0, SIDE - side, 2)
            tile = pictures[int(random.integers(len(pictures)))][y : y + side, x : x + side]
            turned = np.rot90(tile, int(random.integers(4)))
            canvas[row * side : (row + 1) * side, column * side : (column + 1) * side] = turned
    return Image.fromarray(canvas)


def _noise(picture: NDArray[np.uint8], random: np.random.Generator) -> Image.Image:
    """The photo's pixels in any order, coarse or fine, a little blurred."""
    side = int(random.choice([8, 32, SIDE]))
    pixels = random.permutation(picture.reshape(-1, 3))[: side * side].reshape(side, side, 3)
    made = Image.fromarray(np.ascontiguousarray(pixels)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return made.filter(ImageFilter.GaussianBlur(float(random.uniform(0, 2))))
