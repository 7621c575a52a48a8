"""Train a words head through positions: what people call a photo, and what the detector sees at each of its places.

    python -m recipes.words_head --checkpoint runs/refined/state.pt --data D --out checkpoints/slim.safetensors

One vector for a whole photo is what limits pairs such as "sofa cat". So the head looks at the whole photo and at every
position of the last map; a label's score is the mean of the whole photo's and of its best positions', as everywhere in
devise, and at each position it learns the detector's words as well. The vector of the whole photo also learns where
CLIP's embedding lies among the words (recipes.clip_nouns), so that words are found that no label taught, and that of a
position what CLIP says of the part around it (recipes.parts).
The backbone is frozen, its maps are kept on disk.
"""

from __future__ import annotations

import argparse
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from devise.analysis.metrics import probability
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.calibrate import PHOTOS, calibrate
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.heads import WordsHead
from devise.errors import VectorsError
from devise.training.objectives.losses import LabelSigmoid, cosines
from devise.words import WordVectors
from devise.words.importing import import_vectors
from recipes.bar import Bar
from recipes.clip_nouns import Nouns
from recipes.coco import COCO, words_of
from recipes.folding import folded, folded_config
from recipes.labels import Labelled, labelled
from recipes.maps import Maps
from recipes.multi_teacher import as_checkpoint
from recipes.photo_cache import WHOLE
from recipes.photos import FULL_SIZE_SETS
from recipes.shipped_model import GLOVE
from recipes.views import SEEN, Lessons

VIEWS = 12  # positions of a photo in a step, of 100
BUSY = 0.5  # share of them that are drawn where the detector sees something
WEIGHTS = {
    "voc": 8.0,
    "captions": 5.0,
    "fashion": 2.0,
    "scenes": 0.7,
    "sports": 0.4,
    "activities": 0.4,
    "imagenette": 0.4,
    "imagewoof": 0.4,
    "pets": 0.5,
}  # others 1: how often each is looked at
# Sets of which all photos are learnt from, also those that CLIP was not asked about
FULL = ("voc", "captions", "fashion", "colours", "caltech101", "scenes", "houses", "nothing")
COMMON, RARE = 150, 4.0  # photos of VOC with a label from which it is common; how much oftener rarer ones are drawn
AT_PLACES = 1.0  # weight of what is learnt at positions beside whole photos
MEANING = 2.0  # weight of one minus the cosine to what CLIP says of a photo
PART_MEANING = 1.0  # and to what it says of a part, at each of its positions
VALIDATION = 0.05  # share of the photos with labels of people that probabilities are fitted on
SIZE, PARTS = 448, 10  # pixels a side: 320 found pairs with 0.477, 448 with 0.529; 14 parts a side no more than 10
LEVELS = 255
# What an ablation may leave out: CLIP's embeddings of photos and of their parts, what it makes of people's labels, its
# text vectors, the detector's words (of photos and at positions), photos that are not in the data folder
INGREDIENTS = ("meaning", "parts", "labels", "texts", "detector", "collections")

Rows = NDArray[np.int64]  # numbers of photos


