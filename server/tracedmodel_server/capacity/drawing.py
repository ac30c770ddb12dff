"""Pictures as SVG: lines, areas and marks on two axes, legible on light and dark pages alike.

So few shapes need no plotting library, which would weigh more than all else that the server's command has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

BLUE, ORANGE, GREEN, GREY, RED = "#0072b2", "#d55e00", "#009e73", "#767676", "#b3261e"
PALE, PALE_RED = "#dfe6ee", "#f2cfcc"
_WIDTH, _TOP, _BOTTOM = 840, 72, 56
_STYLE = (
    "text{font:14px sans-serif;fill:#222;paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".title{font-size:16px;font-weight:bold}"
    ".grid{stroke:#e4e4e4}.base{stroke:#767676}"
)
_LETTER = 7.6
"""Pixels that a letter of the legend takes, or a little less."""
_MOST_TICKS = 7

_FILLED, _DOTTED = "filled", "dotted"
"""Forms of the legend, where it shows no line with its dashes."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What an axis shows, with its unit, and from where to where; ``ticks`` are values with their words."""

    label: str
    least: float
    most: float
    ticks: Sequence[tuple[float, str]] = ()
    logarithmic: bool = False

    @classmethod
    def upto(cls, label: str, most: float, finest: float = 0) -> Axis:
        """Return the axis from 0 to the first tick that is not below ``most``; ticks are ``finest`` apart at least."""
        step = max(finest, _step(most))
        end = step * math.ceil(round(most / step, 9))
        values = [step * number for number in range(round(end / step) + 1)]
        return cls(label, 0, end, [(value, _number(value)) for value in values])

    @classmethod
    def powers(cls, label: str, least: float, most: float) -> Axis:
        """Return the logarithmic axis between two values, both above 0."""
        decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
        values = [digit * 10.0**power for power in decades for digit in (1, 2, 5)]
        begin = max(value for value in values if value <= least)
        end = min(value for value in values if value >= most)
        ticks = [(value, _number(value)) for value in values if begin <= value <= end]
        return cls(label, begin, end, ticks, logarithmic=True)

    def share(self, value: float) -> float:
        """Return where a value stands, from 0 to 1 along the axis."""
        if self.logarithmic:
            return math.log(value / self.least) / math.log(self.most / self.least)
        return (value - self.least) / (self.most - self.least)


def _step(most: float) -> float:
    """Return the finest round step that needs no more ticks than there is room for."""
    power = 10.0 ** math.floor(math.log10(most / _MOST_TICKS))
    return next(step * power for step in (1, 2, 5, 10) if most / (step * power) <= _MOST_TICKS)


def _number(value: float) -> str:
    return f"{value:,.10g}"


