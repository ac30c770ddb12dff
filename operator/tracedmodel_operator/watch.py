"""Watching by kopf, which is used for that alone: its handlers do nothing but hand on what they hear."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import kopf
from kopf._core.engines.peering import Identity  # nothing public has these
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from tracedmodel_operator.intake import SELECTOR, Intake
from tracedmodel_operator.kinds import TRACED_MODEL, WATCHED, Kind
from tracedmodel_operator.kube import find_access

_SERVER_SECONDS = 300
"""The API server ends a watch after this time, and a new one goes on where it ended."""
_CLIENT_SECONDS = 310
_SILENT_SECONDS = 70
"""A watch that tells nothing for so long is begun anew; the API server says each minute that it lives."""
_PAGE = 50
"""kopf lists all kinds at a time, and holds a page of each."""
_IDLE_SECONDS = 0.02
"""How long kopf keeps a task, and with it the last object that it was told of, for each of thousands."""
_ENDING_SECONDS = 15.0
"""How long kopf may take to end its tasks; it gives those that hang five seconds itself."""
_IDENTITY = Identity("tracedmodel-operator")
"""For peers, of which there are none: kopf would look up its user's name, which a number in a pod has not."""
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 60.0


class EndlessBackoff:
    """Waits between attempts at a request: without an end, so that no watch is ever given up."""

    def __iter__(self) -> Iterator[float]:
        wait = _FIRST_WAIT
        while True:
            yield wait
            wait = min(2 * wait, _LONGEST_WAIT)


class NoStorage(kopf.DiffBaseStorage):
    """Keeps nothing: what kopf would compare to find changes, a deep copy of each object, nobody asks for here."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing of an object."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        """Return that nothing was stored."""

    def store(self, **_: Any) -> None:
        """Store nothing."""


class NoMemories(ResourceMemories):
    """Keeps no notes on any object, which only kopf's other kinds of handlers read: 700 bytes for each, for ever."""

    async def recall(self, raw_body: kopf.RawBody, **options: Any) -> ResourceMemory:
        """Return notes that are made for this one event."""
        return await super().recall(raw_body, **{**options, "ephemeral": True})


async def watch(
    intake: Intake,
    namespaces: Sequence[str | None],
    stop: asyncio.Event,
    take_signals: Callable[[], None],
) -> None:
    """Hand everything that happens to an intake until told to stop; raises what ended the watches otherwise.

    kopf takes SIGINT and SIGTERM; ``take_signals`` is called before one of them can reach it. It ends every task that
    is made after it: make what must outlive it before.
    """
    named = [namespace for namespace in namespaces if namespace]
    older = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=_registry(intake),
        settings=_settings(intake.kinds),
        memories=NoMemories(),
        identity=_IDENTITY,
        standalone=True,
        clusterwide=not named,
        namespaces=named,
        stop_flag=stop,
    )
    take_signals()
    running = asyncio.ensure_future(kopf.run_tasks(tasks, ignored=older))
    try:
        await _until_over(running, tasks)
    finally:
        running.cancel()


async def _until_over(running: asyncio.Future[None], tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait for kopf to end; once one of its own tasks did, not for ever for the others.

    They may wait for each other: a watch that wants to log in anew, and whoever would have let it in.
    """
    await asyncio.wait([running, *tasks], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([running], timeout=_ENDING_SECONDS)
    if running.done():
        running.result()
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()


def _registry(intake: Intake) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="log-in")(_log_in)
    for kind in intake.kinds:
        _listen(registry, intake, kind)
    return registry


async def _log_in(**_: Any) -> kopf.ConnectionInfo:
    """Log in as the cluster client does; kopf asks again when it is not let in any more."""
    access = await find_access()
    return kopf.ConnectionInfo(
        server=access.server,
        insecure=not access.verified,
        ca_path=access.authority,
        certificate_path=access.certificate,
        private_key_path=access.key,
        token=access.token,
    )


def _listen(registry: kopf.OperatorRegistry, intake: Intake, kind: Kind) -> None:
    # What a handler returns would be written into the object's status, and ``patch`` sent to it.
    async def hear(type: str | None, event: Any, **_: Any) -> None:  # noqa: A002  # kopf's name
        intake.hear(kind, type, event["object"])

    kopf.on.event(*_address(kind), registry=registry, id=f"hear-{kind.plural}")(hear)


def _address(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural


def _settings(kinds: Sequence[Kind] = WATCHED) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.watching.chunk_size = _PAGE
    settings.watching.server_timeout = _SERVER_SECONDS
    settings.watching.client_timeout = _CLIENT_SECONDS
    settings.watching.inactivity_timeout = _SILENT_SECONDS
    settings.networking.error_backoffs = EndlessBackoff()
    settings.persistence.diffbase_storage = NoStorage()
    settings.posting.enabled = False
    settings.posting.level = logging.CRITICAL
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = _IDLE_SECONDS
    settings.peering.standalone = True
    for kind in kinds:
        if kind is not TRACED_MODEL:
            settings.watching.label_selectors[_address(kind)] = SELECTOR
    return settings
