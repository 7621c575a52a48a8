"""Training on photos drawn here, with a tiny backbone and toy word vectors: it learns, resumes, repeats and refuses."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_model import tiny

from devise import config
from devise.analysis.metrics import average_precision, hits
from devise.descriptors.network import checkpoint as checkpoints
from devise.errors import CheckpointError, FolderError, TrainingError
from devise.training import TrainOptions, TrainProgress, train
from devise.training.datasets.example import Example, as_label
from devise.training.datasets.read import read
from devise.training.features import _checked, features_of
from devise.training.labels import resolved
from devise.training.report import EpochReport
from devise.training.samplers import drawn
from devise.training.sources import moved
from devise.training.splits import split
from devise.words import WordVectors
from devise.words.format import write_vectors

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 210), "light_sky": (120, 200, 250)}
NUM_PHOTOS = 8  # a class


@pytest.fixture
def tiny_vectors() -> WordVectors:
    """Twelve words, 6 numbers each, where `WordVectors.open("tiny")` finds them."""
    words = ["red", "green", "blue", "light", "sky", "cat", "dog", "sofa", "yellow", "black", "white", "bird"]
    rows = np.random.default_rng(7).normal(size=(len(words), 6))
    write_vectors(config.own_folder("embeddings") / "tiny.safetensors", words, rows, source="drawn at random")
    return WordVectors.open("tiny")


@pytest.fixture
def classes(draw: Callable[..., Path], tmp_path: Path) -> Path:
    """Class folders of photos in one colour with some noise."""
    for name, colour in COLOURS.items():
        for i in range(NUM_PHOTOS):
            draw(f"classes/{name}/{i}.png", colour, seed=i + 1)
    return tmp_path / "classes"


@pytest.fixture
def options(classes: Path, tmp_path: Path, tiny_vectors: WordVectors) -> TrainOptions:
    backbone = tmp_path / "backbone.safetensors"
    checkpoints.save(tiny(), backbone)
    return TrainOptions(
        data=classes, out=str(tmp_path / "out" / "colours.safetensors"), backbone=str(backbone),
        vectors=tiny_vectors.name,
        epochs=4, batch=8, validation=0.25, learning_rate=0.01,
    )  # fmt: skip


class Stop(TrainProgress):
    """Ends the process's run as a kill would: after an epoch, without a word."""

    def __init__(self, after: int) -> None:
        self.after = after

    def epoch(self, report: EpochReport) -> None:
        if report.epoch == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("loss", ["sigmoid", "softmax", "cosine", "hinge"])
def test_it_learns_colours(options: TrainOptions, loss: str) -> None:
    report = train(replace(options, loss=loss, epochs=60))
    assert report.best.hits[1] >= 0.75  # a quarter by chance
    trained = checkpoints.load(report.path)
    assert trained.configs["words"].labels == ("blue", "green", "light sky", "red")
    assert trained.configs["words"].vectors == "tiny"
    assert trained.training["hits"]["hit@1"] == pytest.approx(report.best.hits[1], abs=1e-4)
    assert not report.path.with_suffix(".training").exists()


def test_a_few_steps_are_judged_by_what_the_photos_have(options: TrainOptions) -> None:
    """Running averages of batch norms would still be nearly those that they began with."""
    report = train(replace(options, epochs=6, batch=64))
    assert report.best.hits[1] >= 0.75  # a quarter by chance
    assert report.history[-1].validation_loss < report.history[0].validation_loss


def test_the_last_blocks_can_learn_too(options: TrainOptions) -> None:
    frozen = checkpoints.load(options.backbone).backbone
    report = train(replace(options, unfreeze=1, epochs=6))
    learnt = checkpoints.load(report.path).backbone
    assert torch.equal(frozen.features[0].weight, learnt.features[0].weight)
    assert torch.equal(frozen.features[1].running_mean, learnt.features[1].running_mean)
    assert not torch.equal(frozen.features[4].weight, learnt.features[4].weight)
    with pytest.raises(TrainingError, match="at most 2"):
        train(replace(options, unfreeze=3, force=True))


def test_photos_are_moved_by_a_sixteenth_at_most_and_mirrored() -> None:
    """Each pixel says where it was: its row and its column."""
    row, column = np.mgrid[:64, :64].astype(np.uint8)
    picture = np.stack([row, column, row], axis=2)
    torch.manual_seed(0)
    shifts = set()
    for _ in range(200):
        made = moved(picture)
        assert made.shape == picture.shape
        y, x = int(made[32, 32, 0]), int(made[32, 32, 1])
        is_mirrored = int(made[32, 33, 1]) < x
        shifts.add((y - 32, x - (31 if is_mirrored else 32), is_mirrored))
    assert {y for y, _, _ in shifts} == {x for _, x, _ in shifts} == set(range(-4, 5))
    assert {mirrored for *_, mirrored in shifts} == {True, False}


