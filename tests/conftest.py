"""What the quick tests share: photos drawn here, an encoder that needs no network, a home of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# Before torch is imported: on models as small as these its threads only wait for each other, and where another
# program is at work they spin: 87 s of processor time instead of 16 for the tests that learn colours
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image, ImageDraw

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 180, 40),
    "blue": (30, 50, 210),
    "yellow": (230, 220, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes what the user has."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("LIBRARY", "MODEL", "VECTORS", "CHECKPOINTS"):
        monkeypatch.delenv(f"DEVISE_{name}", raising=False)
    monkeypatch.setenv("DEVISE_EMBEDDINGS", str(home / "embeddings"))


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draw a photo: draw("album/red.jpg", (220, 30, 30)); `seed` makes pictures of one colour differ."""

    def draw_at(name: str, colour: tuple[int, int, int] = (200, 40, 40), size=(64, 48), seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", size, colour)
        random = np.random.default_rng(seed)
        for _ in range(3 if seed else 0):
            corner = random.integers(0, min(size) // 2, 2)
            box = (*corner.tolist(), *(corner + random.integers(4, 20, 2)).tolist())
            ImageDraw.Draw(image).rectangle(box, fill=tuple(random.integers(0, 255, 3).tolist()))
        image.save(path)
        return path

    return draw_at


@pytest.fixture
def album(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """Six photos, each of one colour, one of them in a folder below."""
    for name, colour in COLOURS.items():
        draw(f"album/{'below/' if name == 'blue' else ''}{name}.png", colour)
    return tmp_path / "album"


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()
