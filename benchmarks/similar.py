"""From which cosine of features on photos are similar: chosen for a model, and written where `devise duplicates` looks.

    python -m benchmarks.similar --data DIR [--model NAME] [--write]

Known changes of photos are to be found, and different photos are not: the cosine is the one that WRONG of the ordinary
photos (VOC, Caltech-101) reach with a different photo. Of 650 photos that is the nearest pair alone; among more, more
reach it (docs/looks.md). Pairs that are nearly the same by their hashes are no different
photos. Products on white and small pictures of scenes are shown beside them: those are alike, and no cosine that finds
a crop tells them apart.
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

WRONG = 0.002  # share of ordinary photos that another one is called similar to
ORDINARY = ("voc", "caltech101")
SETS = {"voc": 500, "fashion": 250, "caltech101": 150, "scenes": 150}
SHOWN = ("crop 5 %", "crop 10 %", "crop 25 %", "brighter", "frame", "caption", "mirror")
HASH_BITS = 10  # as of near ones


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--photos", type=int, default=100, help="that are changed")
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
    nearest = {name: _nearest(features, hashes, kinds, (name,)) for name in SETS}
    ordinary = np.sort(_nearest(features, hashes, kinds, ORDINARY))
    least = float(ordinary[-max(1, round(WRONG * len(ordinary)))])
    if chosen.write:
        remember(model.fingerprints()["features"], model.name, least)
    rows = [[f"different photos of {name}", f"{np.mean(one >= least):.3f}"] for name, one in nearest.items()]
    at = {tuple(kind): number for number, kind in enumerate(kinds)}
    for change in SHOWN:
        pairs = [(at[photo, "original"], number) for (photo, other), number in at.items() if other == change]
        cosines = np.array([features[one] @ features[other] for one, other in pairs])
        rows.append([change, f"{np.mean(cosines >= least):.2f}"])
    count = sum(kind[1] == "original" for kind in kinds)
    title = f"cosine {least:.3f}: similar photos of {model.name}, {count:,} different ones, {chosen.photos} changed"
    show("similar", title, ["photo", "has one with at least that"], rows, write=False)
    print(f"written to {TABLE}" if chosen.write else "--write lets devise duplicates use it")


def _made(data: Path | None, folder: Path, changed: int) -> None:
    """`NAME~original.jpg` of all photos, and `NAME~CHANGE.SUFFIX` of the first of VOC."""
    folder.mkdir()
    for name, most in SETS.items():
        found = sorted(unpacked(data, name).rglob("*.jpg"))
        for number, path in enumerate(found[:: max(1, len(found) // most)][:most]):
            (folder / f"{name}-{number}~original.jpg").write_bytes(path.read_bytes())
            if name == "voc" and number < changed:
                photo = Image.open(path).convert("RGB")
                for change in SHOWN:
                    CHANGES[change][0](photo).save(folder / f"{name}-{number}~{change}.jpg", quality=90)


def _nearest(features: np.ndarray, hashes: np.ndarray, kinds: list[list[str]], names: tuple[str, ...]) -> np.ndarray:
    """Of each photo of those sets, as it is, the highest cosine to another one."""
    places = [at for at, (name, change) in enumerate(kinds) if change == "original" and name.split("-")[0] in names]
    some, bits = features[places], hashes[places].astype(np.uint8)
    found = []
    for row, own in zip(some, bits, strict=True):
        is_other = -hamming_nearness(bits, own) > HASH_BITS
        found.append((some @ row)[is_other].max())
    return np.array(found)


if __name__ == "__main__":
    main()
