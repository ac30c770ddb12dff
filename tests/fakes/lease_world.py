"""Operators that want one Lease, each a process in virtual time, and an API server that may answer late, wrongly or never."""

from __future__ import annotations

import asyncio
import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tracedmodel_operator.kube import Kube, Request, Response
from tracedmodel_operator.lease import Fenced, Lease
from virtual_time import Loop, World

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Fate:
    """What becomes of a request: seconds until it arrives, whether it is carried out, seconds until it is answered."""

    there: float = 0.0
    back: float = 0.0
    carried_out: bool = True
    status: int | None = None
    """An answer instead of the true one."""


GOOD = Fate()
LOST = Fate(back=math.inf)
NEVER_ARRIVES = Fate(there=math.inf)


def failing(status: int, *, carried_out: bool = False) -> Fate:
    return Fate(carried_out=carried_out, status=status)


def always(fate: Fate) -> Iterator[Fate]:
    return itertools.repeat(fate)


class LeaseServer:
    """An API server's Leases: resourceVersions, 404 and 409 as they are meant."""

    def __init__(self) -> None:
        self.item: dict[str, Any] | None = None
        self.log: list[str] = []
        self._version = 0

    def __call__(self, request: Request) -> Response:
        self.log.append(request.method)
        answers = {"GET": self._get, "POST": self._post, "PUT": self._put}
        status, body = answers[request.method](copy.deepcopy(request.body))
        return Response(status, copy.deepcopy(body))

    def _get(self, _body: Any) -> tuple[int, Any]:
        return (200, self.item) if self.item else (404, {"reason": "NotFound"})

    def _post(self, body: Any) -> tuple[int, Any]:
        return (409, {"reason": "AlreadyExists"}) if self.item else (201, self.store(body))

    def _put(self, body: Any) -> tuple[int, Any]:
        if self.item is None:
            return 404, {"reason": "NotFound"}
        known = self.item["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion") != known:
            return 409, {"reason": "Conflict"}
        return 200, self.store(body)

    def store(self, item: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        self.item = item
        return item

    @property
    def spec(self) -> dict[str, Any]:
        assert self.item is not None
        return self.item["spec"]


@dataclass
class Operator:
    """One process: it acquires the Lease, and ends when it loses it."""

    loop: Loop
    identity: str
    fates: Iterator[Fate]
    lease: Lease = field(init=False)
    fenced: Fenced = field(init=False)
    acquiring: asyncio.Task[None] = field(init=False)
    lost: list[str] = field(default_factory=list)
    lost_at: float = math.inf
    acquired_at: float = math.inf


class Operators:
    """Any number of operators, and the server, which is a process of its own."""

    def __init__(self) -> None:
        self.world = World()
        self.server = LeaseServer()
        self.all: list[Operator] = []
        self._server_loop = self.world.process()

    @property
    def now(self) -> float:
        return self.world.clock.now

    def start(self, identity: str, fates: Iterable[Fate] = (), drift: float = 0.0) -> Operator:
        """Start an operator whose wall clock is wrong by ``drift`` seconds."""
        operator = Operator(self.world.process(), identity, iter(fates))
        self.all.append(operator)
        operator.loop.run_until_complete(self._make(operator, drift))
        operator.acquiring = operator.loop.create_task(self._live(operator))
        return operator

    def held(self, by: str = "a", **options: Any) -> Operator:
        """Return an operator that just acquired the Lease."""
        operator = self.start(by, **options)
        self.pass_time(0.5)
        assert operator.lease.is_leader
        return operator

    async def _make(self, operator: Operator, drift: float) -> None:
        def lost(sentence: str) -> None:
            operator.lost.append(sentence)
            operator.lost_at = self.now
            self.kill(operator)

        operator.lease = Lease(
            Kube(self._transport(operator)),
            "system",
            "tracedmodel-operator",
            operator.identity,
            lost,
            utc=lambda: EPOCH + timedelta(seconds=self.now + drift),
            chance=lambda: 0.5,
        )
        operator.fenced = Fenced(self._transport(operator), operator.lease)

    async def _live(self, operator: Operator) -> None:
        await operator.lease.acquire()
        operator.acquired_at = self.now

    def kill(self, operator: Operator) -> None:
        """End a process as ``os._exit`` does: what it sent may arrive, but it does nothing more."""
        self.world.freeze(operator.loop)

    def freeze(self, operator: Operator, seconds: float) -> None:
        """Have a process stand still."""
        self.world.freeze(operator.loop, self.now + seconds)

    def later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Do something at a time."""
        self._server_loop.call_at(self.now + seconds, call, *arguments)

    def on(self, operator: Operator, coroutine: Any) -> Any:
        """Have a process do something beside."""
        return operator.loop.create_task(coroutine)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; at no moment may two operators lead."""
        self.world.run(self.now + seconds, self.check)

    def check(self) -> None:
        leaders = [o.identity for o in self.all if o.lease.is_leader]
        assert len(leaders) <= 1, leaders

    def leaders(self) -> list[str]:
        return [o.identity for o in self.all if o.lease.is_leader]

    def _transport(self, operator: Operator) -> Callable[[Request], Any]:
        async def send(request: Request) -> Response:
            fate = next(operator.fates, GOOD)
            answer = operator.loop.create_future()

            def deliver(response: Response) -> None:
                if not answer.done():
                    operator.loop.call_soon(lambda: answer.done() or answer.set_result(response))

            def arrive() -> None:
                response = self.server(request) if fate.carried_out else Response(500, {})
                if fate.status is not None:
                    response = Response(fate.status, {"message": "as told"})
                self._after(fate.back, deliver, response)

            self._after(fate.there, arrive)
            return await answer

        return send

    def _after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        if seconds < math.inf:
            self._server_loop.call_at(self.now + seconds, call, *arguments)
