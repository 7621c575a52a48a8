"""Looks: descriptors without a network, computed from one picture: hashes, and the colours of a photo.

A library has them beside the spaces of its network. All libraries make them of the same pixels, whatever pixels their
network wants, so that a look of one name is the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.config import IngestConfig
from devise.descriptors import colour, local
from devise.descriptors.hashes import HASHES, packed
from devise.errors import DeviseError, listed
from devise.spaces import Space

SIZE, RESIZE = 320, "squash"  # of the pixels they are given: another size would give other hashes
SMALL = 64  # pixels a side that they are made of, each the mean of 5 x 5: a third of the time, and colours and hashes
# serve as well (docs/looks.md)
SIDE = 8  # bits a side of a hash that is named without a number: 64 in all, as everywhere
SIDES = range(4, 17)  # pHash of more would look at finer pixels than there are
COLOUR, GREY, LOCAL = "colour", "grey", "local"
GREY_SIDE, GREY_FROM = 16, 32  # pixels a side of the grey picture, each the mean of 2 x 2: pHash looks at those
_NAME = re.compile(r"([a-z]+)([0-9]*)")


class Looks:
    """Think of it as a descriptor whose spaces are chosen by name: phash, dhash, ahash, grey, colour, local.

    >>> Looks(["phash", "colour"]).encode(pixels)["phash"].shape  # pixels (n, 320, 320, 3), of devise.photos.load
    (n, 8)

    A number behind the name of a hash is its bits: phash256. Spaces of hashes are bits, compared by Hamming; colours
    are shares of a palette (devise.descriptors.colour), compared by L1, as is grey, a picture of 16 x 16.
    Raises DeviseError for names that are none.
    """

    labels: tuple[str, ...] = ()
    path = None
    size, resize = SIZE, RESIZE

    def __init__(self, names: Sequence[str] = IngestConfig.looks) -> None:
        self.spaces = tuple(dict.fromkeys(map(space_of, names)))
        if LOCAL in names:
            local.check()  # before a library has a space that nothing here can fill

    @cached_property
    def name(self) -> str:
        return "+".join(space.name for space in self.spaces)

    @cached_property
    def fingerprint(self) -> str:
        return sha256(" ".join(str(space.fingerprint) for space in self.spaces).encode()).hexdigest()

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Any]:
        """(n, 320, 320, 3) RGB -> {space: (n, width)}. Raises ValueError for pixels of another shape."""
        from devise.photos.miniatures import averaged, greys

        if pixels.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(f"looks are made of pixels (n, {SIZE}, {SIZE}, 3), not {pixels.shape}")
        hashes = [(space.name, *_hash_of(space)) for space in self.spaces if space.metric == "hamming"]
        names = {space.name for space in self.spaces}
        sizes = {HASHES[kind].size(side) for _, kind, side in hashes} | ({(GREY_FROM,) * 2} if GREY in names else set())
        small, made = averaged(pixels, SIZE // SMALL), dict[str, Any]()
        grey = dict(zip(sizes, greys(small, [*sizes]), strict=True)) if sizes else {}  # each size once
        for name, kind, side in hashes:
            made[name] = packed(HASHES[kind].bits(grey[HASHES[kind].size(side)], side))
        if GREY in names:
            made[GREY] = _means(grey[GREY_FROM, GREY_FROM])
        if LOCAL in names:
            made[LOCAL] = local.word_counts(pixels)
        if COLOUR in names:
            made[COLOUR] = colour.shares(small)
        return made


def space_of(name: str) -> Space:
    """The space of a look by its name. Raises DeviseError."""
    if name == COLOUR:
        return Space(name=COLOUR, dim=len(colour.PALETTE), metric="l1", fingerprint=_fingerprint(COLOUR, 0))
    if name == GREY:
        dim = GREY_SIDE * GREY_SIDE
        return Space(name=GREY, dim=dim, metric="l1", dtype="uint8", fingerprint=_fingerprint(GREY, GREY_SIDE))
    if name == LOCAL:
        return Space(name=LOCAL, dim=local.NUM_WORDS, metric="inner", dtype="sparse", fingerprint=local.fingerprint())
    found = _NAME.fullmatch(name)
    kind, bits = found.groups() if found else ("", "")
    if kind not in HASHES:
        raise DeviseError(f'no look is called "{name}"; there are {listed([*HASHES, GREY, COLOUR, LOCAL])}')
    side = isqrt(int(bits)) if bits else SIDE
    if side not in SIDES or (bits and side * side != int(bits)):
        some = listed(f"{kind}{side * side}" for side in (8, 12, 16))
        raise DeviseError(
            f'"{name}" is no size of a hash, whose bits are a square of {SIDES[0]} to {SIDES[-1]}: {some}'
        )
    named = kind if side == SIDE else f"{kind}{side * side}"
    return Space(name=named, dim=side * side, metric="hamming", dtype="bits", fingerprint=_fingerprint(kind, side))


def is_look(space: Space) -> bool:
    """Whether the rows of a library's space are those that `Looks` makes under its name."""
    try:
        return space == space_of(space.name)
    except DeviseError:
        return False


def is_known(name: str) -> bool:
    """Whether `devise index --add` takes it."""
    try:
        return bool(space_of(name))
    except DeviseError:
        return False


def looks_of(spaces: Iterable[Space]) -> Looks | None:
    """What makes the looks among the spaces of a library; None where there are none."""
    names = [space.name for space in spaces if is_look(space)]
    return Looks(names) if names else None


def _means(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 32, 32) -> (n, 256), of each 2 x 2 pixels the mean, rounded."""
    blocks = grey.reshape(len(grey), GREY_SIDE, GREY_FROM // GREY_SIDE, GREY_SIDE, GREY_FROM // GREY_SIDE)
    means: NDArray[np.float32] = np.round(blocks.mean((2, 4))).reshape(len(grey), GREY_SIDE**2).astype(np.float32)
    return means


def _hash_of(space: Space) -> tuple[str, int]:
    """Its kind, and its bits a side."""
    found = _NAME.fullmatch(space.name)
    assert found is not None  # made by space_of
    return found[1], isqrt(space.dim)


def _fingerprint(kind: str, side: int) -> str:
    """Another rule is another fingerprint."""
    rule = f"{kind} of imagehash, {side} a side"
    if not side:
        palette = " ".join(f"{each:06x}" for each in colour.PALETTE)
        rule = f"palette {palette}, blur {colour.BLUR}, {colour.LEVELS} levels"
    return sha256(f"{rule}, of {SMALL} pixels of {SIZE}, {RESIZE}, 1".encode()).hexdigest()
