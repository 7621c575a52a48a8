"""What people and teachers call the packed photos: words with a truth between 0 and 1, and how surely it is known.

People: labels and captions of the data sets, folders of the collections. Teachers: the detector's classes by their
usual words, and CLIP: its text vectors of things and places, and the words of captions and of VOC as it has learnt
them from people's (recipes.clip_labels). Each source is a group of its own: that a photo of one is not labelled "grass"
says nothing where its people had no such label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.words import WordVectors
from recipes import clip_labels
from recipes.coco import COCO, KINDS, words_of
from recipes.path_labels import SAID, article, colour, of_path
from recipes.shipped_model import folders, singular, table, voc
from recipes.views import Lessons

MIN_PHOTOS = 8  # a label seen less often is not learnt
ONCE = 0.5  # truth of a word that one caption of five says: true, but not what the photo shows first
SURE, UNLIKELY = 2.5, 1.0  # deviations above a text vector's mean cosine: from which it is true, below which it is not
OF_TEACHERS = 0.3  # weight of what a teacher says beside what people say
NUM_VOC = 20  # the first text vectors are VOC's classes, which the detector knows better

Array = NDArray[np.float16]


@dataclass(frozen=True)
class Labelled:
    """labels: names; truth, known: (photos, labels), known 0 where nobody said; groups: whose labels each photo has."""

    labels: tuple[str, ...]
    truth: Array
    known: Array
    groups: list[str]

    def has_people(self) -> NDArray[np.bool_]:
        """(photos,) whether people have labelled it."""
        return np.array([group != "" for group in self.groups])


@dataclass(frozen=True)
class Labels:
    """What people of a group say of a photo: the truth of each label, 1 or less; of nothing no label is true."""

    path: str
    truth: dict[str, float]
    group: str

    @classmethod
    def of(cls, path: str, labels: Sequence[str], group: str) -> Labels:
        return cls(path, dict.fromkeys(labels, 1.0), group)

    def plain(self) -> Labels:
        """With the words that people use."""
        truth: dict[str, float] = {}
        for label, value in self.truth.items():
            word = SAID.get(label, label)
            if word:
                truth[word] = max(value, truth.get(word, 0.0))
        return Labels(self.path, truth, self.group)


@dataclass(frozen=True)
class Scored:
    """A teacher's word for all photos: truth (photos,), says (photos,) 0 where it says nothing."""

    word: str
    truth: Array
    says: Array


def labelled(
    data: Path, lessons: Lessons, vectors: WordVectors, without: Collection[str] = (), omit: Collection[str] = ()
) -> Labelled:
    """Of all packed photos; held-out ones have no labels of people. without: groups to leave out; omit: teachers."""
    names = lessons.photos.names
    number = {name: i for i, name in enumerate(names) if not lessons.photos.held_out[i]}
    found = [said for said in of_people(data, names) if said.path in number and said.group not in without]
    people = [plain for said in found if (plain := said.plain()).truth or not said.truth]
    texts = [] if "texts" in omit else list(_texts(data, lessons))
    detected = [] if "detector" in omit else list(_detected(lessons))
    teachers = [scored for scored in (*texts, *detected) if scored.word not in SAID]
    counts = Counter(label for said in people for label in said.truth)
    words = {label for label, count in counts.items() if count >= MIN_PHOTOS} | {scored.word for scored in teachers}
    labels = tuple(sorted(word for word in words if _has(vectors, word)))
    column = {label: i for i, label in enumerate(labels)}
    truth, known = (np.zeros((len(names), len(labels)), np.float16) for _ in range(2))
    for scored in teachers:
        if scored.word in column:
            truth[:, column[scored.word]], known[:, column[scored.word]] = scored.truth, OF_TEACHERS * scored.says
    of_group: dict[str, set[int]] = {}
    for said in people:
        of_group.setdefault(said.group, set()).update(column[label] for label in said.truth if label in column)
    groups = [""] * len(names)
    for said in people:
        i = number[said.path]
        group = list(of_group[said.group] if said.truth else column.values())
        truth[i, group], known[i, group], groups[i] = 0, 1, groups[i] or said.group
        for label, value in said.truth.items():
            if label in column:
                truth[i, column[label]] = value
    answer = Labelled(labels, truth, known, groups)
    if "labels" not in omit:
        _add_clip(answer, lessons, {group: sorted(of_group.get(group, ())) for group in clip_labels.GROUPS})
    return answer


