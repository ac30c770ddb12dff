"""The day of a fleet that scales, drawn as SVG: what is asked, the replicas for it, and when that was too little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from tracedmodel_server.capacity.day import STEP_SECONDS, Moment
from tracedmodel_server.capacity.drawing import BLUE, GREEN, GREY, PALE_RED, Axis, Picture, steps
from tracedmodel_server.capacity.loads import LATE_SHARE

_HOURS = 24
_RATE_STEPS = 20
"""Of the rate, which changes slowly, every fifth minute is drawn."""


def draw(moments: Sequence[Moment], fixed: int) -> str:
    """Return the picture; red are the steps in which more than one request in a hundred was not answered in time."""
    most = max(fixed, *(moment.replicas for moment in moments))
    hours = Axis("hour of the day", 0, _HOURS, [(h, f"{h}:00") for h in range(0, _HOURS + 1, 3)])
    replicas = Axis.upto("replicas", most, finest=1)
    rate = Axis.upto("requests/s", max(moment.rate for moment in moments))
    picture = Picture(_title(moments, fixed), hours, replicas, rate)
    for span in _late(moments):
        picture.area(span, (0, replicas.most), PALE_RED, "too late")
    asked = [(_hour(moment.time), moment.rate) for moment in moments[::_RATE_STEPS]]
    there = [(_hour(moment.time), float(moment.replicas)) for moment in moments]
    ready = [(_hour(moment.time), float(moment.ready)) for moment in moments]
    picture.line("asked", [*asked, (_HOURS, asked[-1][1])], GREY, axis=rate)
    picture.line("fixed fleet", [(0, fixed), (_HOURS, fixed)], GREEN)
    picture.line("replicas", steps(there, _HOURS), BLUE, dash="3 3")
    picture.line("ready", steps(ready, _HOURS), BLUE)
    return picture.svg()


def _late(moments: Sequence[Moment]) -> Iterator[tuple[float, float]]:
    """Yield the stretches in which too few were answered in time, in hours."""
    for late, group in groupby(moments, lambda moment: moment.load.lost > LATE_SHARE):
        stretch = list(group)
        if late:
            yield _hour(stretch[0].time), _hour(stretch[-1].time + STEP_SECONDS)


def _title(moments: Sequence[Moment], fixed: int) -> str:
    counts = [moment.replicas for moment in moments]
    least, most = min(counts), max(counts)
    replicas = f"{least} to {most} replicas" if least < most else f"always {most}"
    hours = sum(counts) * STEP_SECONDS / 3600
    return (
        f"Scaled by load, {replicas}: {hours:.1f} replica hours in a day; "
        f"{fixed} fixed ones: {fixed * _HOURS}"
    )


def _hour(time: float) -> float:
    return time / 3600
