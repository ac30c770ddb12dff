"""The day of a fleet that scales, drawn as SVG: what is asked, the replicas for it, and when that was too little.

Four lines on two axes need no plotting library, which would weigh more than all else that the server's command has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracedmodel_server.capacity.day import STEP_SECONDS, Moment
from tracedmodel_server.capacity.loads import LATE_SHARE

_WIDTH, _HEIGHT, _LEFT, _TOP = 960, 320, 60, 40
_DAY = 24 * 3600
_RATE_STEPS = 20
"""Of the rate, which changes slowly, every fifth minute is drawn."""
_STYLE = (
    "text{font:12px sans-serif;fill:#333}path,line{fill:none;stroke-width:1.5}"
    ".rate{stroke:#999}.ready{stroke:#1f77b4}.wanted{stroke:#1f77b4;stroke-dasharray:3 3}"
    ".fixed{stroke:#2ca02c}.axis{stroke:#ccc}.slow{fill:#d62728;opacity:.3}"
)
_LEGEND = (
    ("rate", "requests a second"),
    ("ready", "replicas that are ready"),
    ("wanted", "replicas that there are"),
    ("fixed", "fixed fleet"),
)


def draw(moments: Sequence[Moment], fixed: int) -> str:
    """Return the picture; red are the steps in which more than one request in a hundred was not answered in time."""
    most = max(fixed, *(moment.replicas for moment in moments))
    peak = max(moment.rate for moment in moments)
    parts = [
        *(_slow(moment) for moment in moments if moment.load.lost > LATE_SHARE),
        *_axes(most, peak),
        _line("rate", moments[::_RATE_STEPS], lambda moment: moment.rate / peak),
        _line("wanted", moments, lambda moment: moment.replicas / most, steps=True),
        _line("ready", moments, lambda moment: moment.ready / most, steps=True),
        f'<path class="fixed" d="M{_x(0)} {_y(fixed / most)}H{_x(_DAY)}"/>',
        *_legend(),
    ]
    size = f'width="{_WIDTH + 2 * _LEFT}" height="{_HEIGHT + 2 * _TOP}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>'
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _x(time: float) -> float:
    return round(_LEFT + _WIDTH * time / _DAY, 1)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)


def _line(
    name: str,
    moments: Sequence[Moment],
    share: Callable[[Moment], float],
    *,
    steps: bool = False,
) -> str:
    """Return a line, or steps; points at which nothing changes are left out."""
    begun, before = f"M{_x(moments[0].time)} {_y(share(moments[0]))}", _y(share(moments[0]))
    path = [begun]
    for moment in moments[1:]:
        place = _y(share(moment))
        if place != before:
            path.append(f"H{_x(moment.time)}V{place}" if steps else f"L{_x(moment.time)} {place}")
            before = place
    return f'<path class="{name}" d="{"".join(path)}H{_x(_DAY)}"/>'


def _slow(moment: Moment) -> str:
    width = round(_WIDTH * STEP_SECONDS / _DAY, 2)
    return (
        f'<rect class="slow" x="{_x(moment.time)}" y="{_TOP}" width="{width}" height="{_HEIGHT}"/>'
    )


def _axes(most: int, peak: float) -> list[str]:
    hours = [
        f'<text x="{_x(3600 * hour)}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{hour}:00</text>'
        for hour in range(0, 25, 3)
    ]
    base = f'<line class="axis" x1="{_LEFT}" x2="{_x(_DAY)}" y1="{_y(0)}" y2="{_y(0)}"/>'
    replicas = f'<text x="{_LEFT - 8}" y="{_TOP + 4}" text-anchor="end">{most}</text>'
    rate = f'<text x="{_x(_DAY) + 8}" y="{_TOP + 4}">{peak:g}/s</text>'
    return [base, replicas, rate, *hours]


def _legend() -> list[str]:
    found = []
    for place, (name, text) in enumerate(_LEGEND):
        left = _LEFT + 200 * place
        found.append(f'<line class="{name}" x1="{left}" x2="{left + 24}" y1="16" y2="16"/>')
        found.append(f'<text x="{left + 30}" y="20">{text}</text>')
    return found
