"""A transport into a fake cluster of the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from apiserver.cluster import FakeCluster
from apiserver.failures import Failure
from apiserver.faults import Answer, Faults, Lost, Slow
from tracedmodel_operator.errors import Unavailable
from tracedmodel_operator.kube import Request, Response

Sleep = Callable[[float], Awaitable[None]]


class InProcess:
    """Carries requests to a cluster, as ``user``, through the faults that are planned.

    Others run before a request is carried out and before its answer is there, as with a network between.
    """

    def __init__(
        self,
        cluster: FakeCluster,
        faults: Faults | None = None,
        *,
        user: str = "",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.cluster = cluster
        self.faults = faults or Faults()
        self._user = user
        self._sleep = sleep

    async def __call__(self, request: Request) -> Response:
        """Carry a request there and its answer back."""
        await asyncio.sleep(0)
        fault = self.faults.strike(request)
        if isinstance(fault, Answer):
            return answer(fault)
        if isinstance(fault, Slow):
            await self._sleep(fault.seconds)
        if isinstance(fault, Lost) and not fault.carried_out:
            raise _no_answer()
        response = self.cluster.handle(request, self._user)
        await asyncio.sleep(0)
        if isinstance(fault, Lost):
            raise _no_answer()
        return response


def answer(fault: Answer) -> Response:
    """Return the answer of a fault."""
    return Failure(fault.status, fault.reason, fault.message, None, fault.retry_after).response()


def _no_answer() -> Unavailable:
    return Unavailable(0, "NoAnswer", "no answer from the API server: injected")
