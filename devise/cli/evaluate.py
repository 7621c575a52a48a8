"""`devise evaluate`: how good a model is on labelled photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from devise.cli.labelled import Aliases, LabelColumns, LabelLevel, MinPhotos, PathColumn, Separator, reading
from devise.cli.options import Html, Json
from devise.cli.output import show
from devise.cli.output.form import Form
from devise.errors import DeviseError, needed
from devise.evaluation.report import SPLITS, EvaluateOptions, EvaluationReport
from devise.training.datasets.example import Reading
from devise.training.options import TrainOptions


def evaluate(
    data: Annotated[
        Path, typer.Argument(metavar="FOLDER|FILE", readable=False, help="Labelled photos, as devise train takes them.")
    ],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="A checkpoint; without it the one in use.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="A second one, on the same photos.")
    ] = None,
    vectors: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="Word vectors; without it those in use.")
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(SPLITS)}.")] = EvaluateOptions.split,
    baselines: Annotated[
        bool,
        typer.Option("--baselines", help="Also ConSE, the softmax layer of the model, and a head of random targets."),
    ] = False,
    library: Annotated[
        Path | None,
        typer.Option(metavar="PATH", show_default=False, help="Judge what this library answers, in place of a model."),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL|N",
            show_default=False,
            help="Train a model like this one without a label (may be repeated), or without N of them, and judge it.",
        ),
    ] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="Also show it pictures of nothing, made of the photos.")
    ] = False,
    feedback: Annotated[
        Path | None,
        typer.Option(metavar="LIBRARY", show_default=False, help="Also ask about what devise mark said of its photos."),
    ] = None,
    few_shot: Annotated[
        bool,
        typer.Option("--few-shot", help="Instead: hit@1 of heads that learn from 1, 2, 5, 10 and 50 photos a label."),
    ] = False,
    top: Annotated[
        int, typer.Option("-k", metavar="N", help="P@k and recall@k: photos of a label.")
    ] = EvaluateOptions.k,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            readable=False,
            help="Also write what is taken for what: a picture (.svg) or a table (.csv).",
        ),
    ] = None,
    alias: Aliases = None,
    min_photos: MinPhotos = Reading.min_photos,
    path_column: PathColumn = Reading.path_column,
    label_column: LabelColumns = None,
    separator: Separator = Reading.separator,
    label_level: LabelLevel = Reading.label_level,
    json: Json = False,
    html: Html = None,
) -> None:
    """Tell how good a model is on labelled photos. Figures with intervals; with --html also confusion and mistakes.

    devise evaluate birds/ --model birds --html birds.html

    devise evaluate birds/ --model birds --against slim --json

    devise evaluate birds/ --model birds --hold-out 5 --baselines
    """
    needed("evaluating", "torch", "torchvision")
    from devise.cli.output import targets
    from devise.cli.output.progress import BarProgress, stages
    from devise.evaluation import evaluate as run
    from devise.evaluation import page

    targets.check(html, targets.PAGE)
    targets.check(confusion, targets.CONFUSION)
    if confusion is not None and confusion.suffix.lower() not in (".svg", ".csv"):
        raise DeviseError(f"--confusion {confusion}: a picture ends in .svg, a table in .csv; choose one of those")
    how = reading(alias or (), min_photos, path_column, label_column or (), separator, label_level)
    if few_shot:
        _refuse_beside_few_shots({
            "--against": against, "--library": library, "--hold-out": hold_out, "--feedback": feedback,
            "--reject": reject, "--baselines": baselines, "--html": html, "--confusion": confusion,
        })  # fmt: skip
        _few_shots(TrainOptions(data=data, out="few", backbone=model or TrainOptions.backbone, vectors=vectors,
                                reading=how), Form.JSON if json else Form.AUTO)  # fmt: skip
        return
    options = EvaluateOptions(data=data, model=model, against=against, vectors=vectors, split=split,
                              baselines=baselines, reading=how, library=library,
                              hold_out=tuple(hold_out or ()), k=top, reject=reject, feedback=feedback)  # fmt: skip
    with stages() as shown:
        report = run(options, BarProgress(shown))
    for note in report.notes:
        show.note(note)
    if report.skipped:
        show.note(f"skipped {len(report.skipped)} photos, first {report.skipped[0]}")
    if html is not None:
        page.write(html, report, _curves(model))
        show.note(f"wrote {html}")
    if confusion is not None:
        page.write_confusion(confusion, report)
        show.note(f"wrote {confusion}")
    show.note(f"{report.model}: {report.photos:,} photos ({report.split}), {len(report.labels)} labels")
    show.output(_shown(report, against), Form.JSON if json else Form.AUTO)


def _refuse_beside_few_shots(options: Mapping[str, object]) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise DeviseError(f"--few-shot prints one table of heads that it trains itself; leave out {', '.join(given)}")


def _few_shots(options: TrainOptions, form: Form) -> None:
    from devise.cli.output.progress import BarProgress, stages
    from devise.training.few import few_shots

    with stages() as shown, TemporaryDirectory() as folder:
        found = few_shots(replace(options, out=str(Path(folder) / "few.safetensors")), BarProgress(shown))
    columns = ("photos a label", "photos", "words head", *found[0].classifiers)
    rows = [(row.count, row.photos, row.words, *row.classifiers.values()) for row in found]
    show.output(show.Output(columns=columns, rows=rows, document=[asdict(row) for row in found]), form)


def _curves(model: str | None) -> str:
    """Of the model's training, where it left some."""
    from devise.descriptors.network.format import find
    from devise.training.log import CURVES, run_folder

    file = run_folder(find(model)) / CURVES if model else None
    return file.read_text("utf-8") if file and file.is_file() else ""


def _shown(report: EvaluationReport, against: str | None) -> show.Output:
    others = {**({against or "": report.against} if report.against else {}), **report.baselines}
    rows: list[tuple[show.Cell, ...]] = []
    for name, value in report.figures.items():
        low, high = report.intervals.get(name, (None, None))
        gap = report.difference.get(name)
        between = f"{low:.3f} to {high:.3f}" if low is not None else ""
        apart = f"{gap[1]:+.3f} ({gap[0]:+.3f} to {gap[2]:+.3f})" if gap else ""
        beside = [f"{found[name]:.3f}" if name in found else "" for found in others.values()]
        rows.append((name, f"{value:.3f}", between, *beside, *((apart,) if report.against else ())))
    if report.calibration_error is not None:
        rows.append(("calibration error", f"{report.calibration_error:.3f}"))
    rows += [(f"not learnt: {name}", f"{value:.3g}") for name, value in report.zero_shot.items()]
    more = {"nothing": report.rejection, "specialists": report.specialists, "marked": report.marked,
            f"marked, {against}": report.marked_against}  # fmt: skip
    rows += [(f"{what}: {name}", f"{x:.3g}") for what, found in more.items() for name, x in found.items()]
    columns = ("figure", report.model, "95 %", *others, *(("difference",) if report.against else ()))
    rows = [(*row, *[""] * (len(columns) - len(row))) for row in rows]
    return show.Output(columns=columns, rows=rows, document=report.to_json())
