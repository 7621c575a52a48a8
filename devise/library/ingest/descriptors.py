"""What one run makes rows with: the encoder of a library, and the looks that it has beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from devise.descriptors.base import Descriptor
from devise.descriptors.looks import Looks
from devise.library.ingest.prefetch import Pixels, View
from devise.library.models import info_of
from devise.spaces import ModelInfo, Space
from devise.vectors import Vector


class Descriptors(NamedTuple):
    """Think of it as one descriptor that may look at two views of a photo: what its network wants, and all of it."""

    encoder: Descriptor
    looks: Looks | None = None
    imported: tuple[Space, ...] = ()  # which the library keeps, and nothing here makes rows of

    @property
    def model(self) -> ModelInfo:
        """What a library remembers of them."""
        made = info_of(self.encoder, self.looks)
        return replace(made, spaces=(*made.spaces, *self.imported))

    @property
    def spaces(self) -> tuple[Space, ...]:
        """And that of the regions of photos."""
        spaces = self.model.spaces
        return (*spaces, *(space.regions() for space in spaces if space.name == "words"))

    @property
    def views(self) -> tuple[View, ...]:
        """One, where both look at the same pixels."""
        views = [View(made.size, made.resize) for made in (self.encoder, self.looks) if made]
        return tuple(dict.fromkeys(views))

    def encode(self, photos: Sequence[Sequence[Pixels]]) -> dict[str, Vector]:
        """The views of each photo -> {space of the encoder: (n, dim)}. Raises ValueError when a photo has no row."""
        return self.encoder.encode(np.stack([views[0] for views in photos]))

    def look(self, photos: Sequence[Sequence[Pixels]]) -> dict[str, Vector]:
        """The same in the spaces of the looks; every photo has rows there."""
        return self.looks.encode(np.stack([views[-1] for views in photos])) if self.looks else {}
