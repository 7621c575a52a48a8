"""Which engine runs a model: OpenVINO on a processor, torch on a graphics card."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from devise import config
from devise.errors import CheckpointError, needed

if TYPE_CHECKING:
    from devise.descriptors.network.base import Network

ENGINES = ("openvino", "torch")


def open_encoder(name: str | Path | None = None, vectors: str | None = None) -> Network:
    """A checkpoint by name or path; None is DEVISE_MODEL or the one that ships. Raises CheckpointError.

    vectors: name of the word vectors to speak in. DEVISE_ENGINE (openvino, torch) chooses the engine; else a graphics
    card that torch can use does, and where there is none it is OpenVINO.
    """
    if name is None:
        name = os.environ.get("DEVISE_MODEL") or config.SHIPPED_MODEL
    wish = os.environ.get("DEVISE_ENGINE")
    if wish not in (None, "", *ENGINES):
        raise CheckpointError(f"DEVISE_ENGINE is {wish}; it can be {' or '.join(ENGINES)}")
    if wish == "torch" or (not wish and _has_card()):
        needed("DEVISE_ENGINE=torch", "torch")
        from devise.descriptors.network.encoder import Encoder

        return Encoder.open(name, vectors)
    from devise.descriptors.network.compiled import Compiled

    return Compiled.open(name, vectors)


def _has_card() -> bool:
    if not os.path.exists("/dev/nvidiactl") or find_spec("torch") is None:  # importing torch takes a second
        return False
    import torch

    return torch.cuda.is_available()
