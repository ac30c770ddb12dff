"""Servers under requests, event by event: the server's own batch queue, with its clock turned by hand.

A request is routed to one server, where the host first tokenises it (one request after another, as the event loop
does), then its texts wait in the queue. A batch takes a worker for the time of its bucket. A request is answered when
all of its texts are. :class:`Balancer` alone knows which servers take requests. Their number stays: a fleet that scales
is played by ``day.py``, with servers one by one.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

import numpy as np

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import Layout
from tracedmodel_server.capacity.times import Times
from tracedmodel_server.capacity.traffic import Request
from tracedmodel_server.policy import BatchQueue, Dispatch, Entry, WaitUntil

_DRAWN = 4096


class Balancing(str, Enum):
    """How requests are shared out among servers."""

    RANDOM = "random"
    """As a Kubernetes Service does, where every request has a connection of its own."""
    LEAST_LOADED = "least-loaded"
    """To the server with the fewest texts that are not answered, as a proxy in front may do."""


@dataclass(frozen=True)
class Fleet:
    """Servers that are alike. Seconds; ``host_seconds`` are those of the host for each text.

    A worker holds ``most_buckets`` of the buckets, or all of them where that is None.
    """

    servers: int
    workers: int
    times: Times
    max_delay: float = 0.002
    max_queued: int = 1024
    host_seconds: float = 0.0
    balancing: Balancing = Balancing.RANDOM
    most_buckets: int | None = None

    @property
    def layout(self) -> Layout:
        """Return which worker of a server holds which buckets, as the server itself would."""
        parts = math.ceil(len(self.times) / (self.most_buckets or len(self.times)))
        return Layout.dealt_out(self.times, self.workers, parts)


@dataclass(frozen=True)
class Run:
    """How many requests are simulated, the first of them for warming up, and when to give up as too slow.

    It is given up as soon as more than ``late_share`` of the requests that count took more than ``late_seconds``.
    """

    requests: int = 30_000
    seed: int = 1
    warm_share: float = 0.1
    late_seconds: float = float("inf")
    late_share: float = 0.01

    @property
    def warm_up(self) -> int:
        """Return how many requests do not count."""
        return int(self.requests * self.warm_share)


@dataclass(frozen=True)
class Batch:
    """A batch that ran from ``start`` for ``seconds``, and the tokens of its texts."""

    start: float
    seconds: float
    bucket: Bucket
    tokens: int


@dataclass
class Record:
    """What happened: for each request that counts when it came and how long it took, and all batches."""

    arrived: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    """From the first to the last arrival that counts."""
    rejected: int = 0
    late: int = 0
    given_up: bool = False


@dataclass(eq=False)
class _Open:
    """A request that is not answered yet."""

    number: int
    arrived: float
    lengths: tuple[int, ...]
    missing: int


class _Server:
    """A queue, its event loop and its timer."""

    def __init__(self, fleet: Fleet) -> None:
        seconds = {bucket: spread.p50 for bucket, spread in fleet.times.items()}
        self.queue: BatchQueue[_Open] = BatchQueue(seconds, fleet.max_delay, layout=fleet.layout)
        self.host_free = 0.0
        self.alarm = 0
        self.texts = 0
        """What was asked and is not answered."""


class Balancer:
    """Chooses the server of a request among those that take requests."""

    def __init__(self, balancing: Balancing, random: Iterator[float]) -> None:
        self._balancing = balancing
        self._random = random

    def pick(self, servers: list[_Server]) -> _Server:
        """Return the server; of equals the first."""
        if self._balancing is Balancing.LEAST_LOADED:
            return min(servers, key=lambda server: server.texts)
        return servers[int(next(self._random) * len(servers))]


class Simulation:
    """One run of a fleet; ``again`` makes clients of the requests, who ask anew as soon as they are answered."""

    def __init__(self, fleet: Fleet, run: Run, *, again: bool = False) -> None:
        self._fleet = fleet
        self._run = run
        self._again = again
        self._servers = [_Server(fleet) for _ in range(fleet.servers)]
        generator = np.random.default_rng([run.seed, 1])
        self._balancer = Balancer(fleet.balancing, _endless(generator.random))
        self._normal = _endless(generator.standard_normal)
        self._sigmas = {bucket: spread.sigma for bucket, spread in fleet.times.items()}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._asked = 0
        self._now = 0.0
        self.record = Record()

    def play(self, requests: Iterable[Request]) -> Record:
        """Let all requests come and be answered, or give up; return what happened."""
        coming = iter(requests)
        self._await(coming)
        while self._events and not self.record.given_up:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return self.record

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._count), event))

    def _await(self, coming: Iterator[Request]) -> None:
        following = next(coming, None)
        if following is not None:
            self._at(following[0], partial(self._come, following[1], coming))

    def _come(self, lengths: tuple[int, ...], coming: Iterator[Request]) -> None:
        self._ask(lengths)
        self._await(coming)

    def _ask(self, lengths: tuple[int, ...]) -> None:
        request = _Open(self._asked, self._now, lengths, len(lengths))
        self._asked += 1
        if request.number == self._run.warm_up:
            self.record.began = self._now
        self.record.ended = self._now
        server = self._balancer.pick(self._servers)
        server.texts += len(lengths)
        start = max(self._now, server.host_free)
        server.host_free = start + self._fleet.host_seconds * len(lengths)
        self._at(server.host_free, partial(self._enter, server, request))

    def _enter(self, server: _Server, request: _Open) -> None:
        if len(server.queue) + len(request.lengths) > self._fleet.max_queued:
            server.texts -= len(request.lengths)
            self.record.rejected += request.number >= self._run.warm_up
            return
        for length in request.lengths:
            server.queue.push(Entry(request, length), self._now)
        self._pump(server)

    def _pump(self, server: _Server) -> None:
        """Do what the queue says until it says to wait, as the server's batcher does."""
        server.alarm += 1
        while isinstance(action := server.queue.next_action(self._now), Dispatch):
            seconds = self._seconds(action.bucket)
            tokens = sum(entry.length for entry in action.entries)
            self.record.batches.append(Batch(self._now, seconds, action.bucket, tokens))
            self._at(self._now + seconds, partial(self._finish, server, action))
        if isinstance(action, WaitUntil):
            self._at(action.time, partial(self._ring, server, server.alarm))

    def _ring(self, server: _Server, alarm: int) -> None:
        # Whatever happened since has asked the queue again.
        if alarm == server.alarm:
            self._pump(server)

    def _seconds(self, bucket: Bucket) -> float:
        sigma = self._sigmas[bucket]
        factor = float(np.exp(sigma * next(self._normal))) if sigma else 1.0
        return self._fleet.times[bucket].p50 * factor

    def _finish(self, server: _Server, dispatch: Dispatch[_Open]) -> None:
        server.queue.finished(dispatch, self._now)
        server.texts -= len(dispatch.entries)
        self._pump(server)
        for entry in dispatch.entries:
            entry.item.missing -= 1
            if not entry.item.missing:
                self._answer(entry.item)

    def _answer(self, request: _Open) -> None:
        if request.number >= self._run.warm_up:
            seconds = self._now - request.arrived
            self.record.arrived.append(request.arrived)
            self.record.latencies.append(seconds)
            self.record.late += seconds > self._run.late_seconds
            enough = self._run.late_share * (self._run.requests - self._run.warm_up)
            self.record.given_up = self.record.late > enough
        if self._again and self._asked < self._run.requests:
            self._ask(request.lengths)


def _endless(draw: Callable[[int], np.ndarray]) -> Iterator[float]:
    """Return single numbers of a generator that is quick in blocks."""
    while True:
        yield from draw(_DRAWN).tolist()
