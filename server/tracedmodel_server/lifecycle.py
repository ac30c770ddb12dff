"""A server's life: bind, answer probes, load and prove, serve, and on SIGTERM leave without losing a request.

bound ── live, not ready ── loaded and proved ── ready ── SIGTERM ── not ready, still accepting ── drained ── 0
                └─ Failure: the report, and the exit code of its reason
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
import signal
import socket
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from tracedmodel_api import __version__
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_server.about import About
from tracedmodel_server.app import App
from tracedmodel_server.artifact import open_artifact, read_index
from tracedmodel_server.kserve import KServe
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.oip import OpenInference
from tracedmodel_server.service import Engine, Service, State
from tracedmodel_server.settings import Settings
from tracedmodel_server.workers import Loader

_log = logging.getLogger(__name__)
_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75


def bind(settings: Settings) -> socket.socket:
    """Return a bound socket; raises Failure PortInUse, or InvalidRequest for a host that is not here."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
        # Two servers may bind one port with SO_REUSEADDR, but only one can listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        where = f"{settings.host}:{settings.port}"
        if isinstance(error, socket.gaierror):
            raise Failure("InvalidRequest", f"host {settings.host} is unknown") from error
        reason = error.strerror or str(error)
        raise Failure("PortInUse", f"port {where} cannot be listened on: {reason}") from error
    return bound


def serve(settings: Settings) -> None:
    """Serve until told to stop; raises Failure if the model cannot be served."""
    index = read_index(settings.index_file, settings.artifact_digest)
    bound = bind(settings)
    with contextlib.ExitStack() as stack:
        stack.callback(bound.close)
        folder = settings.cache_folder
        if folder is None:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="tracedmodel-"))
            folder = Path(made)
        uvloop.run(Life(settings, bound).run(index, folder))


class Life:
    """One server from its bound socket to its end."""

    def __init__(self, settings: Settings, bound: socket.socket) -> None:
        self._settings = settings
        self._bound = bound
        self._metrics = Metrics(__version__)
        self._service = Service(settings, self._metrics)
        self._server = _Server(_config(settings, _app(settings, self._service, self._metrics)))
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
        store = await asyncio.to_thread(Store, settings.store_url)
        artifact = await asyncio.to_thread(open_artifact, index, store, folder)
        _log.info("fetched", extra={"artifact": artifact.digest, "buckets": len(artifact.graphs)})
        threads = settings.threads_per_worker()
        self._loader = Loader(artifact, settings.workers, threads, _log.info)
        workers = await self._loader.load()
        engine = Engine(artifact, workers, settings, self._metrics)
        for own in workers.proved:
            for one in own:
                self._metrics.proved(one.bucket, one.proof.worst_error())
        # What is loaded stays: the collector need not walk through it at every full pass.
        gc.collect()
        gc.freeze()
        if not self._stop.is_set():
            self._service.start(engine)
            _log.info("ready", extra={"workers": settings.workers, "threads": threads})

    async def _drain(self) -> None:
        """Be unready first, accept for a while, then close the door; uvicorn finishes what is inside."""
        loaded = self._service.state is State.READY
        self._service.unready()
        _log.info("draining", extra={"seconds": self._settings.drain_seconds if loaded else 0})
        if loaded:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._settings.drain_seconds)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would end with the signal again, not with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to :class:`Life`."""
        yield


def _app(settings: Settings, service: Service, metrics: Metrics) -> App:
    routes = {
        **OpenInference(service).routes(),
        **KServe(service).routes(),
        **About(service, metrics).routes(),
    }
    return App(service, metrics, routes, settings.max_body_bytes)


def _config(settings: Settings, app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=settings.access_log,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.grace_seconds),
    )