@dataclass(frozen=True)
class Lesson:
    """rows: photos learnt from; places: (n, words, positions) uint8, the detector's scores in 255ths; columns: those
    words' places among the labels; meaning: (n, dim), what CLIP says in word vectors, zeros where it was not asked;
    part_of: (n, positions) the part that a position belongs to, or -1; part_meaning: (n, parts, dim); draw: (n,) how
    often each photo is looked at.
    """

    labelled: Labelled
    rows: NDArray[np.int64]
    places: NDArray[np.uint8]
    columns: list[int]
    meaning: Tensor
    part_of: Tensor
    part_meaning: Tensor
    draw: Tensor

    @classmethod
    def of(cls, lessons: Lessons, found: Labelled, rows: Rows, side: int, bridge: NDArray[np.float32]) -> Lesson:
        words = {word: i for i, name in enumerate(COCO) for word in words_of(name)}
        columns = [column for column, label in enumerate(found.labels) if label in words]
        classes = [words[found.labels[column]] for column in columns]
        grids = (lessons.detected(row, WHOLE, side)[0][classes] for row in rows)
        places = np.stack([(grid.reshape(len(columns), -1) * LEVELS).round().astype(np.uint8) for grid in grids])
        places[[found.groups[row] == "nothing" for row in rows]] = 0
        said = (lessons.outputs["embeddings"][rows] - lessons.clip_mean) @ bridge
        of_parts = (lessons.outputs["part_embeddings"][rows] - lessons.part_mean) @ bridge
        meaning, part_meaning = (F.normalize(torch.from_numpy(x).nan_to_num(), dim=-1) for x in (said, of_parts))
        part_of = torch.from_numpy(np.stack([lessons.part_of(row, side).ravel() for row in rows]))
        draw = torch.from_numpy(draw_weights(found, rows))
        return cls(found, rows, places, columns, meaning, part_of, part_meaning, draw)

    def targets(self, rows: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of rows (n,) and their positions (n, k): truth and known (n, labels), scores at places (n, words, k)."""
        photos = self.rows[rows.numpy()]
        truth, known = (torch.from_numpy(x[photos]).float() for x in (self.labelled.truth, self.labelled.known))
        places = torch.from_numpy(self.places[rows.numpy()]).float() / LEVELS
        return truth, known, places.gather(2, views[:, None].expand(-1, places.shape[1], -1))

    def part_meanings(self, rows: Tensor, views: Tensor) -> Tensor:
        """(n, k, dim): what CLIP says of the part that each of those positions belongs to; zeros: of none."""
        part = self.part_of[rows].gather(1, views).long()
        return self.part_meaning[rows[:, None], part.clamp(min=0)] * (part >= 0)[..., None]


def draw_weights(found: Labelled, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """VOC's photos most, and of those the ones with rarer labels up to RARE times as often again."""
    of_voc = [row for row in rows if found.groups[row] == "voc"]
    named = {row: np.flatnonzero((found.truth[row] == 1) & (found.known[row] == 1)).tolist() for row in of_voc}
    counts = Counter(column for columns in named.values() for column in columns)
    rarest = {row: min((counts[column] for column in columns), default=COMMON) for row, columns in named.items()}
    more = {row: min(RARE, max(0.7, math.sqrt(COMMON / count))) for row, count in rarest.items()}
    return np.array([WEIGHTS.get(found.groups[row], 1.0) * more.get(row, 1.0) for row in rows])


def chosen_rows(lessons: Lessons, found: Labelled, unlabelled: int) -> Rows:
    """Photos to learn from: those that people labelled and CLIP saw, and others in which the detector sees most things
    that are rare. People's labels of sports and breeds, of which there are tens of thousands, teach little more.
    """
    free, seen = ~lessons.photos.held_out, np.isfinite(lessons.outputs["embeddings"][:, 0])
    with_labels = found.has_people() & free & (seen | np.isin(found.groups, FULL))
    detected = (lessons.outputs["scores"] > SEEN).astype(np.float32)
    rarity = detected @ (1 / np.sqrt(detected.sum(0) + 10))
    rarity[with_labels | ~free] = 0
    others = np.argsort(-rarity, kind="stable")[:unlabelled]
    return np.concatenate([np.flatnonzero(with_labels), np.sort(others[rarity[others] > 0])])


class AtPlaces(nn.Module):
    """One logistic regression a word on its cosine at each position, scale and bias learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.bias = nn.Parameter(torch.tensor(-10.0))  # at most places there is nothing

    def forward(self, vectors: Tensor, targets: Tensor, truth: Tensor) -> Tensor:
        """(n, k, dim), (words, dim), (n, words, k) -> mean over photos and positions"""
        logits = (vectors @ targets.T * self.log_scale.exp() + self.bias).transpose(1, 2)
        return F.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / vectors[..., 0].numel()


def fit(head: WordsHead, maps: Maps, lesson: Lesson, targets: Tensor, options: argparse.Namespace) -> None:
    on_photos, on_places = LabelSigmoid(), AtPlaces()
    parameters = [p for module in (head, on_photos, on_places) for p in module.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=1e-4)
    steps = max(1, options.epochs * len(lesson.rows) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=steps, pct_start=0.1)
    if "detector" in options.omit:
        lesson.places[:] = 0
    busy = torch.from_numpy(lesson.places.max(1).astype(np.float32)) / LEVELS + 0.02  # (n, positions)
    head.train()
    with Bar("words head", steps) as bar:
        for step in range(steps):
            rows = torch.multinomial(lesson.draw, options.batch, replacement=True)
            views = drawn_views(busy[rows])
            vectors = head(maps.some(rows, F.pad(views + 1, (1, 0))))  # the whole photo is view 0
            truth, known, at_places = lesson.targets(rows, views)
            loss = on_photos(vectors, targets, truth, known)
            if "detector" not in options.omit:
                loss = loss + AT_PLACES * on_places(vectors[:, 1:], targets[lesson.columns], at_places)
            if "meaning" not in options.omit:
                loss = loss + MEANING * away(vectors[:, 0], lesson.meaning[rows])
            if "parts" not in options.omit:
                of_parts = lesson.part_meanings(rows, views)
                loss = loss + PART_MEANING * away(vectors[:, 1:].flatten(0, 1), of_parts.flatten(0, 1))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.move(step + 1)
            if step % 200 == 199:
                bar.note(f"step {step + 1}: loss {loss.item():.3f}")
    head.eval()


def away(vectors: Tensor, meaning: Tensor) -> Tensor:
    """(n, dim), (n, dim) -> one minus the cosine, its mean over the rows of meaning that are not zero."""
    told = meaning.square().sum(1)
    return ((1 - (vectors * meaning).sum(1)) * told).sum() / told.sum().clamp(min=1)


def drawn_views(busy: Tensor) -> Tensor:
    """(n, positions), how much there is -> (n, VIEWS) positions: some where there is something, some anywhere."""
    count = round(VIEWS * BUSY)
    first = torch.multinomial(busy, count)
    others = torch.multinomial(torch.ones_like(busy).scatter(1, first, 0), VIEWS - count)
    return torch.cat([first, others], 1)


@torch.inference_mode()
def probabilities(head: WordsHead, maps: Maps, lesson: Lesson, rows: Tensor, targets: Tensor) -> dict[str, float]:
    """Scale and bias of labels, and of photos asked with, on photos that were not learnt from."""
    views = [head(maps.some(part)) for part in rows.split(32)]
    scores = torch.cat([cosines(vectors, targets) for vectors in views]).numpy()
    photos = lesson.rows[rows.numpy()]
    truth, known = lesson.labelled.truth[photos], lesson.labelled.known[photos] == 1
    weights = np.broadcast_to(draw_weights(lesson.labelled, photos)[:, None], truth.shape)
    scale, bias = probability(scores[known], truth[known], weights[known])
    whole = torch.cat([vectors[:, 0] for vectors in views]).numpy()
    sure = (truth * known).astype(np.float32)
    shared, said = sure @ sure.T > 0, known.astype(np.float32) @ sure.T > 0
    np.fill_diagonal(said, False)
    photo_scale, photo_bias = probability((whole @ whole.T)[said], shared[said])
    return {"scale": scale, "bias": bias, "photo_scale": photo_scale, "photo_bias": photo_bias}


def headless(name: str, size: int, parts: int | None = None) -> Checkpoint:
    """The checkpoint without words heads, norms folded, looking at size pixels and at parts x parts of them."""
    made = as_checkpoint(Path(name)) if name.endswith(".pt") else load(name)
    backbone = folded(made.backbone, size) if made.backbone.config.batch_norm else made.backbone
    backbone.config = folded_config(backbone.config, size, parts)
    classes = {"heads": {"classes": made.heads["classes"]}, "configs": {"classes": made.configs["classes"]}}
    return Checkpoint(name=made.name, backbone=backbone, **classes)


def teach(checkpoint: Checkpoint, lessons: Lessons, vectors: WordVectors, options: argparse.Namespace) -> Rows:
    """Add a words head for those vectors to the checkpoint, its first or a further one: the photos learnt from."""
    torch.manual_seed(options.seed)
    found = every = labelled(options.data, lessons, vectors)
    if options.without or options.omit:
        found = labelled(options.data, lessons, vectors, set(options.without.split(",")), options.omit)
    rows = chosen_rows(lessons, every, options.unlabelled)[: options.most]
    if "collections" in options.omit:
        rows = rows[[lessons.photos.names[row].split("/")[0] in (*FULL_SIZE_SETS, "nothing") for row in rows]]
    print(f"{len(rows)} photos, {len(found.labels)} labels, {Counter(found.groups[row] for row in rows)}", flush=True)
    maps = Maps(checkpoint, lessons.photos, rows.tolist(), options.cache)
    bridge = Nouns.of(options.data).to_words(vectors)
    lesson = Lesson.of(lessons, found, rows, checkpoint.backbone.config.parts, bridge)
    of_people = torch.from_numpy(np.flatnonzero(found.has_people()[rows]))
    checked = of_people[torch.randperm(len(of_people))[: int(VALIDATION * len(of_people))]]
    lesson.draw[checked] = 0
    targets = torch.from_numpy(np.stack([vectors.vector(label) for label in found.labels]))
    is_ours = vectors.name != GLOVE  # of GloVe we have some rows only: its head carries those of its labels
    config = HeadConfig(
        kind="words", num_features=checkpoint.backbone.config.num_features, num_out=vectors.dim, labels=found.labels,
        vectors=vectors.name, fingerprint=vectors.fingerprint if is_ours else None, anchored=not is_ours, input="power",
    )  # fmt: skip
    name = "words" if is_ours else f"words:{vectors.name}"
    head = checkpoint.add_head(config, name)
    assert isinstance(head, WordsHead)
    fit(head, maps, lesson, targets, options)
    if not is_ours:
        head.anchors.copy_(targets)
    checkpoint.configs[name] = config.with_probabilities(probabilities(head, maps, lesson, checked, targets))
    return rows


def glove(data: Path, cache: Path) -> WordVectors:
    """What we have of glove.6B.300d."""
    with patch.dict(os.environ, DEVISE_EMBEDDINGS=str(cache / "embeddings")):
        try:
            return WordVectors.open(GLOVE)
        except VectorsError:
            return import_vectors(data / f"{GLOVE}.partial.txt.gz", GLOVE)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="a checkpoint, or state.pt of recipes.refine")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--cache", type=Path, default=Path("runs/maps"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--unlabelled", type=int, default=6000, help="photos of rare things, as the detector sees them")
    parser.add_argument("--most", type=int, default=100_000, help="photos, of VOC and Flickr8k first")
    parser.add_argument("--vectors", default=SHIPPED_VECTORS, help="word vectors of the first head")
    parser.add_argument("--omit", action="append", default=[], choices=INGREDIENTS, help="for an ablation; repeatable")
    parser.add_argument("--without", default="", help="groups of labels to leave out, for zero-shot measurements")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side that the model will look at")
    parser.add_argument("--parts", type=int, default=PARTS, help="of a side that are looked at")
    parser.add_argument("--no-glove", action="store_true", help="without a second head for glove.6B.300d")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    lessons = Lessons(options.photos, ("detector", "clip", "parts"))
    checkpoint = headless(options.checkpoint, options.size, options.parts)
    rows = teach(checkpoint, lessons, WordVectors.open(options.vectors), options)
    if not options.no_glove:
        fewer = max(1, options.epochs // 2)  # epochs over the same photos, with three quarters of the labels
        teach(
            checkpoint,
            lessons,
            glove(options.data, options.cache),
            argparse.Namespace(**vars(options) | {"epochs": fewer}),
        )
    checkpoint.name = options.out.stem
    checkpoint.training = {"recipe": "recipes.refine, recipes.words_head", "num_training": len(rows),
                           "epochs": options.epochs, "loss": "sigmoid"}  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save(checkpoint, options.out, in_bytes=True)
    pixels = np.stack([lessons.photos.pixels(row, options.size) for row in rows[:: len(rows) // PHOTOS][:PHOTOS]])
    print(f"in bytes and in floats, vectors agree: {calibrate(options.out, pixels):.4f}")
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
