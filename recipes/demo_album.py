"""A small album of real photographs that come with scikit-image and scikit-learn.

python -m recipes.demo_album demo/album
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# Package, its folder, its photographs: drawings, charts and microscope pictures are left out
PHOTOGRAPHS = (
    (
        "skimage",
        "data",
        (
            "astronaut.png",
            "brick.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "grass.png",
            "gravel.png",
            "hubble_deep_field.jpg",
            "moon.png",
            "motorcycle_left.png",
            "motorcycle_right.png",
            "rocket.jpg",
        ),
    ),
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
)


def photographs() -> Iterator[Path]:
    """Their files, found without importing the packages."""
    for package, folder, names in PHOTOGRAPHS:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            sys.exit(f"the demo's photographs come with {package}; run: make setup")
        yield from (Path(spec.submodule_search_locations[0]) / folder / name for name in names)


def make(album: Path) -> Path:
    """Copy the photographs that `album` lacks."""
    album.mkdir(parents=True, exist_ok=True)
    for photo in photographs():
        if photo.exists() and not (album / photo.name).exists():
            shutil.copyfile(photo, album / photo.name)
    return album


if __name__ == "__main__":
    make(Path(sys.argv[1]))
