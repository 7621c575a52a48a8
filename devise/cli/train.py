"""`devise train`: teach a model the labels of your own folders."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli.backbones import list_backbones, may_download
from devise.cli.labelled import Aliases, LabelColumns, LabelLevel, MinPhotos, PathColumn, Separator, reading
from devise.cli.options import LibraryPath
from devise.cli.output import show
from devise.errors import MAX_LISTED, counted, needed
from devise.store.location import location
from devise.training.datasets.example import Reading
from devise.training.options import CLASSIFIERS, LOSS_NAMES, METHOD_NAMES, METRIC_LOSS_NAMES, MINER_NAMES, TrainOptions
from devise.training.report import TrainReport

if TYPE_CHECKING:
    from devise.cli.output.progress import BarProgress

AUTO = "auto"
WORDS = "words"


def train(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|FILE",
            help="One folder a label, a CSV of path and labels (a|b), COCO's or YOLO's files, or a CSV of pairs.",
            readable=False,
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="NAME", help="The checkpoint's name, or its file.")],
    backbone: Annotated[
        str,
        typer.Option(
            metavar="NAME|list",
            callback=list_backbones,
            is_eager=True,
            help="slim, a VGG of torchvision, or a checkpoint whose backbone to take; list shows which there are.",
        ),
    ] = TrainOptions.backbone,
    download: Annotated[
        bool, typer.Option("--download", help="Download torchvision's weights where they are not here, unasked.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            show_default=False,
            help="Begin with the backbone and the heads of a checkpoint: frozen first, then --unfreeze.",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of the backbone, as torchvision names them.")
    ] = TrainOptions.weights,
    vectors: Annotated[
        str | None, typer.Option(metavar="NAME", help="Word vectors to learn; without it those in use.")
    ] = TrainOptions.vectors,
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="words: to search by words. hash: short codes. metric: who is near. autoencoder: codes without "
            "labels. attributes: columns of a CSV. Several with commas.",
        ),
    ] = WORDS,
    loss: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"{', '.join(LOSS_NAMES)}; of metric {', '.join(METRIC_LOSS_NAMES)}."),
    ] = TrainOptions.loss,
    margin: Annotated[
        float, typer.Option(metavar="X", help="Of metric: by how much others are farther.")
    ] = TrainOptions.margin,
    miner: Annotated[
        str, typer.Option(metavar="NAME", help=f"Of metric, which triplets count: {', '.join(MINER_NAMES)}.")
    ] = TrainOptions.miner,
    dim: Annotated[
        int, typer.Option(metavar="N", help="Of metric, autoencoder, attributes: numbers of a row; 0: as is usual.")
    ] = TrainOptions.dim,
    l1: Annotated[
        float, typer.Option("--l1", metavar="X", help="Of autoencoder: above 0 for sparse codes, such as 0.03.")
    ] = TrainOptions.l1,
    noise: Annotated[
        float, typer.Option(metavar="SHARE", help="Of autoencoder: numbers that are hidden while it learns.")
    ] = TrainOptions.noise,
    method: Annotated[
        str, typer.Option(metavar="NAME", help=f"Of hash: {', '.join(METHOD_NAMES)}.")
    ] = TrainOptions.method,
    bits: Annotated[int, typer.Option(metavar="N", help="Of hash: bits of a code.")] = TrainOptions.bits,
    unlabelled: Annotated[
        bool,
        typer.Option(
            "--unlabelled", help="Of metric: labels do not count; a photo is like itself in another light, or a part."
        ),
    ] = False,
    size: Annotated[
        int, typer.Option(metavar="N", help="Pixels a side at which photos are looked at; 0: as the backbone is used.")
    ] = TrainOptions.size,
    unfreeze: Annotated[
        int, typer.Option(metavar="N", help="Last blocks of the backbone to train as well.")
    ] = TrainOptions.unfreeze,
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the photos.")] = TrainOptions.epochs,
    batch: Annotated[int, typer.Option(metavar="N", help="Photos a step.")] = TrainOptions.batch,
    lr: Annotated[
        str, typer.Option(metavar="RATE|auto", help="Learning rate, which falls to 0 over the run; auto looks for one.")
    ] = f"{TrainOptions.learning_rate:g}",
    patience: Annotated[
        int, typer.Option(metavar="N", help="End after so many epochs without a better one; 0: never.")
    ] = TrainOptions.patience,
    best_by: Annotated[
        str, typer.Option(metavar="FIGURE", show_default=False, help="Which figure decides, such as mAP or hit@5.")
    ] = TrainOptions.best_by,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same result.")] = TrainOptions.seed,
    val: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the photos kept for validation.")
    ] = TrainOptions.validation,
    classifier: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help=f"{' or '.join(CLASSIFIERS)}: fit the layer of classes by scikit-learn, for few photos.",
        ),
    ] = TrainOptions.classifier,
    specialists: Annotated[
        int, typer.Option(metavar="N", help="For up to N pairs of labels that are confused a small classifier each.")
    ] = TrainOptions.specialists,
    reject: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Learn to say no from pictures of nothing, made of the photos: this share of "
            "their number, such as 0.3.",
        ),
    ] = TrainOptions.reject,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL|N",
            show_default=False,
            help="Do not learn a label, or N of them; devise evaluate "
            "then tells how well they are found. May be repeated.",
        ),
    ] = None,
    alias: Aliases = None,
    min_photos: MinPhotos = Reading.min_photos,
    path_column: PathColumn = Reading.path_column,
    label_column: LabelColumns = None,
    separator: Separator = Reading.separator,
    label_level: LabelLevel = Reading.label_level,
    from_feedback: Annotated[
        bool, typer.Option("--from-feedback", help="Also learn what was said with devise mark, in the library.")
    ] = False,
    library: LibraryPath = None,
    processes: Annotated[
        int,
        typer.Option("--processes", metavar="N", min=1, help="Learn in N processes, each from a share of every batch."),
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a checkpoint that exists.")] = False,
) -> None:
    """Train a model on your own photos. It learns to give each photo the word vectors of its labels.

    devise train birds/ --out birds --epochs 20

    devise train birds/ --out short --objective hash --bits 48

    devise train photos/ --out codes --objective autoencoder

    devise train shop.csv --out shop --objective attributes --label-column type --label-column colour

    torchrun --nproc-per-node 2 -m devise train birds/ --out birds
    """
    if processes > 1 and "RANK" not in os.environ:
        from devise.cli.processes import run as run_all

        raise typer.Exit(run_all(processes))
    if "RANK" in os.environ:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch tells each process what only we can change
    if os.environ.get("RANK", "0") != "0":  # of torchrun: the first process talks for all
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (for the rest of the process)
    needed("training", "torch", "torchvision")
    from devise.cli.output.progress import BarProgress, stages
    from devise.training import train as run

    options = TrainOptions(
        data=data,
        out=out,
        backbone=backbone,
        weights=weights,
        start=start,
        download=download or (start is None and weights is None and may_download(backbone)),
        vectors=vectors,
        feedback=location(library) if from_feedback else None,
        objectives=_objectives(objective),
        loss=loss,
        margin=margin,
        miner=miner,
        dim=dim,
        l1=l1,
        noise=noise,
        unlabelled=unlabelled,
        method=method,
        bits=bits,
        size=size,
        unfreeze=unfreeze,
        epochs=epochs,
        batch=batch,
        learning_rate=TrainOptions.learning_rate if lr == AUTO else _rate(lr),
        find_rate=lr == AUTO,
        patience=patience,
        best_by=best_by,
        validation=val,
        hold_out=tuple(hold_out or ()),
        classifier=classifier,
        specialists=specialists,
        reject=reject,
        seed=seed,
        resume=resume,
        force=force,
        reading=reading(alias or (), min_photos, path_column, label_column or (), separator, label_level),
    )
    with stages() as shown:
        watching = BarProgress(shown)
        try:
            report = run(options, watching)
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, or another signal
                _tell_to_resume(options)
            raise
    if os.environ.get("RANK", "0") == "0":
        _tell(report, out, watching)


def _objectives(text: str) -> tuple[str, ...]:
    """By their names; the classes are learnt beside words, since ConSE, --classifier and --reject need that layer."""
    each = [TrainOptions.objectives if name == WORDS else (name,) for name in map(str.strip, text.split(",")) if name]
    return tuple(dict.fromkeys(name for names in each for name in names))


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number; give one, or auto", param_hint="--lr") from None


def _tell_to_resume(options: TrainOptions) -> None:
    from devise.training.assembly import checkpoint_path
    from devise.training.state import epochs_done

    done = epochs_done(checkpoint_path(options.out).with_suffix(".training"))
    said = [argument for argument in sys.argv[1:] if argument not in ("--force", "--resume")]
    if done:
        command = shlex.join(["devise", *said, "--resume"])
        show.note(f"{done} of {counted(options.epochs, 'epoch')} are done; go on with: {command}")
    else:
        show.note("no epoch is done yet; features that were computed are kept for the next run")


def _tell(report: TrainReport, out: str, watching: BarProgress) -> None:
    for error in report.skipped[:MAX_LISTED]:
        show.note(f"skipped {error}")
    if len(report.skipped) > MAX_LISTED:
        show.note(f"skipped {len(report.skipped) - MAX_LISTED} more")
    learnt = f"{len(report.labels)} labels learnt from" if report.labels else "learnt from"
    show.note(
        f"{learnt} {report.num_training:,} photos in {report.seconds:.0f} s; "
        f"epoch {report.best.epoch} was best{watching.figures(report.best)}"
    )
    if report.folder and report.history:
        show.note(f"curves and a log: {display.name(str(report.folder))}")
    show.note(f"wrote {display.name(str(report.path))}; use it with: devise index FOLDER --model {out}")
