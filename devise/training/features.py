"""Features of a frozen backbone, computed once and kept on disk, so that training a head is matrix products."""

from __future__ import annotations

import hashlib
import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from devise import config
from devise.config import IngestConfig, PhotoConfig
from devise.descriptors.network.checkpoint import Checkpoint, backbone_fingerprint
from devise.descriptors.network.compiled import Views
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.format import Arrays
from devise.errors import PhotoError
from devise.files import replacing
from devise.photos import load
from devise.photos.augment import augmented
from devise.training.workers import ALONE, Workers

CHECK = struct.Struct("<Q")  # crc32 of the file's name and of the numbers behind it
VIEWS = 4  # of a photo without labels: six pairs; each costs as much as the photo itself
CHUNK = 256  # photos per file: what an interruption can cost; a minute of VGG16 on two cores

Skipped = list[PhotoError]


class Extractor:
    """A frozen backbone: pixels (n, size, size, 3) -> features (n, 1 + parts, num_features).

    By torch on a graphics card, else by OpenVINO; with `ranges` of its layers (`weights.backbone_ranges`) in bytes, as
    `devise index` does. key: a name for what makes the features: in bytes they are not quite those in floats.
    """

    def __init__(self, checkpoint: Checkpoint, ranges: Arrays | None = None) -> None:
        backbone = checkpoint.backbone
        self.config, self.key = backbone.config, backbone_fingerprint(checkpoint)
        self._views: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
        if torch.cuda.is_available():
            encoder = Encoder(checkpoint)
            self._views = lambda pixels: backbone.views(encoder.normalized(pixels)).float().cpu().numpy()
        else:
            tensors = {f"backbone.{name}": tensor.cpu().numpy() for name, tensor in backbone.state_dict().items()}
            self._views = Views(backbone.config, tensors | (ranges or {}))
            if ranges:
                known = self.key.encode() + b"".join(rows.tobytes() for rows in ranges.values())
                self.key = hashlib.sha256(known).hexdigest()

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return self._views(pixels)


def features_of(  # noqa: PLR0913
    paths: Sequence[str],
    model: Checkpoint | Extractor,
    *,
    progress: Callable[[int], None] = lambda n: None,
    cache: Path | None = None,
    limits: PhotoConfig = PhotoConfig(),
    views: int = 0,
    team: Workers = ALONE,
) -> tuple[NDArray[np.float16], NDArray[np.bool_], Skipped]:
    """Features of photos in the order of `paths`: (n, views, num_features) float16, the good rows, what was skipped.

    Unchanged photos (path, size, time) with the same backbone come from the cache. limits: which are read at all.
    views: in place of parts so many pictures of each photo as others might have taken it (devise.photos.augment).
    team: processes that share the work and then have all of it. Raises WriteError.
    """
    extractor = model if isinstance(model, Extractor) else Extractor(model)
    made_by = extractor.config
    name = extractor.key[:16] + (f"-{views}-views" if views else "")
    folder = (cache or config.user_cache() / "features") / name
    features = np.empty((len(paths), 1 + (views or made_by.parts**2), made_by.num_features), np.float16)
    skipped: Skipped = []
    chunks = [*_chunks(paths)]
    for rows in chunks[team.rank :: team.count]:
        part = [paths[row] for row in rows]
        file = folder / f"{_key(part)}.features"
        found = _cached(file, (len(part), *features.shape[1:]))
        if found is None:
            found, troubles = _computed(part, extractor, limits, views)
            skipped += troubles
            if not troubles:  # trouble may pass; look again next time
                with replacing(file) as temporary, temporary.open("wb") as opened:
                    opened.write(_checked(found.tobytes(), file))
        features[rows] = found
        progress(min(len(part) * team.count, len(paths)))
    for number, rows in enumerate(chunks if team.count > 1 else ()):
        of_all = features[rows]
        team.sent(of_all, number % team.count)
        features[rows] = of_all
    skipped = team.gathered(skipped)
    return features, np.isfinite(features[:, 0, 0]), skipped


def decoded(
    paths: Sequence[str], size: int, resize: str, threads: int = 0, limits: PhotoConfig = PhotoConfig()
) -> Iterator[NDArray[np.uint8] | PhotoError]:
    """Pixels (size, size, 3) or the trouble with each photo, in order, decoded by `threads` threads."""

    def one(path: str) -> NDArray[np.uint8] | PhotoError:
        try:
            return load(path, size=size, resize=resize, limits=limits)
        except PhotoError as error:
            return error

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for start in range(0, len(paths), IngestConfig.prefetch):  # bounded, so memory is too
            yield from pool.map(one, paths[start : start + IngestConfig.prefetch])


def _chunks(paths: Sequence[str]) -> Iterator[list[int]]:
    """Numbers of photos that are cached together: of one folder, so that one more label leaves the others cached."""
    order = sorted(range(len(paths)), key=lambda row: os.path.split(paths[row]))
    for _, rows in groupby(order, key=lambda row: os.path.dirname(paths[row])):
        of_folder = list(rows)
        yield from (of_folder[start : start + CHUNK] for start in range(0, len(of_folder), CHUNK))


def _computed(
    paths: Sequence[str], extractor: Extractor, limits: PhotoConfig, views: int
) -> tuple[NDArray[np.float16], Skipped]:
    made_by = extractor.config
    features = np.full((len(paths), 1 + (views or made_by.parts**2), made_by.num_features), np.nan, np.float16)
    about = made_by.preprocessing
    pictures = list(decoded(paths, about.size, about.resize, limits=limits))
    good = [i for i, picture in enumerate(pictures) if not isinstance(picture, PhotoError)]
    for start in range(0, len(good), IngestConfig.batch):
        batch = good[start : start + IngestConfig.batch]
        pixels = np.stack([pictures[i] for i in batch])  # type: ignore[misc]
        found = np.minimum(extractor(pixels), 6e4)
        features[batch, : found.shape[1] if not views else 1] = found[:, : 1 if views else None]
        random = np.random.default_rng([zlib.crc32(picture) for picture in pixels])  # the same for the same photos
        for view in range(views):
            others = np.stack([augmented(picture, random) for picture in pixels])
            features[batch, 1 + view] = np.minimum(extractor(others)[:, 0], 6e4)
    return features, [picture for picture in pictures if isinstance(picture, PhotoError)]


def _cached(file: Path, shape: tuple[int, ...]) -> NDArray[np.float16] | None:
    """What was kept, if it is what was written."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if len(data) != CHECK.size + 2 * math.prod(shape) or _checked(data[CHECK.size :], file) != data:
        return None
    return np.frombuffer(data, "<f2", offset=CHECK.size).reshape(shape)


def _checked(numbers: bytes, file: Path) -> bytes:
    """With a checksum before them, of what they are (the names of the file and its folder) and of themselves."""
    return CHECK.pack(zlib.crc32(numbers, zlib.crc32(os.fsencode(f"{file.parent.name}/{file.name}")))) + numbers


def _key(paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            stat = Path(path).stat()
        except OSError:
            continue
        digest.update(f"{Path(path).absolute()}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]
