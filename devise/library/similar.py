"""What is asked for when photos like a photo are: the spaces, their order, weights, classes; what does not go together
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from devise.errors import LibraryError
from devise.library.query_photos import QueryPhotos, name_of
from devise.search.attributes import weighed
from devise.search.blend import Asked
from devise.search.interpret import PhotoRequest
from devise.store.filter import Filter

if TYPE_CHECKING:
    from devise.library.resources import Resources
    from devise.photos.inputs import PhotoInput


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """As `Library.similar` has them."""

    space: str = "features"
    order: str | None = None
    like: str | None = None
    where: Filter = field(default_factory=Filter)
    poses: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)
    exemplar: bool = False

    def check(self) -> None:
        """Raises LibraryError for what does not go together."""
        if self.like is not None and (self.order is not None or self.poses):
            raise LibraryError("what is compared like a class has no other order and no poses; leave one of them out")
        if self.like is not None and self.space != "features":
            raise LibraryError(
                f"photos are compared like a class on features, not on {self.space}; leave one of them out"
            )
        if self.order is not None and (self.poses or self.space == "local" or "," in self.space + self.order):
            raise LibraryError("one space, but not local, is put in the order of one other; leave --order out")
        if self.weights and ("," in self.space or self.space == "local" or self.like is not None):
            raise LibraryError("attributes weigh in one space alone; name that one with --space, and no class")
        if self.exemplar and (self.like or self.order or self.poses or self.weights or "," in self.space):
            raise LibraryError("a photo as its own class is asked for alone, in one space; leave the others out")


def requested(resources: Resources, photos: QueryPhotos, photo: PhotoInput, how: Likeness) -> PhotoRequest:
    """Raises LibraryError, PhotoError."""
    content_id, asked = photos.asked(photo, how.space, poses=how.poses)
    order, factor = None, 1.0
    if how.order not in (None, how.space):
        order = photos.asked(photo, how.order)[1][0]
    if how.exemplar:
        order = Asked(how.space, resources.exemplars(how.space).weights(asked[0].rows))
    if how.weights:
        space = resources.model_info().space(how.space)
        each = [weighed(row, space, how.weights) for row in asked[0].rows]
        asked, factor = (asked[0]._replace(rows=np.stack([row for row, _ in each])),), each[0][1]
    return PhotoRequest(
        name=name_of(photo),
        asked=asked,
        content_id=content_id,
        filter=how.where,
        class_weights=None if how.like is None else resources.class_weights(how.like),
        order=order,
        factor=factor,
    )
