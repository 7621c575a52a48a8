"""From which cosine of features on photos are similar: chosen for a model, and written where `devise duplicates` looks.

    python -m benchmarks.similar --data DIR [--model NAME] [--write]

Known changes of photos are to be found, and different photos are not: the cosine is the one that so many pairs of
different photos reach as did with the first model's 0.95, four in a million. Products on white are among them, which
are alike most of all. What are nearly the same pictures by their hashes is no pair of different photos.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.changes import CHANGES
from benchmarks.data import unpacked
from benchmarks.quality.report import parser, show
from devise import Library
from devise.analysis.similar import TABLE, remember
from devise.index.flat import hamming_nearness

WRONG = 4e-6  # share of the pairs of different photos that are called similar
OTHERS = {"voc": 600, "fashion": 600, "caltech101": 300, "scenes": 300}
SHOWN = ("crop 5 %", "crop 10 %", "crop 25 %", "brighter", "frame", "caption", "mirror")
HASH_BITS = 10  # as of near ones


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--photos", type=int, default=150, help="that are changed")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        _made(chosen.data, folder, chosen.photos)
        with Library(Path(place) / "library", model=chosen.model) as library:
            library.index([folder])
            paths, features = library.vectors("features")
            hashes = library.vectors("phash")[1]
            model = library.info().model
    assert model is not None
    kinds = [path.rsplit("/", 1)[1].rsplit(".", 1)[0].split("~") for path in paths]  # [photo, change]
    least = _least(features, hashes, [number for number, kind in enumerate(kinds) if kind[1] == "original"])
    if chosen.write:
        remember(model.fingerprints()["features"], model.name, least)
    rows = [["different photos, of a million pairs", f"{WRONG * 1e6:.0f}"]]
    at = {tuple(kind): number for number, kind in enumerate(kinds)}
    for change in SHOWN:
        pairs = [(at[photo, "original"], number) for (photo, other), number in at.items() if other == change]
        cosines = np.array([features[one] @ features[other] for one, other in pairs])
        rows.append([change, f"{np.mean(cosines >= least):.2f}"])
    count = sum(kind[1] == "original" for kind in kinds)
    title = f"cosine {least:.3f}: similar photos of {model.name}, {count:,} different ones, {chosen.photos} changed"
    show("similar", title, ["change", "at least that"], rows, write=False)
    print(f"written to {TABLE}" if chosen.write else "--write lets devise duplicates use it")


def _made(data: Path | None, folder: Path, changed: int) -> None:
    """`NAME~original.jpg` of all photos, and `NAME~CHANGE.SUFFIX` of the first of VOC."""
    folder.mkdir()
    for name, most in OTHERS.items():
        found = sorted(unpacked(data, name).rglob("*.jpg"))
        for number, path in enumerate(found[:: max(1, len(found) // most)][:most]):
            (folder / f"{name}-{number}~original.jpg").write_bytes(path.read_bytes())
            if name == "voc" and number < changed:
                photo = Image.open(path).convert("RGB")
                for change in SHOWN:
                    CHANGES[change][0](photo).save(folder / f"{name}-{number}~{change}.jpg", quality=90)


def _least(features: np.ndarray, hashes: np.ndarray, places: list[int]) -> float:
    """The cosine that the share WRONG of the pairs of different photos reaches."""
    some, bits = features[places], hashes[places]
    found = []
    for i in range(len(some) - 1):
        cosines = some[i + 1 :] @ some[i]
        near = np.flatnonzero(cosines >= 0.6)
        differ = -hamming_nearness(bits[i + 1 :][near], bits[i])
        found += cosines[near][differ > HASH_BITS].tolist()
    number = max(1, round(WRONG * len(some) * (len(some) - 1) / 2))
    return float(np.sort(found)[-number])


if __name__ == "__main__":
    main()
