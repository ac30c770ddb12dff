"""``tracedmodel operator``: the process that watches TracedModels and does what they ask for."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import uuid
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from tracedmodel_operator.audience import Chronicle
from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.events import Recorder
from tracedmodel_operator.fitness import Unfit, look_around
from tracedmodel_operator.health import Health, Readiness
from tracedmodel_operator.intake import Intake
from tracedmodel_operator.kinds import watched
from tracedmodel_operator.kube import ClientTransport, Kube
from tracedmodel_operator.lease import Fenced, Lease
from tracedmodel_operator.logs import set_up
from tracedmodel_operator.memory import give_back
from tracedmodel_operator.metrics import Metered, Metrics
from tracedmodel_operator.pulse import Pulse, deafness
from tracedmodel_operator.reconcile import Reconciler
from tracedmodel_operator.settings import PREFIX, Settings, read_settings
from tracedmodel_operator.watch import watch
from tracedmodel_operator.workers import Workers
from tracedmodel_operator.workqueue import WorkQueue

summary = "run the operator in or against a cluster, until told to stop"

_log = logging.getLogger(__name__)

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_FIRST_PASS_SECONDS = 30.0
"""The watches begin once every resource was looked at, or after this time: both at once would be slower."""
_FINISH_SECONDS = 20.0
"""Time to finish what is in hand; a pod has 30 seconds to stop."""
_FAREWELL_SECONDS = 1.0
"""Time for kopf to end by itself."""
_COLLECT_AFTER = (100_000, 50, 10)
"""Python's own 700 has a page of a list looked through for garbage a hundred times while it is read: 27 ms, not 11."""
_LISTS_MISSED = 3
"""Lists that may fail in a row before a silent watch counts as dead."""
_UNTOLD_SECONDS = 180.0
"""Time for a watch to tell what a list found: to notice that it is silent, and to wait for an API server, takes 130."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say where the settings come from: there are no options."""
    parser.epilog = "Settings are environment variables TRACEDMODEL_OPERATOR_...; docs/operations.md lists them."


def run(_arguments: argparse.Namespace) -> int:
    """Run the operator; return 1 where it cannot work or had to give up."""
    settings = read_settings()
    set_up(settings.log_format, settings.log_level)
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        asyncio.run(operate(settings))
    except Unfit as error:
        _log.critical("%s", error)
        return 1
    return 0


async def operate(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; raises :class:`Unfit`."""
    try:
        client = await ClientTransport.open()
    except Exception as error:
        raise Unfit(f"no cluster: {error}") from error
    process = _Process(settings, client)
    try:
        await _listen(process.health, settings)
        await process.run()
    finally:
        await process.health.stop()
        await client.close()


async def _listen(health: Health, settings: Settings) -> None:
    try:
        await health.start()
    except OSError as error:
        port = f"${PREFIX}HEALTH_PORT {settings.health_port}"
        raise Unfit(f"{port} of {settings.health_host} cannot be listened on: {error}") from error


class _Process:
    """All parts, wired."""

    def __init__(self, settings: Settings, client: ClientTransport) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._namespaces: Sequence[str | None] = settings.namespaces or [None]
        self._stop = asyncio.Event()
        metrics = Metrics()
        metered = Metered(client, metrics)
        self._kube = Kube(metered)
        identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        place = (settings.namespace or _own_namespace(), settings.lease_name)
        self._lease = Lease(self._kube, *place, identity, _give_up)
        fenced = Kube(Fenced(metered, self._lease))
        self._pulse = Pulse(loop.time)
        queue = WorkQueue[Key](on_get=metrics.queued, on_retry=metrics.retried)
        cache = Cache()
        self._intake = Intake(cache, self._pulse, queue.add, watched(keda=settings.keda))
        chronicle = Chronicle(Recorder(fenced, identity, _now), metrics)
        reconciler = Reconciler(fenced, cache, settings, chronicle, _now)
        self._workers = Workers(
            reconciler.reconcile,
            queue,
            metrics,
            count=settings.workers,
            seconds=settings.reconcile_seconds,
        )
        self._ready = Readiness()
        deaf_after = _LISTS_MISSED * settings.resync_seconds
        self.health = Health(
            settings.health_host,
            settings.health_port,
            alive=lambda: deafness(self._pulse.signs(), deaf_after, _UNTOLD_SECONDS),
            ready=self._ready,
            render=metrics.render,
        )
        metrics.watch_queue(lambda: queue.depth, lambda: queue.waiting, lambda: queue.oldest_wait)
        metrics.watch_leader(lambda: self._lease.is_leader)
        metrics.watch_signs(self._pulse.signs)

    async def run(self) -> None:
        """Wait for the Lease, work, and give the Lease back."""
        self._take_signals()
        if not await self._unless_stopped(self._look_around()):
            return
        self._ready.connected()
        try:
            if await self._unless_stopped(self._lease.acquire()):
                await self._lead()
        finally:
            await self._workers.stop(_FINISH_SECONDS)
            await self._lease.release()

    async def _look_around(self) -> None:
        await look_around(self._kube, self._namespaces, keda=self._settings.keda)

    async def _lead(self) -> None:
        """Read everything, look at everything, then watch."""
        if not await self._unless_stopped(self._first_list()):
            return
        self._workers.start()
        chores = [asyncio.create_task(self._list_again()), asyncio.create_task(give_back())]
        try:
            if await self._unless_stopped(self._first_pass()):
                await self._watch()
        finally:
            for chore in chores:
                chore.cancel()

    async def _first_pass(self) -> None:
        try:
            async with asyncio.timeout(_FIRST_PASS_SECONDS):
                await self._workers.caught_up()
        except TimeoutError:
            _log.info("the first pass goes on; beginning to watch")

    async def _watch(self) -> None:
        """Watch until told to stop. What is in hand is finished before kopf ends every task of its time."""
        self._pulse.expect(kind.name for kind in self._intake.kinds)
        over = asyncio.Event()
        watching = asyncio.create_task(
            watch(self._intake, self._namespaces, over, self._take_signals)
        )
        stopped = asyncio.create_task(self._stop.wait())
        where = ", ".join(map(str, self._namespaces)).replace("None", "everywhere")
        _log.info("watching %s", where)
        await asyncio.wait([watching, stopped], return_when=asyncio.FIRST_COMPLETED)
        if watching.done() and not self._stop.is_set():
            error = watching.exception()
            raise Unfit(f"the watches ended: {error}") from error
        await self._workers.stop(_FINISH_SECONDS)
        over.set()
        # kopf waits for tasks of its own that may hang.
        await asyncio.wait([watching], timeout=_FAREWELL_SECONDS)
        watching.cancel()
        await asyncio.wait([watching])

    async def _first_list(self) -> None:
        try:
            await self._intake.list_all(self._kube, self._namespaces)
        except ApiError as error:
            raise Unfit(f"the first list failed: {error}") from error

    async def _list_again(self) -> None:
        """List everything from time to time: no watch tells of what went while it was down."""
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                await self._intake.list_all(self._kube, self._namespaces)
            except ApiError as error:
                _log.warning("a list failed: %s", error)

    async def _unless_stopped(self, work: object) -> bool:
        """Await something, or the signal to stop; tell whether the work was done."""
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]  # a coroutine
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            return False
        task.result()
        return True

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)


def _give_up(sentence: str) -> None:
    # Another may lead from now on: nothing may be sent any more, whatever is in hand.
    _log.critical("%s; ending at once", sentence)
    logging.shutdown()
    os._exit(1)


def _own_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


def _now() -> datetime:
    return datetime.now(timezone.utc)