class Picture:
    """A picture that grows by what is drawn, later things above earlier ones. Places are values of the axes.

    ``left`` and ``beside`` are the room in pixels for what stands left and right of the frame.
    """

    def __init__(
        self,
        title: str,
        x: Axis,
        y: Axis,
        right: Axis | None = None,
        *,
        height: int = 400,
        left: int = 76,
        beside: int = 36,
    ) -> None:
        self._title = title
        self._x, self._y, self._right = x, y, right
        self._left, self._height = left, height
        self._wide = _WIDTH - left - (76 if right else beside)
        self._high = height - _TOP - _BOTTOM
        self._shapes: list[str] = []
        self._legend: list[tuple[str, str, str]] = []

    def line(
        self,
        name: str,
        points: Sequence[Point],
        colour: str,
        *,
        dash: str = "none",
        dots: bool = False,
        axis: Axis | None = None,
    ) -> None:
        """Draw a line, on ``axis`` instead of the left one, with a place in the legend."""
        places = [(self._at_x(x), self._at_y(y, axis)) for x, y in points]
        path = "L".join(f"{x} {y}" for x, y in places)
        self._shapes.append(f'<path d="M{path}" {_stroke(colour, dash)}/>')
        if dots:
            self._shapes += [_dot(x, y, colour) for x, y in places]
        self._name(name, colour, dash)

    def area(self, x: Point, y: Point, colour: str, name: str = "") -> None:
        """Fill a rectangle from one x to another and one y to another."""
        left, right = sorted(self._at_x(value) for value in x)
        above, below = sorted(self._at_y(value) for value in y)
        size = f'width="{right - left:.1f}" height="{below - above:.1f}"'
        self._shapes.append(f'<rect x="{left}" y="{above}" {size} fill="{colour}"/>')
        self._name(name, colour, _FILLED)

    def dot(self, x: float, y: float, colour: str, name: str = "") -> None:
        """Draw a dot."""
        self._shapes.append(_dot(self._at_x(x), self._at_y(y), colour))
        self._name(name, colour, _DOTTED)

    def _name(self, name: str, colour: str, form: str) -> None:
        """Give what is drawn a place in the legend: one for each name."""
        if name and all(name != known for known, _, _ in self._legend):
            self._legend.append((name, colour, form))

    def bar(self, text: str, value: float) -> None:
        """Draw what a figure should not be above as a line across, with its words above the line's end."""
        y, end = self._at_y(value), self._left + self._wide
        place = f'x1="{self._left}" x2="{end}" y1="{y}" y2="{y}"'
        self._shapes.append(f"<line {place} {_stroke(RED, '7 4')}/>")
        self._shapes.append(_text(end - 6, y - 6, text, "end", f' style="fill:{RED}"'))

    def limit(self, text: str, value: float) -> None:
        """Draw what a figure should not be right of as an upright line, with its words above."""
        x, end = self._at_x(value), _TOP + self._high
        self._shapes.append(
            f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{end}" {_stroke(RED, "7 4")}/>'
        )
        self._shapes.append(_text(x, _TOP - 6, text, "middle", f' style="fill:{RED}"'))

    def words(self, x: float, y: float, text: str) -> None:
        """Write right of a place."""
        self._shapes.append(_text(self._at_x(x) + 8, self._at_y(y) + 5, text))

    def svg(self) -> str:
        """Return the whole picture."""
        size = f'width="{_WIDTH}" height="{self._height}" viewBox="0 0 {_WIDTH} {self._height}"'
        title = escape(self._title, quote=False)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{title}</title><style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{self._height}" rx="6" fill="#fff"/>',
            f'<text class="title" x="16" y="26">{title}</text>',
            *self._across(),
            *self._upright(),
            *self._shapes,
            *self._names(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _at_x(self, value: float) -> float:
        return round(self._left + self._wide * self._x.share(value), 1)

    def _at_y(self, value: float, axis: Axis | None = None) -> float:
        return round(_TOP + self._high * (1 - (axis or self._y).share(value)), 1)

    def _across(self) -> Iterator[str]:
        """Yield the axis below."""
        end = _TOP + self._high
        yield f'<line class="base" x1="{self._left}" x2="{self._left + self._wide}" y1="{end}" y2="{end}"/>'
        for value, word in self._x.ticks:
            x = self._at_x(value)
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{end}"/>'
            yield _text(x, end + 20, word, "middle")
        yield _text(self._left + self._wide / 2, self._height - 12, self._x.label, "middle")

    def _upright(self) -> Iterator[str]:
        """Yield the axes beside; their labels stand above them, where nobody has to turn his head."""
        end = self._left + self._wide
        for value, word in self._y.ticks:
            y = self._at_y(value)
            yield f'<line class="grid" x1="{self._left}" x2="{end}" y1="{y}" y2="{y}"/>'
            yield _text(self._left - 8, y + 5, word, "end")
        if self._y.label:
            yield _text(16, _TOP - 14, self._y.label)
        if self._right:
            for value, word in self._right.ticks:
                yield _text(end + 8, self._at_y(value, self._right) + 5, word)
            yield _text(_WIDTH - 16, _TOP - 14, self._right.label, "end")

    def _names(self) -> Iterator[str]:
        """Yield the legend, between the labels of the axes and against the right edge."""
        taken = len(self._right.label) * _LETTER + 24 if self._right else 0
        place, y = _WIDTH - 36 - taken - sum(map(_wide, self._legend)), _TOP - 19
        for entry in self._legend:
            name, colour, form = entry
            yield _sample(round(place, 1), y, colour, form)
            yield _text(place + 28, y + 5, name)
            place += _wide(entry)


def steps(points: Sequence[Point], end: float) -> list[Point]:
    """Return the corners of a line that keeps each value until the next point, and the last one to the end."""
    corners = [points[0]]
    for x, y in points[1:]:
        if y != corners[-1][1]:
            corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (end, corners[-1][1])]


def _wide(entry: tuple[str, str, str]) -> float:
    return 28 + 18 + len(entry[0]) * _LETTER


def _sample(x: float, y: float, colour: str, form: str) -> str:
    """Return what stands beside a name of the legend."""
    if form == _DOTTED:
        return _dot(x + 11, y, colour)
    stroke = f'stroke="{colour}" stroke-width="10"' if form == _FILLED else _stroke(colour, form)
    return f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" {stroke}/>'


def _stroke(colour: str, dash: str) -> str:
    return f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words, quote=False)}</text>'
