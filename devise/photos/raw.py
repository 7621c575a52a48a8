"""Camera raw files as a format of Pillow: the preview that the camera made, or the sensor's numbers developed.

A preview is a JPEG, mostly of the full size, so a raw file costs what a JPEG costs. The only home of rawpy (LibRaw).
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image, ImageFile

FORMAT = "RAW"
_ORIENTATION = {3: 3, 5: 8, 6: 6}  # LibRaw's flip -> EXIF's number


def register() -> None:
    """From now on Pillow reads camera raw files. Raises ImportError where rawpy is missing."""
    import rawpy  # noqa: F401

    Image.register_open(FORMAT, RawFile)


class RawFile(ImageFile.ImageFile):
    """Upright when it was developed; a preview says by its EXIF how it has to be turned."""

    format = FORMAT
    format_description = "camera raw"
    _wanted = 1 << 16  # pixels of the longer side: all that there are
    _is_read = _is_turned = False

    def _open(self) -> None:
        import rawpy

        assert self.fp is not None
        self._file = io.BytesIO(self.fp.read())
        try:
            self._raw: Any = rawpy.imread(self._file)
            sizes = self._raw.sizes
            self._orientation = _ORIENTATION.get(sizes.flip, 1)
        except rawpy.LibRawError as error:
            raise SyntaxError("no camera raw file that LibRaw knows") from error
        self._size, self._mode, self.tile = (sizes.width, sizes.height), "RGB", []
        if min(self._size) < 1:
            raise SyntaxError("a camera raw file without pixels")

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """A picture of at least this size is wanted."""
        self._wanted = max(size) if size else self._wanted

    def load(self) -> Any:
        if not self._is_read:
            picture = self._preview() or self._developed()
            self.im, self._size, self._is_read = picture.im, picture.size, True
            self._raw.close()
        return super().load()

    def getexif(self) -> Image.Exif:
        exif = Image.Exif()
        with suppress(Exception):  # damaged, or in no place that we know
            try:
                self._file.seek(0)
                exif.load_from_fp(self._file)
            except SyntaxError:  # a raw file that is no TIFF; its preview may know
                exif = Image.open(io.BytesIO(self._raw.extract_thumb().data), formats=("JPEG",)).getexif()
        exif[ExifTags.Base.Orientation] = 1 if self._is_turned else self._orientation
        return exif

    def _preview(self) -> Image.Image | None:
        """None: there is none that is large enough."""
        import rawpy

        try:
            found = self._raw.extract_thumb()
            if found.format != rawpy.ThumbFormat.JPEG:
                return None
            with Image.open(io.BytesIO(found.data), formats=("JPEG",)) as image:
                if max(image.size) < min(self._wanted, max(self._size)):
                    return None
                image.draft("RGB", (self._wanted, self._wanted))
                return image.convert("RGB")
        except (rawpy.LibRawError, OSError):
            return None

    def _developed(self) -> Image.Image:
        import rawpy

        half = 2 * self._wanted <= max(self._size)
        try:
            pixels = self._raw.postprocess(half_size=half, use_camera_wb=True)
        except rawpy.LibRawError as error:
            raise OSError(f"LibRaw cannot develop it: {_said(error)}") from error
        self._is_turned = True
        return Image.fromarray(pixels)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
