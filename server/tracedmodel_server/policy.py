"""Which texts run together, in which bucket, and when: pure, the clock passed in.

- The oldest waiting text that an idle worker has a bucket for is in every batch, so that none starves. Its length is the least that the bucket must hold.
- Texts of its own sequence length join first, then longer ones that the bucket holds, then shorter ones: free slots
  cost nothing.
- Of the buckets that is taken whose cost, with the cheapest plan for what stays behind, is least. So two texts may
  run one by one where the next batch size costs more, and a long text does not drag seven short ones through its length.
- A batch leaves at once if it is as large as pays. Below that it waits for the texts of those who were answered last,
  who often ask again: as long as fewer are here than were when the last batch ended. A text and an idle worker never
  wait for others longer than the maximum delay. That time begins when there are both: if it began with the text
  alone, clients that were once split into six and two would stay so, each part waiting while the other runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tracedmodel_api.buckets import Bucket, longest
from tracedmodel_api.cores import Layout
from tracedmodel_server.costs import Costs

T = TypeVar("T")


@dataclass(eq=False)
class Entry(Generic[T]):
    """One text that waits; ``item`` is whatever its owner wants back."""

    item: T
    length: int
    arrived: float = field(default=0.0, init=False)
    order: int = field(default=-1, init=False)
    fits: int = field(default=0, init=False)
    """The shortest sequence length of a bucket that holds it."""


@dataclass(frozen=True)
class Dispatch(Generic[T]):
    """Run these texts in this bucket now, and tell :meth:`BatchQueue.finished` afterwards."""

    bucket: Bucket
    entries: tuple[Entry[T], ...]


@dataclass(frozen=True)
class WaitUntil:
    """Ask again at this time, unless something happens before."""

    time: float


@dataclass(frozen=True)
class Idle:
    """There is nothing to do until something happens."""


class BatchQueue(Generic[T]):
    """The texts that wait for ``workers`` workers; ``layout`` says which of them holds which bucket, if not all do."""

    def __init__(
        self,
        seconds: Mapping[Bucket, float],
        max_delay: float,
        workers: int = 1,
        layout: Layout | None = None,
    ) -> None:
        layout = layout or Layout.everywhere(seconds, workers)
        self._costs = Costs(seconds)
        self._max_delay = max_delay
        self._idle = [part.workers for part in layout.parts]
        self._longest = [longest(part.buckets) for part in layout.parts]
        self._part = {b: number for number, part in enumerate(layout.parts) for b in part.buckets}
        self.workers = layout.workers
        # By sequence length, each in order of arrival: dicts, because any of them may be cancelled.
        self._waiting: dict[int, dict[int, Entry[T]]] = {n: {} for n in self._costs.lengths}
        self._count = itertools.count()
        self._in_flight = 0
        self._recent = 0
        self._idle_since = float("-inf")
        self._waiting_count = 0

    def __len__(self) -> int:
        return self._waiting_count

    def push(self, entry: Entry[T], now: float) -> None:
        """Let a text wait; raises ``ValueError`` if no bucket holds it."""
        length = self._costs.length_for(entry.length)
        if length is None:
            raise ValueError(f"no bucket holds {entry.length} tokens")
        entry.arrived, entry.order, entry.fits = now, next(self._count), length
        self._waiting[length][entry.order] = entry
        self._waiting_count += 1

    def cancel(self, entry: Entry[T]) -> bool:
        """Remove a text that waits, and tell whether it still did."""
        found = self._waiting.get(entry.fits, {}).pop(entry.order, None) is not None
        self._waiting_count -= found
        return found

    def next_action(self, now: float) -> Dispatch[T] | WaitUntil | Idle:
        """Return what to do now; a dispatch takes its texts and a worker until it is told as finished."""
        oldest = self._oldest() if self._waiting_count else None
        if oldest is None:
            return Idle()
        deadline = max(oldest.arrived, self._idle_since) + self._max_delay
        if now < deadline and self._more_may_come(oldest):
            return WaitUntil(deadline)
        bucket = self._cheapest(oldest)
        entries = tuple(itertools.islice(self._joining(oldest, bucket), bucket.batch_size))
        for entry in entries:
            self.cancel(entry)
        self._idle[self._part[bucket]] -= 1
        self._in_flight += len(entries)
        return Dispatch(bucket, entries)

    def finished(self, dispatch: Dispatch[T], now: float) -> None:
        """Give the worker of a dispatch back."""
        # All who ask at present: those who wait, and those who are answered now and may ask again.
        self._recent = self._waiting_count + self._in_flight
        self._idle_since = now
        self._idle[self._part[dispatch.bucket]] += 1
        self._in_flight -= len(dispatch.entries)

    def backlog_seconds(self) -> float:
        """Return how long all that waits will take, by the cheapest plan."""
        total = sum(
            self._costs.of_texts(length, len(entries)) for length, entries in self._waiting.items()
        )
        return total / self.workers

    def _oldest(self) -> Entry[T] | None:
        """Return the oldest text that an idle worker has a bucket for, or None."""
        parts = zip(self._longest, self._idle, strict=True)
        reach = max((length for length, idle in parts if idle), default=0)
        heads = [
            next(iter(entries.values()))
            for length, entries in self._waiting.items()
            if entries and length <= reach
        ]
        return min(heads, key=lambda entry: entry.order, default=None)

    def _is_idle(self, bucket: Bucket) -> bool:
        """Tell whether a worker that holds a bucket has nothing to do."""
        return self._idle[self._part[bucket]] > 0

    def _more_may_come(self, oldest: Entry[T]) -> bool:
        """Tell whether the batch may still grow, and whether as many as last time are not here yet."""
        length = oldest.fits
        if len(self._waiting[length]) >= self._costs.best_batch(length):
            return False
        return self._waiting_count + self._in_flight < self._recent

    def _cheapest(self, oldest: Entry[T]) -> Bucket:
        usable = filter(self._is_idle, self._costs.buckets_from(oldest.length))
        return min(usable, key=lambda bucket: self._cost_with_rest(oldest, bucket))

    def _cost_with_rest(self, oldest: Entry[T], bucket: Bucket) -> float:
        """Return the seconds of the bucket and of the cheapest plan for what it leaves behind."""
        room = bucket.batch_size
        cost = self._costs.of(bucket)
        for length in self._order(oldest, bucket):
            count = len(self._waiting[length])
            taken = min(room, count)
            room -= taken
            cost += self._costs.of_texts(length, count - taken)
        longer = (n for n in self._waiting if n > bucket.sequence_length)
        return cost + sum(self._costs.of_texts(n, len(self._waiting[n])) for n in longer)

    def _order(self, oldest: Entry[T], bucket: Bucket) -> list[int]:
        """Return the sequence lengths in the order in which their texts join a batch of this bucket."""
        own = oldest.fits
        others = [n for n in self._waiting if n <= bucket.sequence_length and n != own]
        return [own, *sorted(others, reverse=True)]

    def _joining(self, oldest: Entry[T], bucket: Bucket) -> Iterator[Entry[T]]:
        # The oldest is the first of its own length, so it always joins.
        for length in self._order(oldest, bucket):
            yield from self._waiting[length].values()
