"""Keep Pillow and its C libraries from writing to the terminal: what is wrong with a photo is in its PhotoError."""

from __future__ import annotations

import ctypes
import logging
import warnings
from contextlib import suppress
from pathlib import Path

import PIL


def hush() -> None:
    """Once, at import: warnings are switched per process, so switching them around each photo would race."""
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    _hush_libtiff()


def _hush_libtiff() -> None:
    """Stop libtiff, which prints each odd tag on descriptor 2, through a progress bar.

    Pillow's wheels carry their own libtiff as a shared library on Linux and macOS; its handlers can be set to none.
    Elsewhere (Windows, a distribution's Pillow) the notes still appear.
    """
    package = Path(PIL.__file__).parent
    folders = (package.parent / "pillow.libs", package / ".dylibs")
    for library in (path for folder in folders for path in sorted(folder.glob("libtiff*"))):
        with suppress(OSError, AttributeError):
            libtiff = ctypes.CDLL(str(library))
            for name in ("TIFFSetWarningHandler", "TIFFSetErrorHandler"):
                setter = getattr(libtiff, name)
                setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                setter(None)
