"""One photo opens upright, RGB and within limits, or says why not and what to do."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from devise.config import PhotoConfig
from devise.errors import PhotoError
from devise.photos import colour, load, picture, read, thumbnail_jpeg

# pytest sets its own filters for each test; that users see no warnings is tested in a process of its own
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def corners(size=(60, 40)):
    """Red, green, blue and white quarters: tells every way of turning from every other."""
    image = Image.new("RGB", size)
    half = (size[0] // 2, size[1] // 2)
    for i, shade in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]):
        image.paste(shade, (i % 2 * half[0], i // 2 * half[1], (i % 2 + 1) * half[0], (i // 2 + 1) * half[1]))
    return image


def squash(data, size=32):
    return load(data, size=size, resize="squash")


def reason(data):
    with pytest.raises(PhotoError) as caught:
        squash(data)
    assert ";" in caught.value.reason, "a reason ends with what to do"
    return caught.value.reason


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "JPEG2000", "PPM", "AVIF", "QOI"])
def test_formats(format):
    pixels = squash(encoded(corners(), format))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[4, 4].astype(int) - [255, 0, 0]).max() < 60


TURNS = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_every_orientation_is_upright(orientation, format, resize):
    """Stored as a camera does: turned the other way round, with a tag that says so."""
    stored = corners()
    for turn in TURNS[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    turned = load(encoded(stored, format, exif=exif, **options), size=32, resize=resize)
    upright = load(encoded(corners()), size=32, resize=resize)
    assert np.abs(turned.astype(int) - upright).mean() < 6
    shown = picture(encoded(stored, format, exif=exif, **options), 30)
    assert shown.size == (30, 20)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_damaged_exif_is_no_reason_to_refuse(exif):
    assert squash(encoded(corners(), "JPEG", exif=exif)).shape == (32, 32, 3)


def test_transparent_pixels_become_white():
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert (squash(encoded(clear)) == 255).all()
    assert (squash(encoded(clear.convert("LA"))) == 255).all()
    palette = Image.new("P", (20, 20), 3)
    palette.putpalette([0, 0, 0] * 3 + [10, 20, 30])
    assert (squash(encoded(palette, transparency=3)) == 255).all()
    assert (squash(encoded(palette))[0, 0] == [10, 20, 30]).all()
    assert (squash(encoded(Image.new("RGB", (20, 20), (1, 2, 3)), transparency=(1, 2, 3))) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.fromarray(np.full((20, 20), 0x8000, np.uint16))
    for format in ("PNG", "TIFF"):
        assert abs(int(squash(encoded(grey, format))[0, 0, 0]) - 128) <= 1
    dark = Image.fromarray(np.full((20, 20), 300, np.uint16))
    assert squash(encoded(dark)).max() == 1


def test_floats_and_wide_integers():
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    assert squash(encoded(Image.fromarray(ramp), "TIFF")).max() > 240
    holes = np.where(ramp > 0.5, np.nan, ramp).astype(np.float32)
    assert squash(encoded(Image.fromarray(holes), "TIFF")).shape == (32, 32, 3)
    wide = (ramp * 2**30).astype(np.int32)
    assert squash(encoded(Image.fromarray(wide), "TIFF")).max() > 240


def in_one_piece(image):
    """What `to_rgb` gave before it took strips."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
        white = colour._white(image, float(values.max(initial=0.0)))
        return Image.fromarray(np.clip(values * (255 / white), 0, 255).round().astype(np.uint8)).convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(clear, mask=clear.getchannel("A"))
    return white


@pytest.mark.parametrize("strip", [1, 30, 100])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "P", "RGB", "L", "1", "I;16", "I;16B", "I", "F"])
def test_strips_of_a_picture_are_the_picture(mode, strip):
    noise = np.random.default_rng(0).integers(0, 256, (23, 17, 4), dtype=np.uint8)
    image = Image.fromarray(noise)
    if mode in ("I;16", "I;16B"):
        image = Image.frombytes(mode, (17, 23), noise[..., :2].tobytes())
    elif mode in ("I", "F"):
        numbers = noise.astype(np.int32)[..., 0] * 300 - 200
        holes = np.where(numbers > 70_000, np.nan, numbers).astype(np.float32)
        image = Image.fromarray(holes if mode == "F" else numbers)
    elif mode in ("P", "RGB", "L", "1"):
        image = image.convert("RGB").convert(mode)
        image.info["transparency"] = {"P": bytes(range(256)), "RGB": (1, 2, 3)}.get(mode, 0)
        image = Image.open(io.BytesIO(encoded(image, transparency=image.info["transparency"])))
    elif mode != "RGBA":
        image = image.convert({"PA": "LA", "RGBa": "RGBA"}.get(mode, mode)).convert(mode)
    image.load()
    made = colour.to_rgb(image, strip)
    assert made.mode == "RGB"
    assert np.array_equal(made, in_one_piece(image))


