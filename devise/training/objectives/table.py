"""The objectives by the names that `TrainOptions.objectives` gives them."""

from __future__ import annotations

from collections.abc import Callable

from devise.training.objectives.attributes import Attributes
from devise.training.objectives.autoencoder import Autoencoder
from devise.training.objectives.base import Lessons, Objective
from devise.training.objectives.classes import Classes
from devise.training.objectives.hashing import Hashing
from devise.training.objectives.metric import Metric
from devise.training.objectives.words import Words
from devise.training.options import TrainOptions

OBJECTIVES: dict[str, Callable[[Lessons, TrainOptions], Objective]] = {
    "words": Words,
    "classes": Classes,
    "hash": Hashing,
    "metric": Metric,
    "autoencoder": Autoencoder,
    "attributes": Attributes,
}
OF_WORDS = frozenset({"words"})  # which learn word vectors and look at parts of photos; others need neither
WITHOUT_LABELS = frozenset({"autoencoder"})  # which learn from photos alone
