"""A server's life: bind, answer probes, load and prove, serve, and on SIGTERM leave without losing a request.

bound ── live, not ready ── loaded and proved ── ready ── SIGTERM ── not ready, still accepting ── drained ── 0
                └─ Failure: the report, and the exit code of its reason
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_server.about import About
from tracedmodel_server.app import App
from tracedmodel_server.artifact import open_artifact, read_index
from tracedmodel_server.bodies import BodyLimits, Room
from tracedmodel_server.connection import ClientLimits
from tracedmodel_server.kserve import KServe
from tracedmodel_server.listener import bind, listener
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.oip import OpenInference
from tracedmodel_server.resources import raise_file_limit, settle
from tracedmodel_server.service import Engine, Language, Service, State
from tracedmodel_server.settings import Settings
from tracedmodel_server.workers import Loader

T = TypeVar("T")
_log = logging.getLogger(__name__)
_LEAVING_SECONDS = 5


def serve(settings: Settings) -> None:
    """Serve until told to stop; raises Failure if the model cannot be served."""
    index = read_index(settings.index_file, settings.artifact_digest)
    bound = bind(settings)
    with contextlib.ExitStack() as stack:
        stack.callback(bound.close)
        folder = settings.cache_folder
        if folder is None:
            room = tempfile.TemporaryDirectory(prefix="tracedmodel-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(room))
        uvloop.run(Life(settings, bound).run(index, folder))
    _leave()


def _leave() -> None:
    """End although a thread hangs, in a graph or in the store: Python would wait for it."""
    end = time.monotonic() + _LEAVING_SECONDS
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    waited_for = [one for one in others if not one.daemon]
    for thread in waited_for:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in waited_for):
        _log.warning("threads hang, the process ends without them")
        sys.stderr.flush()
        os._exit(0)


class Life:
    """One server from its bound socket to its end."""

    def __init__(self, settings: Settings, bound: socket.socket) -> None:
        self._settings = settings
        self._bound = bound
        self._metrics = Metrics()
        self._service = Service(settings, self._metrics)
        limits = ClientLimits(
            settings.client_seconds,
            raise_file_limit(),
            lambda code: self._metrics.answered("unknown", code),
        )
        app = _app(settings, self._service, self._metrics)
        self._server = listener(settings, app, limits)
        self._metrics.watch_connections(self._server.connections)
        self._fetching = ThreadPoolExecutor(1, "fetching")
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._loader: Loader | None = None

    async def run(self, index: bytes, folder: Path) -> None:
        """Serve probes at once, load, serve, drain; raises the Failure that ends it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        _log.info("listening", extra={"port": self._bound.getsockname()[1]})
        serving = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        try:
            await self._until_stopped(self._load(index, folder), serving)
            await self._drain()
        finally:
            self._server.should_exit = True
            await serving
            self._service.close()
            self._fetching.shutdown(wait=False)
            if self._loader is not None:
                self._loader.close()
        _log.info("stopped")

    def _told_to_stop(self) -> None:
        """Begin to drain; told once more, do not wait any longer."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()
        if self._loader is not None:
            self._loader.stop()

    async def _until_stopped(
        self, loading: Coroutine[Any, Any, None], serving: asyncio.Task[None]
    ) -> None:
        """Load, then wait for the signal; a signal while loading is a good end."""
        stop = asyncio.create_task(self._stop.wait())
        load = asyncio.create_task(loading)
        try:
            await asyncio.wait({load, stop, serving}, return_when=asyncio.FIRST_COMPLETED)
            if load.done():
                load.result()
                await asyncio.wait({stop, serving}, return_when=asyncio.FIRST_COMPLETED)
        except Failure as failure:
            if not self._stop.is_set() or failure.reason.name != "Interrupted":
                raise
        finally:
            stop.cancel()
            load.cancel()
            await asyncio.gather(stop, load, return_exceptions=True)

    async def _load(self, index: bytes, folder: Path) -> None:
        settings = self._settings
        start = time.perf_counter()
        store = await self._in_thread(partial(Store, settings.store_url, create=False))
        target = store.index(index).target
        self._loader = Loader(target, _log.info)
        artifact = await self._in_thread(open_artifact, index, store, folder)
        self._metrics.fetched(time.perf_counter() - start)
        _log.info("fetched", extra={"artifact": artifact.digest, "buckets": len(artifact.graphs)})
        layout = artifact.layout(settings.workers, settings.neuron_cores)
        threads = settings.threads_of_each(layout.workers)
        workers, language = await asyncio.gather(
            self._loader.load(artifact, layout, threads),
            self._in_thread(Language, artifact, settings),
        )
        engine = Engine(language, workers, settings, self._metrics)
        for bucket, measured in workers.starts().items():
            self._metrics.proved(bucket, measured)
        settle()
        if not self._stop.is_set():
            self._service.start(engine)
            _log.info("ready", extra={"workers": layout.workers, "threads": threads})

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread of our own: the loop's would be waited for at its end, though a store may hang for ever."""
        return await asyncio.get_running_loop().run_in_executor(self._fetching, work, *arguments)

    async def _drain(self) -> None:
        """Be unready first, accept for a while, then close the door; uvicorn finishes what is inside."""
        loaded = self._service.state is State.READY
        self._service.unready()
        _log.info("draining", extra={"seconds": self._settings.drain_seconds if loaded else 0})
        if loaded:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._settings.drain_seconds)


def _app(settings: Settings, service: Service, metrics: Metrics) -> App:
    routes = {
        **OpenInference(service).routes(),
        **KServe(service).routes(),
        **About(service, metrics).routes(),
    }
    room = Room(settings.most_bodies_bytes())
    metrics.watch_bodies(lambda: room.taken)
    limits = BodyLimits(settings.max_body_bytes, settings.client_seconds, room)
    return App(service, metrics, routes, limits)
