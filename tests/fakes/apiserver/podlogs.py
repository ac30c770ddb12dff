"""A container's log as a kubelet gives it: with times, the last lines, or those since a second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

_FIRST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
_BETWEEN = timedelta(milliseconds=400)


def answer(text: str, query: Mapping[str, str]) -> str:
    """Return what is asked for of a log, whose lines came 0.4 seconds one after the other."""
    timed = [(_FIRST + number * _BETWEEN, line) for number, line in enumerate(text.splitlines())]
    if "sinceTime" in query:
        # The API server hands on whole seconds.
        since = datetime.fromisoformat(query["sinceTime"]).replace(microsecond=0)
        timed = [(time, line) for time, line in timed if time >= since]
    if "tailLines" in query:
        timed = timed[max(0, len(timed) - int(query["tailLines"])) :]
    stamped = query.get("timestamps") == "true"
    return "".join(f"{_spelt(time)} {line}\n" if stamped else f"{line}\n" for time, line in timed)


def _spelt(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
