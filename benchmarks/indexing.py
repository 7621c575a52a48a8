"""Photos per second of `devise index` beside one pass of torchvision's VGG16 over the same photos.

    python -m benchmarks.indexing --data DIR [--photos N]

The plain loop is what a newcomer writes: Pillow, torchvision's own transforms, batches of 32, fc2; its weights
are random, because speed does not depend on them. Both take the same photos in the same run.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torchvision.models import VGG16_Weights, vgg16

from benchmarks import data
from devise import Library


def plain_loop(paths: list[Path]) -> float:
    """Seconds for all photos."""
    model, transforms = vgg16(weights=None).eval(), VGG16_Weights.IMAGENET1K_V1.transforms()
    fc2 = torch.nn.Sequential(*list(model.classifier)[:5])
    begun = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(paths), 32):
            batch = torch.stack([transforms(Image.open(path).convert("RGB")) for path in paths[start : start + 32]])
            fc2(torch.flatten(model.avgpool(model.features(batch)), 1))
    return time.perf_counter() - begun


def indexed(folder: Path) -> float:
    with tempfile.TemporaryDirectory() as library:
        begun = time.perf_counter()
        with Library(Path(library) / "library") as opened:
            opened.index([folder])
        return time.perf_counter() - begun


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--plain", type=int, default=160, help="photos of the plain loop")
    options = parser.parse_args()
    folder = data.unpacked(options.data, "voc") / "images"
    paths = sorted(folder.glob("*.jpg"))
    rates = {
        f"devise index, {len(paths)} photos, whole run": len(paths) / indexed(folder),
        f"torchvision VGG16, first {options.plain} of them": options.plain / plain_loop(paths[: options.plain]),
    }
    shown = Table("what", "photos/s", "ratio", title=f"{torch.get_num_threads()} threads")
    for what, rate in rates.items():
        shown.add_row(what, f"{rate:.1f}", f"{rate / min(rates.values()):.1f}")
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
