"""How good a model is on labelled photos: figures with intervals, confusion, calibration, worst mistakes, a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devise.evaluation.report import EvaluateOptions, EvaluationReport, LabelFigures, Mistake

if TYPE_CHECKING:
    from devise.evaluation.run import evaluate

__all__ = ["EvaluateOptions", "EvaluationReport", "LabelFigures", "Mistake", "evaluate"]


def __getattr__(name: str) -> Any:
    if name == "evaluate":  # imports torch, which `devise evaluate --help` does not need
        from devise.evaluation.run import evaluate

        return evaluate
    raise AttributeError(name)
