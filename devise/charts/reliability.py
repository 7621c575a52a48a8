"""How far probabilities can be believed: of what was said to be 70 % likely, seven of ten should be true."""

from __future__ import annotations

from collections.abc import Sequence

from devise.charts.svg import COLOURS, box, line, page, text

SIDE, LEFT, TOP = 280, 52, 44


def reliability(title: str, bins: Sequence[tuple[float, float, int]]) -> str:
    """bins: (mean probability said, share that was true, how many). As SVG."""

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + x * SIDE, TOP + SIDE - y * SIDE

    parts = [text(14, 24, title, more='font-size="15" font-weight="600"'),
             box(LEFT, TOP, (SIDE, SIDE), "#f7f7f5"), line([at(0, 0), at(1, 1)], "#999", width=1)]  # fmt: skip
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(text(LEFT - 6, at(0, tick)[1] + 4, f"{tick:.0%}", anchor="end"))
        parts.append(text(at(tick, 0)[0], TOP + SIDE + 16, f"{tick:.0%}", anchor="middle"))
    parts.append(line([at(said, true) for said, true, _ in bins], COLOURS[0]))
    most = max((count for *_, count in bins), default=1)
    for said, true, count in bins:
        x, y = at(said, true)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 6 * (count / most) ** 0.5:.1f}" fill="{COLOURS[0]}">'
                     f"<title>{count:,} said to be {said:.0%} likely, {true:.0%} true</title></circle>")  # fmt: skip
    parts.append(text(LEFT + SIDE / 2, TOP + SIDE + 34, "probability said; up: share that was true", anchor="middle"))
    return page(SIDE + LEFT + 40, SIDE + TOP + 50, title, parts)
