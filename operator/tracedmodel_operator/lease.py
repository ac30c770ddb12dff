"""One operator of several works: the one that holds the Lease. client-go's rules, which do without a common clock.

A holder counts its time from before it sent the write that won; another counts from after it saw that write, and
counts longer. So the one has ended before the other begins, however slow the requests and however wrong the clocks.
Only who deletes the Lease by hand breaks that, for the two seconds until its holder renews it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timezone

from tracedmodel_operator.errors import ApiError, Conflict, NotFound, Unavailable
from tracedmodel_operator.kinds import LEASE
from tracedmodel_operator.kube import Kube, Request, Response, Transport
from tracedmodel_operator.lease_record import JITTER, Sight, Terms, absent, claimed, given_back

_log = logging.getLogger(__name__)


def _utc() -> datetime:
    return datetime.now(timezone.utc)


class Lease:
    """The right to work, for one process once. Make it inside the event loop; no other may ever have its ``identity``.

    ``lost`` is called, once, with a sentence, before any other process can hold the Lease. The process must end then:
    what it does after that may be done twice.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        identity: str,
        lost: Callable[[str], None],
        *,
        terms: Terms | None = None,
        utc: Callable[[], datetime] = _utc,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._kube = kube
        self._namespace, self._name, self._identity = namespace, name, identity
        self._lost = lost
        self._terms = terms or Terms()
        self._utc = utc
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._sight: Sight | None = None
        self._until: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._said = ""

    @property
    def is_leader(self) -> bool:
        """Whether the Lease is held, by the clock: False also before ``lost``, in a process that stood still."""
        return self._until is not None and self._loop.time() < self._until

    async def acquire(self) -> None:
        """Return once the Lease is held. From then on it is renewed, until ``lost`` or :meth:`release`."""
        while not await self._attempt():  # noqa: ASYNC110  # nobody in this process could set an Event
            await asyncio.sleep(self._terms.retry_seconds * (1 + JITTER * self._chance()))
        self._say(logging.INFO, f"{self._identity} holds the Lease {self._named()}")
        self._renewal = self._loop.create_task(self._renew())

    async def release(self) -> None:
        """Give the Lease back, so that a standby need not wait. Call it when all work has ended, :meth:`acquire` too."""
        self._end()
        try:
            async with asyncio.timeout(self._terms.renew_seconds / 2):
                try:
                    await self._hand_back()
                except Conflict:
                    # A renewal that was given up arrived after all. All of those name one version: there is no second.
                    await self._hand_back()
        except (ApiError, TimeoutError) as error:
            _log.warning("the Lease %s is not given back: %s", self._named(), _sentence(error))

    async def _renew(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._terms.retry_seconds)
                await self._attempt()
        except Exception as error:  # noqa: BLE001  # a Lease that nobody renews must not go on being relied on
            _log.exception("renewing the Lease %s failed", self._named())
            self._lose(f"renewing the Lease {self._named()} failed: {error!r}")

    async def _attempt(self) -> bool:
        """Take or renew the Lease, if that may be, and tell whether it is held."""
        try:
            async with asyncio.timeout(self._terms.renew_seconds / 2):
                await self._claim()
        except (ApiError, TimeoutError) as error:
            self._say(logging.WARNING, f"the Lease {self._named()}: {_sentence(error)}")
        return self.is_leader

    async def _claim(self) -> None:
        if self.is_leader and await self._renewed():
            return
        present = await self._look()
        holder = self._holder()
        if holder is None:
            await self._write(self._sight if present else None)
            return
        sentence = f"the Lease {self._named()} is held by {holder}"
        self._lose(sentence)
        self._say(logging.INFO, sentence)

    async def _renewed(self) -> bool:
        """Renew without a look before; False where the Lease is not as this process left it."""
        try:
            await self._write(self._sight)
        except (Conflict, NotFound):
            return False
        return True

    async def _look(self) -> bool:
        """Take note of the Lease if it changed, and tell whether there is one."""
        try:
            item = await self._kube.get(LEASE, self._namespace, self._name)
        except NotFound:
            # Whoever deleted it did not stop its holder, who is respected as before.
            return False
        sight = Sight(item, self._loop.time())
        if self._sight is None or self._sight.version != sight.version:
            self._sight = sight
        return True

    def _holder(self) -> str | None:
        """Return the other process that is to be respected, or None."""
        sight = self._sight
        if sight is None or sight.holder in ("", self._identity):
            return None
        return sight.holder if self._loop.time() < sight.lasts(self._terms) else None

    async def _write(self, sight: Sight | None) -> None:
        """Write this process into the Lease that was seen, and into no other; create it if there was none."""
        started = self._loop.time()
        old = sight.item if sight else absent(self._namespace, self._name)
        new = claimed(old, self._identity, self._terms, self._utc())
        item = await (self._kube.replace(LEASE, new) if sight else self._kube.create(LEASE, new))
        self._sight = Sight(item, self._loop.time())
        self._hold(started + self._terms.renew_seconds)

    def _hold(self, until: float) -> None:
        if until <= self._loop.time():
            return
        self._until = until
        if self._alarm is not None:
            self._alarm.cancel()
        seconds = self._terms.renew_seconds
        sentence = f"the Lease {self._named()} could not be renewed for {seconds:g} s"
        self._alarm = self._loop.call_at(until, self._lose, sentence)

    def _lose(self, sentence: str) -> None:
        if self._until is not None:
            self._end()
            self._lost(sentence)

    def _end(self) -> None:
        self._until = None
        if self._alarm is not None:
            self._alarm.cancel()
        if self._renewal is not None:
            self._renewal.cancel()

    async def _hand_back(self) -> None:
        if not await self._look() or self._sight is None or self._sight.holder != self._identity:
            return
        await self._kube.replace(LEASE, given_back(self._sight.item, self._utc()))

    def _named(self) -> str:
        return f"{self._namespace}/{self._name}"

    def _say(self, level: int, sentence: str) -> None:
        """Log what is new: a standby may wait for months."""
        if sentence != self._said:
            self._said = sentence
            _log.log(level, "%s", sentence)


class Fenced:
    """A transport that writes nothing while the Lease is not held, say in a process that stood still for a minute."""

    def __init__(self, transport: Transport, lease: Lease) -> None:
        self._transport = transport
        self._lease = lease

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer; raises Unavailable for a write while another may hold the Lease."""
        if request.method != "GET" and not self._lease.is_leader:
            raise Unavailable(0, "NotLeader", "this operator does not hold the Lease")
        return await self._transport(request)


def _sentence(error: ApiError | TimeoutError) -> str:
    return str(error) or "no answer in time"
