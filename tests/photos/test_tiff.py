"""TIFFs of every depth, byte order, planes, compression and photometric, read as what was drawn."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from devise.errors import PhotoError
from devise.photos import details, load, picture
from devise.photos.tiff import described

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
HEIGHT, WIDTH = 20, 33
WHITE = {"u1": 255, "u2": 65535, "u4": 2**32 - 1, "u8": 2**64 - 1, "i2": 2**15 - 1}
COLOURS = {"white is zero": 0, "black is zero": 1, "rgb": 2, "cmyk": 5}


def scene() -> NDArray[np.float64]:
    """Shades from 0 to 1, (height, width, 3)."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green = across / (WIDTH - 1), down / (HEIGHT - 1)
    return np.stack([red, green, 1 - red * green], axis=2)


def tiff(
    samples: NDArray[Any], order: str = "<", planar: bool = False, packed: bool = False, rows: int = 7, **more: Any
) -> bytes:
    """The file: (height, width, samples) in strips of some rows. big: as BigTIFF, with places of 8 bytes."""
    base, wide, head, end = (16, "Q", "Q", 16) if more.get("big") else (8, "I", "H", 6)
    height, width, count = samples.shape
    planes = [samples[..., i : i + 1] for i in range(count)] if planar else [samples]
    kind = samples.dtype.newbyteorder(order)
    strips = [plane[top : top + rows].astype(kind).tobytes() for plane in planes for top in range(0, height, rows)]
    strips = [more["encode"](strip) for strip in strips] if "encode" in more else strips
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    code = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    bits = more.get("bits", 8 * samples.dtype.itemsize)
    starts = [base + sum(map(len, strips[:i])) for i in range(len(strips))]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * count),
        259: ("H", [8 if packed else 1]),
        262: ("H", [more.get("photometric", 1)]),
        273: ("I", starts),
        277: ("H", [count]),
        278: ("I", [rows]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [1 + planar]),
        339: ("H", [code] * count),
        **more.get("tags", {}),
    }
    body, lists, directory = b"".join(strips), b"", struct.pack(order + head, len(tags))
    place = base + len(body)
    for tag, (form, values) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(data) > base // 2:
            where = struct.pack(order + wide, place + end + (4 + base) * len(tags) + len(lists))
            lists += data
        else:
            where = data.ljust(base // 2, b"\0")
        directory += struct.pack(order + "HH" + wide, tag, {"B": 1, "H": 3, "I": 4}[form], len(values)) + where
    magic = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if more.get("big") else 42)
    magic += struct.pack(order + "HH", 8, 0) if more.get("big") else b""
    return magic + struct.pack(order + wide, place) + body + directory + bytes(base // 2) + lists


def stored(colours: str, shades: NDArray[np.float64], kind: str) -> NDArray[Any]:
    """Shades as samples of that photometric interpretation and type."""
    if colours in ("white is zero", "black is zero"):
        grey = shades.mean(axis=2, keepdims=True)
        shades = 1 - grey if colours == "white is zero" else grey
    elif colours == "cmyk":
        shades = np.concatenate([1 - shades, np.zeros((*shades.shape[:2], 1))], axis=2)
    return (shades * WHITE.get(kind, 1)).round(0 if kind in WHITE else 6).astype(kind)


def seen(data: bytes) -> NDArray[np.int16]:
    return np.asarray(picture(data, max(HEIGHT, WIDTH)), np.int16)


def expected(colours: str) -> NDArray[np.float64]:
    shades = scene()
    if colours in ("white is zero", "black is zero"):
        shades = np.repeat(shades.mean(axis=2, keepdims=True), 3, axis=2)
    return 255 * shades


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "f2", "f4", "f8"])
def test_every_combination(kind: str, colours: str, order: str, planar: bool, packed: bool) -> None:
    data = tiff(stored(colours, scene(), kind), order, planar, packed, photometric=COLOURS[colours])
    assert np.abs(seen(data) - expected(colours)).max() <= 2


def differenced(samples: NDArray[Any], order: str) -> Any:
    kind = samples.dtype.newbyteorder(order)

    def encode(strip: bytes) -> bytes:
        rows = np.frombuffer(strip, kind).reshape(-1, WIDTH, samples.shape[2]).astype(samples.dtype)
        return np.diff(rows, axis=1, prepend=rows[:, :1] * 0).astype(kind).tobytes()  # wraps around

    return encode


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "u4"])
def test_differences_of_neighbours(kind: str, order: str) -> None:
    samples = stored("rgb", scene(), kind)
    more = {"photometric": 2, "encode": differenced(samples, order), "tags": {317: ("H", [2])}}
    assert np.abs(seen(tiff(samples, order, packed=True, **more)) - expected("rgb")).max() <= 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f2", "f4"])
