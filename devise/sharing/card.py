"""The card of a model: data, figures, curves, licence and limits, as Markdown, from what the training left.

After Mitchell et al., "Model cards for model reporting", 2019: what a stranger has to know before they rely on it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devise.descriptors.network.format import find, read
from devise.evaluation.report import EvaluationReport
from devise.files import replacing
from devise.training.log import CURVES, LABELS, run_folder

CARD = "card.md"
FEW = 10  # photos of a label below which a card warns of it
SHOWN = 60  # labels in the table: more are only counted
CREDITS = ("Its backbone may be one that others made: `docs/model.md` of devise tells whose photos and weights the one "
           "that ships has learnt from, with their licences.")  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Of a checkpoint: its name, what it tells of itself, the rows of its labels, and its curves where it left some."""

    path: Path
    about: Mapping[str, Any]
    labels: Sequence[Mapping[str, str]]
    curves: Path | None

    @property
    def training(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.about["training"]
        return found


def facts_of(name: str | Path) -> Facts:
    """Raises CheckpointError."""
    path = find(name)
    about, _ = read(path)
    folder = run_folder(path)
    rows: list[dict[str, str]] = []
    if (folder / LABELS).is_file():
        with (folder / LABELS).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
    return Facts(path, about, rows, folder / CURVES if (folder / CURVES).is_file() else None)


def write_card(
    name: str | Path, file: Path | None = None, *, licence: str = "", report: EvaluationReport | None = None
) -> Path:
    """Write the card of a checkpoint; without a file into the folder that its training left. The file.

    licence: under which it may be used, as its maker says. report: what `devise evaluate` found, for its figures.
    Raises CheckpointError, WriteError.
    """
    facts = facts_of(name)
    file = file or run_folder(facts.path) / CARD
    picture = file.with_name(CURVES if file.name == CARD else f"{file.stem}.svg")
    lines = [line for part in _parts(facts, picture.name, licence, report) for line in (*part, "")]
    if facts.curves is not None and not picture.exists():
        with replacing(picture) as temporary:
            temporary.write_bytes(facts.curves.read_bytes())
    with replacing(file) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8", errors="backslashreplace")
    return file


def _parts(facts: Facts, picture: str, licence: str, report: EvaluationReport | None) -> Iterator[list[str]]:
    training, heads = facts.training, facts.about["heads"]
    words = heads.get("words", {})
    yield [f"# {facts.path.stem}"]
    yield [f"A model of devise: photos become vectors among the words of `{words.get('vectors') or 'no table'}`, so "
           f"that photos are found by words. It has learnt {len(words.get('labels', ()))} labels."]  # fmt: skip
    yield ["| | |", "|---|---|", *(f"| {key} | {_cell(value)} |" for key, value in _identity(facts).items()),
           f"| licence | {_cell(licence) or 'not said: ask whoever made it before you use it'} |"]  # fmt: skip
    yield ["## Data", "", _of_data(training), *_of_labels(facts)]
    yield ["## Figures", "", *_figures(training, report)]
    if facts.curves is not None:
        yield ["## Curves", "", f"![loss and figures by epoch]({picture})"]
    yield ["## Limits", "", *(f"- {line}" for line in _limits(facts, report))]


def _identity(facts: Facts) -> dict[str, object]:
    about, training = facts.about, facts.training
    chosen = {name: training[name] for name in ("loss", "epochs", "best_epoch", "batch", "learning_rate", "unfreeze",
                                                "seed") if name in training}  # fmt: skip
    return {
        "backbone": f"{about['backbone']['name']}, photos of {about['backbone']['preprocessing']['size']} pixels",
        "fingerprint": f"`{about['fingerprint']}`",
        "file": f"{facts.path.name}, {facts.path.stat().st_size / 1e6:,.1f} MB",
        **({"training": ", ".join(f"{name} {value}" for name, value in chosen.items())} if chosen else {}),
    }


def _of_data(training: Mapping[str, Any]) -> str:
    if "num_training" not in training:
        return "The checkpoint does not tell of its data."
    return (f"`{training.get('data', 'not named')}`: {training['num_training']:,} photos learnt from, "
            f"{training.get('num_validation', 0):,} judged by.")  # fmt: skip


def _of_labels(facts: Facts) -> list[str]:
    if not facts.labels:
        labels = facts.about["heads"].get("words", {}).get("labels", ())
        others = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
        return ["", f"Labels: {', '.join(labels[:SHOWN])}{others}."] if labels else []
    rows = [f"| {_cell(row['label'])} | {row['train']} | {row['validation']} | {_cell(row['word vector'])} |"
            for row in facts.labels[:SHOWN]]  # fmt: skip
    more = [f"| and {len(facts.labels) - SHOWN:,} more | | | |"] if len(facts.labels) > SHOWN else []
    return ["", "| label | learnt from | judged by | word vector |", "|---|---|---|---|", *rows, *more]


def _figures(training: Mapping[str, Any], report: EvaluationReport | None) -> list[str]:
    if report is None:
        found = training.get("hits") or {}
        if not found:
            return ["None: no photo was kept for validation."]
        count = training.get("num_validation", 0)
        rows = [f"| {name} | {value:.3f} |" for name, value in found.items()]
        return [f"On the {count:,} photos kept for validation, which also chose the epoch:",
                "", "| figure | |", "|---|---|", *rows]  # fmt: skip
    rivals = list(report.baselines)
    lines = [f"On {report.photos:,} photos ({report.split}), with 95 % of resamples of them:", "",
             "| figure | this model | 95 % |" + "".join(f" {name} |" for name in rivals),
             "|---|---|---|" + "---|" * len(rivals)]  # fmt: skip
    for name, value in report.figures.items():
        low, high = report.intervals.get(name, (None, None))
        between = "" if low is None else f"{low:.3f} to {high:.3f}"
        beside = "".join(f" {report.baselines[rival].get(name, float('nan')):.3f} |" for rival in rivals)
        lines.append(f"| {name} | {value:.3f} | {between} |{beside}")
    if report.calibration_error is not None:
        lines.append(f"| calibration error | {report.calibration_error:.3f} | |" + " |" * len(rivals))
    worst = sorted(report.labels, key=lambda label: label.recall)[:5]
    lines += ["", "Found worst: " + ", ".join(f"{label.label} ({label.recall:.2f})" for label in worst) + "."]
    return lines


def _limits(facts: Facts, report: EvaluationReport | None) -> Iterator[str]:
    yield ("It knows what its photos showed. Photos of other cameras, places or times may be taken for something else, "
           "and what none of its labels names is still given the nearest.")  # fmt: skip
    few = [row["label"] for row in facts.labels if row["train"].isdecimal() and int(row["train"]) < FEW]
    if few:
        yield f"Learnt from fewer than {FEW} photos each: {', '.join(few[:20])}{' and more' if len(few) > 20 else ''}."
    judged = report.photos if report else int(facts.training.get("num_validation", 0))
    if judged < 1000:
        yield (f"Judged by {judged:,} photos: a share of 0.8 of so many is known to "
               f"{1.96 * (0.16 / max(1, judged)) ** 0.5:.2f} up or down.")  # fmt: skip
    if held := facts.training.get("hold_out"):
        yield f"These labels were left out on purpose: {', '.join(held)}."
    yield "Nobody has examined it for treating people of all kinds alike; do not decide about people by it."
    yield CREDITS


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
