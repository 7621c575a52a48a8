"""Linear classifiers of scikit-learn on frozen features: for few photos, where a network has too little to learn from.

Rows have length 1 and no classifier has an intercept, so that its weights compare photos like those of a softmax layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.errors import needed

Array = NDArray[np.float32]
# Inverse strengths of regularisation, of rows of length 1 whose cosines are 0.5 to 0.9
LOGISTIC_C, SVM_C = 100.0, 1.0


def fitted(kind: str, rows: Array, truth: Array, known: Array) -> Array:
    """Weights (labels, dim) of a classifier: rows (n, dim) of length 1; truth, known (n, labels) of 0 and 1.

    Photos with one label each are told apart in one go; else each label has a classifier of its own, of the photos of
    which it is known whether they have it. kind: "logistic" or "svm". Needs scikit-learn.
    """
    needed("--classifier", "sklearn")
    labels = truth.shape[1]
    if (truth.sum(1) == 1).all() and known.all() and labels > 2:
        model = _model(kind).fit(rows, truth.argmax(1))
        weights = np.zeros((labels, rows.shape[1]), np.float32)
        weights[model.classes_] = model.coef_
        return weights
    return np.stack([_of_label(kind, rows[known[:, i] > 0], truth[known[:, i] > 0, i]) for i in range(labels)])


def _of_label(kind: str, rows: Array, is_true: Array) -> Array:
    if is_true.min(initial=1) == is_true.max(initial=0) or not len(rows):  # all or none have it
        return np.zeros(rows.shape[1], np.float32)
    found: Array = _model(kind).fit(rows, is_true > 0).coef_[0].astype(np.float32)
    return found


def _model(kind: str) -> Any:
    if kind == "svm":
        from sklearn.svm import LinearSVC

        return LinearSVC(C=SVM_C, fit_intercept=False, random_state=0)
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=LOGISTIC_C, fit_intercept=False, max_iter=300)
