"""A metric from pairs and triplets in place of labels, and from the photos alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import COLOURS, Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise import Library
from devise.descriptors.network import checkpoint as checkpoints
from devise.errors import TrainingError
from devise.photos.augment import augmented
from devise.training import TrainOptions, train
from devise.training.datasets.example import Pair
from devise.training.datasets.pairs import from_pairs, split_pairs
from devise.training.objectives.metric import nearer, related
from devise.training.samplers import paired

Rows = Sequence[Sequence[object]]


def written(folder: Path, header: Sequence[str], rows: Rows) -> Path:
    file = folder / "pairs.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


@pytest.fixture
def metric(options: TrainOptions, classes: Path) -> TrainOptions:  # noqa: F811
    names = list(COLOURS)
    rows = [(f"{colour}/{i}.png", f"{colour}/{(i + 1) % 8}.png", 1) for colour in names for i in range(8)]
    rows += [(f"{names[k]}/{i}.png", f"{names[(k + 1) % 4]}/{i}.png", 0) for k in range(4) for i in range(8)]
    file = written(classes, ("a", "b", "similar"), rows)
    return replace(options, data=file, objectives=("metric",), vectors=None, dim=8, epochs=30, batch=16, loss="triplet")


def colours_come_together(path: Path, photos: Path, place: Path) -> None:
    with Library(place, model=str(path)) as library:
        library.index([photos])
        photo = library.paths()[0]
        near = library.similar(photo, 7, space="metric")
        assert sum(Path(match.path).parent == Path(photo).parent for match in near) >= 5


def test_relations_of_a_batch_are_those_of_its_pairs() -> None:
    pairs = torch.tensor([[0, 1, 1], [0, 2, 0], [3, 4, 1]])
    same, other = related(torch.tensor([1, 0, 2, 0]), pairs, 5)
    assert same.tolist() == [[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert other.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    _, rest = related(torch.tensor([1, 0, 2, 0]), pairs, 5, is_rest=True)
    assert rest.tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]]
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert nearer(x, *related(torch.tensor([0, 1, 2]), pairs, 5)) == {"nearer": 1.0}


def test_each_pair_is_looked_at_once_an_epoch() -> None:
    torch.manual_seed(0)
    pairs = torch.tensor([(a, b, 1) for a in range(4) for b in range(4, 10)] + [(0, 11, 0)])
    rows = paired(torch.arange(10), pairs, 4)
    assert len(rows) == 4 * 6 + 4 * 2  # a photo comes once for each group of its pairs
    assert 11 not in rows.tolist()


@pytest.mark.parametrize("loss", ["triplet", "ntxent"])
def test_pairs_teach_a_metric(metric: TrainOptions, classes: Path, tmp_path: Path, loss: str) -> None:  # noqa: F811
    report = train(replace(metric, loss=loss))
    assert report.best.figures["nearer"] > 0.8  # 0.5 by chance
    colours_come_together(report.path, classes, tmp_path / "library")


def test_triplets_teach_a_metric(metric: TrainOptions, classes: Path, tmp_path: Path) -> None:  # noqa: F811
    names = list(COLOURS)
    rows = [[f"{names[k]}/{i}.png", f"{names[k]}/{(i + 1) % 8}.png", f"{names[(k + step) % 4]}/{i}.png"]
            for k in range(4) for i in range(8) for step in (1, 2)]  # fmt: skip
    written(classes, ("anchor", "positive", "negative"), rows)
    report = train(replace(metric, validation=0.0))
    colours_come_together(report.path, classes, tmp_path / "library")


def test_photos_alone_teach_a_metric(metric: TrainOptions, classes: Path, tmp_path: Path) -> None:  # noqa: F811
    alone = replace(metric, data=classes, unlabelled=True, loss="ntxent", epochs=10)
    report = train(alone)
    assert report.labels == ()
    assert report.best.figures["own view@1"] > 0.125  # by chance
    with Library(tmp_path / "library", model=str(report.path)) as library:
        library.index([classes])
        assert len(library.similar(library.paths()[0], 7, space="metric")) == 7
    with pytest.raises(TrainingError, match="a frozen backbone: no --unfreeze"):
        train(replace(alone, unfreeze=1))


def test_views_are_parts_of_a_photo_drawn_anew() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    random = np.random.default_rng(0)
    one, other = augmented(pixels, random), augmented(pixels, random)
    assert one.shape == pixels.shape
    assert (one != other).mean() > 0.5
    assert (augmented(pixels, np.random.default_rng(0)) == one).all()


def test_it_goes_on_after_a_kill(metric: TrainOptions, classes: Path, tmp_path: Path) -> None:  # noqa: F811
    for some in (replace(metric, epochs=3), replace(metric, epochs=3, data=classes, unlabelled=True, loss="ntxent")):
        whole = checkpoints.load(train(replace(some, force=True)).path).fingerprint
        stopped = replace(some, out=str(tmp_path / "other" / "metric.safetensors"), force=True)
        with pytest.raises(KeyboardInterrupt):
            train(stopped, Stop(after=2))
        going_on = replace(stopped, resume=True, force=False)
        with pytest.raises(TrainingError, match="other options"):
            train(replace(going_on, margin=0.3))
        assert checkpoints.load(train(going_on).path).fingerprint == whole


@pytest.mark.parametrize(
    ("rows", "error"),
    [([("red/0.png", "gone.png", 1), ("away.png", "red/1.png", 0)], "2 photos do not exist: .*gone.png.*away.png"),
     ([("red/0.png", "red/1.png", 1)] * 2, "all pairs are similar: nothing tells photos apart.*--loss ntxent"),
     ([("red/0.png", "red/1.png", 0)], "all pairs are dissimilar"),
     ([("red/0.png", "red/1.png", "maybe")], "maybe in the column similar; write 1 or 0"),
     ([("red/0.png", "", 1)], "lines with nothing in a column of a, b, similar: 2"),
     ([("red/0.png", "red/1.png", 1), ("red/1.png", "red/0.png", 0)], "said to be similar and not: 0.png and 1.png"),
     ([("red/0.png", "red/0.png", 1)], "names no pairs")],
)  # fmt: skip
def test_bad_pairs_are_one_line(metric: TrainOptions, classes: Path, rows: Rows, error: str) -> None:  # noqa: F811
    written(classes, ("a", "b", "similar"), rows)
    with pytest.raises(TrainingError, match=error):
        train(metric)
    with pytest.raises(TrainingError, match="teach a metric|" + error):
        train(replace(metric, objectives=("hash",), loss="sigmoid"))


def test_pairs_of_both_parts_are_left_out(classes: Path) -> None:  # noqa: F811
    rows = [("red/0.png", "red/1.png", 1), ("red/1.png", "blue/0.png", 0), ("blue/0.png", "blue/1.png", 1)]
    dataset = from_pairs(written(classes, ("a", "b", "similar"), [*rows, rows[0]]))
    assert len(dataset.pairs) == 3
    assert "3 pairs of 4 photos, 2 of them similar" in dataset.notes
    learnt, judging, kept = split_pairs([Pair("a", "b", True), Pair("b", "c", False), Pair("c", "d", True)], 0.34, 1)
    assert len(kept) == 3 - sum((one.a in judging) != (one.b in judging) for one in
                                [Pair("a", "b", True), Pair("b", "c", False), Pair("c", "d", True)])  # fmt: skip
    assert not set(learnt) & set(judging)
