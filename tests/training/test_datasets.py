"""Labelled photos as people keep them: empty files stand for photos, as nothing here decodes them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from devise import config
from devise.errors import DeviseError, FolderError, TrainingError
from devise.training.datasets.example import Dataset, Example, Reading
from devise.training.datasets.read import read
from devise.training.datasets.wordnet import ancestors, names_of, synset_of
from devise.training.labels import resolved, singular
from devise.training.splits import split
from devise.words import WordVectors
from devise.words.format import write_vectors

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Files by their names, in a folder."""

    def made(*names: str) -> Path:
        for name in names:
            (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name).touch()
        return tmp_path / "data"

    return made


@pytest.fixture
def vectors() -> WordVectors:
    words = ["cat", "dog", "dogs", "tree", "shepherd", "german", "tabby", "glass", "glasses", "tshirt", "cafe", "sofa"]
    rows = np.random.default_rng(7).normal(size=(len(words), 6))
    write_vectors(config.own_folder("embeddings") / "few.safetensors", words, rows, source="drawn at random")
    return WordVectors.open("few")


def labels(data: Dataset) -> dict[str, tuple[str, str]]:
    return {Path(e.path).parent.name + "/" + Path(e.path).name: ("|".join(e.labels), e.part) for e in data.examples}


def test_folders_of_splits_are_no_labels(make: Make) -> None:
    found = read(make("train/cat/1.jpg", "train/dog/1.jpg", "valid/cat/2.jpg", "test/dog/3.jpg", "extra/x/1.jpg"))
    assert labels(found) == {"cat/1.jpg": ("cat", "train"), "dog/1.jpg": ("dog", "train"),
                             "cat/2.jpg": ("cat", "validation"), "dog/3.jpg": ("dog", "test")}  # fmt: skip
    assert "valid (validation)" in found.notes[0]
    assert [one.name for one in found.left_out] == ["extra"]
    assert split(found.examples, 0.5, 0)[1] == [e for e in found.examples if e.part == "validation"]


def test_a_train_may_be_a_thing(make: Make) -> None:
    assert {label for label, _ in labels(read(make("train/1.jpg", "car/1.jpg"))).values()} == {"train", "car"}


def test_groups_of_folders_and_folders_that_only_hold_photos(make: Make) -> None:
    folder = make("animals/cat/1.jpg", "animals/dog/images/2.jpg", "tree/3.jpg", "tree/old/4.jpg", "dog/2020/5.jpg")
    found = read(folder)
    assert labels(found) == {"cat/1.jpg": ("cat", ""), "images/2.jpg": ("dog", ""), "2020/5.jpg": ("dog", ""),
                             "tree/3.jpg": ("tree", ""), "old/4.jpg": ("tree", "")}  # fmt: skip
    assert "--label-level 1" in found.notes[0]
    first = read(folder, Reading(label_level=1))
    assert {label for label, _ in labels(first).values()} == {"animals", "tree", "dog"}


def test_ignored_folders_and_folders_of_programs(make: Make) -> None:
    folder = make("cat/1.jpg", "dog/1.jpg", "dog/2.jpg", "@eaDir/1.jpg", "__pycache__/1.jpg", "bad/1.jpg", "loose.jpg")
    (folder / ".deviseignore").write_text("bad/\ndog/2.jpg\n")
    found = read(folder)
    assert labels(found) == {"cat/1.jpg": ("cat", ""), "dog/1.jpg": ("dog", "")}
    assert {Path(one.name).name for one in found.left_out} == {"@eaDir", "__pycache__", "bad", "loose.jpg"}


def test_numbers_nothing_and_catch_alls(make: Make) -> None:
    found = read(make("001.Black_cat/1.jpg", "02 - dog/1.jpg"))
    assert {label for label, _ in labels(found).values()} == {"Black cat", "dog"}
    found = read(make("-/1.jpg", "other/1.jpg"))
    assert labels(found)["-/1.jpg"] == ("", "")
    assert "--alias other=-" in found.notes[-1]


