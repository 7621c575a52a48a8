"""Judgements: stored, listed, taken back, heeded by later searches, learnt by training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from test_cli import devise, encoder, fails, indexed, tiny  # noqa: F401 (fixtures)
from test_cli_queries import knowing, names  # noqa: F401 (fixtures)
from test_training import classes, options, tiny_vectors  # noqa: F401 (fixtures)
from typer.testing import Result

from devise.descriptors.network import checkpoint as checkpoints
from devise.errors import TrainingError
from devise.library import Library
from devise.search.scoring import Feedback, Scoring
from devise.spaces import Space
from devise.training import TrainOptions, train
from devise.training.data import truth
from devise.training.datasets.example import NOTHING, Example
from devise.training.datasets.read import read
from devise.training.feedback import judged
from devise.training.splits import split
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.queries import Term

Run = Callable[..., Result]


def said(devise: Run) -> list[tuple[str, str, str]]:  # noqa: F811
    found = json.loads(devise("mark", "--list", "--json").stdout)
    return [(mark["query"], mark["mark"], Path(mark["path"]).stem) for mark in found]


def test_marks_are_listed_replaced_and_taken_back(devise: Run, indexed: Path) -> None:  # noqa: F811
    assert said(devise) == []
    devise("mark", indexed / "red.png", "green.png", "--good", "red")
    devise("mark", "red.png", "--bad", "red")
    assert said(devise) == [("red", "good", "green"), ("red", "bad", "red")]
    result = devise("mark", "--undo")
    assert "1 judgement forgotten" in result.stderr
    assert said(devise) == [("red", "good", "red"), ("red", "good", "green")]  # what was said before counts again
    devise("mark", "--undo")
    assert "nothing to undo" in devise("mark", "--undo").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("red.png", "--good", "nowherespelt"), "no word vector"),
        (("nowhere.png", "--good", "red"), "there is no such photo here or in the library"),
        (("red.png", "--bad", '"open'), 'no word vector for "open"'),
    ],
)
def test_judgements_that_cannot_be_made(devise: Run, indexed: Path, arguments: tuple[str, ...], said: str) -> None:  # noqa: F811
    fails(devise("mark", *arguments), said)


@pytest.mark.parametrize("arguments", [(), ("a.png",), ("a.png", "--good", "x", "--bad", "x"), ("--undo", "--list")])
def test_wrong_usage(devise: Run, indexed: Path, arguments: tuple[str, ...]) -> None:  # noqa: F811
    assert devise("mark", *arguments).exit_code == 2


def test_a_photo_outside_the_library_is_not_judged(devise: Run, indexed: Path, draw: Callable[..., Path]) -> None:  # noqa: F811
    fails(devise("mark", draw("elsewhere.png", (1, 2, 3)), "--good", "red"), "is not in the library; bring it in")
    assert said(devise) == []


def test_later_searches_heed_them(devise: Run, knowing: Path) -> None:  # noqa: F811
    before = names(devise("search", "red", "--min-score", "0", "--paths"))
    assert before[:2] == ["red", "yellow"]
    devise("mark", "yellow.png", "--bad", "red")
    assert "yellow" not in names(devise("search", "red", "--min-score", "0", "--paths"))  # never again for this query
    assert "yellow" in names(devise("search", "green", "--paths"))  # another one
    devise("mark", "blue.png", "--good", "red")
    after = names(devise("search", "red", "--min-score", "0", "--paths"))
    assert after.index("blue") < before.index("blue")
    assert "blue" in names(devise("search", "red", "--paths"))  # however unlikely
    assert "green" not in names(devise("search", "red", "--paths"))
    devise("mark", "--undo")
    devise("mark", "--undo")
    assert names(devise("search", "red", "--min-score", "0", "--paths")) == before


def test_a_judged_photo_that_comes_back_is_judged_still(devise: Run, knowing: Path) -> None:  # noqa: F811
    devise("mark", "yellow.png", "--bad", "red")
    data = (knowing / "yellow.png").read_bytes()
    (knowing / "yellow.png").unlink()
    devise("index")
    assert devise("search", "red", "--min-score", "0", "--paths").exit_code == 0
    (knowing / "other.png").write_bytes(data)
    devise("index")
    assert "other" not in names(devise("search", "red", "--min-score", "0", "--paths"))


def test_what_is_said_is_rocchio_s_sum() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(3, 8)))
    feedback = Feedback(rows[1], rows[2])
    question = Scoring.of([Term("x", rows[0])], feedback=feedback)
    assert [(weight, vector.tolist()) for weight, vector in feedback.weighted_means()] == [
        (0.1, rows[1].tolist()), (-0.1, rows[2].tolist()),
    ]  # fmt: skip
    assert question.scores(np.array([[0.5]]), Space(name="words", dim=8)) == pytest.approx([0.5])


@pytest.fixture
def marked(tmp_path: Path, album: Path, tiny_vectors: WordVectors) -> Library:  # noqa: F811
    maker = FakeEncoder(vectors_fingerprint=tiny_vectors.fingerprint)
    maker.info = replace(maker.info, spaces=(replace(maker.info.spaces[0], vectors="tiny"), maker.info.spaces[1]))
    with Library(tmp_path / "library", model=maker) as library:
        library.index([album])
        library.marks.add("Red", ["red.png"], is_good=True)
        library.marks.add("red -green", ["yellow.png"], is_good=True)
        library.marks.add("blue", ["green.png"], is_good=False)
        library.marks.add("red blue", ["black.png"], is_good=False)  # nobody says which is missing
    return library


def test_judged_photos_are_examples(marked: Library, tiny_vectors: WordVectors) -> None:  # noqa: F811
    found = judged(marked.path, tiny_vectors)
    assert [(Path(e.path).stem, e.labels, e.wrong) for e in found] == [
        ("red", ("red",), ()), ("yellow", ("red",), ("green",)), ("green", (), ("blue",)),
    ]  # fmt: skip
    true, known = truth([*found, Example("x", ("blue",))], ["blue", "green", "red"])
    assert true.tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert known.tolist() == [[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 0, 0]]


def test_training_learns_from_them(options: TrainOptions, marked: Library) -> None:  # noqa: F811
    report = train(replace(options, feedback=marked.path))
    assert report.num_training == 3 + train(replace(options, force=True)).num_training
    again = train(replace(options, feedback=marked.path, force=True))
    about = checkpoints.load(again.path).training
    assert about["feedback"] == "library"


def test_photos_of_nothing(tmp_path: Path, draw: Callable[..., Path]) -> None:
    for name in ("a.png", "b.png", "noise.png", "sand.png"):
        draw(name)
    (tmp_path / "all.csv").write_text(
        f"path,labels,group\na.png,red,x\nb.png,blue,y\nnoise.png,{NOTHING},\nsand.png,-,x\n"
    )
    examples = read(tmp_path / "all.csv").examples
    true, known = truth(examples, ["blue", "red"])
    assert true.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert known.tolist() == [[0, 1], [1, 0], [1, 1], [1, 1]]
    training, validation = split([*examples, *examples], 0.5, 0)
    assert sum(not example.labels for example in validation) == 2
    assert sum(not example.labels for example in training) == 2


@pytest.mark.parametrize("loss", ["sigmoid", "softmax", "cosine", "hinge"])
def test_photos_of_nothing_are_given_no_label(options: TrainOptions, classes: Path, loss: str) -> None:  # noqa: F811
    rows = [f"{p.relative_to(classes.parent)},{p.parent.name}" for p in sorted(classes.glob("*/*.png"))]
    nothing = [row.split(",")[0] + ",-" for row in rows if ",light_sky" in row]
    lines = [row for row in rows if ",light_sky" not in row] + nothing
    (classes.parent / "all.csv").write_text("path,labels\n" + "\n".join(lines) + "\n")
    report = train(replace(options, data=classes.parent / "all.csv", loss=loss, epochs=30))
    assert report.labels == ("blue", "green", "red")
    assert np.isfinite(checkpoints.load(report.path).training["loss_value"])
    assert report.best.hits[1] > 0.5


def test_a_photo_without_a_word_about_it_is_no_photo_of_nothing(tmp_path: Path, draw: Callable[..., Path]) -> None:
    draw("a.png")
    (tmp_path / "all.csv").write_text("path,labels\na.png,\n")
    with pytest.raises(TrainingError, match=r"without labels.*or write - where"):
        read(tmp_path / "all.csv")


def test_the_last_word_counts_however_the_query_was_written(devise: Run, knowing: Path) -> None:  # noqa: F811
    devise("mark", "yellow.png", "--bad", "red yellow")
    assert "yellow" not in names(devise("search", "yellow red", "--min-score", "0", "--paths"))
    devise("mark", "yellow.png", "--good", "yellow red")
    assert "yellow" in names(devise("search", "red", "yellow", "--min-score", "0", "--paths"))


def test_a_word_that_only_texts_know_makes_another_query(devise: Run, knowing: Path) -> None:  # noqa: F811
    (knowing / "yellow.txt").write_text("zugspitze")
    devise("index")
    devise("mark", "yellow.png", "--bad", "zugspitze red")
    assert "yellow" in names(devise("search", "red", "--min-score", "0", "--paths"))
    assert names(devise("search", "red", "zugspitze", "--min-score", "0", "--paths")) == []


def test_queries_with_photos_are_not_judged(devise: Run, knowing: Path) -> None:  # noqa: F811
    fails(devise("mark", "red.png", "--good", "blue.png + red"), "judge answers to words")


def test_undo_makes_no_library(devise: Run, tmp_path: Path) -> None:  # noqa: F811
    fails(devise("mark", "--undo", "--library", tmp_path), "there is no library at")
    assert list(tmp_path.glob("library.db*")) == []


def test_marking_as_json(devise: Run, indexed: Path) -> None:  # noqa: F811
    made = json.loads(devise("mark", "red.png", "--good", "red", "--json").stdout)
    assert [(mark["query"], mark["mark"]) for mark in made] == [("red", "good")]


def test_a_judged_photo_is_learnt_where_it_is_now(marked: Library, album: Path, tiny_vectors: WordVectors) -> None:  # noqa: F811
    (album / "red.png").rename(album / "rouge.png")
    (album / "yellow.png").write_bytes((album / "black.png").read_bytes())  # another photo under an old name
    with Library(marked.path, model=marked._resources.model) as library:
        library.index()
    assert [Path(e.path).stem for e in judged(marked.path, tiny_vectors)] == ["rouge", "green"]
