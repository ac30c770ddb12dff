"""Pods' logs, of which no line is told twice however often they are asked for, and how they are written."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import cycle

from rich.console import Console
from rich.text import Text

from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.names import EXPORT, SERVING
from tracedmodel_operator.podstate import read_pod

_TIMED = re.compile(r"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S*) (.*)", re.DOTALL)
"""A line with its time, and that without the parts of a second: a kubelet is asked for whole seconds alone."""
NO_LOG = (400, 404)
"""It waits to start or had no run before; or is gone."""
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")


class PodLog:
    """Remembers how far it was read, by the times that the container runtime gave its lines."""

    def __init__(self, cluster: Cluster, pod: str) -> None:
        self._cluster = cluster
        self._pod = pod
        self._last = self._second = ""
        self._of_this_second: set[str] = set()

    @property
    def begun(self) -> bool:
        """Tell whether there was any line."""
        return bool(self._of_this_second)

    async def new(self, **query: str) -> AsyncIterator[str]:
        """Return the lines after those that were returned; raises :class:`~tracedmodel_operator.errors.ApiError`.

        ``tailLines`` counts from the first time alone.
        """
        asked = {**query, "timestamps": "true"}
        if self._last:
            asked.pop("tailLines", None)
            asked["sinceTime"] = self._last
        async for line in self._cluster.log(self._pod, **asked):
            timed = _TIMED.fullmatch(line)
            if line in self._of_this_second or (timed and self._is_before(*timed.groups()[:2])):
                continue
            if timed and timed[2] != self._second:
                self._of_this_second.clear()
            self._of_this_second.add(line)
            if timed:
                self._last, self._second = timed[1], timed[2]
            # What a kubelet says of its own accord has no time.
            yield timed[3] if timed else line

    def _is_before(self, time: str, second: str) -> bool:
        """Tell whether a line of the second that is asked for again was left out by tailLines."""
        return second == self._second and time < self._last


def has_ended(pod: Object) -> bool:
    """Tell whether a pod writes nothing more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


class Lines:
    """Writes lines with their pod before them, each pod's in a colour of its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours = cycle(_COLOURS)
        self._by_pod: dict[str, str] = {}

    def write(self, pod: str, line: str) -> None:
        """Write a line of a pod's log."""
        colour = self._by_pod.get(pod) or self._by_pod.setdefault(pod, next(self._colours))
        self._console.print(Text(f"{pod}: ", style=colour).append(line, "not bold default"))

    def remark(self, pod: str, text: str) -> None:
        """Write why there is nothing of a pod."""
        self._console.print(Text(f"{pod}: {text}", style="dim"))


def no_pod(name: str, parts: tuple[str, ...]) -> str:
    """Say that a resource has no pod of some parts."""
    what = " or ".join({EXPORT: "export", SERVING: "serving"}[part] for part in parts)
    return f"{name} has no {what} pod"


def by_age(pod: Object) -> tuple[str, str]:
    """Return what pods are sorted by, so that the oldest comes first."""
    return pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]


def doing(pod: Object) -> str:
    """Say what a pod does that wrote nothing, or what keeps it."""
    trouble = read_pod(pod).trouble
    if trouble:
        return f"{trouble.reason}: {trouble.message}"
    return f"it is {(pod.get('status') or {}).get('phase', 'Pending')}"
