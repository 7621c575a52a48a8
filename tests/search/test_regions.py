"""Parts of photos: positions of the map, packed and stored with the photo, and what they add to a score."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fakes import FakeEncoder, of_format_3
from PIL import Image

from devise.config import IndexConfig, SearchConfig, Settings
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BACKBONES
from devise.errors import LibraryError
from devise.library import Library
from devise.library.upkeep.copying import copied
from devise.search.scoring import Scoring
from devise.spaces import ModelInfo, Space
from devise.store.filter import Where
from devise.store.regions import RANK, pack, unpack
from devise.store.sqlite.store import Store
from devise.training.objectives.losses import cosines
from devise.vectors import pooled, unit
from devise.words.queries import Term

RED, BLUE = unit([1, 0, 0, 0.1]), unit([0, 0, 1, 0.1])


class Quartered(FakeEncoder):
    """Looks at the four quarters of a photo beside the whole."""

    def __init__(self, fingerprint: str = "f" * 64) -> None:
        super().__init__(fingerprint=fingerprint)
        words = Space(name="words", dim=4, vectors="tiny", num_regions=4)
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
def library(request, photos, tmp_path):
    settings = Settings()
    if request.param:
        settings = Settings(
            index=IndexConfig(exact_below=10), search=SearchConfig(min_candidates_regions=7, candidates=1)
        )
    with Library(tmp_path / "library", settings=settings) as opened:
        opened.index([photos], model=Quartered())
        yield opened


def asking(*vectors):
    return Scoring.of([Term("", vector) for vector in vectors])


def test_a_small_thing_is_found_by_its_part(library, photos):
    """The whole photo is as blue as a photo with a red corner can be; violet is redder all over."""
    assert library.nearest(RED, 1)[0].path == str(photos / "violet.png")
    best = library._search().showing(asking(RED), 2)
    assert [match.path for match in best] == [str(photos / "red-corner.png"), str(photos / "violet.png")]


def test_a_filter_that_leaves_out_what_is_near(library, photos):
    """Nearer as wholes are the photos that do not count: the graph has to be asked for more."""
    for i in range(60):
        picture(photos.parent / f"red{i:02}.png", (150 + i, 0, 0), (150 + i, 0, 0))
    library.index([photos.parent], model=Quartered())
    best = library._search().showing(asking(RED), 1, where=Where(inside=photos))
    assert best[0].path == str(photos / "red-corner.png")


def test_score_is_the_mean_over_terms_of_whole_and_best_part(library, photos):
    best = library._search().showing(asking(RED, BLUE), 1)[0]
    whole = unit([0.25, 0, 0.75, 0.1])
    expected = np.mean([(whole @ RED + 1) / 2, (whole @ BLUE + 1) / 2])
    assert best.path == str(photos / "red-corner.png")
    assert best.score == pytest.approx(expected, abs=0.01)  # parts are stored as bytes


def test_terms_of_another_shape(library):
    with pytest.raises(LibraryError, match="vectors of"):
        library._search().showing(asking(*unit(np.ones((2, 7)))), 1)


def test_a_library_without_parts_becomes_one_that_can_hold_them(photos, tmp_path):
    """Format 1 had no table of parts."""
    with Library(tmp_path / "old") as library:
        library.index([photos], model=FakeEncoder())
        before = library.nearest(RED, 5)
    store = Store(tmp_path / "old", write=True)
    of_format_3(store.db._connection)
    store.db.execute("DROP TABLE parts")
    store._set_meta("format", "1")
    store.close()
    with Library(tmp_path / "old", model=FakeEncoder()) as library:
        library.index()
        assert library.nearest(RED, 5) == before
        assert [match.path for match in library._search().showing(asking(RED), 5)] == [match.path for match in before]


def packed(**changes):
    blob = bytearray(pack(unit(np.random.default_rng(0).normal(size=(4, 4)))))
    for at, value in changes.items():
        blob[int(at[1:])] = value
    return bytes(blob)


def test_parts_go_to_another_store_once(photos, tmp_path, monkeypatch):
    with Library(tmp_path / "library") as library:
        library.index([photos], model=Quartered())
    (tmp_path / "other").mkdir()
    with closing(Store(tmp_path / "library")) as source, closing(Store(tmp_path / "other", write=True)) as target:
        written, put = list[str](), target.vectors.put_stored
        monkeypatch.setattr(
            target.vectors, "put_stored", lambda space, rows: written.append(space.name) or put(space, rows)
        )
        assert copied(source, target) == 32
        assert sorted(written) == ["features", "parts", "words"]
        kept = [list(store.vectors.stored(store.space("words").regions())) for store in (source, target)]
        assert kept[0] == kept[1]


@pytest.mark.parametrize(
    "blob",
    [b"", b"\0" * 49, b"\xff" * 49, b"x" * 7, packed(_0=3), packed(_4=0x7F, _3=0xFF), packed(_4=0x70)],
    ids=["none", "zeros", "ones", "odd", "rank", "nan", "large"],
)
def test_damaged_parts_are_told(photos, tmp_path, blob):
    with Library(tmp_path / "library") as library:
        library.index([photos], model=Quartered())
    store = Store(tmp_path / "library", write=True)
    store.db.execute("UPDATE vectors SET data = ? WHERE key = 3 << 40 | 3", (blob,))
    store.close()
    with Library(tmp_path / "library") as library, pytest.raises(LibraryError, match="vector of parts"):
        library._search().showing(asking(RED), 3)


def test_few_parts_are_kept_as_they_are():
    rows = unit(np.random.default_rng(1).normal(size=(5, 30)))
    parts = unpack([pack(rows), pack(rows[::-1])], 30)
    np.testing.assert_allclose(parts.vectors(), [rows, rows[::-1]], atol=0.02)
    np.testing.assert_allclose(parts.cosines(rows[2]), np.stack([rows @ rows[2], rows[::-1] @ rows[2]]), atol=0.02)


def test_of_many_parts_what_most_of_them_show_is_kept():
    """64 parts that are mixtures of six things, with a little of everything else."""
    random = np.random.default_rng(2)
    things = unit(random.normal(size=(6, 300)))
    rows = unit(random.dirichlet([0.2] * 6, size=64) @ things + 0.01 * random.normal(size=(64, 300)))
    blob = pack(rows)
    assert len(blob) == 1 + RANK * (300 + 64 + 4)
    found = unpack([blob], 300)
    for thing in things:
        np.testing.assert_allclose(found.cosines(thing)[0], rows @ thing, atol=0.06)
        assert pooled(np.zeros(1), found.cosines(thing)) == pytest.approx(
            pooled(np.zeros(1), (rows @ thing)[None]), abs=0.02
        )


def test_photos_without_parts():
    parts = unpack([None, None], 7)
    assert parts.cosines(np.ones(7, np.float32)).shape == (2, 0)
    assert parts.vectors().shape == (2, 0, 7)


def test_equal_parts_pack():
    rows = unit(np.ones((64, 12)))
    np.testing.assert_allclose(unpack([pack(rows)], 12).vectors()[0], rows, atol=0.01)


def test_views_are_the_whole_and_the_positions_of_the_map():
    backbone = Backbone(BACKBONES["slim"]).eval()
    pixels = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, views = backbone.maps(pixels), backbone.views(pixels)
    assert views.shape == (2, 65, 1280)
    torch.testing.assert_close(views[:, 0], maps.mean((2, 3)))
    torch.testing.assert_close(views[:, 1:], maps.flatten(2).transpose(1, 2))
    torch.testing.assert_close(views[:, 0], backbone(pixels))


@pytest.mark.parametrize("size", [32, 64, 320])
def test_maps_of_other_sizes_have_as_many_parts(size):
    with torch.inference_mode():
        views = Backbone(BACKBONES["slim"]).eval().views(torch.rand(1, 3, size, size))
    assert views.shape == (1, 65, 1280)
    assert views.isfinite().all()


def test_a_backbone_without_parts_has_one_view():
    with torch.inference_mode():
        assert Backbone(BACKBONES["vgg11_bn"]).eval().views(torch.zeros(1, 3, 224, 224)).shape == (1, 1, 4096)


@pytest.mark.parametrize("count", [1, 4, 8, 16, 64])
def test_training_asks_for_the_score_that_is_served(count):
    """cosines of the views = the score of the whole and the best parts that search and tags take."""
    rows = F.normalize(torch.randn(3, 1 + count, 8, generator=torch.Generator().manual_seed(0)), dim=2)
    target = F.normalize(torch.ones(1, 8), dim=1)
    found = (rows @ target[0]).numpy()
    np.testing.assert_allclose(cosines(rows, target)[:, 0], pooled(found[:, 0], found[:, 1:]), rtol=1e-5)
    best = np.sort(found[:, 1:])[:, -max(1, round(count / 16)) :].mean(1)
    np.testing.assert_allclose(cosines(rows, target)[:, 0], (found[:, 0] + best) / 2, rtol=1e-5)
