"""The same forty queries asked of two libraries: are the answers equal, and how long does each take?

    python -m benchmarks.scale.answers ~/.local/share/devise/library milvus://localhost/photos

The second library is to hold what the first does (devise library export, import). Words alone and in pairs, with
filters and texts, photos by several looks, classes, tags, duplicates.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

from devise import Library
from devise.config import IndexConfig, Settings
from devise.store.filter import Filter

Ask = Callable[[Library], object]
WORDS = ("dog", "cat", "sofa", "horse", "bus", "bottle", "sea", "mountain", "child", "red car", "bird water",
         "sofa cat", "person bicycle", "train -person", "dog|cat", "aeroplane sky")  # fmt: skip
NUM_PHOTOS = 8  # to ask with
NUM_QUERIES = 40


def queries(library: Library) -> Iterator[tuple[str, Ask]]:
    """Forty, each by its name; where the library lacks looks, more of the others. library: that the photos are of."""
    paths, model = library.paths(), library.info().model
    has = {space.name for space in model.spaces} if model else set()
    some = [paths[len(paths) * i // NUM_PHOTOS] for i in range(NUM_PHOTOS)]
    folder = some[0].rsplit("/", 1)[0]
    for words in WORDS:
        yield words, lambda asked, words=words: _matches(asked.search(words, k=10))
    some_of = (Filter(inside=folder), Filter(kind="jpg", larger="10KB"), Filter(text="20*"), Filter(text="photos"))
    for where in some_of:
        yield f"dog in {where}", lambda asked, where=where: _matches(asked.search("dog", k=10, where=where))
    spaces = [space for space in ("features", "words", "phash") if space in has]
    for space in spaces:
        for path in some[: -(-15 // len(spaces))]:
            yield f"{space} {path}", lambda asked, path=path, of=space: _matches(asked.similar(path, 10, space=of))
    blend, order = ("features,0.5:colour", "phash") if "phash" in has else ("features,0.5:words", "words")
    yield "blend", lambda asked: _matches(asked.similar(some[1], 10, space=blend))
    yield "like", lambda asked: _matches(asked.similar(some[2], 10, like="dog"))
    yield "in order", lambda asked: _matches(asked.similar(some[3], 10, space=order, order="features"))
    yield "tag", lambda asked: [(match.word, match.score) for match in asked.tag(some[4], 5)]
    if "phash" in has:
        yield "duplicates", lambda asked: [(g.kind, g.keep.path, len(g.others)) for g in asked.duplicates()]
    else:
        yield "like a cat", lambda asked: _matches(asked.similar(some[5], 10, like="cat"))


def _matches(found: object) -> list[tuple[str, float]]:
    return [(match.path, match.score) for match in found]  # type: ignore[attr-defined]


def main(first: str, second: str) -> int:
    """How many answers of the second differ from those of the first."""
    whole = Settings(index=IndexConfig(exact_below=1 << 40))  # every photo is looked at
    took: tuple[list[float], ...] = ([], [], [])
    answers: list[list[object]] = []
    with Library(first, settings=whole) as exact, Library(first) as one, Library(second) as other:
        asked = list(queries(one))[:NUM_QUERIES]
        for _, ask in asked:
            answers.append([])
            for library, times in zip((exact, one, other), took, strict=True):
                ask(library)  # opens what it needs
                begun = time.perf_counter()
                answers[-1].append(ask(library))
                times.append(time.perf_counter() - begun)
    names = [name for name, _ in asked]
    print(f"{len(asked)} queries; medians, each asked once before: {median(took[0]) * 1000:.0f} ms looking at all, "
          f"{median(took[1]) * 1000:.0f} ms of {first}, {median(took[2]) * 1000:.0f} ms of {second}")  # fmt: skip
    for what, a, b in (("both", 1, 2), ("all and the first", 0, 1), ("all and the second", 0, 2)):
        different = [name for name, each in zip(names, answers, strict=True) if each[a] != each[b]]
        print(f"{what}: {len(asked) - len(different)} equal; different: {different or 'none'}")
    return len(different)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(min(main(*sys.argv[1:]), 1))
