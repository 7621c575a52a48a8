"""Where vectors live: the spaces of a model, and what turns their scores into probabilities."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any, Final, Literal, get_args
from zlib import crc32

Metric = Literal["cosine", "inner", "l1", "hamming"]  # a higher score is nearer, whatever the metric
Dtype = Literal["float16", "float32", "uint8", "bits", "sparse", "regions"]
METRICS: Final[tuple[str, ...]] = get_args(Metric)
DTYPES: Final[tuple[str, ...]] = get_args(Dtype)
IMPORTED: Final = "imported "  # how the fingerprint begins of a space whose rows were made elsewhere
REGIONS: Final = "parts"  # the space of the regions of photos: libraries and models say so since format 2


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """sigmoid(scale * score + bias) is the probability that a word is true of a photo; scale 0: unknown.

    photo_scale, photo_bias: the same for the score of a photo that is asked with: that both show the same.
    open_scale, open_bias: the same for a word that the model has not learnt; open_scale 0: as for those that it has.
    """

    scale: float = 0.0
    bias: float = 0.0
    photo_scale: float = 0.0
    photo_bias: float = 0.0
    open_scale: float = 0.0
    open_bias: float = 0.0

    def probability(self, score: float) -> float | None:
        """Of a word that has this score for a photo."""
        if not self.scale:
            return None
        return 0.5 * (1 + math.tanh((self.scale * score + self.bias) / 2))  # a sigmoid that cannot overflow


@dataclass(frozen=True, kw_only=True)
class Space:
    """Where rows of one kind live, how they are compared and how they are stored.

    dim: numbers of a row, of `bits` its bits. metric: cosine (of rows of length 1) and inner are products, l1 is minus
    the sum of the differences, hamming minus the number of bits that differ.
    dtype: how a row is stored; `uint8` are whole numbers from 0 to 255; `bits` are packed into bytes, the highest bit
    first; `sparse` keeps the numbers that are not 0; `regions` is for the regions of a photo (devise.store.regions),
    which no search compares by themselves.
    fingerprint: of the descriptor that makes the rows; None: that of the model it belongs to. Of one that was imported
    it is of the file that brought the rows, which nobody here can make.
    vectors, vectors_fingerprint: the word vectors of a words space. num_regions: of a photo, beside the whole photo.
    attributes: each has as many of the numbers of a row, one block behind the other.
    """

    name: str
    dim: int
    metric: Metric = "cosine"
    dtype: Dtype = "float16"
    fingerprint: str | None = None
    vectors: str | None = None
    vectors_fingerprint: str | None = None
    num_regions: int = 0
    calibration: Calibration = Calibration()
    attributes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers of a row in memory; eight bits are a byte."""
        return -(-self.dim // 8) if self.dtype == "bits" else self.dim

    @property
    def row_type(self) -> str:
        """Numpy's name for the numbers of a row in memory."""
        return "uint8" if self.dtype == "bits" else "float32"

    @property
    def row_bytes(self) -> int:
        """Of a row in memory."""
        return self.width if self.dtype == "bits" else 4 * self.dim

    @property
    def is_imported(self) -> bool:
        """Whether its rows were made elsewhere: photos that are new have none."""
        return (self.fingerprint or "").startswith(IMPORTED)

    def regions(self) -> Space:
        """The space of the regions of its photos."""
        return Space(name=REGIONS, dim=self.dim, dtype="regions", fingerprint=self.fingerprint)

    def to_json(self) -> dict[str, Any]:
        """Keys stay for ever: programs read them, and libraries that earlier versions wrote hold them."""
        return {
            "name": self.name,
            "dim": self.dim,
            "vectors": self.vectors,
            "fingerprint": self.vectors_fingerprint,
            "num_parts": self.num_regions,
            **asdict(self.calibration),
            "metric": self.metric,
            "dtype": self.dtype,
            "descriptor": self.fingerprint,
            **({"attributes": list(self.attributes)} if self.attributes else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Space:
        """Raises KeyError, TypeError or ValueError for what is none."""
        given = dict(data)
        lines = {field.name: given.pop(field.name, 0.0) for field in fields(Calibration)}
        made = cls(
            name=given.pop("name"),
            dim=given.pop("dim"),
            vectors=given.pop("vectors", None),
            vectors_fingerprint=given.pop("fingerprint", None),
            num_regions=given.pop("num_parts", 0),
            metric=given.pop("metric", "cosine"),
            dtype=given.pop("dtype", "float16"),
            fingerprint=given.pop("descriptor", None),
            calibration=Calibration(**lines),
            attributes=tuple(given.pop("attributes", ())),
        )
        if given:
            raise ValueError(f"a space with {', '.join(given)}")
        return made.checked()

    def checked(self) -> Space:
        """Itself. Raises ValueError where names are no texts, numbers no numbers, or nothing compares such rows."""
        texts = (
            self.name,
            self.vectors or "",
            self.vectors_fingerprint or "",
            self.fingerprint or "",
            *self.attributes,
        )
        lines = asdict(self.calibration).values()
        if not all(isinstance(text, str) for text in texts) or not all(map(_is_finite, lines)):
            raise ValueError(f"a space {self}")
        if not (isinstance(self.dim, int) and self.dim > 0 <= self.num_regions and isinstance(self.num_regions, int)):
            raise ValueError(f"a space of {self.dim} numbers and {self.num_regions} parts")
        if self.dim % max(1, len(self.attributes)):
            raise ValueError(f"a space of {self.dim} numbers and {len(self.attributes)} attributes")
        if (
            self.metric not in METRICS
            or self.dtype not in DTYPES
            or (self.metric == "hamming") != (self.dtype == "bits")
        ):
            raise ValueError(f"a space of {self.dtype}, compared by {self.metric}")
        return self


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What makes a library's vectors: models of one fingerprint make the same numbers, as their engines round them."""

    name: str
    fingerprint: str
    spaces: tuple[Space, ...]

    def space(self, name: str) -> Space:
        """The space of that name. Raises KeyError."""
        return {space.name: space for space in self.spaces}[name]

    def fingerprints(self) -> dict[str, str]:
        """Of each space by its name: who makes its rows."""
        return {space.name: space.fingerprint or self.fingerprint for space in self.spaces}

    def is_of(self, checkpoint: str) -> bool:
        """Whether it is the checkpoint of that fingerprint, with its first words head or another one, alone or not."""
        heads = (f"words:{space.vectors}" for space in self.spaces)
        ours = {self.fingerprint, *self.fingerprints().values()}
        return not ours.isdisjoint({checkpoint, *(speaking(checkpoint, head) for head in heads)})

    def to_json(self) -> dict[str, Any]:
        """Each space with the fingerprint of what makes its rows."""
        theirs = self.fingerprints()
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "spaces": [{**space.to_json(), "descriptor": theirs[space.name]} for space in self.spaces],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelInfo:
        """Raises KeyError, TypeError or ValueError for what is none."""
        spaces = (Space.from_json(space) for space in data["spaces"])
        ours = data["fingerprint"]
        named = (replace(space, fingerprint=None) if space.fingerprint == ours else space for space in spaces)
        made = cls(**{**data, "spaces": tuple(named)})
        if not isinstance(made.name, str) or not isinstance(made.fingerprint, str):
            raise TypeError(f"a model {made.name}")
        return made


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def speaking(checkpoint: str, head: str) -> str:
    """The fingerprint of a checkpoint when another words head than its first is in use."""
    return sha256(f"{checkpoint} {head}".encode()).hexdigest()


def model_crc(model: object, labels: Sequence[str]) -> str:
    """Tells a model and its labels from damaged ones. model: as JSON, which newer versions say more in."""
    return str(crc32(json.dumps([model, list(labels)]).encode()))