def test_floating_point_in_planes_of_bytes(kind: str, order: str) -> None:
    samples, size = stored("rgb", scene(), kind), int(kind[1])

    def encode(strip: bytes) -> bytes:
        rows = np.frombuffer(strip, order + kind).reshape(-1, WIDTH * 3).astype(">" + kind)
        planes = rows.view(np.uint8).reshape(len(rows), WIDTH * 3, size).swapaxes(1, 2).reshape(len(rows), -1, 3)
        return np.diff(planes, axis=1, prepend=planes[:, :1] * 0).tobytes()

    data = tiff(samples, order, packed=True, photometric=2, encode=encode, tags={317: ("H", [3])})
    assert np.abs(seen(data) - expected("rgb")).max() <= 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_numbers_without_gaps(bits: int, order: str) -> None:
    grey = (scene().mean(axis=2, keepdims=True) * (2**bits - 1)).round().astype("u2")

    def encode(strip: bytes) -> bytes:
        rows = (
            np.frombuffer(strip, f"{order}u2").reshape(-1, WIDTH, 1).astype(">u2").view(np.uint8).reshape(-1, WIDTH, 2)
        )
        return np.packbits(np.unpackbits(rows, axis=2)[..., 16 - bits :].reshape(len(rows), -1), axis=1).tobytes()

    for colours in ("black is zero", "white is zero"):
        samples = 2**bits - 1 - grey if colours == "white is zero" else grey
        data = tiff(samples, order, encode=encode, bits=bits, photometric=COLOURS[colours])
        assert np.abs(seen(data) - expected(colours)).max() <= 2


def test_twelve_bits_in_sixteen_where_white_is_zero() -> None:
    """A negative of 4,000 of 65,535 shades would be white all over."""
    samples = (4095 - scene().mean(axis=2, keepdims=True) * 4095).round().astype("u2")
    assert np.abs(seen(tiff(samples, photometric=0)) - expected("black is zero")).max() <= 2
    said = {"photometric": 0, "tags": {281: ("H", [65535])}}
    assert seen(tiff(samples, **said)).min() > 230


def test_what_the_tags_say_is_white() -> None:
    samples = (scene().mean(axis=2, keepdims=True) * 4095).round().astype("u2")
    assert np.abs(seen(tiff(samples, tags={281: ("H", [4095])})) - expected("black is zero")).max() <= 2
    assert seen(tiff(samples)).max() <= 16  # else a dark picture stays dark


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("colours", ["black is zero", "rgb"])
@pytest.mark.parametrize("planar", [False, True])
def test_alpha_and_bands_that_nobody_knows(kind: str, extra: int, colours: str, planar: bool) -> None:
    cover = np.broadcast_to(np.linspace(0, 1, WIDTH)[None, :, None], (HEIGHT, WIDTH, 1))
    shades = expected(colours)[..., : 1 if colours == "black is zero" else 3] / 255
    samples = np.concatenate([shades * cover if extra == 1 else shades, cover], axis=2) * WHITE.get(kind, 1)
    data = tiff(
        samples.round(0 if kind in WHITE else 6).astype(kind),
        planar=planar,
        photometric=COLOURS[colours],
        tags={338: ("H", [extra])},
    )
    right = expected(colours) if extra == 0 else expected(colours) * cover + 255 * (1 - cover)
    if extra == 1 and kind == "u1" and not planar and colours == "rgb":
        return  # Pillow's own, by another rounding
    assert np.abs(seen(data) - right).max() <= 3


@pytest.mark.parametrize("colours", ["white is zero", "cmyk"])
@pytest.mark.parametrize("extra", [0, 2])
def test_alpha_of_eight_bits_that_pillow_lacks(colours: str, extra: int) -> None:
    cover = np.full((HEIGHT, WIDTH, 1), 102, np.uint8)
    samples = np.concatenate([stored(colours, scene(), "u1"), cover], axis=2)
    right = expected(colours) if extra == 0 else expected(colours) * 0.4 + 255 * 0.6
    data = tiff(samples, photometric=COLOURS[colours], tags={338: ("H", [extra])})
    assert np.abs(seen(data) - right).max() <= 3


