"""Make the list of words for what photos show: the vocabulary of tags for models without labels of their own.

    python -m recipes.visible_words --data ../shared/data --out devise/words/visible.txt

Sources: the classes of ImageNet, COCO and Pascal VOC (torchvision's tables) and the last word of each ("retriever"),
`phrases.txt` and `things.txt` (common things, written down by hand), classes of Caltech-101, scenes and clothes,
colours, and the nouns of captions that people wrote under photos. A noun is a word that stands at least MIN_SEEN
times between one of BEFORE and one of AFTER ("a DOG is", "the BEACH ."). What cannot be seen, or is not seen as such,
was found by reading the result and is in `not_seen.txt`. Plurals go where the singular is there. Only words of the
vectors that ship are kept.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from torchvision.models._meta import _COCO_CATEGORIES, _IMAGENET_CATEGORIES, _VOC_CATEGORIES

from devise.files import replacing
from devise.words import WordVectors
from recipes.minilm_vectors import JOINED, column, folders

MIN_SEEN = 3  # of 5,000 captions: fewer are mostly typing errors and parts of phrases
_BEFORE = "a an the his her their its two three four some another each this many several"
_AFTER = ". , is are in on at with of to near by from while that who which into over through behind"
_COLOURS = "red orange yellow green blue purple pink brown black white grey gold silver beige turquoise maroon"
BEFORE, AFTER = frozenset(_BEFORE.split()), frozenset(_AFTER.split())
PARTS = re.compile(r" (side|face|head|body)$")  # Caltech-101 has classes such as "car side"


def lines(name: str) -> list[str]:
    """A list that stands beside this recipe."""
    return Path(__file__).with_name(name).read_text("utf-8").splitlines()


def class_names(data: Path) -> Iterator[str]:
    """What photos are labelled with, and what kind of thing that is."""
    for name in (*_IMAGENET_CATEGORIES, *_COCO_CATEGORIES, *_VOC_CATEGORIES):
        if not name.startswith("__") and name != "N/A":
            yield name
            yield name.split()[-1]
    yield from folders(data / "caltech101.zip")
    yield from folders(data / "scenes.zip")
    yield from column(data / "fashion.zip", "labels.csv", ("articleType",), "|")
    yield from (*lines("phrases.txt"), *lines("things.txt"), *_COLOURS.split())


def caption_nouns(data: Path) -> list[str]:
    """Words that people use as nouns for what a photo shows, most frequent first."""
    seen: Counter[str] = Counter()
    with zipfile.ZipFile(data / "flickr8k.zip") as archive, archive.open("captions.csv") as file:
        for row in csv.DictReader(io.TextIOWrapper(file, "utf-8")):
            tokens = re.findall(r"[a-z]+|[.,]", row["caption"].lower() + " .")
            for i in range(1, len(tokens) - 1):
                # one word may stand between: "a brown DOG is"
                article = tokens[i - 1] in BEFORE or (i > 1 and tokens[i - 2] in BEFORE)
                if article and tokens[i + 1] in AFTER and tokens[i] not in BEFORE | AFTER:
                    seen[tokens[i]] += 1
    return [word for word, count in seen.most_common() if count >= MIN_SEEN]


def plain(name: str) -> str:
    """A class name as one would say it.

    >>> plain("cougar_face")
    'cougar'
    """
    return PARTS.sub("", " ".join(name.replace("_", " ").lower().split()))


def singular(word: str, words: set[str]) -> str:
    """The singular where it is a word of the list too; clothes such as "shorts" stay."""
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and word[: -len(ending)] + instead in words:
            return word[: -len(ending)] + instead
    return word


def make(data: Path, vectors: WordVectors) -> list[str]:
    nouns = {plain(name) for name in class_names(data)} | set(caption_nouns(data))
    hidden = set(lines("not_seen.txt"))
    known = set(vectors.words()) - set(JOINED)
    words = {word for word in nouns if word in known and len(word) > 2 and word not in hidden}
    return sorted({singular(word, words) for word in words})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the zips of labelled photos")
    parser.add_argument("--out", type=Path, default=Path("devise/words/visible.txt"))
    options = parser.parse_args()
    words = make(options.data, WordVectors(Path("embeddings/minilm.safetensors")))
    with replacing(options.out) as temporary:
        temporary.write_text("\n".join(words) + "\n", "utf-8")
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
