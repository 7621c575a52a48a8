"""Photos on the disk: find them in folders, open one upright, RGB and within limits. The only home of Pillow."""

from devise.photos.details import Details, details
from devise.photos.find import Found, Trouble, find, find_below, is_photo
from devise.photos.formats import DECODING, has_reader
from devise.photos.heat import covered, is_ours, overlay, overlay_jpeg, save_png, sheet_of
from devise.photos.open import load, picture, read, thumbnail_jpeg
from devise.photos.sidecars import stamp

__all__ = [
    "DECODING",
    "Details",
    "Found",
    "Trouble",
    "covered",
    "details",
    "find",
    "find_below",
    "has_reader",
    "is_ours",
    "is_photo",
    "load",
    "overlay",
    "overlay_jpeg",
    "picture",
    "read",
    "save_png",
    "sheet_of",
    "stamp",
    "thumbnail_jpeg",
]
