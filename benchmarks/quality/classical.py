"""The classical report: what can be told of photos without learning, beside features and words, in one table.

    python -m benchmarks.quality.classical --data DIR [--library FOLDER] [--pictures FOLDER] [--write]

Of each descriptor the time a photo takes (of one processor, decoding left out), its bytes, and precision@10: of 2,500
product photos by article type, of 1,800 photos of six kinds of scenes, and of eighty photos of VOC among 720 others,
each with fifteen changed copies, the share of the fifteen nearest that are copies (ten are found by all). --library: a
folder for the three libraries, which are kept there and taken up again. --pictures: also pictures of typical answers,
which embed photos of the data. Local descriptors need opencv-python-headless.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import data
from benchmarks.changes import CHANGES, changed
from benchmarks.quality.report import parser, show
from devise import Library
from devise.descriptors.looks import Looks
from devise.descriptors.network.engine import open_encoder
from devise.index.flat import METRICS
from devise.index.inverted import InvertedIndex
from devise.photos import load
from devise.photos.miniatures import averaged
from devise.store.codec import encoded

AT, CHANGED, OTHERS, TIMED, SHOWN = 10, 80, 720, 64, 7
COPIES = len(CHANGES)
STORED = ("grey", "colour", "ahash", "dhash", "phash", "local", "features", "words")
NAMES = {"grey": "pixel distance, 16 x 16 grey", "colour": "colour, 64 shares", "ahash": "aHash", "dhash": "dHash",
         "phash": "pHash", "local": "SIFT words, tf-idf"}  # fmt: skip
TYPICAL = (("products", 3), ("products", 700), ("scenes", 900), ("scenes", 1700), ("duplicates", 0))
Pixels = NDArray[np.uint8]


class Photos(NamedTuple):
    """A set: its photos, what each is of, and which are asked with."""

    paths: list[str]
    kinds: NDArray[np.str_]
    asked: NDArray[np.int64]
    rows: dict[str, NDArray[np.float32]]
    library: Library
    at: int  # how many of the nearest count


def blocks(pixels: Pixels) -> NDArray[np.float32]:
    """(n, 64, 64, 3) -> (n, 96): mean and deviation of red, green and blue in each of 4 x 4 blocks."""
    parts = pixels.reshape(len(pixels), 4, 16, 4, 16, 3).astype(np.float32)
    return np.concatenate([parts.mean((2, 4)), parts.std((2, 4))], 3).reshape(len(pixels), -1)


def histogram(pixels: Pixels) -> NDArray[np.float32]:
    """(n, 64, 64, 3) -> (n, 512): square roots of the shares of 8 x 8 x 8 colours (Swain and Ballard, 1991)."""
    codes = (pixels // 32).astype(np.int64) @ np.array([64, 8, 1])
    return np.sqrt(np.stack([np.bincount(photo.ravel(), minlength=512) / photo.size for photo in codes])).astype("f4")


COMPUTED: dict[str, Callable[[Pixels], NDArray[np.float32]]] = {
    "mean and deviation of blocks": blocks,
    "histogram, 512 colours": histogram,
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--library", type=Path, default=None)
    options.add_argument("--pictures", type=Path, default=None)
    chosen = options.parse_args()
    with ExitStack() as stack:
        place = chosen.library or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sets = {
            name: opened(stack.enter_context(Library(place / name, model=chosen.model)), *made(chosen.data, place))
            for name, made in {"products": products, "scenes": scenes, "duplicates": duplicates}.items()
        }
        milliseconds, size = times(sets["products"].paths[:TIMED], chosen.model), sizes(sets["products"])
        rows = []
        for name in ("grey", *COMPUTED, *STORED[1:]):
            figures = [f"{precision(photos, name):.3f}" for photos in sets.values()]
            rows.append([NAMES.get(name, name), f"{milliseconds[name]:.2f}", f"{size[name]:,}", *figures])
            print(rows[-1], flush=True)
        if chosen.pictures:
            chosen.pictures.mkdir(exist_ok=True)
            for set_name, at in TYPICAL:
                typical(sets[set_name], at).save(chosen.pictures / f"{set_name}-{at}.png")
    title = ", ".join(f"{len(photos.paths):,} photos of {name}" for name, photos in sets.items())
    show("classical", title, ["descriptor", "ms a photo", "bytes", *sets], rows, write=chosen.write)


def products(folder: Path | None, _: Path) -> tuple[Path, Callable[[Path], str]]:
    found = data.unpacked(folder, "fashion")
    with (found / "labels.csv").open(newline="") as file:
        labels = {Path(row["path"]).name: row["articleType"] for row in csv.DictReader(file)}
    return found, lambda path: labels[path.name]


def scenes(folder: Path | None, _: Path) -> tuple[Path, Callable[[Path], str]]:
    return data.unpacked(folder, "scenes"), lambda path: path.parent.name


def duplicates(folder: Path | None, place: Path) -> tuple[Path, Callable[[Path], str]]:
    made, photos = place / "changes", sorted((data.unpacked(folder, "voc") / "images").glob("*.jpg"))
    if not made.exists():
        for path in photos[:CHANGED]:
            changed(path, made / path.stem)
        for path in photos[CHANGED : CHANGED + OTHERS]:
            (made / f"{path.stem}.jpg").write_bytes(path.read_bytes())
    return made, lambda path: path.parent.name if path.parent != made else path.stem


def opened(library: Library, folder: Path, kind: Callable[[Path], str]) -> Photos:
    library.index([folder], add=STORED[:-2])
    paths = library.paths()
    pixels = {name: [] for name in COMPUTED}
    for at in range(0, len(paths), TIMED):
        some = np.stack([load(path, size=320, resize="squash") for path in paths[at : at + TIMED]])
        for name, compute in COMPUTED.items():
            pixels[name].append(compute(averaged(some, 5)))
    rows = {name: library.vectors(name)[1] for name in STORED} | {n: np.concatenate(x) for n, x in pixels.items()}
    originals = [at for at, path in enumerate(paths) if Path(path).name == "original.jpg"]
    kinds = np.array([kind(Path(path)) for path in paths])
    return Photos(paths, kinds, np.array(originals or range(len(paths))), rows, library, COPIES if originals else AT)


def near(photos: Photos, name: str, at: int, index: InvertedIndex | None) -> NDArray[np.int64]:
    """The nearest of a photo, best first, without itself."""
    rows = photos.rows[name]
    if index is not None:
        (hits,) = index.search(np.sqrt(rows[at])[None], photos.at + 1)
        return hits.ids[hits.ids != at][: photos.at]
    if name in COMPUTED:
        scores = rows @ rows[at] if name.startswith("histogram") else -((rows - rows[at]) ** 2).sum(1)
    else:
        model = photos.library.info().model
        assert model is not None
        metric = model.space(name).metric
        typed = rows.astype(np.uint8) if metric == "hamming" else rows
        scores = np.array(METRICS[metric](typed, typed[at]), np.float64)
    scores[at] = -np.inf
    return np.argsort(-scores, kind="stable")[: photos.at]


def index_of(photos: Photos, name: str) -> InvertedIndex | None:
    if name != "local":
        return None
    index = InvertedIndex(photos.rows[name].shape[1], is_tfidf=True)
    index.add(np.arange(len(photos.paths)), np.sqrt(photos.rows[name]))
    return index


def precision(photos: Photos, name: str) -> float:
    """Those that have too few neighbours lose by it."""
    index, kinds = index_of(photos, name), photos.kinds
    right = [(kinds[near(photos, name, at, index)] == kinds[at]).sum() / photos.at for at in photos.asked.tolist()]
    return float(np.mean(right))


def times(paths: list[str], model: str | None) -> dict[str, float]:
    """Milliseconds of one processor a photo, its pixels given."""
    pixels = np.stack([load(path, size=320, resize="squash") for path in paths])
    encoder = open_encoder(model)
    network = np.stack([load(path, size=encoder.size, resize=encoder.resize) for path in paths])
    made: dict[str, Callable[[], object]] = {name: lambda x=name: Looks([x]).encode(pixels) for name in STORED[:-2]}
    made |= {name: lambda x=compute: x(averaged(pixels, 5)) for name, compute in COMPUTED.items()}
    made |= {"features": lambda: encoder.encode(network)}
    found = {}
    for name, compute in made.items():
        compute()
        begun = time.process_time()
        compute()
        found[name] = (time.process_time() - begun) / len(paths) * 1_000
    return found | {"words": found["features"]}


def sizes(photos: Photos) -> dict[str, int]:
    """Of a row as a library has it; of what no library has, in half precision."""
    model = photos.library.info().model
    assert model is not None
    found = {name: 2 * photos.rows[name].shape[1] for name in COMPUTED}
    for name in STORED:
        space, rows = model.space(name), photos.rows[name][:200]
        typed = rows.astype(np.uint8) if space.metric == "hamming" else rows
        found[name] = round(np.mean([len(blob) for blob in encoded(space, typed)]))
    return found


def typical(photos: Photos, at: int, side: int = 120) -> Image.Image:
    """A line for each descriptor: the photo, and its nearest, framed green where they are of its kind."""
    at = int(photos.asked[at])
    names = ("grey", *COMPUTED, "colour", "phash", "local", "features", "words")
    sheet = Image.new("RGB", ((SHOWN + 1) * (side + 8) + 150, len(names) * (side + 8)), "white")
    for row, name in enumerate(names):
        ImageDraw.Draw(sheet).text((4, row * (side + 8) + side // 2), NAMES.get(name, name)[:24], "black")
        for column, each in enumerate([at, *near(photos, name, at, index_of(photos, name)).tolist()][: SHOWN + 1]):
            photo = Image.open(photos.paths[each]).convert("RGB").resize((side, side))
            colour = "black" if not column else "green" if photos.kinds[each] == photos.kinds[at] else "red"
            left, top = 150 + column * (side + 8), row * (side + 8)
            sheet.paste(colour, (left, top, left + side + 6, top + side + 6))
            sheet.paste(photo, (left + 3, top + 3))
    return sheet


if __name__ == "__main__":
    main()
