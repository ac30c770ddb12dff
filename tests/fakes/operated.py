"""The operator's loop against a fake cluster, a step at a time: no kopf, no network, no clock but the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from apiserver import SYSTEM, Controllers, FakeCluster, Faults, InProcess
from resources import NOW, SETTINGS, resource
from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.intake import SELECTOR, Intake
from tracedmodel_operator.kinds import CHILDREN, JOB, TRACED_MODEL, Kind, watched
from tracedmodel_operator.kube import Kube, Request, Response
from tracedmodel_operator.pulse import Pulse
from tracedmodel_operator.reconcile import Audience, Reconciler
from tracedmodel_operator.settings import Settings

KEY = ("search", "minilm")
_ROUNDS = 300


class Killed(BaseException):  # what happened to the process
    """The process ended here and now, as by ``kill -9``."""


class Deadly:
    """A transport that ends the process at one request: before it is sent, or after it was carried out."""

    def __init__(self, transport: Callable[[Request], Any], count: list[int]) -> None:
        self._transport = transport
        self._count = count
        self.at: int | None = None
        self.after = False

    async def __call__(self, request: Request) -> Response:
        self._count[0] += 1
        doomed = self._count[0] == self.at
        if doomed and not self.after:
            raise Killed
        response = await self._transport(request)
        if doomed:
            raise Killed
        return response


class Nobody:
    """An audience that does not listen."""

    def seen(self, *_: Any) -> None:
        """Nothing counts."""

    async def changed(self, *_: Any) -> None:
        """Nothing is told."""

    async def remarked(self, *_: Any) -> None:
        """Nothing is remarked."""

    def exported(self, *_: Any) -> None:
        """Nothing is measured."""

    def gone(self, *_: Any) -> None:
        """Nothing to forget."""


class Operated:
    """A cluster, its controllers, and an operator that can be stopped and started."""

    def __init__(self, settings: Settings = SETTINGS, faults: Faults | None = None) -> None:
        self.now = NOW
        self.settings = settings
        self.cluster = FakeCluster(clock=lambda: self.now)
        self.faults = faults or Faults()
        self.controllers = Controllers(InProcess(self.cluster, user=SYSTEM), clock=lambda: self.now)
        self.requests = [0]
        self.starts = 0
        self.checks: list[Callable[[Operated], None]] = []
        self.start()

    def start(self) -> None:
        """Begin as a new process does: with nothing in memory, and a list of everything."""
        self.starts += 1
        self._ready: dict[Key, None] = {}
        self._due: dict[Key, datetime] = {}
        self.cache = Cache()
        kinds = watched(keda=self.settings.keda)
        self._changes = [
            self.cluster.subscribe(TRACED_MODEL),
            self.cluster.subscribe(*kinds[1:], selector=SELECTOR),
        ]
        carried = InProcess(self.cluster, self.faults, sleep=self._sleep)
        self.transport = Deadly(carried, self.requests)
        self.kube = Kube(self.transport)
        self.reconciler = Reconciler(
            self.kube, self.cache, self.settings, self.audience(), lambda: self.now
        )
        self.intake = Intake(self.cache, Pulse(lambda: 0.0), self._add, kinds)
        asyncio.run(self.intake.list_all(Kube(InProcess(self.cluster)), [None]))

    def audience(self) -> Audience:
        """Return who hears of what the operator does; ``kube`` is there already."""
        return Nobody()

    def doom(self, at: int | None, *, after: bool = False) -> None:
        """Have the operator end at a request, counted from the first of all: before it is sent or answered."""
        self.transport.at, self.transport.after = at, after

    def settle(self, *, deliver: bool = True) -> None:
        """Go on until nobody has anything to do; an operator that is killed meanwhile is started again."""
        while True:
            try:
                return asyncio.run(self._settle(deliver=deliver))
            except Killed:  # noqa: PERF203  # how often is the point of it
                self.start()

    async def _settle(self, *, deliver: bool) -> None:
        for _ in range(_ROUNDS):
            changes = await self.controllers.turn()
            if deliver:
                self.deliver()
            if not self._ready and not changes:
                return
            await self.turn()
        raise AssertionError("it does not settle")

    async def turn(self) -> None:
        """Look once at each resource that is due."""
        for key in list(self._ready):
            del self._ready[key]
            await self._look(key)
            for check in self.checks:
                check(self)

    async def _look(self, key: Key) -> None:
        try:
            outcome = await self.reconciler.reconcile(key)
        except ApiError:
            self._due[key] = self.now + timedelta(seconds=1)
            return
        if outcome.wake is not None:
            self._add(outcome.wake)
        if outcome.retry:
            self._due[key] = self.now + timedelta(seconds=1)
        elif outcome.again_in is not None:
            self._later(key, outcome.again_in)

    def deliver(self) -> None:
        """Hand on what the watches tell."""
        for changes in self._changes:
            for change in changes:
                self.intake.hear(change.kind, change.type, change.object)

    def later(self, seconds: float) -> None:
        """Let time pass, and settle."""
        self.now += timedelta(seconds=seconds)
        for key, moment in list(self._due.items()):
            if moment <= self.now:
                del self._due[key]
                self._add(key)
        self.settle()

    def persist(self, rounds: int = 60) -> None:
        """Settle, trying again whatever is to be tried again, until nothing is."""
        for _ in range(rounds):
            self.settle()
            if not self._due:
                return
            self.later(max(1.0, (min(self._due.values()) - self.now).total_seconds()))
        raise AssertionError(f"it still has something to do: {self._due}")

    def apply(
        self, spec: dict[str, Any] | None = None, name: str = "minilm", **metadata: Any
    ) -> None:
        """Create a TracedModel, or change its spec, as a user does."""
        there = self.cluster.get(TRACED_MODEL, "search", name)
        if there is not None:
            self.cluster.merge(
                TRACED_MODEL, "search", name, {"metadata": metadata, "spec": spec or {}}
            )
            return
        made = resource(spec, name=name, **metadata).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        for field in ("uid", "generation"):
            made["metadata"].pop(field, None)
        made.pop("status", None)
        self.cluster.create(TRACED_MODEL, made)

    def status(self, name: str = "minilm") -> dict[str, Any]:
        """Return the status as users see it."""
        there = self.cluster.get(TRACED_MODEL, "search", name)
        return (there or {}).get("status", {})

    def conditions(self, name: str = "minilm") -> dict[str, str]:
        """Return the reasons of the true conditions, and of the false ones with an exclamation mark before."""
        found = self.status(name).get("conditions", ())
        return {c["type"]: ("" if c["status"] == "True" else "!") + c["reason"] for c in found}

    def names(self, *kinds: Kind) -> dict[str, list[str]]:
        """Return the names of the children there are, by kind."""
        chosen = kinds or CHILDREN
        return {
            kind.name: [item["metadata"]["name"] for item in self.cluster.objects(kind)]
            for kind in chosen
        }

    def live_jobs(self) -> list[str]:
        """Return the Jobs that run."""
        return [
            job["metadata"]["name"]
            for job in self.cluster.objects(JOB)
            if not _ended(job) and not job["metadata"].get("deletionTimestamp")
        ]

    async def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _add(self, key: Key) -> None:
        self._ready[key] = None

    def _later(self, key: Key, seconds: float) -> None:
        if seconds <= 0:
            self._add(key)
        else:
            self._due[key] = self.now + timedelta(seconds=seconds)


def _ended(job: dict[str, Any]) -> bool:
    conditions: Iterable[Any] = (job.get("status") or {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
