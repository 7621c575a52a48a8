"""An evaluation as one page for a browser: figures, confusion, calibration, labels, worst mistakes; no scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from devise.charts.matrix import confusion
from devise.charts.reliability import reliability
from devise.display import escaped
from devise.errors import PhotoError
from devise.evaluation.report import EvaluationReport, Mistake
from devise.files import replacing
from devise.photos import thumbnail_jpeg
from devise.training.log import write_csv

THUMBNAIL = 240
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1120px; margin: 0 auto; padding: 2rem; color: #1d1c1a; }
h1, h2 { font-weight: 650; } h2 { margin-top: 2.2rem; } .soft { color: #6c6860; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } td, th { padding: .2rem .9rem .2rem 0;
text-align: right; border-bottom: 1px solid #e4e1da; } td:first-child, th:first-child { text-align: left; }
.wide { overflow-x: auto; } ol { list-style: none; padding: 0; display: grid; gap: 1rem;
grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); } li { border: 1px solid #e4e1da; border-radius: 10px;
overflow: hidden; font-size: .85rem; } li img { width: 100%; height: 9rem; object-fit: cover; display: block; }
li div { padding: .5rem .7rem; overflow-wrap: anywhere; } .wrong { color: #b4502b; font-weight: 600; }
"""


def write_confusion(file: Path, report: EvaluationReport) -> None:
    """As a picture (.svg), or as a table (.csv): rows are what photos show. Raises WriteError."""
    labels = tuple(label.label for label in report.labels)
    if file.suffix.lower() == ".csv":
        write_csv(file, [("shows", *labels), *((label, *row) for label, row in zip(labels, report.confusion.tolist(),
                                                                                   strict=True))])  # fmt: skip
        return
    with replacing(file) as temporary:
        temporary.write_text(
            confusion(f"{report.model} on {report.photos:,} photos", labels, report.confusion), "utf-8"
        )


def write(file: Path, report: EvaluationReport, curves: str = "") -> None:
    """Whole or not at all; curves: those of the model's training, as SVG. Raises WriteError."""
    with replacing(file) as temporary:
        text = "".join(_parts(report, curves))
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def _parts(report: EvaluationReport, curves: str) -> Iterator[str]:
    title = escaped(f"{report.model} on {report.photos:,} photos")
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title} · devise</title>'
    yield f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield f'<p class="soft">{len(report.labels)} labels; split: {escaped(report.split)}</p>'
    yield from (f'<p class="soft">{escaped(note)}</p>' for note in report.notes)
    yield "<h2>Figures</h2>" + _figures(report)
    if curves:
        yield f'<h2>Training</h2><div class="wide">{curves}</div>'
    labels = tuple(label.label for label in report.labels)
    if report.confusion.any():
        yield f'<h2>Confusion</h2><div class="wide">{confusion("", labels, report.confusion)}</div>'
    if report.bins:
        error = f"expected calibration error {report.calibration_error:.3f}"
        yield f"<h2>Calibration</h2>{reliability(error, report.bins)}"
    yield "<h2>Labels</h2><table><tr><th>label<th>photos<th>average precision<th>precision<th>recall</tr>"
    for label in sorted(report.labels, key=lambda label: label.recall):
        name = escaped(label.label) + ("" if label.learnt else ' <span class="soft">(not learnt)</span>')
        yield (f"<tr><td>{name}<td>{label.photos}<td>{label.average_precision:.3f}<td>{label.precision:.3f}"
               f"<td>{label.recall:.3f}</tr>")  # fmt: skip
    yield "</table>"
    if report.mistakes:
        yield "<h2>Worst mistakes</h2><ol>" + "".join(map(_mistake, report.mistakes)) + "</ol>"
    yield "</body></html>\n"


def _figures(report: EvaluationReport) -> str:
    columns = {
        report.model: report.figures,
        **({"against": report.against} if report.against else {}),
        **report.baselines,
    }
    head = "".join(f"<th>{escaped(name)}" for name in columns)
    rows = []
    for name in report.figures:
        cells = "".join(f"<td>{found[name]:.3f}" if name in found else "<td>" for found in columns.values())
        low, high = report.intervals.get(name, (None, None))
        between = f"{low:.3f} to {high:.3f}" if low is not None else ""
        gap = report.difference.get(name)
        apart = f"{gap[1]:+.3f} ({gap[0]:+.3f} to {gap[2]:+.3f})" if gap else ""
        rows.append(f"<tr><td>{escaped(name)}{cells}<td>{between}<td>{apart}</tr>")
    zero = "".join(f"<tr><td>not learnt: {escaped(name)}<td>{x:.3g}</tr>" for name, x in report.zero_shot.items())
    more = {"nothing": report.rejection, "specialists": report.specialists, "marked": report.marked}
    zero += "".join(f"<tr><td>{what}: {escaped(name)}<td>{x:.3g}</tr>" for what, all_of in more.items()
                    for name, x in all_of.items())  # fmt: skip
    return f"<table><tr><th>figure{head}<th>95 % of resamples<th>difference</tr>{''.join(rows)}{zero}</table>"


def _mistake(mistake: Mistake) -> str:
    try:
        jpeg = base64.b64encode(thumbnail_jpeg(mistake.path, THUMBNAIL)).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{jpeg}">'
    except PhotoError as error:
        picture = f"<div>{escaped(error.reason)}</div>"
    return (f'<li>{picture}<div><span class="wrong">{escaped(mistake.said)}</span><br>is: '
            f'{escaped(", ".join(mistake.labels))}<br><span class="soft">{escaped(Path(mistake.path).name)}, by '
            f"{mistake.margin:.2f}</span></div></li>")  # fmt: skip
