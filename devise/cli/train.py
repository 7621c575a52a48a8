"""`devise train`: teach a model the labels of your own folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import config, display
from devise.cli.options import LibraryPath
from devise.cli.output import show
from devise.errors import MAX_LISTED, needed
from devise.training.options import BACKBONE_NAMES, LOSS_NAMES, TrainOptions
from devise.training.report import EpochReport, TrainProgress, TrainReport

if TYPE_CHECKING:
    from devise.cli.output.progress import Stages


def train(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|CSV", help="One folder a label, or a CSV of path and labels (a|b).", readable=False
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="NAME", help="The checkpoint's name, or its file.")],
    backbone: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"{', '.join(BACKBONE_NAMES)}, or a checkpoint whose backbone to take."),
    ] = TrainOptions.backbone,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of the backbone, as torchvision names them.")
    ] = TrainOptions.weights,
    vectors: Annotated[
        str | None, typer.Option(metavar="NAME", help="Word vectors to learn; without it those in use.")
    ] = TrainOptions.vectors,
    loss: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(LOSS_NAMES)}.")] = TrainOptions.loss,
    unfreeze: Annotated[
        int, typer.Option(metavar="N", help="Last blocks of the backbone to train as well.")
    ] = TrainOptions.unfreeze,
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the photos.")] = TrainOptions.epochs,
    batch: Annotated[int, typer.Option(metavar="N", help="Photos a step.")] = TrainOptions.batch,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Learning rate.")] = TrainOptions.learning_rate,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same result.")] = TrainOptions.seed,
    val: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the photos kept for validation.")
    ] = TrainOptions.validation,
    from_feedback: Annotated[
        bool, typer.Option("--from-feedback", help="Also learn what was said with devise mark, in the library.")
    ] = False,
    library: LibraryPath = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a checkpoint that exists.")] = False,
) -> None:
    """Train a model on your own photos. It learns to give each photo the word vectors of its labels.

    devise train birds/ --out birds --epochs 20
    """
    needed("training", "torch", "torchvision")
    from devise.cli.output.progress import stages
    from devise.training import train as run

    options = TrainOptions(
        data=data,
        out=out,
        backbone=backbone,
        weights=weights,
        vectors=vectors,
        feedback=(library or config.default_library()) if from_feedback else None,
        loss=loss,
        unfreeze=unfreeze,
        epochs=epochs,
        batch=batch,
        learning_rate=lr,
        validation=val,
        seed=seed,
        resume=resume,
        force=force,
    )
    with stages() as shown:
        report = run(options, _Shown(shown))
    _tell(report, out)


class _Shown(TrainProgress):
    """What a training run reports, as stages and one line an epoch."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def features(self, done: int, total: int) -> None:
        self._stages.move("looking at photos", "photos", done, total)

    def photos(self, done: int, total: int) -> None:
        self._stages.move("training", "photos", done, total)

    def epoch(self, report: EpochReport) -> None:
        best = "  best so far" if report.is_best else ""
        self._stages.note(f"epoch {report.epoch:3d}  loss {report.loss:.4f}{_hits(report)}{best}")

    def note(self, text: str) -> None:
        self._stages.note(text)


def _hits(report: EpochReport) -> str:
    return "".join(f"  hit@{k} {share:.1%}" for k, share in report.hits.items())


def _tell(report: TrainReport, out: str) -> None:
    for error in report.skipped[:MAX_LISTED]:
        show.note(f"skipped {error}")
    if len(report.skipped) > MAX_LISTED:
        show.note(f"skipped {len(report.skipped) - MAX_LISTED} more")
    show.note(
        f"{len(report.labels)} labels learnt from {report.num_training:,} photos in {report.seconds:.0f} s; "
        f"epoch {report.best.epoch} was best{_hits(report.best)}"
    )
    show.note(f"wrote {display.name(str(report.path))}; use it with: devise index FOLDER --model {out}")
