"""The cluster over HTTP, watches as streams, on a loopback port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import yaml
from aiohttp import web

from apiserver import podlogs
from apiserver.cluster import SYSTEM, FakeCluster
from apiserver.failures import Failure, bad_request
from apiserver.faults import Answer, Faults, Lost, Slow
from apiserver.streams import Streams
from apiserver.transport import answer
from tracedmodel_operator.kube import Request, Response

SYSTEM_TOKEN = "system"
"""The bearer token of whoever may do everything; any other is the operator's."""
_LARGEST = 64 * 2**20


class Front:
    """An HTTP server before a cluster. ``faults`` befall requests as in a process, but that there is a wire to cut."""

    def __init__(self, cluster: FakeCluster, faults: Faults | None = None) -> None:
        self.cluster = cluster
        self.faults = faults or Faults()
        self.streams = Streams(cluster)
        self.texts: dict[str, str] = {}
        """What kubelets and pods answer by way of the API server, logs and metrics, by path."""
        self.asked: list[Request] = []
        """What they were asked."""
        self.app = web.Application(client_max_size=_LARGEST)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1)

    async def start(self, port: int = 0) -> str:
        """Listen on a port of the loopback address, a free one for 0, and return the URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        _, bound = self._runner.addresses[0][:2]
        return f"http://127.0.0.1:{bound}"

    async def stop(self) -> None:
        """End every watch and listen no more."""
        self.streams.close()
        await self._runner.cleanup()

    async def _handle(self, received: web.Request) -> web.StreamResponse:
        try:
            request = await _read(received)
        except Failure as failure:
            return _written(failure.response())
        user = _user(received)
        fault = None if user == SYSTEM else self.faults.strike(request)
        if isinstance(fault, Answer):
            return _written(answer(fault))
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, Lost) and not fault.carried_out:
            return _hang_up(received)
        if request.path in self.texts:
            self.asked.append(request)
            text = self.texts[request.path]
            log = request.path.endswith("/log")
            return web.Response(text=podlogs.answer(text, request.query) if log else text)
        if request.method == "GET" and request.query.get("watch") in ("true", "1"):
            return await self.streams.serve(received, request, user, fault)
        response = self._carried_out(request, user)
        return _hang_up(received) if isinstance(fault, Lost) else response

    def _carried_out(self, request: Request, user: str) -> web.Response:
        # What is read goes out as it is stored.
        if request.method == "GET" and (data := self.cluster.raw(request, user)) is not None:
            return web.Response(body=data, content_type="application/json")
        return _written(self.cluster.handle(request, user))


def _user(received: web.Request) -> str:
    """Return who asks; whoever may do everything may also pretend to be somebody else."""
    system = received.headers.get("Authorization") == f"Bearer {SYSTEM_TOKEN}"
    return SYSTEM if system and "Impersonate-User" not in received.headers else ""


async def _read(received: web.Request) -> Request:
    data = await received.read()
    content_type = received.content_type
    body = _parsed(data, content_type) if data else None
    return Request(received.method, received.path, dict(received.query), body, content_type)


def _parsed(data: bytes, content_type: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        if not content_type.endswith("yaml"):
            raise bad_request(f"invalid character in the body: {error}") from error
    return yaml.safe_load(data)


def _written(response: Response) -> web.Response:
    headers = {} if response.retry_after is None else {"Retry-After": response.retry_after}
    if isinstance(response.body, str):
        return web.Response(status=response.status, text=response.body, headers=headers)
    return web.json_response(response.body, status=response.status, headers=headers)


def _hang_up(received: web.Request) -> web.Response:
    """Close the connection: whatever is answered now reaches nobody."""
    if received.transport:
        received.transport.abort()
    return web.Response(status=500)


@asynccontextmanager
async def serve(
    cluster: FakeCluster, faults: Faults | None = None, port: int = 0
) -> AsyncIterator[str]:
    """Serve a cluster in the running loop, and give its URL."""
    front = Front(cluster, faults)
    url = await front.start(port)
    try:
        yield url
    finally:
        await front.stop()