@pytest.mark.parametrize("unfreeze", [0, 1])
def test_equal_seeds_give_equal_checkpoints_even_when_interrupted(
    options: TrainOptions, tmp_path: Path, unfreeze: int
) -> None:
    options = replace(options, unfreeze=unfreeze)
    whole = train(options).path
    stopped = replace(options, out=str(tmp_path / "other" / "colours.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        train(stopped, Stop(after=2))
    assert train(replace(stopped, resume=True)).best.epoch >= 1
    assert checkpoints.load(whole).fingerprint == checkpoints.load(stopped.out).fingerprint
    different = train(replace(options, seed=1, force=True)).path
    assert checkpoints.load(different).fingerprint != checkpoints.load(stopped.out).fingerprint


def test_a_run_killed_beside_its_first_checkpoint_has_not_ended(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = train(options).path, replace(options, out=str(tmp_path / "other" / "colours.safetensors"))

    def saved(*arguments: object) -> None:
        checkpoints.save(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("devise.training.loop.save", saved)
        with pytest.raises(KeyboardInterrupt):
            train(stopped)
    resumed = train(replace(stopped, resume=True)).path
    assert checkpoints.load(resumed).fingerprint == checkpoints.load(whole).fingerprint


def test_resuming_what_has_ended_changes_nothing(options: TrainOptions) -> None:
    first = train(options)
    before = first.path.read_bytes()
    assert train(replace(options, resume=True)).best.hits[1] == pytest.approx(first.best.hits[1], abs=1e-4)
    assert first.path.read_bytes() == before
    with pytest.raises(TrainingError, match="other options"):
        train(replace(options, resume=True, epochs=5))


def test_a_damaged_state_is_one_clear_error(options: TrainOptions) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(options, Stop(after=1))
    Path(options.out).with_suffix(".training").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match="damaged"):
        train(replace(options, resume=True))


def test_a_checkpoint_is_not_overwritten_unasked(options: TrainOptions) -> None:
    train(options)
    with pytest.raises(TrainingError, match="--force"):
        train(options)


def test_unknown_labels_are_all_named_before_anything_is_computed(
    options: TrainOptions, draw: Callable[..., Path]
) -> None:
    draw("classes/bleu/1.png")
    draw("classes/qqqqq/1.png")
    with pytest.raises(TrainingError, match=r'"bleu" \(did you mean blue.*"qqqqq"') as caught:
        train(options)
    assert "\n" not in str(caught.value)


def test_a_class_with_one_photo_is_named(options: TrainOptions, draw: Callable[..., Path]) -> None:
    draw("classes/dog/1.png")
    with pytest.raises(TrainingError, match=r"one photo: dog;.*--val 0"):
        train(options)
    assert train(replace(options, validation=0)).num_validation == 0


def test_folders_that_cannot_be_trained_with(options: TrainOptions, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="no folder or CSV"):
        train(replace(options, data=tmp_path / "none"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(FolderError, match="no class folders"):
        train(replace(options, data=tmp_path / "bare"))
    (tmp_path / "bare" / "cat").mkdir()
    with pytest.raises(FolderError, match=r"without photos.*cat"):
        train(replace(options, data=tmp_path / "bare"))


@pytest.mark.parametrize(
    ("change", "text"),
    [({"epochs": 0}, "epochs"), ({"batch": 1}, "batch"), ({"loss": "l2"}, "choose one of"),
     ({"validation": 1.0}, "share"),
     ({"learning_rate": 0.0}, "learning rate"), ({"learning_rate": float("nan")}, "learning rate"),
     ({"learning_rate": 1e38}, "at most 1e"),
     ({"out": "colours/"}, "is a folder"), ({"unfreeze": -1}, "unfreeze")],
)  # fmt: skip
def test_numbers_that_make_no_sense(options: TrainOptions, change: dict[str, object], text: str) -> None:
    with pytest.raises(TrainingError, match=text):
        train(replace(options, **change))


def test_a_missing_backbone_is_a_checkpoint_error(options: TrainOptions) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        train(replace(options, backbone="nothing"))


@pytest.mark.parametrize("unfreeze", [0, 1])
def test_unreadable_photos_are_skipped_and_named(options: TrainOptions, classes: Path, unfreeze: int) -> None:
    (classes / "red" / "broken.png").write_bytes(b"no photo")
    report = train(replace(options, unfreeze=unfreeze))
    assert [Path(error.path).name for error in report.skipped] == ["broken.png"]


def test_a_csv_gives_several_labels_groups_and_parts(options: TrainOptions, classes: Path) -> None:
    file = classes / "labels.csv"
    rows = [(f"red/{i}.png", "red|green", "a", "train" if i else "val") for i in range(4)]
    rows += [(f"blue/{i}.png", "blue", "b", "train" if i else "val") for i in range(4)]
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "labels", "group", "split"), *rows])
    examples = read(file).examples
    assert examples[0] == Example(str(classes / "red" / "0.png"), ("red", "green"), "validation", "a")
    report = train(replace(options, data=file))
    assert (report.num_training, report.num_validation) == (6, 2)
    assert report.best.hits[1] == 1.0  # within its group, blue has no rival


@pytest.mark.parametrize(
    ("text", "error"),
    [("", "columns"), ("a,b\n1,2\n", "needs path and labels"), ("path,labels\n", "names no photos"),
     ("path,labels\nx.png,red\n", "do not exist"), ("path,labels\nred/0.png,\n", "without labels")],
)  # fmt: skip
def test_csv_files_that_cannot_be_trained_with(options: TrainOptions, classes: Path, text: str, error: str) -> None:
    (classes / "bad.csv").write_text(text)
    with pytest.raises(TrainingError, match=error):
        train(replace(options, data=classes / "bad.csv"))


def test_weights_say_how_often_a_photo_is_looked_at() -> None:
    rows, torch_rows = np.arange(10), torch.arange(10)
    torch.manual_seed(0)
    assert sorted(drawn(torch_rows, torch.ones(10)).tolist()) == rows.tolist()
    weights = torch.tensor([9.0] + [1.0] * 9)
    counts = np.bincount(torch.cat([drawn(torch_rows, weights) for _ in range(400)]).numpy(), minlength=10)
    assert counts.sum() == 4000
    assert counts[0] / counts[1:].mean() == pytest.approx(9, rel=0.15)


@pytest.mark.parametrize("weight", ["0", "-1", "inf", "nan", "heavy"])
def test_weights_that_are_none(classes: Path, weight: str) -> None:
    photo = next(classes.rglob("*.png")).relative_to(classes)
    (classes / "all.csv").write_text(f"path,labels,weight\n{photo},red,{weight}\n")
    with pytest.raises(TrainingError, match="no number above 0"):
        read(classes / "all.csv")


def test_binary_files_are_no_csv(options: TrainOptions, classes: Path) -> None:
    (classes / "bad.csv").write_bytes(bytes(range(256)))
    with pytest.raises(TrainingError, match="UTF-8"):
        train(replace(options, data=classes / "bad.csv"))


def test_features_are_computed_once(options: TrainOptions, classes: Path, tmp_path: Path) -> None:
    paths = [str(path) for path in sorted(classes.rglob("*.png"))]
    model = checkpoints.load(options.backbone)
    first, good, _ = features_of(paths, model, cache=tmp_path / "cache")
    for file in (tmp_path / "cache").rglob("*.features"):
        sevens = np.full_like(np.frombuffer(file.read_bytes(), "<f2", offset=8), 7)
        file.write_bytes(_checked(sevens.tobytes(), file))
    again, _, _ = features_of(paths, model, cache=tmp_path / "cache")
    assert good.all()
    assert (again == 7).all()
    Path(paths[0]).touch()
    anew, _, _ = features_of(paths[::-1], model, cache=tmp_path / "cache")
    same_folder = np.array([Path(path).parent == Path(paths[0]).parent for path in paths])
    np.testing.assert_array_equal(anew[::-1][same_folder], first[same_folder])
    assert (anew[::-1][~same_folder] == 7).all()  # other folders stay cached
    assert not same_folder.all()


def test_splits_keep_every_label_on_both_sides() -> None:
    examples = [Example(f"{i}", ("a",) if i < 3 else ("b", "c") if i < 8 else ("b",)) for i in range(40)]
    for seed in range(20):
        training, validation = split(examples, 0.1, seed)
        assert len(training) + len(validation) == len(examples)
        for part in (training, validation):
            assert {label for example in part for label in example.labels} == {"a", "b", "c"}


def test_labels_are_words(tiny_vectors: WordVectors) -> None:
    assert as_label("light__sky ") == "light sky"
    assert resolved([Example("x", ("red", "light sky"))], tiny_vectors).labels == ("light sky", "red")


def test_hits_and_precision_against_small_cases() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.3, 0.1], [0.0, 0.1, 0.2]])
    truth = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0]])
    assert hits(scores, truth, at=(1, 2, 3)) == {1: pytest.approx(1 / 3), 2: pytest.approx(2 / 3), 3: 1.0}
    assert average_precision([0.1, 0.9, 0.5, 0.4], [1, 1, 0, 1]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert np.isnan(average_precision([0.1, 0.2], [0, 0]))
