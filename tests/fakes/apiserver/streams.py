"""Watches over HTTP: lines of JSON, as long as both sides want."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from apiserver.cluster import FakeCluster
from apiserver.failures import Failure, expired
from apiserver.faults import Cut, Fault, Gone, Silent
from apiserver.store import Change
from apiserver.watching import Watch, error_event
from tracedmodel_operator.kube import Request

_BOOKMARK_SECONDS = 60.0
_FOREVER = 1800.0


class Streams:
    """The open watches of a server."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._open: set[_Stream] = set()

    def __len__(self) -> int:
        """Return how many watches are open."""
        return len(self._open)

    def close(self) -> None:
        """End every watch as a server does that is stopped."""
        for stream in list(self._open):
            stream.end()

    async def serve(
        self, received: web.Request, request: Request, user: str, fault: Fault | None
    ) -> web.StreamResponse:
        """Answer a request for a watch until it ends."""
        try:
            watch = self._cluster.watch(request, user)
        except Failure as failure:
            return web.json_response(failure.status(), status=failure.code)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        seconds = float(request.query.get("timeoutSeconds") or _FOREVER)
        stream = _Stream(self._cluster, watch, seconds)
        self._open.add(stream)
        try:
            # The client may be gone at any time.
            with suppress(ConnectionError):
                await response.prepare(received)
                await self._send(received, response, stream, fault)
        finally:
            self._open.discard(stream)
            stream.forget()
        return response

    async def _send(
        self,
        received: web.Request,
        response: web.StreamResponse,
        stream: _Stream,
        fault: Fault | None,
    ) -> None:
        if isinstance(fault, Silent):
            await stream.ended()
            return
        left = fault.events if isinstance(fault, Cut | Gone) else None
        if left != 0:
            async for lines in stream.batches():
                sent = lines if left is None else lines[:left]
                await response.write(b"".join(sent))
                left = None if left is None else left - len(sent)
                if left == 0:
                    break
        if left == 0 and isinstance(fault, Gone):
            await response.write(error_event(expired("too old resource version: injected")))
        elif left == 0 and received.transport:
            received.transport.abort()


class _Stream:
    """One watch, its alarm clock and its end."""

    def __init__(self, cluster: FakeCluster, watch: Watch, seconds: float) -> None:
        self._cluster = cluster
        self._watch = watch
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        watch.table.listeners.append(self._note)

    def _note(self, _: Change) -> None:
        # The cluster may be changed by another thread.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)

    def forget(self) -> None:
        """Hear of nothing more."""
        self._watch.table.listeners.remove(self._note)

    def end(self) -> None:
        """End the watch."""
        self._over.set()
        self._news.set()

    async def ended(self) -> None:
        """Wait for the end."""
        await self._over.wait()

    async def batches(self) -> AsyncIterator[list[bytes]]:
        """Yield events as they come, and bookmarks now and then, until the time is over."""
        deadline = self._loop.time() + self._seconds
        quiet = over = False
        while not self._over.is_set():
            self._news.clear()
            try:
                lines = self._due(bookmark=quiet)
            except Failure as failure:
                yield [error_event(failure)]
                return
            if lines:
                yield lines
            if over:
                return
            left = deadline - self._loop.time()
            quiet = not await self._hear(min(left, _BOOKMARK_SECONDS))
            over = quiet and left <= _BOOKMARK_SECONDS

    def _due(self, *, bookmark: bool) -> list[bytes]:
        with self._cluster.lock:
            lines = self._watch.pull()
            return [*lines, self._watch.bookmark()] if bookmark and self._watch.bookmarks else lines

    async def _hear(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
