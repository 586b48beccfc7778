"""Plots as inline SVG: text that scales with the page and colours that follow its theme."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosbench.leaderboard._wording import Wording
    from chaosbench.leaderboard.ranking import Standing

__all__ = ["NAMED", "NARROW", "WIDE", "Curve", "beyond", "error_growth", "forest"]

CHARACTER = 6.6  # pixels of one character at the 12 px of the labels, on the generous side
WIDE, NARROW = 760, 356  # pixels: a desktop's text column, and a phone's
NAMED = 12
"""Number of lines of the error growth plot that are named; nobody could follow more."""

SMALLEST = 1e-9  # smaller errors are drawn there


@dataclass(frozen=True)
class Curve:
    """One line of the error growth plot: Lyapunov times and NRMSE."""

    label: str
    times: tuple[float, ...]
    errors: tuple[float, ...]
    privileged: bool


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
        f"{html.escape(text)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _svg(width: int, height: float, label: str, parts: Sequence[str], kind: str) -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height:.0f}" width="{width}" '
        f'height="{height:.0f}" role="img" aria-label="{html.escape(label)}">{"".join(parts)}</svg>'
    )


def _shorten(label: str, gutter: float) -> str:
    room = int(gutter / CHARACTER)
    return label if len(label) <= room else label[: max(1, room - 1)] + "…"


def _ticks(top: float, low: float = 0.0) -> list[float]:
    """Round steps from `low` or before to `top` or beyond, four to seven of them above 0."""
    size = 10.0 ** math.floor(math.log10((top - low) / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if (top - low) / (size * factor) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(top / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


OUTLYING = 10
"""Times the median score; larger scores lie beyond the axis, or the others would have no room."""


def _axis(lines: Sequence[Standing]) -> list[float]:
    """Return the ticks of an axis for scores and intervals, from 0 or below.

    It leaves out only what is not finite or outlying, such as the worst value of failed runs. What
    the ceiling reaches is not outlying.
    """
    ends = [x for line in lines for x in (line.score, line.ci_low, line.ci_high)]
    finite = [x for x in ends if math.isfinite(x)]
    sizes = sorted(abs(line.score) for line in lines if math.isfinite(line.score))
    limit = OUTLYING * max(sizes[len(sizes) // 2], 0.1) if sizes else math.inf
    reached = [x for c in lines if c.privileged for x in (c.score, c.ci_high) if math.isfinite(x)]
    limit = max([limit, *reached])
    shown = [x for x in finite if abs(x) <= limit]
    return _ticks(max([*shown, 0.1]), min([*shown, 0.0]))


def beyond(standings: Sequence[Standing]) -> bool:
    """Say whether `forest` marks something that lies beyond its axis."""
    lines = [line for line in standings if not math.isnan(line.score)]
    ticks = _axis(lines)
    return any(
        not ticks[0] <= x <= ticks[-1]
        for line in lines
        for x in (line.score, line.ci_low, line.ci_high)
        if not math.isnan(x)
    )


def forest(standings: Sequence[Standing], words: Wording, *, width: int, kind: str) -> str:
    """Draw each score as a dot on its interval, and the best ceiling as a line across.

    A dot becomes an arrowhead where the score is only a lower bound. What lies beyond the axis is
    marked with an open arrowhead at its end, a score with its value beside it.
    """
    lines = [line for line in standings if not math.isnan(line.score)]
    ticks = _axis(lines)
    gutter = min(0.38 * width, CHARACTER * max([len(line.forecaster) for line in lines] or [1]))
    left, right, row, top = gutter + 14, width - 18.0, 26, 8
    bottom = top + row * len(lines)
    unit = (right - left) / (ticks[-1] - ticks[0])

    def place(score: float) -> float:
        return left + unit * (min(max(score, ticks[0]), ticks[-1]) - ticks[0])

    def mark(score: float, y: float) -> str:
        """Return an open arrowhead where a score lies beyond an end of the axis."""
        if ticks[0] <= score <= ticks[-1]:
            return ""
        x, d = (right + 4, 6) if score > 0 else (left - 4, -6)
        return f'<path d="M{x:.1f} {y - 5:.1f} l{d} 5 l{-d} 5" class="beyond"/>'

    parts = []
    for tick in ticks:
        x = place(tick)
        parts += [
            _line(x, top, x, bottom, "grid"),
            _text(x, bottom + 18, f"{tick:.6g}", anchor="middle", kind="tick"),
        ]
    better = "higher is better" if words.arrow == "↑" else "lower is better"
    parts.append(
        _text(
            (left + right) / 2, bottom + 38, f"{words.unit or words.noun}, {better}",
            anchor="middle", kind="tick",
        )
    )  # fmt: skip
    ceilings = [line.score for line in lines if line.privileged]
    if ceilings:
        best = max(ceilings) if words.arrow == "↑" else min(ceilings)
        if ticks[0] <= best <= ticks[-1]:
            parts.append(_line(place(best), top, place(best), bottom, "ceiling-line"))
    digits = 2 if words.digits is None else max(2, words.digits)
    for i, line in enumerate(lines):
        y = top + row * (i + 0.5)
        x = place(line.score)
        bound = "≥ " if line.score_is_lower_bound else ""
        title = f"{line.forecaster}: {bound}{line.score:.{digits}f}"
        marks = []
        if not math.isnan(line.ci_low):
            title += f" [{line.ci_low:.{digits}f}, {line.ci_high:.{digits}f}]"
            marks.append(_line(place(line.ci_low), y, place(line.ci_high), y, "interval"))
            marks += dict.fromkeys((mark(line.ci_low, y), mark(line.ci_high, y)))
        if outside := mark(line.score, y):
            value = f"{line.score:.{digits}f}" if math.isfinite(line.score) else "∞"
            end = "end" if line.score > 0 else "start"
            marks.append(_text(x - (4 if end == "end" else -4), y - 3, value, anchor=end,
                               kind="tick"))  # fmt: skip
            marks += [outside] if outside not in marks else []
        elif line.score_is_lower_bound:
            marks.append(f'<path d="M{x - 3:.1f} {y - 6:.1f} l8 6 l-8 6 z" class="dot"/>')
        else:
            marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot"/>')
        group = "row ceiling" if line.privileged else "row"
        parts.append(
            f'<g class="{group}"><title>{html.escape(title)}</title>'
            + _text(left - 12, y + 4, _shorten(line.forecaster, gutter), anchor="end", kind="name")
            + "".join(marks)
            + "</g>"
        )
    label = f"Median {words.noun} of each forecaster with its 95% interval"
    return _svg(width, bottom + 46, label, parts, kind)


def error_growth(curves: Sequence[Curve], *, threshold: float, width: int, kind: str) -> str:
    """Draw NRMSE on a logarithmic scale against Lyapunov time, naming the first lines."""
    points = [error for curve in curves for error in curve.errors]
    low = math.log10(max(min(points), SMALLEST)) - 0.2
    high = math.log10(max(*points, threshold)) + 0.2
    last = max(time for curve in curves for time in curve.times)
    ticks = [tick for tick in _ticks(last) if tick <= last]
    ranked = [curve for curve in curves if not curve.privileged]
    named = [*ranked[:NAMED], *(curve for curve in curves if curve.privileged)]
    gutter = min(0.36 * width, CHARACTER * max(len(curve.label) for curve in named))
    left, right, top = gutter + 34, width - 40.0, 12.0
    bottom = top + max(340.0, 18.0 * len(named))

    def x(time: float) -> float:
        return left + (right - left) * time / last

    def y(error: float) -> float:
        position = (math.log10(max(error, SMALLEST)) - low) / (high - low)
        return bottom - (bottom - top) * position

    parts = []
    for power in range(math.ceil(low), math.floor(high) + 1):
        parts += [
            _line(left, y(10.0**power), right, y(10.0**power), "grid"),
            _text(right + 6, y(10.0**power) + 4, _power(power), kind="tick"),
        ]
    parts += [
        _text(x(tick), bottom + 18, f"{tick:g}", anchor="middle", kind="tick") for tick in ticks
    ]
    parts += [
        _text((left + right) / 2, bottom + 38, "Lyapunov times", anchor="middle", kind="tick"),
        _line(left, y(threshold), right, y(threshold), "ceiling-line"),
        _text(right + 6, y(threshold) + 4, f"ε {threshold:g}", kind="tick"),
    ]

    def path(curve: Curve) -> str:
        pairs = zip(curve.times, curve.errors, strict=True)
        return "M" + " L".join(f"{x(time):.1f} {y(error):.1f}" for time, error in pairs)

    parts += [
        f'<g class="row other"><title>{html.escape(curve.label)}</title>'
        f'<path d="{path(curve)}" class="curve"/></g>'
        for curve in ranked[NAMED:]
    ]
    # Errors all end at the size of the attractor; where they start is what sets them apart.
    starts = _spread([y(curve.errors[0]) for curve in named], top, bottom)
    for place, (curve, start) in enumerate(zip(named, starts, strict=True)):
        group = "row ceiling" if curve.privileged else "row"
        shade = 100 * place / max(len(named) - 1, 1)
        parts.append(
            f'<g class="{group}" style="--shade:{shade:.0f}%">'
            f"<title>{html.escape(curve.label)}</title>"
            f'<path d="M{left - 18:.1f} {start:.1f} L{x(curve.times[0]):.1f} '
            f'{y(curve.errors[0]):.1f}" class="leader"/>'
            f'<path d="{path(curve)}" class="curve"/>'
            + _text(left - 22, start + 4, _shorten(curve.label, gutter), anchor="end", kind="name")
            + "</g>"
        )
    label = "Median normalised error of each forecaster against time"
    return _svg(width, bottom + 46, label, parts, kind)


def _power(power: int) -> str:
    if -2 <= power <= 2:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _spread(wanted: list[float], top: float, bottom: float) -> list[float]:
    """Move labels apart to 15 px, each as near to its wanted height as the others allow."""
    gap = min(15.0, (bottom - top) / max(len(wanted), 1))
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Blocks of touching labels, each centred on the mean of what its members want.
    blocks: list[tuple[float, list[int]]] = []
    for i in order:
        blocks.append((wanted[i], [i]))
        while len(blocks) > 1 and _edge(blocks[-1], -1, gap) - _edge(blocks[-2], 1, gap) < 0:
            (_, upper), (_, lower) = blocks[-2:]
            members = upper + lower
            blocks[-2:] = [(sum(wanted[m] for m in members) / len(members), members)]
    placed = [0.0] * len(wanted)
    floor = top
    for centre, members in blocks:
        start = max(centre - gap * (len(members) - 1) / 2, floor)
        for k, member in enumerate(members):
            placed[member] = start + gap * k
        floor = start + gap * len(members)
    overflow = max([*placed, bottom]) - bottom
    return [position - overflow for position in placed] if overflow > 0 else placed


def _edge(block: tuple[float, list[int]], side: int, gap: float) -> float:
    return block[0] + side * gap * len(block[1]) / 2