def test_names_of_labels(vectors: WordVectors) -> None:
    written = ["n02123045", "n02106662_German_shepherd", "Alsatian, German shepherd", "T-Shirt", "Café", "cat", "Cat",
               "dog", "dogs", "pottedplant", "junk"]  # fmt: skip
    examples = [Example(name, (name,)) for name in written] + [Example("dog again", ("dog",))]
    found = resolved(
        examples, vectors, Reading(aliases=(("potted_plant", "x"), ("pottedplant", "tree"), ("Junk", "-")))
    )
    assert [e.labels for e in found.examples] == [("tabby",), ("German shepherd",), ("German shepherd",), ("TShirt",),
        ("Cafe",), ("cat",), ("cat",), ("dog",), ("dog",), ("tree",), (), ("dog",)]  # fmt: skip
    assert sum("are one label" in note for note in found.notes) == 2
    assert found.sources["dog"] == ("dog", "dogs")
    apart = resolved(examples, vectors, Reading(aliases=(("dogs", "dogs"), ("pottedplant", "tree"), ("junk", "-"))))
    assert {"dog", "dogs"} <= {*apart.labels}
    with pytest.raises(TrainingError, match=r'"bleu", "n00000001" \(.*--alias'):
        resolved([Example("x", ("n00000001",)), Example("y", ("bleu",))], vectors)


def test_rare_labels_are_left_out_when_asked(vectors: WordVectors) -> None:
    examples = [Example("1", ("cat",)), Example("2", ("cat", "tree")), Example("3", ("dog",)), Example("4", ())]
    found = resolved(examples, vectors, Reading(min_photos=2))
    assert [(e.path, e.labels) for e in found.examples] == [("1", ("cat",)), ("2", ("cat",)), ("4", ())]
    assert [one.name for one in found.left_out] == ["dog", "tree"]


@pytest.mark.parametrize(
    ("plural", "one"),
    [("Cats", "cat"), ("Boxes", "box"), ("glasses", "glass"), ("bus", "bus"), ("wolves", "wolf"), ("tennis", "tennis"),
     ("wild berries", "wild berry"), ("", "")],
)  # fmt: skip
def test_singulars(plural: str, one: str) -> None:
    assert singular(plural) == one


def test_wordnet_knows_imagenet() -> None:
    assert names_of("n02123045") == ("tabby", "tabby cat")
    assert names_of("n99999999") == ()
    assert synset_of("German shepherd") == "n02106662"
    assert ancestors("n02123045")["n02121808"] == 1  # domestic cat


ROWS = [("img/a/1.jpg", "cat"), ("img/a/2.jpg", "dog")]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"path,labels\nimg/a/1.jpg,cat\nimg/a/2.jpg,dog\n", ""),
        (codecs.BOM_UTF8 + b"Path;Labels\r\n\r\nimg/a/1.jpg;cat\r\n;\r\nimg/a/2.jpg;dog\r\n", "';'"),
        (b"sep=;\r\npath;labels\r\nimg/a/1.jpg;cat\r\nimg/a/2.jpg;dog\r\n", "';'"),
        ("path\tlabels\r\nimg/a/1.jpg\tcat\r\nimg/a/2.jpg\tdog\r\n".encode("utf-16"), "UTF-16"),
        (b"filepath, class\n img/a/1.jpg , cat\nimg/a/2.jpg,dog,,\n", ""),
        (b"path,labels\nimg\\a\\1.jpg,cat\nimg\\a\\2.jpg,dog\n", "backslashes"),
        (b"path,labels\nIMG/A/1.JPG,cat\nIMG/A/2.JPG,dog\n", "another case"),
        (b"img/a/1.jpg,cat\nimg/a/2.jpg,dog\n", "no header"),
        (b"path,cat,dog\nimg/a/1.jpg,1,0\nimg/a/2.jpg,0,1\n", "columns of 0 and 1"),
        ("path,labels,by\nimg/a/1.jpg,cat,Zo\xeb\nimg/a/2.jpg,dog,x\n".encode("cp1252"), "cp1252"),
    ],
)
def test_csv_files_of_spreadsheets(make: Make, data: bytes, note: str) -> None:
    file = make(*(path for path, _ in ROWS)) / "labels.csv"
    file.write_bytes(data)
    found = read(file)
    assert [(Path(e.path).name, *e.labels) for e in found.examples] == [("1.jpg", "cat"), ("2.jpg", "dog")]
    assert all(Path(e.path).is_file() for e in found.examples)
    assert note in " ".join(found.notes)


def test_columns_separators_and_several_labels(make: Make) -> None:
    file = make("1.jpg", "2.jpg") / "labels.csv"
    file.write_text("id,foto,kind,colour\n7,1.jpg,cat;dog,red\n8,2.jpg,tree,\n")
    found = read(file, Reading(path_column="Foto", label_columns=("kind", "colour"), separator=";"))
    assert [e.labels for e in found.examples] == [("cat", "dog", "red"), ("tree",)]
    with pytest.raises(TrainingError, match="no column nope; it has id, foto"):
        read(file, Reading(path_column="nope"))
    file.write_text("path,labels\n1.jpg,cat,sofa\n2.jpg,dog\n")
    assert [e.labels for e in read(file).examples] == [("cat", "sofa"), ("dog",)]
    file.write_text("path,labels\n1.jpg,cat\n1.jpg,dog\n")
    assert [e.labels for e in read(file).examples] == [("cat", "dog")]


