"""What several teachers say of packed photos, against boxes, photos and layers whose answer is known."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from devise.analysis.metrics import average_precision
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BackboneConfig
from devise.descriptors.network.preprocess import IMAGENET
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.format import write_vectors
from recipes import clip_labels, parts
from recipes.clip_nouns import Nouns
from recipes.coco import COCO
from recipes.detector import suppressed
from recipes.folding import folded
from recipes.labels import Labelled, _add_clip
from recipes.path_labels import of_path
from recipes.photo_cache import SIDE, WHOLE, PackedPhotos, squashed
from recipes.photo_sources import COLLECTIONS, Entry, Repository, git_directory, git_hash, listing
from recipes.refine import Plan
from recipes.views import RARE, Lessons, draw_weights, mirrored, on_grid, rarity
from recipes.words_head import away


def test_a_backbone_without_norms_gives_the_same_numbers() -> None:
    torch.manual_seed(0)
    config = BackboneConfig(name="tiny", layers=(6, "P4", "S", 8, "P5", 7), batch_norm=True, first_stride=2, top="conv",
                            num_features=9, preprocessing=IMAGENET)  # fmt: skip
    backbone = Backbone(config)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for row in (module.weight, module.bias, module.running_mean, module.running_var):
                row.data.uniform_(0.2, 2)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(folded(backbone.eval(), 64).maps(pixels), backbone.maps(pixels))


def box(*sides: float) -> np.ndarray:
    return np.array([sides], np.float32)


def test_places_belong_to_the_inner_part_of_a_box() -> None:
    places, best = on_grid(box(0.25, 0.25, 0.75, 1), [3], np.array([0.8], np.float32), WHOLE, 8)
    expected = np.zeros((8, 8), np.float32)
    expected[3:7, 3:5] = 0.8  # centres at 7/16 ... of 0.325 to 0.675, and of 0.3625 to 0.8875
    np.testing.assert_array_equal(places[3], expected)
    assert best[3] == np.float32(0.8)
    assert not places[[0, 1, 2, 4]].any()


def test_a_small_thing_has_the_place_in_its_middle() -> None:
    places, _ = on_grid(box(0.51, 0.51, 0.55, 0.55), [0], np.array([0.5], np.float32), WHOLE, 4)
    assert places[0].nonzero() == (np.array([2]), np.array([2]))


def test_what_a_crop_leaves_out_is_not_in_it() -> None:
    strengths = np.array([0.9], np.float32)
    left = on_grid(box(0, 0, 0.4, 1), [0], strengths, (0.5, 0, 1, 1), 4)
    assert not left[0].any()
    assert not left[1].any()
    half, best = on_grid(box(0.3, 0, 0.7, 1), [0], strengths, (0.5, 0, 1, 1), 4)
    assert half[0, :, 0].any()
    assert best[0] == np.float32(0.9)  # half of it is enough


def test_mirrored_places_are_those_of_a_mirrored_box() -> None:
    strengths = np.array([1.0], np.float32)
    places, _ = on_grid(box(0, 0, 0.5, 0.5), [0], strengths, WHOLE, 6)
    other, _ = on_grid(box(0.5, 0, 1, 0.5), [0], strengths, WHOLE, 6)
    np.testing.assert_array_equal(mirrored(places[0], True), other[0])


def test_of_overlapping_boxes_of_a_class_the_best_stays() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 0.3, 0.3], [0, 0, 1, 0.9]], np.float32)
    assert suppressed(boxes, np.array([1, 1, 1, 2])) == [0, 2, 3]


def test_parts_are_around_things_of_different_kinds() -> None:
    boxes = np.array([[51, 51, 102, 102], [60, 60, 110, 110], [140, 140, 204, 230], [0, 0, 255, 255]], np.uint8)
    kinds, strengths = np.array([1, 1, 2, 3], np.uint8), np.array([255, 255, 200, 255], np.uint8)
    found = parts.chosen(boxes, kinds, strengths, np.random.default_rng(0)).astype(int)
    assert found.shape == (parts.COUNT, 4)
    assert ((found[:, 2:] - found[:, :2]) >= 255 * parts.SHORTEST - 1).all()
    middles = (found[:, :2] + found[:, 2:]) / 2
    for thing in ((172, 185), (80, 80)):  # one of either kind; what fills the photo is no part
        assert np.abs(middles - thing).max(1).min() <= 8
    anywhere = parts.chosen(boxes, kinds, np.zeros(4, np.uint8), np.random.default_rng(0)) / 255
    areas = (anywhere[:, 2:] - anywhere[:, :2]).prod(1)
    assert ((areas > parts.AREAS[0] - 0.02) & (areas < parts.AREAS[1] + 0.02)).all()


def test_positions_share_a_part() -> None:
    some = np.array([[0, 0, 0.5, 0.5], [0.125, 0, 0.375, 1], [0.9, 0.9, 1, 1]], np.float32)
    whole = parts.weights(some, WHOLE, 4)
    np.testing.assert_allclose(whole.sum((1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(whole[0, :2, :2], 0.25)
    np.testing.assert_allclose(whole[1, 0], [0.125, 0.125, 0, 0], atol=1e-6)
    left = parts.weights(some, (0, 0, 0.5, 0.5), 2)
    np.testing.assert_allclose(left[0], 0.25)  # all of the view
    assert not left[2].any()  # not in it
    assert not left[1].any()  # half of it


def test_a_position_belongs_to_the_smallest_part_around_it(tmp_path: Path) -> None:
    pack(tmp_path, 0, [10])
    boxes = np.array([[[0, 0, 255, 255], [128, 128, 255, 255]]], np.uint8)
    np.savez(tmp_path / "a-000.npz", part_boxes=boxes, part_embeddings=np.ones((1, 2, 4)), embeddings=np.ones((1, 4)),
             scores=np.zeros((1, len(COCO))))  # fmt: skip
    lessons = Lessons(tmp_path, ("a",))
    found = lessons.part_of(0, 8)
    assert found[0, 0] == -1  # its centre is too far out
    assert found[2, 2] == 0
    assert found[6, 6] == 1
    lessons.outputs["part_embeddings"][0, 1] = np.nan  # CLIP was not asked
    assert lessons.part_of(0, 8)[6, 6] == 0
    assert not lessons.parts(0, WHOLE, 8)[1].any()


def test_held_out_photos_are_never_drawn() -> None:
    weights = draw_weights(["voc/a", "voc/b", "sports/c"], np.array([True, False, False]))
    assert weights[0] == 0
    assert weights[1] > 0
    assert weights[2] > 0


def test_photos_of_rare_things_are_drawn_oftener() -> None:
    seen = np.zeros((1000, 2), bool)
    seen[:500, 0] = seen[0, 1] = True
    factors = rarity(seen, np.ones(1000))
    assert factors[0] == RARE  # one in a thousand
    assert (factors[1:] == 1).all()


def test_what_people_say_of_a_photo_is_its_truth(tmp_path: Path) -> None:
    pack(tmp_path, 0, [10, 200, 90])
    scores = np.full((3, len(COCO)), 0.4, np.float16)
    said = {"embeddings": np.ones((3, 4)), "part_embeddings": np.ones((3, 2, 4))}
    np.savez(tmp_path / "detector-000.npz", scores=scores, **said)
    lessons = Lessons(tmp_path, ("detector",))
    lessons.photos.held_out[2] = True
    lessons.take_labels({"10": {"sofa", "cat"}, "200": {"cat"}, "90": {"sofa"}})
    found = lessons.outputs["scores"][:, [COCO.index("couch"), COCO.index("cat"), COCO.index("dog")]]
    np.testing.assert_allclose(found, [[1, 1, 0.4], [0, 1, 0.4], [0.4, 0.4, 0.4]], atol=1e-3)


def test_photos_that_are_looked_at_most_come_first() -> None:
    class Listed:
        def __init__(self, name: str, count: int) -> None:
            self.found = [Entry(f"{name}/{i}", str(i), f"{name}{i}", False) for i in range(count)]

        def entries(self) -> Iterator[Entry]:
            yield from self.found

        def read(self, key: str) -> bytes:
            raise NotImplementedError

    counts = {"receipts": 400, "rooms": 400, "voc": 3, "nothing": 2}
    names = [entry.name.split("/")[0] for entry in listing({name: Listed(name, n) for name, n in counts.items()})]
    assert names[:5] == ["voc"] * 3 + ["nothing"] * 2
    assert names[5:405].count("rooms") > 300  # drawn twenty times as often
    assert names.count("receipts") == 400


def pack(folder: Path, shard: int, colours: list[int]) -> None:
    jpegs = [squashed(Image.new("RGB", (40, 30), (colour, 0, 0))) for colour in colours]
    (folder / f"photos-{shard:03}.jpegs").write_bytes(b"".join(jpegs))
    about = {"names": [f"voc/{colour}" for colour in colours], "held_out": [False] * len(colours),
             "sizes": [len(jpeg) for jpeg in jpegs]}  # fmt: skip
    (folder / f"photos-{shard:03}.json").write_text(json.dumps(about))


def test_packed_photos_come_back_with_what_teachers_said(tmp_path: Path) -> None:
    pack(tmp_path, 0, [10, 200])
    pack(tmp_path, 1, [90])
    np.savez(tmp_path / "clip-000.npz", embeddings=np.ones((2, 4), np.float16))
    photos = PackedPhotos(tmp_path)
    assert photos.names == ["voc/10", "voc/200", "voc/90"]
    assert photos.picture(0).size == (SIDE, SIDE)
    assert [round(photos.pixels(row, 8)[..., 0].mean() / 10) for row in range(3)] == [1, 20, 9]
    said = photos.outputs("clip")["embeddings"]
    assert said.shape == (3, 4)
    assert np.isnan(said[2]).all()
    with pytest.raises(SystemExit, match=r"recipes\.teacher_cache classes"):
        photos.outputs("classes")


def test_photos_are_read_from_a_clone(tmp_path: Path) -> None:
    collection = COLLECTIONS[0]
    clone = tmp_path / collection.repository.split("/")[1]
    clone.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    packed = io.BytesIO()
    Image.fromarray(noise).save(packed, "PNG")
    for name in ("a.png", "copy.png"):
        (clone / name).write_bytes(packed.getvalue())
    (clone / "small.png").write_bytes(b"thumbnail")
    git = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "photos", "--no-gpg-sign"]):
        subprocess.run([*git, *command], check=True)
    folder = git_directory(tmp_path, collection.repository)
    assert folder is not None
    (entry,) = Repository(collection, folder).entries()  # equal files once, small ones not at all
    assert entry.blob == git_hash(packed.getvalue())
    assert Repository(collection, folder).read(entry.key) == packed.getvalue()


def test_labels_of_paths() -> None:
    assert of_path("sports/data/ice_hockey/1.jpg") == ("ice hockey", "sport")
    assert of_path("houses/Houses Dataset/459_kitchen.jpg") == ("kitchen", "room")
    assert of_path("activities/test/1.jpg") == ()


def test_rates_rise_stay_and_cool() -> None:
    stays, cools = Plan.parse("160:24:1000:1e-3:all,320:8:1000:1e-3:cools")
    assert stays.rate(0) < stays.rate(500) == stays.rate(999) == 1e-3
    assert cools.rate(999) < 1e-5


def test_clip_is_told_from_words_and_words_from_clip(tmp_path: Path) -> None:
    """Two towers that are turned against each other, and words that are a linear map of what they see."""
    random = np.random.default_rng(0)
    names, seen = [f"noun{i}" for i in range(60)], random.normal(size=(60, 8))
    turn, words = np.linalg.qr(random.normal(size=(8, 8)))[0], unit(seen @ random.normal(size=(8, 8)))
    np.savez(
        tmp_path / "clip_text.npz", b16_names=names[:30], b16=seen[:30], b32_names=names[10:], b32=seen[10:] @ turn
    )
    nouns = Nouns.of(tmp_path)
    assert nouns.names == names
    other = unit(unit(seen) - unit(seen).mean(0))
    assert np.einsum("ij,ij->i", nouns.rows, other).mean() > 0.9
    write_vectors(tmp_path / "w.safetensors", names, words, source="drawn")
    found = unit(nouns.rows @ nouns.to_words(WordVectors(tmp_path / "w.safetensors")))
    assert np.mean((found @ words.T).argmax(1) == np.arange(60)) > 0.8
    assert np.mean((nouns.seen(words, words) @ nouns.rows.T).argmax(1) == np.arange(60)) > 0.8


def test_what_clip_was_not_asked_pulls_nowhere() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 4), dim=1)
    meaning = torch.stack([vectors[0], torch.zeros(4), -vectors[2]])
    assert away(vectors, meaning) == pytest.approx((0 + 2) / 2, abs=1e-6)
    assert away(vectors, torch.zeros(3, 4)) == 0


def test_clip_learns_the_words_of_people(tmp_path: Path) -> None:
    """A label that is a direction of CLIP's space is said of photos that nobody labelled, as often as it is true."""
    random = np.random.default_rng(0)
    embeddings = unit(random.normal(size=(900, 16)).astype(np.float32))
    truth = np.stack([embeddings[:, 0] > 0.4, embeddings[:, 1] + embeddings[:, 2] > 0], 1).astype(np.float32)
    found = clip_labels.probabilities(embeddings, np.arange(600), truth[:600])
    assert found.shape == (900, 2)
    for label in range(2):
        assert average_precision(found[600:, label], truth[600:, label] > 0) > 0.7
        assert found[600:, label].mean() == pytest.approx(truth[600:, label].mean(), abs=0.05)