@pytest.mark.parametrize("photometric", [8, 9])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_lab(photometric: int, bits: int, planar: bool) -> None:
    """CIE L*a*b* with signed colours, and as ICC profiles have it."""
    drawn = Image.fromarray((255 * scene()).round().astype(np.uint8))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(drawn, to_lab)
    assert lab is not None
    light, *colours = (np.asarray(band, np.int64) for band in lab.split())
    if photometric == 8:
        colours = [(band - 128) % 256 for band in colours]
    white = 65280 if photometric == 9 else 65535
    bands = [light, *colours] if bits == 8 else [light * white // 255, *(band * 256 for band in colours)]
    data = tiff(np.stack(bands, 2).astype(f"u{bits // 8}"), planar=planar, photometric=photometric)
    assert np.abs(seen(data) - expected("rgb")).mean() <= 3


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_five_bands_show_the_colours(kind: str) -> None:
    samples = np.concatenate([scene(), scene()[..., :2]], axis=2) * WHITE.get(kind, 1)
    data = tiff(samples.astype(kind), photometric=2, tags={338: ("H", [0, 0])})
    assert np.abs(seen(data) - expected("rgb")).max() <= 2


def test_an_empty_plane_that_nobody_sees() -> None:
    grey = stored("black is zero", scene(), "i2")
    data = tiff(np.concatenate([grey, grey], axis=2), planar=True, rows=HEIGHT, tags={338: ("H", [0])})
    cut = bytearray(data)
    size = struct.pack("<II", 2 * WIDTH * HEIGHT, 2 * WIDTH * HEIGHT)
    place = cut.index(size)
    cut[place : place + 8] = struct.pack("<II", 2 * WIDTH * HEIGHT, 0)
    assert np.abs(seen(bytes(cut)) - expected("black is zero")).max() <= 2


def test_holes_are_not_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = stored("rgb", scene(), "f2")
        samples.view(np.uint16)[3, 3], samples[5, 5] = 0x7C01, np.inf  # a signalling hole
        seen(tiff(samples, photometric=2))


@pytest.mark.parametrize("orientation", [3, 6])
def test_turned_and_told_about(orientation: int) -> None:
    data = tiff(stored("rgb", scene(), "f2"), photometric=2, tags={274: ("H", [orientation])})
    plain = tiff(stored("rgb", scene(), "f2"), photometric=2)
    assert np.array_equal(seen(data), np.rot90(seen(plain), {3: 2, 6: -1}[orientation]))
    told = details("a.tif", data)
    assert (told.kind, told.pixels) == ("tiff", WIDTH * HEIGHT)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_big_tiffs(kind: str, order: str) -> None:
    """Pillow reads none whose byte order is big-endian."""
    samples = stored("rgb", scene(), kind)
    data = tiff(samples, order, photometric=2, big=True, tags={274: ("H", [6])})
    assert np.array_equal(seen(data), np.rot90(seen(tiff(samples, order, photometric=2)), -1))
    assert details("a.tif", data).pixels == WIDTH * HEIGHT


def test_tiles_and_lzw_of_libtiff() -> None:
    """Pillow writes what it reads right; the same bytes of 16 bits go through our reader."""
    grey = (scene().mean(axis=2) * 65535).astype(np.uint16)
    for compression in ("tiff_lzw", "packbits", "tiff_deflate", "zstd", "lzma"):
        buffer = io.BytesIO()
        Image.fromarray(grey).save(buffer, "TIFF", compression=compression)
        assert np.abs(seen(buffer.getvalue()) - expected("black is zero")).max() <= 2


def test_holes_and_infinities() -> None:
    samples = stored("rgb", scene(), "f4")
    samples[3, 3], samples[4, 4] = np.nan, np.inf
    assert np.abs(seen(tiff(samples, photometric=2)) - expected("rgb"))[6:].max() <= 2


@pytest.mark.parametrize("tags", [{262: ("H", [32803])}, {259: ("H", [34676])}, {262: ("H", [10])}])
def test_what_cannot_be_read_is_called_by_its_name(tags: dict[int, tuple[str, list[int]]]) -> None:
    data = tiff(stored("rgb", scene(), "u2"), photometric=2, tags=tags)
    with pytest.raises(PhotoError, match=r"3 bands of 16 bits.*export it as JPEG") as caught:
        load(data, size=32, resize="squash")
    assert "damaged" not in caught.value.reason


def test_cut_and_flipped_never_raise_anything_else() -> None:
    data = tiff(stored("rgb", scene(), "u2"), packed=True, photometric=2)
    random = np.random.default_rng(0)
    for number in range(300):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 4):
            damaged[place] = random.integers(0, 256)
        if number % 3 == 0:
            damaged = damaged[: random.integers(0, len(data))]
        described(bytes(damaged))
        try:
            assert load(bytes(damaged), size=8, resize="squash").shape == (8, 8, 3)
        except PhotoError:
            continue


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = tiff(np.zeros((8, 8, 8), "f8"), photometric=1, tags={256: ("I", [12_000]), 257: ("I", [12_000])})
    with pytest.raises(PhotoError):
        load(data, size=8, resize="squash")
