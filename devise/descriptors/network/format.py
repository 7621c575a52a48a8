"""The file of a checkpoint: found by name, read and verified, without torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from devise import config
from devise.errors import CheckpointError

FORMAT = 3  # 1 padded convolutions of stride 2 on both sides, 1 and 2 had other parts; without such, all are the same
SUFFIX = ".safetensors"
AGAIN = "copy the file again or train anew"

RANGES = "ranges."  # with the name of a part: (its layers, 2) float32; zeros for a layer that is not to be quantized
STEPS = ":steps"  # ends the name of what belongs to a matrix of bytes

Arrays = dict[str, NDArray[Any]]


def find(name: str | Path) -> Path:
    """The file of a checkpoint given by name or path. Raises CheckpointError naming those that exist."""
    path, folders = Path(name), [config.own_folder("checkpoints"), config.shipped("checkpoints")]
    named = [folder / f"{name}{SUFFIX}" for folder in folders]
    direct = [path, path.with_name(path.name + SUFFIX)] if path.name else []
    # a bare name is a checkpoint of ours, even where the working folder has a file of that name
    candidates = [*direct, *named] if path.suffix == SUFFIX or len(path.parts) > 1 else [*named, *direct]
    for candidate in candidates:
        if os.path.isfile(candidate):  # False, not an OSError, for a name that is too long or forbidden
            return candidate
    known = sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob(f"*{SUFFIX}")})
    there = f"there are: {', '.join(known)}" if known else "train one with: devise train FOLDER --out NAME"
    wanted = name or '""'
    raise CheckpointError(f"no checkpoint {wanted}; {there}")


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The config and the weights of a checkpoint. Raises CheckpointError."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no iterator)
        about = json.loads(metadata.get("devise", "null"))
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except (
        SafetensorError,
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # TypeError: numbers that numpy does not have
        raise CheckpointError(f"{path} is no checkpoint or is cut off ({first_line(error)}); {AGAIN}") from error
    if not isinstance(about, dict) or "backbone" not in about:
        raise CheckpointError(
            f"{path} is a safetensors file without devise's config; give a checkpoint of devise train"
        )
    _check_format(path, about)
    kinds = {"heads": dict, "training": dict, "fingerprint": str}
    missing = [part for part, kind in kinds.items() if not isinstance(about.get(part), kind)]
    if missing:
        raise CheckpointError(f"{path} is damaged: its config lacks {', '.join(missing)}; {AGAIN}")
    if fingerprint(about, arrays) != about.get("fingerprint"):
        raise CheckpointError(f"{path} is damaged: its weights do not match its fingerprint; {AGAIN}")
    if bad := [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]:
        raise CheckpointError(f"{path} has weights that are no numbers ({bad[0]}); {AGAIN}")
    return about, arrays


def in_bytes(array: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix or kernel as numbers from -127 to 127 and the size of a step in each of its rows."""
    rows = array.reshape(len(array), -1)
    steps = np.maximum(np.abs(rows).max(1), 1e-12).astype(np.float32) / np.float32(127)
    return np.round(rows / steps[:, None]).astype(np.int8).reshape(array.shape), steps


def widened(arrays: Arrays) -> Arrays:
    """Float16 and bytes as float32. Raises KeyError, ValueError for bytes without steps that fit."""
    found = {}
    for name, array in arrays.items():
        if name.endswith(STEPS):
            continue
        if array.dtype == np.int8:
            steps = arrays[name + STEPS]
            if steps.shape != array.shape[:1] or steps.dtype != np.float32:
                raise ValueError(f"{name} has steps of {steps.shape}")
            array = array.astype(np.float32) * steps.reshape(-1, *[1] * (array.ndim - 1))
        found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def _check_format(path: Path, about: Mapping[str, Any]) -> None:
    made, backbone = about.get("format"), about["backbone"]
    if not isinstance(backbone, dict):
        raise CheckpointError(f"{path} is damaged: its backbone is {type(backbone).__name__}; {AGAIN}")
    if made in (1, 2):
        if backbone.get("first_stride") != 1 or backbone.get("kept_parts"):
            raise CheckpointError(
                f"{path} has checkpoint format {made}, which this devise reads for VGG only; train it anew"
            )
    elif made != FORMAT:
        raise CheckpointError(f"{path} has checkpoint format {made}, this devise reads up to {FORMAT}; update devise")


def fingerprint(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps([about["backbone"], about["heads"]], sort_keys=True).encode())
    for key in sorted(arrays):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)[:120]
