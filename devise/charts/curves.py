"""Curves of a run: what each epoch gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from devise.charts.svg import COLOURS, box, line, page, text, ticks

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 420, 300, 52, 44, 40, 24

Curve = Sequence[float | None]  # a value for each epoch, from the first


def curves(title: str, panels: Mapping[str, Mapping[str, Curve]], best: int | None = None) -> str:
    """Panels side by side, each with its curves by their names, as SVG. best: an epoch to mark, from 1."""
    parts = [text(LEFT, 20, title, more='font-size="15" font-weight="600"')]
    for number, (name, lines) in enumerate(panels.items()):
        parts += _panel(number * (WIDTH + GAP), name, lines, best)
    return page(len(panels) * (WIDTH + GAP), HEIGHT + TOP + BOTTOM, title, parts)


def _panel(x: float, name: str, lines: Mapping[str, Curve], best: int | None) -> list[str]:
    values = [v for curve in lines.values() for v in curve if v is not None and math.isfinite(v)]
    epochs = max((len(curve) for curve in lines.values()), default=0)
    if not values:
        return [text(x + LEFT, TOP + 30, f"{name}: no figures")]
    low, high = min(0.0, *values), max(values)
    high = 1.0 if 0.5 < high <= 1 and name != "loss" else high if high > low else low + 1
    width, height = WIDTH - LEFT, HEIGHT - 10

    def at(epoch: float, value: float) -> tuple[float, float]:
        share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return x + LEFT + share * width, TOP + height - (value - low) / (high - low) * height

    parts = [box(x + LEFT, TOP, (width, height), "#f7f7f5"), text(x + LEFT, TOP - 8, name)]
    for tick in ticks(low, high):
        _, y = at(1, tick)
        parts += [
            line([(x + LEFT, y), (x + WIDTH, y)], "#ddd", width=1),
            text(x + LEFT - 6, y + 4, f"{tick:g}", anchor="end"),
        ]
    for epoch in sorted({1, epochs, *(round(1 + (epochs - 1) * i / 4) for i in range(5))}):
        parts.append(text(at(epoch, low)[0], TOP + height + 18, f"{epoch}", anchor="middle"))
    if best is not None:
        parts.append(line([at(best, low), at(best, high)], "#999", width=1, more='stroke-dasharray="4 3"'))
        parts.append(text(at(best, low)[0], TOP + height + 33, "best", anchor="middle", more='fill="#777"'))
    for number, (label, curve) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [at(i + 1, v) for i, v in enumerate(curve) if v is not None and math.isfinite(v)]
        parts += [line(points, colour)] if len(points) > 1 else []
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5" fill="{colour}"/>' for px, py in points]
        parts.append(text(x + WIDTH - 8, TOP + 18 + 16 * number, label, anchor="end", more=f'fill="{colour}"'))
    return parts
