"""Looks: hashes and colours without a network, beside an independent computation of the same."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from devise.descriptors import colour
from devise.descriptors.looks import Looks, is_look, looks_of, space_of
from devise.errors import DeviseError


def paint(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures of all kinds, (count, 320, 320, 3)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 9, 9, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(each).resize((320, 320), Image.Resampling.BICUBIC)) for each in coarse])


def bits(rows: np.ndarray) -> np.ndarray:
    return np.unpackbits(rows, axis=1)


@pytest.mark.parametrize("side", [8, 16])
def test_hashes_are_what_their_authors_say(side: int) -> None:
    """As the library imagehash computes them of 64 pixels a side: Pillow's grey, Lanczos, a DCT of type II."""
    fft = pytest.importorskip("scipy.fft")
    pixels, suffix = paint(20), "" if side == 8 else str(side * side)
    rows = Looks([kind + suffix for kind in ("ahash", "dhash", "phash")]).encode(pixels)
    for number, photo in enumerate(pixels):
        grey = Image.fromarray(photo).reduce(5).convert("L")

        def small(width: int, height: int, grey: Image.Image = grey) -> np.ndarray:
            return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS))

        average, across = small(side, side), small(side + 1, side)
        low = fft.dct(fft.dct(small(4 * side, 4 * side).astype(float), axis=0), axis=1)[:side, :side]
        wanted = {"ahash": average > average.mean(), "dhash": across[:, 1:] > across[:, :-1],
                  "phash": low > np.median(low)}  # fmt: skip
        for kind, expected in wanted.items():
            np.testing.assert_array_equal(bits(rows[kind + suffix])[number], expected.ravel(), err_msg=kind)


def test_a_plain_picture_has_no_noise_in_its_hash() -> None:
    plain = np.stack([np.full((320, 320, 3), level, np.uint8) for level in (0, 7, 128, 255)])
    for kind, rows in Looks(["ahash", "dhash", "phash"]).encode(plain).items():
        assert bits(rows).sum() <= (3 if kind == "phash" else 0)  # the mean alone is above 0, and 0 is not above 0


def test_colours_are_shares_of_a_palette() -> None:
    halves = np.zeros((1, 320, 320, 3), np.uint8)
    halves[:, :, 160:] = (220, 44, 36)  # of the palette, as black is
    (row,) = Looks(["colour"]).encode(halves)["colour"]
    assert row.sum() == pytest.approx(1, abs=1e-5)
    red = [*colour.PALETTE].index(0xDC2C24)
    assert {*np.argsort(row)[-2:].tolist()} == {0, red}
    assert row[:2].sum() == pytest.approx(0.5, abs=0.02)  # black, and the darkest grey, which is near
    moved = np.ascontiguousarray(halves[:, :, ::-1])
    np.testing.assert_allclose(Looks(["colour"]).encode(moved)["colour"][0], row, atol=1e-6)  # wherever they are


def test_near_colours_are_near() -> None:
    """A histogram of hard bins may put two shades that nobody tells apart as far from each other as black and white."""
    shades = np.array([(200, 40, 40), (206, 44, 38), (40, 200, 40)], np.float64)
    one, near, far = colour.palette_shares(shades)
    assert np.abs(one - near).sum() < 0.6
    assert np.abs(one - far).sum() > 1.9


def test_lab_is_that_of_the_standard() -> None:
    known = np.array([(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)], np.float64)
    wanted = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)]  # CIE 1976, D65
    np.testing.assert_allclose(colour.lab(known), wanted, atol=0.03)


def test_names_are_spaces() -> None:
    looks = Looks(["phash", "phash256", "colour", "phash64"])  # the last is the first
    assert [(s.name, s.dim, s.metric) for s in looks.spaces] == [
        ("phash", 64, "hamming"), ("phash256", 256, "hamming"), ("colour", 64, "l1")]  # fmt: skip
    assert all(map(is_look, looks.spaces))
    assert len({space.fingerprint for space in looks.spaces}) == 3
    made = looks_of(looks.spaces)
    assert made is not None
    assert made.name == "phash+phash256+colour"
    assert looks_of([]) is None
    rows = looks.encode(paint(2))
    assert {name: row.shape for name, row in rows.items()} == {"phash": (2, 8), "phash256": (2, 32), "colour": (2, 64)}
    assert {row.shape for row in looks.encode(paint(2)[:0]).values()} == {(0, 8), (0, 32), (0, 64)}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shape", "no look is called .*ahash, dhash, phash, grey, colour"),
        ("", "no look is called"),
        ("phash100x", "no look is called"),
        ("phash65", "a square of 4 to 16: phash64, phash144, phash256"),
        ("phash9", "no size of a hash"),
        ("dhash4096", "no size of a hash"),
    ],
)
def test_names_that_are_none(name: str, says: str) -> None:
    with pytest.raises(DeviseError, match=says):
        space_of(name)


def test_pixels_of_another_shape() -> None:
    with pytest.raises(ValueError, match="not \\(1, 32, 32, 3\\)"):
        Looks().encode(np.zeros((1, 32, 32, 3), np.uint8))
