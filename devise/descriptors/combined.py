"""Several descriptors as one: each photo is read and decoded once for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.base import Descriptor
from devise.errors import DeviseError, listed
from devise.spaces import Space
from devise.vectors import Vector


class Combined:
    """Think of it as one descriptor that has the spaces of all its members.

    >>> library.index(["photos"], model=Combined([Encoder.open(), ColourHistogram()]))

    All look at the same pixels, as large as the largest member wants them; a smaller one gets them reduced by area, so
    that its rows are nearly those that it makes alone: of such a member the spaces have a fingerprint of their own.
    A photo that has no row in one space is in none. Raises DeviseError for members that cannot share pixels (one takes
    the centre of a photo, the other all of it) and for spaces of one name.
    """

    def __init__(self, members: Sequence[Descriptor]) -> None:
        _check(members)
        self.members = tuple(members)
        self.size, self.resize = max(member.size for member in members), members[0].resize
        self.spaces = tuple(space for member in members for space in self._spaces(member))

    @cached_property
    def name(self) -> str:
        return "+".join(member.name for member in self.members)

    @cached_property
    def fingerprint(self) -> str:
        return sha256(" ".join(self._fingerprint(member) for member in self.members).encode()).hexdigest()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(label for member in self.members for label in member.labels))

    @cached_property
    def path(self) -> Path | None:
        """Of the first member that is from a file: of it are the classes that photos are compared like."""
        return next((member.path for member in self.members if member.path), None)

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
        """(n, size, size, 3) RGB -> the rows of all members' spaces. Raises ValueError when one of them does."""
        from devise.photos.shrink import shrunk

        rows: dict[str, Vector] = {}
        for member in self.members:
            rows |= member.encode(shrunk(pixels, member.size))
        return rows

    def _spaces(self, member: Descriptor) -> tuple[Space, ...]:
        own = self._fingerprint(member)
        if member.size == self.size:
            return tuple(replace(space, fingerprint=space.fingerprint or own) for space in member.spaces)
        return tuple(replace(space, fingerprint=own) for space in member.spaces)

    def _fingerprint(self, member: Descriptor) -> str:
        if member.size == self.size:
            return member.fingerprint
        return sha256(f"{member.fingerprint} from {self.size}".encode()).hexdigest()


def _check(members: Sequence[Descriptor]) -> None:
    if not members:
        raise DeviseError("no descriptors to combine; give at least one")
    resizes = {member.resize: member.name for member in members}
    if len(resizes) > 1:
        what = listed(f'"{name}" {resize}' for resize, name in resizes.items())
        raise DeviseError(f"descriptors that scale photos in different ways ({what}) share no pixels; index them apart")
    names = Counter(space.name for member in members for space in member.spaces)
    if twice := [name for name, count in names.items() if count > 1]:
        raise DeviseError(f"several descriptors have a space {listed(twice)}; a library keeps one of each name")
