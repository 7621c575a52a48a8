"""All quality tables one after another: `make bench-quality DATA=folder`; --write puts them into docs/benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.quality.report import parser
from devise import config
from devise.descriptors.network.checkpoint import backbone_fingerprint, load
from devise.descriptors.network.format import find

ALL = ("tiny", "zero_shot", "voc", "held_out", "negatives", "thresholds", "reranking", "weighted_recall", "feedback",
       "tags", "parts", "heat", "curve", "captions", "products", "everyday", "colours", "weak_words",
       "shades", "class_words")  # fmt: skip
WITHOUT = "captions,caltech101,scenes,fashion,colours"
PHOTOS = Path("runs/photos")  # what recipes.photo_cache made, if it did


def main() -> None:
    """Each in a process of its own, so that none warms up another."""
    chosen = parser(__doc__).parse_args()
    data, model = ["--data", str(chosen.data)], str(find(chosen.model or config.SHIPPED_MODEL))
    # The same backbone, its words head trained without what is asked of it; from the data folder alone where no teacher
    # has seen the photos.
    unseen = Path(f"runs/unseen-{backbone_fingerprint(load(model))[:8]}.safetensors")
    taught = ["--photos", str(PHOTOS)] if any(PHOTOS.glob("parts-*.npz")) else []
    if not unseen.exists() and taught:
        options = ["--checkpoint", model, "--out", str(unseen), "--without", WITHOUT, "--no-glove"]
        run("recipes.words_head", *data, *taught, *options)
    if not unseen.exists():
        run("recipes.shipped_model", *data, "--student", model, "--out", str(unseen), "--without", WITHOUT)
    shared = [*data, "--model", model, *(["--write"] if chosen.write else [])]
    for name in (*ALL, *(["ingredients"] if taught else [])):
        more = ["--unseen", str(unseen)] if name in ("captions", "products", "class_words") else []
        more += taught if name in ("everyday", "ingredients") else []
        run(f"benchmarks.quality.{name}", *shared, *more)


def run(module: str, *options: str) -> None:
    print(f"\npython -m {module} {' '.join(options)}", flush=True)
    subprocess.run([sys.executable, "-m", module, *options], check=True)


if __name__ == "__main__":
    main()