def _add_clip(found: Labelled, lessons: Lessons, group_to_columns: Mapping[str, Sequence[int]]) -> None:
    """What CLIP makes of groups' words, where people said nothing of them; with the detector's word, their mean."""
    sources = [name.split("/")[0] for name in lessons.photos.names]
    seen = np.isfinite(lessons.outputs["embeddings"][:, 0])
    asked = seen & ~np.isin(sources, sorted(clip_labels.UNLIKE))
    centred = np.nan_to_num(lessons.outputs["embeddings"].astype(np.float32) - lessons.clip_mean)
    for group, columns in group_to_columns.items():
        rows = np.flatnonzero(seen & (np.array(found.groups) == group))
        if not columns or not len(rows):
            continue
        likely = clip_labels.probabilities(centred, rows, found.truth[np.ix_(rows, columns)].astype(np.float32))
        for i, column in enumerate(columns):
            others = np.flatnonzero(asked & (found.known[:, column] < 1))
            has = found.known[others, column] > 0
            said = likely[others, i]
            found.truth[others, column] = np.where(has, (found.truth[others, column] + said) / 2, said)
            found.known[others, column] = OF_TEACHERS


def of_people(data: Path, names: Sequence[str]) -> Iterator[Labels]:
    yield from (Labels.of(row.path, row.labels, row.group) for row in voc(data))
    yield from captions(data)
    for row in table(data / "fashion.zip", "labels.csv"):
        yield Labels.of(f"fashion/{row['path']}", article(row["articleType"]), "fashion")
        yield Labels.of(f"fashion/{row['path']}", colour(row["baseColour"]), "colours")
    for name in ("caltech101", "scenes"):
        yield from (Labels.of(row.path, row.labels, row.group) for row in folders(data, name))
    for name in names:
        found = of_path(name)
        if found or name.startswith("nothing/"):
            yield Labels.of(name, found, name.split("/")[0])


def captions(data: Path) -> Iterator[Labels]:
    """Visible things of devise/words/visible.txt, and doings, colours and places of everyday.tsv in all their forms."""
    here = Path(__file__).parent
    visible = set((here.parent / "devise/words/visible.txt").read_text().splitlines())
    lines = [line.split("\t") for line in (here / "everyday.tsv").read_text().splitlines()]
    forms = {form: word for word, all_forms in lines for form in all_forms.split()}
    counts: dict[str, Counter[str]] = {}
    for row in table(data / "flickr8k.zip", "captions.csv"):
        words = re.findall(r"[a-z]+", row["caption"].lower())
        found = {forms.get(word) or singular(word, visible) for word in words} - {""}
        counts.setdefault(row["path"], Counter()).update(found)
    for path, said in counts.items():
        truth = {word: ONCE if count == 1 else 1.0 for word, count in said.items()}
        yield Labels(f"flickr8k/{path}", truth, "captions")


def _has(vectors: WordVectors, label: str) -> bool:
    return label in vectors or all(word in vectors for word in label.split())


def _detected(lessons: Lessons) -> Iterator[Scored]:
    """Words of the detector's classes, and of what they are kinds of, with the best score of each photo."""
    scores = lessons.outputs["scores"].astype(np.float16)
    every = np.ones(len(scores), np.float16)
    for i, name in enumerate(COCO):
        yield from (Scored(word, scores[:, i], every) for word in words_of(name))
    for kind, members in KINDS.items():
        yield Scored(kind, scores[:, [COCO.index(member) for member in members]].max(1), every)


def _texts(data: Path, lessons: Lessons) -> Iterator[Scored]:
    """Words of CLIP's text vectors: true where the cosine is far above its mean, unknown in between."""
    with np.load(data / "clip_text.npz") as text:
        names, vectors = text["b16_names"].tolist()[NUM_VOC:], text["b16"][NUM_VOC:].astype(np.float32)
    rows = lessons.outputs["embeddings"].astype(np.float32)
    background = rows[np.isfinite(rows[:, 0]) & ~lessons.photos.held_out]
    for name, vector in zip(names, vectors, strict=True):
        usual = background @ vector
        z = np.nan_to_num((rows @ vector - usual.mean()) / usual.std(), nan=(SURE + UNLIKELY) / 2)
        says = ((z >= SURE) | (z <= UNLIKELY)).astype(np.float16)
        yield Scored(re.split(r"[,;]", name)[0].strip(), (z >= SURE).astype(np.float16), says)
