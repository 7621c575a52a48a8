"""Which backbones there are, and whether their weights may be downloaded: asked on a terminal, never done unasked."""

from __future__ import annotations

import sys

import typer

from devise.cli.output import show
from devise.cli.output.form import Form
from devise.config import SHIPPED_MODEL
from devise.errors import needed
from devise.training.options import BACKBONE_NAMES


def list_backbones(name: str) -> str:
    """The value of --backbone; "list" prints which there are and ends the command."""
    if name == "list":
        needed("training", "torch", "torchvision")
        from devise.descriptors.network.config import BACKBONES
        from devise.descriptors.network.weights import load_backbone, to_download

        rows: list[tuple[show.Cell, ...]] = []
        for each in BACKBONE_NAMES:
            about = load_backbone(each).config if each == SHIPPED_MODEL else BACKBONES[each]
            rows.append((each, about.num_features, about.preprocessing.size, _where(to_download(each))))
        rows.append(("NAME or FILE", "", "", "the backbone of any checkpoint: devise model list"))
        show.output(
            show.Output(columns=("backbone", "features", "pixels", "weights"), rows=rows, document=rows), Form.AUTO
        )
        raise typer.Exit
    return name


def may_download(backbone: str) -> bool:
    """Whether weights that are not here may be downloaded; only a terminal is asked."""
    if backbone not in BACKBONE_NAMES or not (sys.stdin and sys.stdin.isatty()):
        return False
    from devise.descriptors.network.weights import to_download

    megabytes = to_download(backbone)
    return bool(megabytes) and typer.confirm(
        f"download torchvision's weights of {backbone} ({megabytes} MB)?", err=True
    )


def _where(megabytes: int) -> str:
    return f"{megabytes} MB to download, or a file with --weights" if megabytes else "here"
