"""Waiting for a resource, with every change told."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.podlog import PodLog, has_ended
from tracedmodel_operator.cli.progress import FAILED, Progress, progress
from tracedmodel_operator.errors import ApiError, Unavailable
from tracedmodel_operator.names import EXPORT

_PAUSE_SECONDS = 1.0
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_DEFAULT_SECONDS = 3600.0
Say = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser, *, optional: bool) -> None:
    """Add --timeout, and --wait where waiting is not what the command is for."""
    if optional:
        parser.add_argument(
            "--wait",
            action="store_true",
            help="until Ready, or the failure's exit code when Stalled",
        )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_DEFAULT_SECONDS,
        metavar="TIME",
        help="how long to wait, such as 90s, 30m or 2h (default: 1h)",
    )


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]+)([smh]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"given {text!r}; write a time such as 90s, 30m or 2h")
    return float(found[1]) * _UNITS[found[2]]


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


async def wait(
    cluster: Cluster,
    name: str,
    seconds: float,
    *,
    say: Say = _say,
    clock: Callable[[], float] = monotonic,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Wait until a resource is Ready: 0; Stalled: the failure's exit code; too long, suspended or deleted: 1."""
    deadline = clock() + seconds
    before, steps = "", _Steps(cluster, name)
    await cluster.resource(name)
    await steps.pass_over()
    while True:
        now = await _look(cluster, name)
        if now.told != before:
            say(f"{name}: {now.told}")
            before = now.told
        if now.exit_code is not None:
            return now.exit_code
        for line in await steps.new() if now.exporting else ():
            say(f"  {line}")
        if clock() >= deadline:
            say(f"{name}: not Ready after {seconds:g} s; it goes on without this command")
            return FAILED
        await pause(_PAUSE_SECONDS)


async def _look(cluster: Cluster, name: str) -> Progress:
    try:
        item = await cluster.find(name)
    except Unavailable as error:
        return Progress(f"{error}; asking again")
    return progress(item) if item else Progress("it was deleted", FAILED)


class _Steps:
    """The lines that exports have written since they were last asked for."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self._logs: dict[str, PodLog] = {}
        self._read: set[str] = set()
        """Pods that ended before, or whose logs were read to the end: nothing of them is news any more."""

    async def pass_over(self) -> None:
        """Leave out what has ended by now: what it wrote is no news."""
        with suppress(ApiError):
            pods = await self._cluster.pods(self._name, (EXPORT,))
            ended = [pod for pod in pods if has_ended(pod)]
            self._read = {pod["metadata"]["name"] for pod in ended}

    async def new(self) -> list[str]:
        """Return the new lines; none where no log is to be had yet."""
        found: list[str] = []
        with suppress(ApiError):
            for pod in await self._cluster.pods(self._name, (EXPORT,)):
                name = pod["metadata"]["name"]
                if name in self._read:
                    continue
                log = self._logs.setdefault(name, PodLog(self._cluster, name))
                async for line in log.new():
                    found.append(line)  # noqa: PERF401  # what came before an error counts
                if has_ended(pod):
                    self._read.add(name)
        return found