@pytest.mark.parametrize(
    ("text", "error"),
    [("path,labels\n1.jpg,\"cat, sofa\"\n", "--separator ','"), ("path,labels,split\n1.jpg,cat,tset\n", "no split"),
     ("path,labels,split\n1.jpg,cat,train\n1.jpg,cat,val\n", "two splits"),
     ("labels,path\ncat,1.jpg,x\n", "more cells"),
     ("path,labels\nhttps://x.org/a.jpg,cat\n", "addresses are not followed")],
)  # fmt: skip
def test_csv_files_that_could_be_understood_wrongly(make: Make, text: str, error: str) -> None:
    file = make("1.jpg") / "labels.csv"
    file.write_text(text)
    with pytest.raises(TrainingError, match=error):
        read(file)


def test_all_for_testing_is_nothing_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="all photos are for testing"):
        split([Example("1", ("cat",), "test")], 0.1, 0)


def test_coco(make: Make) -> None:
    folder = make("train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg", "annotations/instances_train2017.json")
    boxes = [{"image_id": 1, "category_id": 3}, {"image_id": 1, "category_id": 5}, {"image_id": 1, "category_id": 3}]
    about = {"categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "potted_plant"}], "annotations": boxes,
             "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}]}  # fmt: skip
    (folder / "annotations/instances_train2017.json").write_text(json.dumps(about))
    other = {**about, "images": [{"id": 1, "file_name": "3.jpg"}]}
    (folder / "annotations/instances_val2017.json").write_text(json.dumps(other))
    assert labels(read(folder)) == {"train2017/1.jpg": ("cat|potted plant", "train"), "train2017/2.jpg": ("", "train"),
                                    "val2017/3.jpg": ("cat|potted plant", "validation")}  # fmt: skip
    for bad in ("{", "[]", '{"images": [{}]}', json.dumps({**about, "categories": []})):
        (folder / "bad.json").write_text(bad)
        with pytest.raises(TrainingError, match=r"bad\.json is no"):
            read(folder / "bad.json")


def test_yolo(make: Make) -> None:
    folder = make(
        "images/train/1.jpg", "images/train/2.jpg", "images/val/3.jpg", "labels/train/1.txt", "labels/val/3.txt"
    )
    (folder / "labels/train/1.txt").write_text("1 .5 .5 .1 .1\n0 .5 .5 .1 .1\n1 .2 .2 .1 .1\n")
    (folder / "labels/val/3.txt").write_text("0 .5 .5 .1 .1\n")
    (folder / "data.yaml").write_text(
        "path: /nowhere\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"
    )
    found = read(folder)
    assert labels(found) == {"train/1.jpg": ("dog|cat", "train"), "train/2.jpg": ("", "train"),
                             "val/3.jpg": ("cat", "validation")}  # fmt: skip
    (folder / "labels/val/3.txt").write_text("7 .5 .5 .1 .1\n")
    with pytest.raises(TrainingError, match="class 7"):
        read(folder)
    (folder / "data.yaml").write_text("train: images/train\n")
    with pytest.raises(TrainingError, match="does not name its classes"):
        read(folder)


def test_empty_class_folders(make: Make) -> None:
    folder = make("cat/1.jpg", "dog/notes.txt")
    with pytest.raises(FolderError, match=r"without photos.*dog"):
        read(folder)
    assert [one.name for one in read(folder, Reading(min_photos=1)).left_out] == ["dog"]


def test_aliases_of_the_command_line(tmp_path: Path) -> None:
    from devise.cli.labelled import reading

    (tmp_path / "names.csv").write_text("pottedplant,potted plant\ntvmonitor,television\n")
    found = reading(["a=b c", str(tmp_path / "names.csv")], 2, None, ["kind"], None, 0)
    assert found.aliases == (("a", "b c"), ("pottedplant", "potted plant"), ("tvmonitor", "television"))
    for wrong in ("nothing", "=x", "a="):
        with pytest.raises(DeviseError, match="neither NAME=WORDS nor a file"):
            reading([wrong], 0, None, [], None, 0)
