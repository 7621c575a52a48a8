"""Photos and known changes of them, beside photos that only look alike: what duplicates are measured on.

The set lies in the cache, made once: 1,000 photos of VOC, each as it is and changed in fifteen ways, and all that is
left of VOC, products, scenes and Caltech-101, among which there are many that look alike and are not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from benchmarks.data import unpacked
from devise import config

NUM_PHOTOS = 1_000
Picture = Image.Image


def _crop(share: float) -> Callable[[Picture], Picture]:
    """Without this share of the width and of the height, more of it at the left and the top."""

    def cropped(photo: Picture) -> Picture:
        width, height = photo.size
        left, top = round(width * share * 0.7), round(height * share * 0.7)
        return photo.crop((left, top, left + round(width * (1 - share)), top + round(height * (1 - share))))

    return cropped


def _caption(photo: Picture) -> Picture:
    """With a line of text on a band below."""
    made = ImageOps.expand(photo, (0, 0, 0, photo.height // 8), "white")
    ImageDraw.Draw(made).text((8, photo.height + 6), "a day at the lake, 2019", "black")
    return made


def _text(photo: Picture) -> Picture:
    made = photo.copy()
    ImageDraw.Draw(made).text(
        (photo.width // 8, photo.height // 3), "HAPPY BIRTHDAY", "white", font_size=photo.width // 12
    )
    return made


def _watermark(photo: Picture) -> Picture:
    """Across the middle, half transparent."""
    mark = Image.new("L", photo.size)
    ImageDraw.Draw(mark).text(
        (photo.width // 8, photo.height // 2), "(c) photos.example", 110, font_size=photo.width // 10
    )
    return Image.composite(Image.new("RGB", photo.size, "white"), photo, mark)


# what is done -> how, and how it is saved: (how, suffix, quality)
SAME: dict[str, tuple[Callable[[Picture], Picture], str, int]] = {
    "resized": (lambda photo: photo.resize((photo.width // 2, photo.height // 2)), "jpg", 90),
    "JPEG 30": (lambda photo: photo, "jpg", 30),
    "PNG": (lambda photo: photo, "png", 0),
    "WebP": (lambda photo: photo, "webp", 80),
}
NEAR: dict[str, tuple[Callable[[Picture], Picture], str, int]] = {
    "crop 5 %": (_crop(0.05), "jpg", 90),
    "crop 10 %": (_crop(0.10), "jpg", 90),
    "crop 25 %": (_crop(0.25), "jpg", 90),
    "brighter": (lambda photo: ImageEnhance.Brightness(photo).enhance(1.3), "jpg", 90),
    "grey": (lambda photo: ImageOps.grayscale(photo).convert("RGB"), "jpg", 90),
    "frame": (lambda photo: ImageOps.expand(photo, photo.width // 16, "black"), "jpg", 90),
    "caption": (_caption, "jpg", 90),
    "text": (_text, "jpg", 90),
    "watermark": (_watermark, "jpg", 90),
    "mirror": (ImageOps.mirror, "jpg", 90),
    "rotated 90": (lambda photo: photo.transpose(Image.Transpose.ROTATE_90), "jpg", 90),
}
CHANGES = SAME | NEAR
OTHERS = ("voc", "fashion", "scenes", "caltech101")  # whose photos are all different


def made(data: Path | None) -> Path:
    """The folder of the set: `photos/<number>/<change>.<suffix>`, "original" for what is not changed; `others/`."""
    folder = config.user_cache() / "benchmarks" / "changes"
    if folder.exists():
        return folder
    part = folder.with_suffix(".part")
    used = _photos(unpacked(data, "voc"))[:NUM_PHOTOS]
    for number, path in enumerate(used):
        changed(path, part / "photos" / f"{number:04}")
    others = part / "others"
    others.mkdir(parents=True, exist_ok=True)
    for name in OTHERS:
        for number, path in enumerate(each for each in _photos(unpacked(data, name)) if each not in {*used}):
            (others / f"{name}-{number:05}{path.suffix}").write_bytes(path.read_bytes())
    part.rename(folder)
    return folder


def original_of(path: str | Path) -> tuple[str, str]:
    """Which photo a file of the set shows, and what was done to it: ("photos/0017", "crop 5 %"), ("voc-1.jpg", "")."""
    path = Path(path)
    if path.parent.name == "others":
        return path.name, ""
    return f"photos/{path.parent.name}", path.stem


def _photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png", ".webp"))


def changed(path: Path, folder: Path) -> None:
    """A photo as it is and with each change."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "original.jpg").write_bytes(path.read_bytes())
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    for name, (how, suffix, quality) in CHANGES.items():
        how(photo).save(folder / f"{name}.{suffix}", **({"quality": quality} if quality else {}))
