"""What an operator hears: kopf's watches of a server into an intake, without anything that acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from apiserver.running import FakeServer
from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.intake import Intake
from tracedmodel_operator.kinds import WATCHED
from tracedmodel_operator.kube import ClientTransport, Kube
from tracedmodel_operator.pulse import Pulse
from tracedmodel_operator.watch import watch

_PATIENCE_SECONDS = 20


class Listener:
    """What was heard: the cache, and the resources that something changed for."""

    def __init__(self, server: FakeServer, namespaces: Sequence[str | None]) -> None:
        self.server = server
        self.cache = Cache()
        self.keys: list[Key] = []
        self.pulse = Pulse(asyncio.get_running_loop().time)
        self.intake = Intake(self.cache, self.pulse, self.keys.append)
        self.namespaces = namespaces
        self.pulse.expect(kind.name for kind in WATCHED)

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true; raises if it does not become so."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not true():  # noqa: ASYNC110  # another thread changes it
                await asyncio.sleep(0.01)

    async def watches(self) -> None:
        """Wait until every kind is watched."""
        wanted = len(WATCHED) * len(self.namespaces)
        await self.until(lambda: len(self.server.front.streams) >= wanted)

    async def list_all(self) -> None:
        """Read everything, as the operator does now and then."""
        transport = await ClientTransport.open()
        try:
            await self.intake.list_all(Kube(transport), self.namespaces)
        finally:
            await transport.close()


@asynccontextmanager
async def listening(
    server: FakeServer, namespaces: Sequence[str | None] = (None,)
) -> AsyncIterator[Listener]:
    """Watch a server; the environment says where it is."""
    listener = Listener(server, namespaces)
    stop = asyncio.Event()
    watching = asyncio.create_task(watch(listener.intake, namespaces, stop, lambda: None))
    try:
        yield listener
    finally:
        stop.set()
        await asyncio.wait([watching], timeout=1)
        watching.cancel()
        await asyncio.wait([watching])
