"""Following the logs of a resource's pods, of those too that start later, until one is told to stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.cli.podlog import NO_LOG, Lines, PodLog, by_age, doing, has_ended, no_pod
from tracedmodel_operator.errors import NotFound, Refused, Unavailable

_PAUSE_SECONDS = 5.0
"""How long a pod may have run before it is taken up; nothing of its log is lost by that."""
Pause = Callable[[float], Awaitable[None]]


@dataclass
class _Followed:
    log: PodLog
    task: asyncio.Task[None] | None = None
    over: bool = False
    """Whether all was read that there will ever be."""
    remark: str = ""
    """What was said last of why there is nothing."""


class Follower:
    """Shows what pods write as they do; where a stream ends before its pod does, it is taken up again."""

    def __init__(
        self, cluster: Cluster, lines: Lines, query: dict[str, str], pause: Pause = asyncio.sleep
    ) -> None:
        self._cluster = cluster
        self._lines = lines
        self._query = query
        self._pause = pause
        self._followed: dict[str, _Followed] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._said = ""

    async def follow(self, name: str, parts: tuple[str, ...]) -> None:
        """Follow the pods of a resource until it is gone; raises :class:`~tracedmodel_operator.errors.ApiError`."""
        try:
            while await self._look(name, parts):
                # Of pods that start later nothing is left out.
                self._query = {}
                await self._rest()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, name: str, parts: tuple[str, ...]) -> bool:
        """Take up what is there; tell whether there may ever be more."""
        try:
            pods = await self._cluster.pods(name, parts)
            if not pods and not self._tasks and await self._cluster.find(name) is None:
                self._say(f"{name} was deleted")
                return False
        except Unavailable as error:
            self._say(f"{error}; asking again")
            return True
        if not pods and not self._followed:
            self._say(f"{no_pod(name, parts)} yet")
        for pod in sorted(pods, key=by_age):
            self._take_up(pod)
        return True

    def _take_up(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        one = self._followed.setdefault(name, _Followed(PodLog(self._cluster, name)))
        if one.over or (one.task and not one.task.done()):
            return
        one.task = asyncio.create_task(self._show(pod, one, self._query))
        self._tasks.add(one.task)

    async def _show(self, pod: Object, one: _Followed, query: dict[str, str]) -> None:
        name = pod["metadata"]["name"]
        try:
            async for line in one.log.new(follow="true", **query):
                self._lines.write(name, line)
        except (Refused, NotFound) as error:
            if error.status not in NO_LOG:
                raise
            self._remark(name, one, f"no log: {error}")
        except Unavailable as error:
            self._remark(name, one, f"{error}; asking again")
        else:
            one.over = has_ended(pod)
            if one.over and not one.log.begun:
                self._remark(name, one, f"wrote nothing: {doing(pod)}")

    def _remark(self, name: str, one: _Followed, text: str) -> None:
        if text != one.remark:
            one.remark = text
            self._lines.remark(name, text)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            sys.stderr.write(f"{text}\n")

    async def _rest(self) -> None:
        """Let time pass; raises what a stream ended with."""
        timer = asyncio.ensure_future(self._pause(_PAUSE_SECONDS))
        try:
            while not timer.done():
                waiting = {timer, *self._tasks}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                self._tasks -= done
                for future in done:
                    future.result()
        finally:
            timer.cancel()