def test_what_people_did_not_say_clip_says(tmp_path: Path) -> None:
    pack(tmp_path, 0, [*range(8, 108)])
    random = np.random.default_rng(1)
    embeddings = random.normal(size=(100, 16)).astype(np.float16)
    embeddings[99] = np.nan  # not asked
    np.savez(
        tmp_path / "a-000.npz", embeddings=embeddings, part_embeddings=np.ones((100, 2, 16)), scores=np.zeros((100, 80))
    )
    lessons = Lessons(tmp_path, ("a",))
    truth = (embeddings[:, :2] > 0).astype(np.float16)
    known = np.zeros((100, 2), np.float16)
    known[:60], known[60:80, 1] = 1, 0.3  # people of captions; the detector of the second word
    truth[60:, 0], truth[60:, 1] = 0, 0.5
    found = Labelled(("snow", "dog"), truth.copy(), known.copy(), ["captions"] * 60 + [""] * 40)
    _add_clip(found, lessons, {"captions": [0, 1]})
    np.testing.assert_array_equal(found.truth[:60], truth[:60])
    np.testing.assert_array_equal(found.known[60:99], np.float16(0.3))
    assert found.known[99].tolist() == [0, 0]
    right = embeddings[60:99, 0] > 0
    assert average_precision(found.truth[60:99, 0].astype(float), right) > 0.8
    alone, together = found.truth[80:99, 1], found.truth[60:80, 1]
    assert together.min() >= 0.25  # the mean with the detector's 0.5
    assert together.max() <= 0.75
    assert alone.min() < 0.25
