"""`devise model`: what one's models are, and how they are given to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devise.cli.options import Csv, Json, form
from devise.cli.output import show, targets
from devise.errors import needed

model = typer.Typer(
    help="List models, and share them.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A checkpoint, by its name or file.")]
Licence = Annotated[
    str, typer.Option(metavar="TEXT", show_default=False, help="Under which others may use it, for its card.")
]


@model.command("list")
def list_(json: Json = False, csv: Csv = False) -> None:
    """List the models at hand."""
    from devise.sharing.catalog import models

    found = models()
    rows = [(it.name, it.labels, it.vectors or "", it.backbone, it.num_bytes, str(it.path)) for it in found]
    table = [(*row[:4], f"{row[4] / 1e6:,.1f} MB") for row in rows]
    columns = ("name", "labels", "vectors", "backbone", "bytes", "path")
    nothing = "no models; train one with: devise train FOLDER --out NAME"
    show.output(show.Output(columns=columns, rows=rows, document=[it.to_json() for it in found], table=table,
                            table_columns=columns[:-1], nothing=nothing), form(json, csv))  # fmt: skip


@model.command("card")
def card(
    name: Name,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", show_default=False, help="Without it card.md in NAME.run."),
    ] = None,
    licence: Licence = "",
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER|FILE", show_default=False, readable=False, help="Labelled photos to judge it by."),
    ] = None,
) -> None:
    """Write the card of a model: data, figures, curves, licence, limits. With --data figures have intervals.

    devise model card birds --data birds/ --licence "CC BY 4.0"
    """
    from devise.sharing.card import write_card

    targets.check(out, targets.CARD)
    report = None
    if data is not None:
        needed("evaluating", "torch", "torchvision")
        from devise.cli.output.progress import BarProgress, stages
        from devise.evaluation import EvaluateOptions, evaluate

        with stages() as shown:
            report = evaluate(EvaluateOptions(data=data, model=name, baselines=True), BarProgress(shown))
    file = write_card(name, out, licence=licence, report=report)
    show.note(f"wrote {file}")
    if out is None:
        show.note(f"devise model export {name} FILE takes it along")


@model.command("export")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .onnx for other programs; else for devise.")],
    licence: Licence = "",
) -> None:
    """Write a model as one file, with the word vectors that it needs and its card; or as ONNX, for other programs.

    devise model export birds birds.zip

    devise model export birds birds.onnx
    """
    is_onnx = file.suffix.lower() == ".onnx"
    targets.check(file, targets.ONNX if is_onnx else targets.MODEL)
    if is_onnx:
        needed("exporting ONNX", "torch", "torchvision", "onnx")
        from devise.descriptors.network.onnx_export import export_onnx

        agreement = export_onnx(name, file)
        show.note(f"wrote {file}; its rows have a cosine of {agreement:.6f} or more with ours")
        return
    from devise.sharing.bundle import export as packed

    made = packed(name, file, licence=licence)
    words = f"with the word vectors {made.vectors}" if made.has_vectors else "its word vectors ship with devise"
    show.note(
        f"wrote {file} ({file.stat().st_size / 1e6:,.1f} MB), {words}; bring it in with: devise model import {file}"
    )


@model.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="Of devise model export.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help="What to call it here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another model of that name.")] = False,
) -> None:
    """Bring in a model that was exported, with its word vectors where they are not here yet.

    devise model import birds.zip
    """
    from devise.sharing.bundle import bring

    made = bring(file, name=name, force=force)
    show.note(f"brought in {made.name}" + (f" and the word vectors {made.vectors}" if made.has_vectors else ""))
    if made.vectors:
        show.note(f"use it with: devise vectors use {made.vectors}, devise index FOLDER --model {made.name}")
