"""The batch queue at work: permits, timers, workers and waiting callers. It knows no web and no torch."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.errors import Overloaded
from tracedmodel_server.policy import BatchQueue, Dispatch, Entry, WaitUntil

T = TypeVar("T")
R = TypeVar("R")
_SMOOTHING = 0.1


class Observer(Protocol):
    """Who wants to know what left the queue and how long it took."""

    def dispatched(self, bucket: Bucket, lengths: Sequence[int], waited: Sequence[float]) -> None:
        """Take note of a batch: its bucket, its texts' lengths, and their seconds in the queue."""
        ...

    def finished(self, bucket: Bucket, seconds: float) -> None:
        """Take note of the seconds that a batch ran."""
        ...


class _Ticket(Generic[T, R]):
    """The texts of one caller, and the future that all of their results make."""

    def __init__(self, count: int, future: asyncio.Future[list[R]]) -> None:
        self.entries: list[Entry[tuple[_Ticket[T, R], int, T]]] = []
        self._results: list[R | None] = [None] * count
        self._missing = count
        self.future = future

    def deliver(self, index: int, result: R) -> None:
        self._results[index] = result
        self._missing -= 1
        if not self._missing and not self.future.done():
            self.future.set_result(self._results)  # type: ignore[arg-type]  # none is missing

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


_Place = tuple[_Ticket[T, R], int, T]


class Batcher(Generic[T, R]):
    """Runs texts in batches. ``run`` is called at most as often at once as the queue has workers.

    ``max_queued`` bounds the texts that wait, whether they come one by one or many in a request.
    """

    def __init__(
        self,
        queue: BatchQueue[_Place[T, R]],
        run: Callable[[Bucket, Sequence[T]], Awaitable[Sequence[R]]],
        max_queued: int,
        observer: Observer,
    ) -> None:
        self._queue = queue
        self._run = run
        self._max_queued = max_queued
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tickets: set[_Ticket[T, R]] = set()
        self._seconds_per_text = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    async def submit(self, items: Sequence[T], lengths: Sequence[int]) -> list[R]:
        """Return the results of the items, in their order; raises Overloaded if there are no permits for all.

        What still waits when the caller is cancelled is dropped.
        """
        self.demand_room(len(items))
        ticket: _Ticket[T, R] = _Ticket(len(items), self._loop.create_future())
        now = self._loop.time()
        for index, (item, length) in enumerate(zip(items, lengths, strict=True)):
            entry = Entry((ticket, index, item), length)
            self._queue.push(entry, now)
            ticket.entries.append(entry)
        self._tickets.add(ticket)
        self._pump()
        try:
            return await ticket.future
        except asyncio.CancelledError:
            self._forget(ticket)
            self._pump()
            raise
        finally:
            self._tickets.discard(ticket)

    def demand_room(self, count: int) -> None:
        """Raise Overloaded if there are no permits for ``count`` texts more."""
        if len(self._queue) + count > self._max_queued:
            raise Overloaded(self._sentence(count), self._retry_after())

    def fail(self, error: Exception) -> None:
        """Let everyone who waits have this error, also for what runs and may never come back."""
        for ticket in self._tickets:
            ticket.fail(error)
            self._forget(ticket)

    def _forget(self, ticket: _Ticket[T, R]) -> None:
        """Remove what still waits: the caller has gone, or one of its batches failed."""
        for entry in ticket.entries:
            self._queue.cancel(entry)

    def _pump(self) -> None:
        """Do what the queue says until it says to wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while isinstance(action := self._queue.next_action(self._loop.time()), Dispatch):
            task = self._loop.create_task(self._execute(action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if isinstance(action, WaitUntil):
            self._timer = self._loop.call_at(action.time, self._pump)

    async def _execute(self, dispatch: Dispatch[_Place[T, R]]) -> None:
        start = self._loop.time()
        lengths = [entry.length for entry in dispatch.entries]
        waited = [start - entry.arrived for entry in dispatch.entries]
        self._observer.dispatched(dispatch.bucket, lengths, waited)
        places = [entry.item for entry in dispatch.entries]
        try:
            results = await self._run(dispatch.bucket, [item for _, _, item in places])
        except Exception as error:  # noqa: BLE001  # whatever it is, it is these callers' answer and no other's
            for ticket, _, _ in places:
                ticket.fail(error)
                self._forget(ticket)
        else:
            for (ticket, index, _), result in zip(places, results, strict=True):
                ticket.deliver(index, result)
        finally:
            seconds = self._loop.time() - start
            self._note(seconds / len(places))
            self._observer.finished(dispatch.bucket, seconds)
            self._queue.finished(dispatch, self._loop.time())
            self._pump()

    def _note(self, seconds_per_text: float) -> None:
        known = self._seconds_per_text or seconds_per_text
        self._seconds_per_text = known + _SMOOTHING * (seconds_per_text - known)

    def _retry_after(self) -> int:
        """Return in how many seconds the queue will have room, as fast as texts were answered lately."""
        measured = len(self._queue) * self._seconds_per_text / self._queue.workers
        return max(1, math.ceil(measured or self._queue.backlog_seconds()))

    def _sentence(self, count: int) -> str:
        return (
            f"the queue has room for {max(0, self._max_queued - len(self._queue))} texts of {self._max_queued}, "
            f"this request has {count}: try again later"
        )
