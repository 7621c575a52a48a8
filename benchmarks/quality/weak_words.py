"""A learnt word beside one that was not: does the second one veto, or does it put photos in order?

    python -m benchmarks.quality.weak_words --data DIR [--model CHECKPOINT]

Flickr8k's photos and captions, VOC's photos and labels. Learnt words that at least 30 photos show (of VOC: its classes)
are asked with alone and beside each unlearnt word of the captions that 8 photos or more have. "kept" is how often the
first nine show the learnt word, beside how often they do when it is asked with alone; "both" the mean average precision
of the photos that captions say both words of, where there are 8. The model has seen these photos, not these words.
"""

from __future__ import annotations

import csv
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import precision_at
from devise.analysis.metrics import average_precision
from devise.library import Library
from devise.search.scoring import Scoring
from devise.search.showing import shown_in
from devise.search.trust import trusted
from devise.words.queries import STOP_WORDS, Term

FEW, MANY, GOOD = 8, 30, 0.6  # photos of an unlearnt word, and of a learnt one; precision of that alone
COLUMNS = ("terms", "VOC: kept", "Flickr8k: kept", "Flickr8k: both, average precision")
Truth = dict[str, set[str]]
Terms = Callable[[Sequence[Term]], Sequence[Term]]


def main() -> None:
    chosen = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "library") as library:
        for name in ("voc", "flickr8k"):
            with zipfile.ZipFile(chosen.data / f"{name}.zip") as packed:
                packed.extractall(folder)
        library.index([Path(folder) / "images", Path(folder) / "flickr8k"], model=chosen.model)
        voc = _truth(Path(folder) / "labels.csv", "labels", lambda text: text.split("|"))
        captions = _truth(Path(folder) / "captions.csv", "caption", lambda text: re.findall(r"[a-z]+", text.lower()))
        title = f"a learnt and an unlearnt word, {len(library):,} photos"
        show("weak-words", title, COLUMNS, list(_rows(library, voc, captions)), write=chosen.write)


def _truth(file: Path, column: str, words: Callable[[str], list[str]]) -> Truth:
    """Word -> names of photos."""
    found: dict[str, set[str]] = {}
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            for word in words(row[column]):
                found.setdefault(word, set()).add(Path(row["path"]).name)
    return found


def _rows(library: Library, voc: Truth, captions: Truth) -> Iterator[tuple[str, ...]]:
    vectors, learnt = library.words(), library._resources.learnt()
    store = library._reader()
    space = store.space("words")
    open_words = [
        word
        for word, photos in captions.items()
        if len(photos) >= FEW and word in vectors and word not in learnt and word not in STOP_WORDS
    ]
    known = [word for word, photos in captions.items() if len(photos) >= MANY and word in learnt]
    classes = [word for word in voc if word in learnt]
    words = list(dict.fromkeys([*known, *classes, *open_words]))
    terms = {w: Term(w, vectors.vector(w), (vectors.slot(w) or 0,), is_learnt=w in learnt) for w in words}
    ids, cosines = zip(*shown_in(store.vectors.regions(space), np.stack([terms[w].vector for w in words])), strict=True)
    paths = store.paths_of(np.concatenate(ids))
    names = np.array([Path(paths[int(i)][0]).name for i in np.concatenate(ids)])
    scores = dict(zip(words, np.concatenate(cosines, axis=1), strict=True))
    is_voc = np.array([name.startswith("20") and "_" in name and len(name) == 15 for name in names])

    def ask(made: Terms, asked: list[str], at: NDArray[np.bool_]) -> NDArray[np.float64]:
        scoring = Scoring.of(made([terms[w] for w in asked]))
        return scoring.scores(np.stack([scores[w][at] for w in asked]), space)

    variants: dict[str, Terms] = {
        "all count alike": list,
        "by trust": lambda some: trusted(some, vectors, learnt),
        "the learnt word alone": lambda some: [replace(some[0], weight=1.0)],
    }
    for name, made in variants.items():
        is_alone = name.startswith("the")
        kept: dict[str, list[float]] = {"voc": [], "flickr": []}
        both = []
        for side, truth, firsts, at in (("voc", voc, classes, is_voc), ("flickr", captions, known, ~is_voc)):
            for first in firsts:
                right = np.isin(names[at], list(truth[first]))
                alone = precision_at(ask(list, [first], at), right, 9)
                if alone < GOOD:
                    continue
                for second in open_words[::3] if side == "voc" else open_words:
                    together = right & np.isin(names[at], list(captions[second]))
                    if side == "flickr" and together.sum() < FEW:
                        continue
                    found = ask(made, [first] if is_alone else [first, second], at)
                    kept[side].append(precision_at(found, right, 9) / alone)
                    both += [average_precision(found, together)] if side == "flickr" else []
        figures = (np.mean(kept["voc"]), np.mean(kept["flickr"]), np.mean(both))
        yield (f"{name} ({len(kept['voc']):,} and {len(both):,} pairs)", *(f"{x:.3f}" for x in figures))


if __name__ == "__main__":
    main()
