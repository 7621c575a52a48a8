"""A page of pictures: the best and the worst that ten queries find, and a map of the words space.

    python -m benchmarks.quality.pictures --data DIR [--out FOLDER]

The page shows the held-out quarter of VOC, which no training has seen; as it embeds these photos, it is made where the
data lies. The map shows words, the photos of the demo, and those of VOC as dots: docs/words-space.png is a copy.
"""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.manifold import TSNE

from benchmarks import data
from benchmarks.quality.report import parser
from devise import Library
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.encoder import Encoder
from devise.photos import load, thumbnail_jpeg
from devise.vectors import Vector
from devise.words import WordVectors
from recipes.demo_album import make
from recipes.photos import is_held_out

QUERIES = ("cat", "sofa cat", "horse person", "bottle", "sheep", "dog person", "dining table chair", "car", "dog sofa",
           "television")  # fmt: skip
SHOWN = 6  # best and worst photos of a query
MAP, THUMBNAIL = 1600, 56  # pixels
MAP_WORDS = 150
STYLE = """body { font: 15px/1.45 system-ui, sans-serif; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2rem 0 .5rem; } .row { display: flex; gap: .5rem; } figure { margin: 0; flex: 1; min-width: 0; }
img { width: 100%; aspect-ratio: 4/3; object-fit: cover; border-radius: 8px; border: 4px solid #c33; }
.right img { border-color: #283; } figcaption { font-size: .8rem; color: #666; } p { margin: .6rem 0 .2rem; }"""


@dataclass(frozen=True)
class Found:
    path: str
    score: float
    right: bool
    rank: int


def best_and_worst(matches: list[Found]) -> tuple[list[Found], list[Found]]:
    """What stands first; and what went wrong most: right photos far down, wrong ones far up."""
    missed = [found for found in reversed(matches) if found.right][: SHOWN // 2]
    wrong = [found for found in matches if not found.right][: SHOWN - len(missed)]
    return matches[:SHOWN], [*wrong, *missed]


def figure(found: Found) -> str:
    jpeg = base64.b64encode(thumbnail_jpeg(found.path, 320)).decode()
    kind = "right" if found.right else "wrong"
    return (f'<figure class="{kind}"><img alt="" src="data:image/jpeg;base64,{jpeg}">'
            f"<figcaption>{kind}, place {found.rank}, score {found.score:.2f}</figcaption></figure>")  # fmt: skip


def page(library: Library, labels: dict[str, tuple[str, ...]], vectors: WordVectors) -> str:
    parts = [f"<!doctype html><meta charset=utf-8><title>Ten queries</title><style>{STYLE}</style>",
             f"<h1>Ten queries on {len(labels)} photos that no training has seen</h1>"]  # fmt: skip
    for query in QUERIES:
        wanted = {term.text for term in vectors.terms(query)}
        matches = [
            Found(match.path, match.score, wanted <= set(labels[match.path]), rank)
            for rank, match in enumerate(library.search(query, len(labels), min_probability=0), 1)
        ]
        total = sum(found.right for found in matches)
        parts.append(f"<h2>{escape(query)}</h2><p>{total} photos show it. First:</p>")
        for i, row in enumerate(best_and_worst(matches)):
            parts.append(("<p>Wrong ones that stand highest, right ones that stand lowest:</p>" if i else "")
                         + f'<div class="row">{"".join(map(figure, row))}</div>')  # fmt: skip
    return "\n".join(parts)


def drawn_map(words: list[str], rows: Vector, photos: list[str], theirs: Vector, dots: Vector) -> Image.Image:
    """t-SNE of words, photos (thumbnails) and other photos (dots), by cosine (van der Maaten and Hinton, 2008)."""
    # A photo lies nearer to any photo than to any word: each kind is centred by itself, so that one map holds both.
    kinds = [kind - kind.mean(0) for kind in (rows, np.concatenate([theirs, dots]))]
    places = TSNE(metric="cosine", init="random", perplexity=20, random_state=0).fit_transform(np.concatenate(kinds))
    low, high = places.min(0), places.max(0)
    places = (places - low) / (high - low) * (MAP - 160) + 80
    picture = Image.new("RGB", (MAP, MAP), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(17)
    at_words, at_photos, at_dots = np.split(places, [len(words), len(words) + len(photos)])
    for x, y in at_dots:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill="#9bbcd6")
    for (x, y), path in zip(at_photos, photos, strict=True):
        picture.paste(
            Image.fromarray(load(path, size=THUMBNAIL, resize="squash")),
            (int(x) - THUMBNAIL // 2, int(y) - THUMBNAIL // 2),
        )
    taken: list[tuple[float, float, float, float]] = []
    for (x, y), word in zip(at_words, words, strict=True):
        box = draw.textbbox((x, y), word, font=font, anchor="mm")
        if all(box[2] < a[0] or a[2] < box[0] or box[3] < a[1] or a[3] < box[1] for a in taken):
            taken.append(box)
            draw.text((x, y), word, fill="#b4502b", font=font, anchor="mm")
        else:  # no room for a name
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill="#e0a58c")
    return picture


def vectors_of(encoder: Encoder, paths: list[str]) -> Vector:
    """(n, dim) of whole photos in the words space."""
    pixels = [load(path, size=encoder.size, resize=encoder.resize) for path in paths]
    return np.concatenate([encoder.encode(picture[None])["words"] for picture in pixels])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--out", type=Path, default=Path("runs/pictures"))
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    voc, words = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    labels = {str(voc.folder / name): found for name, found in voc.labels.items() if is_held_out(name)}
    with tempfile.TemporaryDirectory() as place:
        with Library(Path(place) / "voc", model=chosen.model) as library:
            library.index(sorted(labels))
            (chosen.out / "queries.html").write_text(page(library, labels, words))
        encoder, album = Encoder.open(chosen.model), sorted(str(path) for path in make(Path(place) / "album").iterdir())
        known = [label for label in encoder.labels if label not in voc.classes]
        shown = [*voc.classes, *known[:: len(known) // MAP_WORDS + 1]]
        rows = np.stack([words.vector(word) for word in shown])
        picture = drawn_map(shown, rows, album, vectors_of(encoder, album), vectors_of(encoder, sorted(labels)))
        picture.save(chosen.out / "map.png", optimize=True)
    print(f"{chosen.out}/queries.html, {chosen.out}/map.png")


if __name__ == "__main__":
    main()
