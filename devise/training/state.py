"""What changes while training, and how it is kept, so that a run goes on after any interruption."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from devise.descriptors.network.checkpoint import Checkpoint
from devise.errors import TrainingError
from devise.files import replacing
from devise.training.datasets.example import Example, Pair
from devise.training.options import TrainOptions
from devise.training.report import EpochReport

DAMAGED = "is damaged; delete it and train anew without --resume"
NOT_IN_KEY = ("resume", "force", "threads", "out", "quantize", "download")  # what may differ when a run goes on
# Options that came later: in the key only where they are not what every run did before, so that those still go on
LATER = ("objectives", "photos", "reading", "find_rate", "patience", "best_by", "method", "bits", "size", "hold_out",
         "classifier", "specialists", "reject", "start", "dim", "margin", "miner", "l1", "noise",
         "unlabelled")  # fmt: skip


@dataclass
class Learner:
    """All that changes while training. modules: what learns beside the checkpoint, by name."""

    checkpoint: Checkpoint
    modules: Mapping[str, nn.Module]
    optimizer: torch.optim.Optimizer
    best: EpochReport | None = None
    epoch: int = 0  # epochs done
    rate: float = 0.0  # learning rate before its schedule
    history: list[EpochReport] = field(default_factory=list)

    def parts(self) -> dict[str, nn.Module]:
        return {**self.checkpoint.modules(), **self.modules}


def key_of(
    options: TrainOptions, examples: Sequence[Example], vectors_fingerprint: str, pairs: Sequence[Pair] = ()
) -> str:
    """What must be the same for a run to go on from its state."""
    defaults = {field.name: field.default for field in fields(options) if field.default is not MISSING}
    usual = {name for name in LATER if getattr(options, name) == defaults[name]}
    same = {name: str(value) for name, value in asdict(options).items() if name not in {*NOT_IN_KEY, *usual}}
    photos = [asdict(example) for example in examples]
    text = json.dumps([same, photos, vectors_fingerprint, *([pairs] if pairs else [])], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def epochs_done(state: Path) -> int:
    """Of an interrupted run; 0 where there is none, or none that can be read."""
    try:
        return int(torch.load(state, map_location="cpu", weights_only=True)["epoch"])
    except Exception:  # no file; and a damaged pickle raises whatever it likes
        return 0


def keep(learner: Learner, state: Path, key: str) -> None:
    """Write all that changes, whole or not at all. Raises WriteError."""
    frozen = not any(p.requires_grad and p.grad is not None for p in learner.checkpoint.backbone.parameters())
    modules = {name: m.state_dict() for name, m in learner.parts().items() if not (frozen and name == "backbone")}
    saved = {
        "key": key,
        "epoch": learner.epoch,
        "best": asdict(learner.best) if learner.best else None,
        "rate": learner.rate,
        "history": [asdict(report) for report in learner.history],
        "modules": modules,
        "optimizer": learner.optimizer.state_dict(),
    }
    with replacing(state) as temporary:
        try:
            torch.save(saved, temporary)
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(str(error).splitlines()[0]) from error


def restore(learner: Learner, state: Path, key: str) -> None:
    """Go on from what was kept. Raises TrainingError for a state of another run, and for a damaged one."""
    try:
        saved = torch.load(state, map_location="cpu", weights_only=True)
        kept_key = saved["key"]
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise TrainingError(f"{state} {DAMAGED}") from error
    if kept_key != key:
        raise TrainingError(
            f"{state} was made with other options, labels or photos; "
            "repeat the same command with --resume, or start anew with --force"
        )
    try:
        for name, module in learner.parts().items():
            if name in saved["modules"]:
                module.load_state_dict(saved["modules"][name])
        learner.optimizer.load_state_dict(saved["optimizer"])
        learner.epoch, learner.best = saved["epoch"], _best(saved["best"])
        learner.rate = saved.get("rate") or learner.rate  # earlier versions kept neither
        learner.history = [EpochReport(**report) for report in saved.get("history", ())]
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TrainingError(f"{state} {DAMAGED}") from error


def _best(saved: dict[str, Any] | None) -> EpochReport | None:
    if saved and "hits" in saved:  # of a run that an earlier version began
        saved = {**saved, "figures": {f"hit@{k}": share for k, share in saved["hits"].items()}}
        del saved["hits"]
    return EpochReport(**saved) if saved else None
