"""A photo as somebody else might have taken it: another part of it, mirrored, in other light and colours.

Chen et al., "A simple framework for contrastive learning of visual representations", 2020, section 3, without blur.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

LEAST_AREA = 0.3  # of the photo: of less, two parts often share nothing
ASPECT = (3 / 4, 4 / 3)
JITTER = 0.4  # of brightness, contrast and saturation, up and down
GREY = 0.2  # share of grey ones


def augmented(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """(size, size, 3) -> (size, size, 3), drawn anew."""
    size = len(pixels)
    area, aspect = random.uniform(LEAST_AREA, 1), np.exp(random.uniform(*np.log(ASPECT)))
    width, height = (min(size, size * np.sqrt(area * each)) for each in (aspect, 1 / aspect))
    left, top = random.uniform(0, size - width), random.uniform(0, size - height)
    picture = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR,
                                             (left, top, left + width, top + height))  # fmt: skip
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(random.uniform(1 - JITTER, 1 + JITTER))
    if random.random() < GREY:
        picture = picture.convert("L").convert("RGB")
    made = np.asarray(picture)
    return np.ascontiguousarray(made[:, ::-1] if random.random() < 0.5 else made)
