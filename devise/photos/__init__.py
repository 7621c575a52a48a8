"""Photos on the disk: find them in folders, open one upright, RGB and within limits. The only home of Pillow."""

from devise.photos.find import Found, Trouble, find, is_photo
from devise.photos.heat import covered, overlay, overlay_jpeg
from devise.photos.open import load, picture, read, thumbnail_jpeg

__all__ = [
    "Found",
    "Trouble",
    "covered",
    "find",
    "is_photo",
    "load",
    "overlay",
    "overlay_jpeg",
    "picture",
    "read",
    "thumbnail_jpeg",
]
