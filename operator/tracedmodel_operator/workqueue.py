"""The work queue: which keys are to be looked at, and when. client-go's semantics, in one event loop."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_DOUBLINGS = 64
"""More would only overflow: any cap is reached long before."""
_SLACK = 64
"""Entries out of date that the heap may hold on top of as many as are valid."""


@dataclass(frozen=True)
class Backoff:
    """How long a key waits after each failure in a row: doubling, up to a limit."""

    first_seconds: float = 0.05
    limit_seconds: float = 300.0

    def seconds(self, failures: int, chance: float) -> float:
        """Return the wait after a failure; ``chance``, of [0, 1), takes up to half of it away to spread the keys."""
        whole = self.first_seconds * 2.0 ** min(failures, _DOUBLINGS)
        return min(whole, self.limit_seconds) * (1 - chance / 2)


class WorkQueue(Generic[Key]):
    """Hands keys to workers, first in, first out, each key to one worker at a time. Make it inside the event loop.

    A key that is added while it waits is one; added while a worker has it, it comes back after ``done``. So whoever
    adds a key after a change knows that a worker looks at it after the change.
    """

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        on_get: Callable[[float], None] = lambda _: None,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_get`` hears the seconds between the first ``add`` of a key and its ``get``."""
        self._loop = asyncio.get_running_loop()
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._on_get = on_get
        self._on_retry = on_retry
        self._ready: deque[Key] = deque()
        self._tickets = asyncio.Semaphore(0)
        self._dirty: dict[Key, float] = {}
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later = _Timetable[Key](self._loop, self.add)
        self._closed = False

    def add(self, key: Key) -> None:
        """Have a worker look at a key."""
        if self._closed or key in self._dirty:
            return
        self._dirty[key] = self._loop.time()
        if key not in self._processing:
            self._offer(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Add a key later. Of several calls for a key the earliest holds; an ``add`` meanwhile takes none back."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
        else:
            self._later.put(key, self._loop.time() + seconds)

    def retry(self, key: Key, at_least: float = 0.0) -> None:
        """Add a key that failed, the later the more often it failed in a row, and not before ``at_least`` seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._on_retry()
        self.add_after(key, max(at_least, self._backoff.seconds(failures, self._chance())))

    def forget(self, key: Key) -> None:
        """Take back the failures of a key. Adds that wait go on waiting."""
        self._failures.pop(key, None)

    async def get(self) -> Key | None:
        """Return the next key, which is the caller's until ``done``; None once the queue is shut down."""
        await self._tickets.acquire()
        if self._closed:
            self._tickets.release()  # for the next worker that asks
            return None
        key = self._ready.popleft()
        self._processing.add(key)
        self._on_get(self._loop.time() - self._dirty.pop(key))
        return key

    def done(self, key: Key) -> None:
        """Give a key back; raises ``KeyError`` where no worker has it."""
        self._processing.remove(key)
        if key in self._dirty:
            self._offer(key)

    def shut_down(self) -> None:
        """Hand out nothing more. Workers finish what they have; what waits is dropped, for the next process to find."""
        self._closed = True
        self._ready.clear()
        self._dirty.clear()
        self._later.clear()
        self._tickets.release()

    @property
    def depth(self) -> int:
        """Keys that a worker could take now."""
        return len(self._ready)

    @property
    def waiting(self) -> int:
        """Keys that are added later."""
        return len(self._later)

    @property
    def oldest_wait(self) -> float:
        """Seconds since the first ``add`` that no ``get`` answered yet; 0 where there is none."""
        added = next(iter(self._dirty.values()), None)
        return 0.0 if added is None else self._loop.time() - added

    def _offer(self, key: Key) -> None:
        self._ready.append(key)
        self._tickets.release()


class _Timetable(Generic[Key]):
    """Calls with each key at its time. One timer for all; entries that an earlier one replaced are dropped on sight."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[Key], None]) -> None:
        self._loop = loop
        self._call = call
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._count = 0
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: Key, when: float) -> None:
        known = self._due.get(key)
        if known is not None and known <= when:
            return
        self._due[key] = when
        self._push(when, key)
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._compact()
        self._arm()

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()
        self._disarm()

    def _push(self, when: float, key: Key) -> None:
        # The count keeps the order of equal times, and keys from being compared.
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, key))

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
        heapq.heapify(self._heap)

    def _arm(self) -> None:
        """Set the alarm to the first entry; one that rings too early does no harm."""
        first = self._heap[0][0]
        if self._alarm is not None and self._alarm.when() <= first:
            return
        self._disarm()
        self._alarm = self._loop.call_at(first, self._ring, first)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self, when: float) -> None:
        self._alarm = None
        # A loop may call a little before the time.
        now = max(when, self._loop.time())
        while self._heap and self._heap[0][0] <= now:
            entry, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == entry:
                del self._due[key]
                self._call(key)
        if self._heap:
            self._arm()
