"""An operator whose watches lag, whose world goes on amid its looks, and each of whose looks is checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apiserver import Faults
from operated import Killed, Operated
from resources import SETTINGS
from tracedmodel_operator.cache import Key
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.kinds import DEPLOYMENT, JOB, TRACED_MODEL, Kind
from tracedmodel_operator.kube import Kube, Request, Response

Object = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One look of the operator at one resource, and what there was before and after it."""

    key: Key
    deployment: Object | None
    """The Deployment as it was before."""
    after: Object | None
    """The TracedModel as it is now."""
    informed: bool
    """Whether the operator had heard of everything, and nothing happened meanwhile."""
    undisturbed: bool
    """Whether every request was answered as it should be."""


class Amid:
    """A transport on which other things happen before a request is carried out."""

    def __init__(self, transport: Callable[[Request], Any]) -> None:
        self._transport = transport
        self._agenda: list[list[Any]] = []

    def soon(self, requests: int, action: Callable[[], None]) -> None:
        """Have something happen before so many requests from now."""
        self._agenda.append([requests, action])

    def clear(self) -> None:
        """Have nothing happen any more."""
        self._agenda.clear()

    async def __call__(self, request: Request) -> Response:
        for entry in self._agenda:
            entry[0] -= 1
        due = [action for left, action in self._agenda if left <= 0]
        self._agenda = [entry for entry in self._agenda if entry[0] > 0]
        for action in due:
            action()
        return await self._transport(request)


class Lagging(Operated):
    """Operated with watches that can be held back by kind, and nodes that pods are spread over."""

    def __init__(self, nodes: int = 1) -> None:
        self._held: frozenset[Kind] = frozenset()
        self.happened = 0
        self.look_checks: list[Callable[[Look], None]] = []
        super().__init__(SETTINGS.with_(kept_indexes=2), Faults())
        self._nodes, self._placed = nodes, 0
        self._place = self.controllers._transport
        self.controllers._transport = self._spread

    def start(self) -> None:
        """Begin as a new process does; what the old one had not heard yet, nobody hears."""
        for changes in getattr(self, "_changes", ()):
            changes.close()
        super().start()
        self.amid = Amid(self.transport._transport)
        self.transport._transport = self.amid
        self.hold(self._held)

    async def _spread(self, request: Request) -> Response:
        if request.method == "POST" and request.body["spec"].get("nodeName"):
            self._placed += 1
            request.body["spec"]["nodeName"] = f"node-{self._placed % self._nodes + 1}"
        return await self._place(request)

    def hold(self, kinds: Iterable[Kind]) -> None:
        """Keep the events of some kinds back until this is called again."""
        self._held = frozenset(kinds)
        for changes in self._changes:
            changes.hold(lambda kind, _: kind in self._held)

    def calm(self) -> None:
        """Let nothing be held back, go wrong or happen by itself any more."""
        self.faults.clear()
        self.hold(())
        self.doom(None)
        self.amid.clear()

    def trickle(self, events: int) -> None:
        """Hand on the first few events alone."""
        for changes in self._changes:
            for change in changes.take(events):
                self.intake.hear(change.kind, change.type, change.object)

    def relist(self) -> None:
        """List everything, as the operator does every few minutes."""
        with suppress(ApiError):
            asyncio.run(self.intake.list_all(Kube(self.amid), [None]))

    def soon(self, requests: int, action: Callable[[], None]) -> None:
        """Have something happen amid the operator's looks, or at once."""

        def happen() -> None:
            self.happened += 1
            action()

        if requests:
            self.amid.soon(requests, happen)
        else:
            happen()

    def go_on(self, rounds: int, *, deliver: bool = True) -> None:
        """Let the world and the operator take some turns."""
        for _ in range(rounds):
            asyncio.run(self.controllers.turn())
            if deliver:
                self.deliver()
            try:
                asyncio.run(self.turn())
            except Killed:
                self.start()

    def pass_time(self, seconds: float) -> None:
        """Let time pass without anybody acting yet."""
        self.now += timedelta(seconds=seconds)
        for key in [key for key, moment in self._due.items() if moment <= self.now]:
            del self._due[key]
            self._add(key)

    def expire_jobs(self) -> None:
        """Remove the finished Jobs that may be removed, as Kubernetes does after a while."""
        for job in self.cluster.objects(JOB):
            if job["spec"].get("ttlSecondsAfterFinished") is not None:
                self.cluster.delete(JOB, "search", job["metadata"]["name"])

    async def _look(self, key: Key) -> None:
        informed = not any(map(len, self._changes))
        struck, happened = len(self.faults.struck), self.happened
        deployment = self.cluster.get(DEPLOYMENT, *key)
        await super()._look(key)
        undisturbed = struck == len(self.faults.struck)
        informed = informed and happened == self.happened
        after = self.cluster.get(TRACED_MODEL, *key)
        look = Look(key, deployment, after, informed, undisturbed)
        for check in self.look_checks:
            check(look)