def test_a_large_picture_takes_little_more_than_itself():
    """48 megapixels of 16 bits: 192 MB as Pillow keeps them, as many in RGB; floating point at once took 800 more."""
    code = (
        "import resource; from PIL import Image; from devise.photos.colour import to_rgb\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for mode in ('I;16', 'I', 'RGBA'):\n"
        "    image = Image.new(mode, (8000, 6000)); before = peak(); to_rgb(image)\n"
        "    print((peak() - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert max(map(int, done.stdout.split())) < 280


def test_cmyk_grey_and_bilevel():
    assert (squash(encoded(Image.new("CMYK", (20, 20)), "JPEG")) > 250).all()
    assert (squash(encoded(Image.new("L", (20, 20), 77)))[..., 2] == 77).all()
    assert (squash(encoded(Image.new("1", (20, 20), 1))) == 255).all()
    lab = squash(encoded(Image.new("LAB", (20, 20), (255, 128, 128)), "TIFF"))
    assert (lab > 230).all()


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_shows_its_first_frame(format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    pixels = squash(encoded(frames[0], format, save_all=True, append_images=frames[1:]))
    assert pixels[..., 0].min() > 200
    assert pixels[..., 2].max() < 60


def test_a_wrong_suffix_does_not_matter(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(corners()))
    assert squash(path).shape == (32, 32, 3)


def test_empty_and_text_and_others():
    assert "empty" in reason(b"")
    assert "text" in reason(b"<html>not found</html>")
    assert "PDF" in reason(b"%PDF-1.4 \xff\xfe")
    assert "film" in reason(b"\0\0\0\x18ftypisom\0\0\0\0\xff")
    assert "damaged" in reason(b"\x01\x02\xff" * 100)


def test_heic_needs_a_plugin_that_is_named(monkeypatch):
    pytest.importorskip("pillow_heif")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    assert "needs" not in reason(heic)
    monkeypatch.setattr("devise.photos.formats.heif", lambda: False)
    assert "run: pip install pillow-heif, or" in reason(heic)


def test_heic_is_read():
    """Its own boxes say how it is turned, and libheif turns it; EXIF has no say (ISO/IEC 23008-12)."""
    pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = squash(encoded(corners((96, 64)), "HEIF", quality=95, exif=exif)).astype(int)
    assert abs(pixels - squash(encoded(corners((96, 64)))).astype(int)).mean() < 12


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_photo_cut_short_is_refused_not_half_grey(format, share):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    data = encoded(noise, format)
    assert "copy it again" in reason(data[: int(len(data) * share)])


def test_flipped_bytes_never_raise_anything_else():
    random = np.random.default_rng(1)
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
        data = np.frombuffer(encoded(corners(), format), np.uint8)
        for _ in range(40):
            damaged = data.copy()
            damaged[random.integers(0, len(data), 5)] = random.integers(0, 255, 5)
            try:
                assert squash(damaged.tobytes()).shape == (32, 32, 3)
            except PhotoError:
                continue


def test_a_bomb_is_refused_by_its_header():
    header = encoded(Image.new("1", (8, 8)))
    width = (20_000).to_bytes(4, "big")
    bomb = header[:16] + width + width + header[24:]
    bomb = bomb[:29] + _crc(bomb[12:29]) + bomb[33:]
    assert "400 megapixels" in reason(bomb) or "150 megapixels" in reason(bomb)
    with pytest.raises(PhotoError, match="limit is 1"):
        load(encoded(Image.new("L", (2000, 1000))), size=32, resize="squash", limits=PhotoConfig(max_megapixels=1))


def _crc(chunk):
    import zlib

    return zlib.crc32(chunk).to_bytes(4, "big")


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000)])
def test_thin_photos(size):
    for resize in ("squash", "crop"):
        assert load(encoded(Image.new("RGB", size, "red")), size=32, resize=resize).shape == (32, 32, 3)
    assert max(picture(encoded(Image.new("RGB", size)), 100).size) <= 100


def test_scaled_decoding_of_a_jpeg_stays_close_to_the_full_one():
    random = np.random.default_rng(0)
    small = Image.fromarray(random.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    large = small.resize((1800, 1200), Image.Resampling.BICUBIC)
    fast = squash(encoded(large, "JPEG", quality=95), 64)
    exact = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC))
    assert np.abs(fast.astype(int) - exact).mean() < 3


def test_crop_takes_the_centre():
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (100, 0, 300, 200))
    assert (load(encoded(image), size=32, resize="crop")[..., 2] > 250).all()
    assert (squash(encoded(image))[16, 2] == [255, 0, 0]).all()
    with pytest.raises(ValueError, match="squash"):
        load(encoded(image), size=32, resize="stretch")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        read(tmp_path / "missing.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        read(tmp_path)
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    with pytest.raises(PhotoError, match="no file"):
        read(pipe)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    path = tmp_path / "large.jpg"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(PhotoError, match="make a smaller copy"):
        read(path, PhotoConfig(max_file_megabytes=0.001))


def test_thumbnail_is_a_small_upright_jpeg_without_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    corners((600, 400)).save(path, exif=exif)
    image = Image.open(io.BytesIO(thumbnail_jpeg(path, 90)))
    assert image.size == (60, 90)
    assert not image.getexif()


def test_threads_do_not_disturb_each_other():
    photos = [encoded(Image.new("RGB", (300, 200), (i, 255 - i, 0)), "PNG") for i in range(0, 250, 5)]
    with ThreadPoolExecutor(8) as pool:
        colours = [int(pixels[0, 0, 0]) for pixels in pool.map(squash, photos)]
    assert colours == list(range(0, 250, 5))


def test_nothing_is_printed(tmp_path):
    """libtiff writes to file descriptor 2 by itself; only a process of its own shows that."""
    odd = Image.new("RGB", (20, 20), "red")
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    tags[65000] = "a private tag"
    path = tmp_path / "odd.tif"
    odd.save(path, compression="tiff_lzw", tiffinfo=tags)
    damaged = bytearray(path.read_bytes())
    damaged[10:14] = b"\xff\xff\xff\xff"
    (tmp_path / "bad.tif").write_bytes(damaged)
    code = (
        "import sys; from devise.photos import load; from devise.errors import PhotoError\n"
        "for path in sys.argv[1:]:\n"
        "    try: load(path, size=32, resize='squash')\n"
        "    except PhotoError: pass\n"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "bad.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
