"""What all charts share: a page, text, scales and colours that are told apart by people who see few colours."""

from __future__ import annotations

from collections.abc import Sequence

from devise.display import escaped

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito, 2008
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def page(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """A whole picture with a title for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="{FONT}" font-size="12">\n<title>{escaped(title)}</title>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", more: str = 'fill="#333"') -> str:
    """more: further attributes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escaped(words)}</text>'


def line(points: Sequence[tuple[float, float]], colour: str, *, width: float = 2, more: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" {more}/>'


def box(x: float, y: float, size: tuple[float, float], fill: str, *, title: str = "") -> str:
    """size: width, height. title: what a browser shows when it is pointed at."""
    inside = f"<title>{escaped(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" fill="{fill}">{inside}</rect>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two.

    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = 10.0 ** len(str(int(high - low))) if high - low >= 1 else 1.0
    while (high - low) / step < count:
        step /= 2 if f"{step:e}"[0] in "24" else 2.5 if f"{step:e}"[0] == "5" else 2
    first = int(low / step) * step
    found = [round(first + step * i, 10) for i in range(int((high - low) / step) + 3)]
    return [x for x in found if low - 1e-9 <= x <= high + 1e-9]
