"""Tasks that take resources from the queue and look at them, and what follows from how that ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from tracedmodel_operator.cache import Key
from tracedmodel_operator.errors import ApiError, Refused, Unavailable
from tracedmodel_operator.logs import about
from tracedmodel_operator.metrics import Metrics
from tracedmodel_operator.reconcile import Outcome
from tracedmodel_operator.workqueue import WorkQueue

_log = logging.getLogger(__name__)


class Workers:
    """So many at a time, one for each resource. An error of any kind is logged, and the resource tried again."""

    def __init__(
        self,
        look: Callable[[Key], Awaitable[Outcome]],
        queue: WorkQueue[Key],
        metrics: Metrics,
        *,
        count: int,
        seconds: float,
    ) -> None:
        """``seconds``: how long one look may take."""
        self._look = look
        self._queue = queue
        self._metrics = metrics
        self._count = count
        self._seconds = seconds
        self._busy = 0
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin with what is in the queue."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._count)]

    async def caught_up(self) -> None:
        """Return once nothing is left to be looked at, for the first time."""
        await self._idle.wait()

    async def stop(self, seconds: float) -> None:
        """Finish what is in hand, within so many seconds."""
        self._queue.shut_down()
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def _work(self) -> None:
        self._note_idle()
        while (key := await self._queue.get()) is not None:
            self._busy += 1
            try:
                await self._attend(key)
            finally:
                self._queue.done(key)
                self._busy -= 1
                self._note_idle()
            # A look that sends nothing never waits: thousands in a row would keep the Lease from being renewed.
            await asyncio.sleep(0)

    def _note_idle(self) -> None:
        if not self._busy and not self._queue.depth:
            self._idle.set()

    async def _attend(self, key: Key) -> None:
        """Look at a resource and do what the outcome asks for."""
        started = time.perf_counter()
        with about(namespace=key[0], name=key[1]):
            result = await self._result(key)
        self._metrics.reconciled(result, time.perf_counter() - started)

    async def _result(self, key: Key) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                outcome = await self._look(key)
        except Unavailable as error:
            _log.warning("the API server: %s; trying again", error)
            self._queue.retry(key, error.retry_after or 0.0)
            return "unavailable"
        except Refused as error:
            _log.warning("refused by the API server: %s; trying again", error)
            self._queue.retry(key)
            return "refused"
        except ApiError as error:
            _log.info("%s; looking again", error)
            self._queue.retry(key)
            return "conflict"
        except TimeoutError:
            _log.warning("not done within %.0f s; trying again", self._seconds)
            self._queue.retry(key)
            return "timeout"
        except Exception:  # noqa: BLE001  # one resource's fault must not end the work on all others
            _log.exception("a fault that nobody foresaw; trying again")
            self._queue.retry(key)
            return "error"
        return self._follow(key, outcome)

    def _follow(self, key: Key, outcome: Outcome) -> str:
        if outcome.wake is not None:
            self._queue.add(outcome.wake)
        if outcome.retry:
            self._queue.retry(key)
            return "refused"
        self._queue.forget(key)
        if outcome.again_in is not None:
            self._queue.add_after(key, outcome.again_in)
            return "requeue"
        return "success"
