"""Plots of a run's page as inline SVG: intervals, bars and spreads, on axes that hold the data."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from lineament.report import COLOURS

WIDTH, LEFT, RIGHT, LINE, TOP, BOTTOM = 900, 250, 30, 22, 8, 26
LIMIT_CHARS = 34  # of a name beside its line
NUM_TICKS = 6  # at most about


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal axis: where it starts and stops, and what is marked on it."""

    start: float
    stop: float
    step: float

    def place(self, value: float) -> float:
        """Return where a value stands, in pixels from the left."""
        share = (value - self.start) / (self.stop - self.start)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    @property
    def ticks(self) -> list[float]:
        """Return the marked values."""
        count = round((self.stop - self.start) / self.step)
        return [self.start + number * self.step for number in range(count + 1)]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Attributes:
        name: Stands at its left.
        value: What is drawn; None draws nothing but the name.
        low: Lower end of an interval, where there is one.
        high: Upper end.
        prior: Drawn as a tick.
        note: Stands behind a bar, such as the number of items.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    prior: float | None = None
    note: str = ""

    @property
    def numbers(self) -> list[float]:
        """Return all that must fit on the axis."""
        known = (self.value, self.low, self.high, self.prior)
        return [number for number in known if number is not None and math.isfinite(number)]


def find_axis(values: Iterable[float], start: float = 0.0, stop: float = 1.0) -> Axis:
    """Return an axis with round marks that reaches at least from start to stop, and every value."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min([start, *known]), max([stop, *known])
    raw = (high - low) / (NUM_TICKS - 1)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, last * step, step)


def draw_intervals(lines: Sequence[Line], axis: Axis, title: str) -> str:
    """Draw each value as a dot on its interval, and its prior as a tick."""
    parts = []
    for y, line in _rows(lines):
        parts.append(_name(line.name, y))
        if line.low is not None and line.high is not None:
            start, stop = axis.place(line.low), axis.place(line.high)
            parts.append(
                f'<line class="interval" x1="{start:.1f}" x2="{stop:.1f}" y1="{y}" y2="{y}" '
                f'stroke="{COLOURS[0]}" stroke-width="4" stroke-opacity="0.45"/>'
            )
        parts.append(_prior(line, axis, y))
        if line.value is not None:
            parts.append(_dot(line.name, line.value, axis, y, COLOURS[0]))
    return _frame(parts, len(lines), axis, title)


def draw_bars(lines: Sequence[Line], axis: Axis, title: str) -> str:
    """Draw each value as a bar from zero, its length in proportion, and its prior as a tick."""
    parts = []
    for y, line in _rows(lines):
        parts.append(_name(line.name, y))
        end = axis.place(0.0)
        if line.value is not None and math.isfinite(line.value):
            start, stop = sorted((end, axis.place(line.value)))
            end = stop
            parts.append(
                f'<rect class="bar" x="{start:.1f}" y="{y - 7}" width="{stop - start:.1f}" '
                f'height="14" fill="{COLOURS[0]}" fill-opacity="0.75">'
                f"<title>{escape(line.name)}: {line.value:.3f}</title></rect>"
            )
        parts.append(_prior(line, axis, y))
        if line.note:
            # Within the axis where it would else be cut off at the edge.
            is_far = end + 8 + 6.5 * len(line.note) > WIDTH
            place, anchor = (end - 6, "end") if is_far else (end + 8, "start")
            parts.append(_text(line.note, place, y + 4, anchor, 11))
    return _frame(parts, len(lines), axis, title)


def draw_spreads(rows: Mapping[str, Mapping[str, float | None]], axis: Axis, title: str) -> str:
    """Draw the values of each line as dots of one colour a label, joined, with a legend."""
    labels = list(
        dict.fromkeys(k for values in rows.values() for k, v in values.items() if v is not None)
    )
    colours = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}
    parts = []
    for y, line in _rows([Line(name, None) for name in rows]):
        values = rows[line.name]
        parts.append(_name(line.name, y))
        known = {k: v for k, v in values.items() if v is not None and math.isfinite(v)}
        if len(known) > 1:
            start, stop = axis.place(min(known.values())), axis.place(max(known.values()))
            parts.append(
                f'<line class="gap" x1="{start:.1f}" x2="{stop:.1f}" y1="{y}" y2="{y}" '
                'stroke="currentColor" stroke-opacity="0.4" stroke-width="2"/>'
            )
        parts += [
            _dot(f"{line.name}, {label}", value, axis, y, colours[label])
            for label, value in known.items()
        ]
    return _legend(colours) + _frame(parts, len(rows), axis, title)


def _rows(lines: Sequence[Line]) -> list[tuple[float, Line]]:
    return [(TOP + place * LINE + LINE / 2, line) for place, line in enumerate(lines)]


def _frame(parts: Sequence[str], num_lines: int, axis: Axis, title: str) -> str:
    """Put the parts of a plot on its axis."""
    height = TOP + LINE * num_lines + BOTTOM
    marks = []
    for tick in axis.ticks:
        x = axis.place(tick)
        is_zero = abs(tick) < axis.step / 1e6
        marks.append(
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 24}" '
            f'stroke="currentColor" stroke-opacity="{0.45 if is_zero else 0.15}"/>'
        )
        marks.append(_text(f"{0.0 if is_zero else tick:.6g}", x, height - 8, "middle", 11))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" class="timeline">'
    )
    return "\n".join((head, *marks, *(part for part in parts if part), "</svg>"))


def _name(name: str, y: float) -> str:
    shown = name if len(name) <= LIMIT_CHARS else f"{name[: LIMIT_CHARS - 1]}…"
    return _text(shown, LEFT - 10, y + 4, "end", 13)


def _text(text: str, x: float, y: float, anchor: str, size: int) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="currentColor">{escape(text)}</text>'
    )


def _dot(name: str, value: float, axis: Axis, y: float, colour: str) -> str:
    return (
        f'<circle cx="{axis.place(value):.1f}" cy="{y}" r="5" fill="{colour}">'
        f"<title>{escape(name)}: {value:.3f}</title></circle>"
    )


def _prior(line: Line, axis: Axis, y: float) -> str:
    if line.prior is None or not math.isfinite(line.prior):
        return ""
    x = axis.place(line.prior)
    return (
        f'<line class="prior" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{y + 8}" '
        f'stroke="{COLOURS[1]}" stroke-width="2"><title>prior {line.prior:.3f}</title></line>'
    )


def _legend(colours: Mapping[str, str]) -> str:
    marks = "&emsp;".join(
        f'<span style="color:{colour}">●</span> {escape(label)}'
        for label, colour in colours.items()
    )
    return f'<p class="legend">{marks}</p>'
