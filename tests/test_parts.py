"""Parts of photos: windows of the map, like ones merged, stored with the photo, and what they add to a score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fakes import FakeEncoder
from PIL import Image

from devise import config
from devise.errors import LibraryError
from devise.library import Library
from devise.library.question import Question
from devise.library.store import Store
from devise.model.backbones import BACKBONES, Backbone
from devise.model.losses import cosines
from devise.model.parts import distinct, kept
from devise.vectors import ModelInfo, Space, pooled, unit
from devise.words.queries import Term

RED, BLUE = unit([1, 0, 0, 0.1]), unit([0, 0, 1, 0.1])


class Quartered(FakeEncoder):
    """Looks at the four quarters of a photo beside the whole."""

    def __init__(self, fingerprint: str = "f" * 64) -> None:
        super().__init__(fingerprint=fingerprint)
        words = Space(name="words", dim=4, vectors="tiny", num_parts=4)
        self.info = ModelInfo(name="quartered", fingerprint=fingerprint, spaces=(words, self.info.spaces[1]))

    def encode(self, pixels):
        found = super().encode(pixels)
        quarters = pixels.reshape(len(pixels), 2, 16, 2, 16, 3).mean((2, 4)).reshape(len(pixels), 4, 3) / 255
        return found | {"parts": unit(np.concatenate([quarters, np.full((len(pixels), 4, 1), 0.1)], 2))}


def picture(path, corner, rest):
    image = Image.new("RGB", (32, 32), rest)
    image.paste(corner, (0, 0, 16, 16))
    image.save(path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(folder / "red-corner.png", "red", "blue")
    picture(folder / "violet.png", (160, 0, 200), (160, 0, 200))
    for i in range(30):
        picture(folder / f"green{i:02}.png", (0, 100 + i, 0), (0, 200 + i, 0))
    return folder


@pytest.fixture(params=[False, True], ids=["scan", "graph"])
def library(request, photos, tmp_path, monkeypatch):
    if request.param:
        monkeypatch.setattr(config, "EXACT_BELOW", 10)
        monkeypatch.setattr(config, "MIN_SHOWING", 7)
        monkeypatch.setattr(config, "CANDIDATES", 1)
    with Library(tmp_path / "library") as opened:
        opened.index([photos], model=Quartered())
        yield opened


def asking(*vectors):
    return Question.of([Term("", vector) for vector in vectors])


def test_a_small_thing_is_found_by_its_part(library, photos):
    """The whole photo is as blue as a photo with a red corner can be; violet is redder all over."""
    assert library.nearest(RED, 1)[0].path == str(photos / "violet.png")
    best = library._search().showing(asking(RED), 2)
    assert [match.path for match in best] == [str(photos / "red-corner.png"), str(photos / "violet.png")]


def test_score_is_the_mean_over_terms_of_whole_and_best_part(library, photos):
    best = library._search().showing(asking(RED, BLUE), 1)[0]
    whole = unit([0.25, 0, 0.75, 0.1])
    expected = np.mean([(whole @ RED + 1) / 2, (whole @ BLUE + 1) / 2])
    assert best.path == str(photos / "red-corner.png")
    assert best.score == pytest.approx(expected, abs=2e-3)  # parts are stored as halves


def test_terms_of_another_shape(library):
    with pytest.raises(LibraryError, match="terms"):
        library._search().showing(asking(*unit(np.ones((2, 7)))), 1)


def test_a_library_without_parts_becomes_one_that_can_hold_them(photos, tmp_path):
    """Format 1 had no table of parts."""
    with Library(tmp_path / "old") as library:
        library.index([photos], model=FakeEncoder())
        before = library.nearest(RED, 5)
    store = Store(tmp_path / "old", write=True)
    store._db.execute("DROP TABLE parts")
    store._set_meta("format", "1")
    store.close()
    with Library(tmp_path / "old", model=FakeEncoder()) as library:
        library.index()
        assert library.nearest(RED, 5) == before
        assert [match.path for match in library._search().showing(asking(RED), 5)] == [match.path for match in before]


@pytest.mark.parametrize("blob", [b"", b"\0" * 32, b"\xff" * 32, b"x" * 7], ids=["none", "zeros", "nan", "odd"])
def test_damaged_parts_are_told(photos, tmp_path, blob):
    with Library(tmp_path / "library") as library:
        library.index([photos], model=Quartered())
    store = Store(tmp_path / "library", write=True)
    store._db.execute("UPDATE parts SET vector = ? WHERE content_id = 3", (blob,))
    store.close()
    with Library(tmp_path / "library") as library, pytest.raises(LibraryError, match="vector of parts"):
        library._search().showing(asking(RED), 3)


def test_views_are_the_whole_and_windows_of_the_map():
    backbone = Backbone(BACKBONES["slim"]).eval()
    pixels = torch.rand(2, 3, 256, 192, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, views = backbone.maps(pixels), backbone.views(pixels)
    assert views.shape == (2, 17, 1280)
    torch.testing.assert_close(views[:, 0], maps.mean((2, 3)))
    torch.testing.assert_close(views[:, 1], maps[:, :, :3, :2].mean((2, 3)))
    torch.testing.assert_close(views[:, 16], maps[:, :, 5:, 4:].mean((2, 3)))
    torch.testing.assert_close(views[:, 0], backbone(pixels))


@pytest.mark.parametrize("size", [32, 64])
def test_a_map_smaller_than_the_grid_still_has_parts(size):
    with torch.inference_mode():
        views = Backbone(BACKBONES["slim"]).eval().views(torch.rand(1, 3, size, size))
    assert views.shape == (1, 17, 1280)
    assert views.isfinite().all()


def test_a_backbone_without_parts_has_one_view():
    with torch.inference_mode():
        assert Backbone(BACKBONES["vgg11_bn"]).eval().views(torch.zeros(1, 3, 224, 224)).shape == (1, 1, 4096)


def test_like_parts_are_merged():
    random = np.random.default_rng(0)
    directions = unit(random.normal(size=(3, 20)))
    groups = np.repeat([0, 1, 2], [9, 6, 1])
    rows = torch.from_numpy(unit(directions[groups] + 0.01 * random.normal(size=(16, 20))))
    whole = torch.from_numpy(directions[0])
    found = distinct(rows[None], whole[None], 3)[0].numpy()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found @ directions.T).max(0).min() > 0.995  # also the one that only one window shows


@pytest.mark.parametrize("k", [1, 4, 16, 40])
def test_equal_parts_and_more_groups_than_parts(k):
    rows = torch.from_numpy(unit(np.ones((2, 16, 5))))
    found = distinct(rows, rows[:, 0], k)
    assert found.shape == (2, min(k, 16), 5)
    torch.testing.assert_close(found, rows[:, : min(k, 16)])


def test_training_asks_for_the_score_that_is_served():
    """cosines of what is kept = the score of the whole and the best part that a library keeps."""
    rows = F.normalize(torch.randn(3, 17, 8, generator=torch.Generator().manual_seed(0)), dim=2)
    target = F.normalize(torch.ones(1, 8), dim=1)
    served = [
        pooled(photo[:1] @ target[0].numpy(), (photo[None, 1:] @ target[0].numpy())) for photo in kept(rows, 4).numpy()
    ]
    np.testing.assert_allclose(cosines(kept(rows, 4), target)[:, 0], np.concatenate(served), rtol=1e-5)
    assert kept(rows, 0).shape == (3, 1, 8)


def test_one_photo_alone_gives_the_same_parts():
    rows = torch.from_numpy(unit(np.random.default_rng(1).normal(size=(5, 16, 30))))
    whole = torch.from_numpy(unit(rows.mean(1).numpy()))
    together = distinct(rows, whole, 4)
    for i in range(5):
        torch.testing.assert_close(distinct(rows[i : i + 1], whole[i : i + 1], 4)[0], together[i])
