"""A confusion matrix: rows are what photos show, columns what was said; the darker, the larger the share of the row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devise.charts.svg import box, page, text

LETTER = 6.6  # width of a letter, about
MAX_LABELS = 60  # more are no picture any more: the ones that are confused most are shown


def confusion(title: str, labels: tuple[str, ...], counts: NDArray[np.int64]) -> str:
    """counts: (labels, labels) photos, truth by row. As SVG."""
    if len(labels) > MAX_LABELS:
        wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
        chosen = np.sort(np.argsort(-wrong, kind="stable")[:MAX_LABELS])
        title += f" (the {MAX_LABELS} labels that are confused most)"
        labels, counts = tuple(labels[i] for i in chosen), counts[np.ix_(chosen, chosen)]
    side = 34 if len(labels) <= 12 else 22 if len(labels) <= 32 else 15
    margin = 30 + LETTER * max(map(len, labels))
    top = 44 + margin
    parts = [text(14, 24, title, more='font-size="15" font-weight="600"'),
             text(14, 44, "rows: what photos show; columns: what was said", more='fill="#777"')]  # fmt: skip
    rows = counts / np.maximum(1, counts.sum(1, keepdims=True))
    for i, truth in enumerate(labels):
        y = top + i * side
        parts.append(text(margin - 6, y + side / 2 + 4, truth, anchor="end"))
        x = margin + i * side + side / 2 + 4
        parts.append(text(x, top - 6, truth, more=f'fill="#333" transform="rotate(-90 {x:.1f} {top - 6:.1f})"'))
        for j, said in enumerate(labels):
            share, count = float(rows[i, j]), int(counts[i, j])
            tip = (
                f"{truth} taken for {said}: {count} ({share:.0%})"
                if i != j
                else f"{truth}: {count} ({share:.0%}) right"
            )
            parts.append(box(margin + j * side, y, (side - 1, side - 1), _shade(share, i == j), title=tip))
            if count and side >= 22:
                ink = "#fff" if share > 0.55 else "#222"
                parts.append(
                    text(margin + (j + 0.5) * side, y + side / 2 + 4, f"{count}", anchor="middle", more=f'fill="{ink}"')
                )
    return page(margin + side * len(labels) + 30, top + side * len(labels) + 20, title, parts)


def _shade(share: float, is_right: bool) -> str:
    """White to blue where it is right, to orange where it is not."""
    dark = (0, 82, 140) if is_right else (196, 70, 0)
    share = share**0.6  # a tenth must be seen
    return "#" + "".join(f"{round(246 + (c - 246) * share):02x}" for c in dark)
