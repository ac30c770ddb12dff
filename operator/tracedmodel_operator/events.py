"""Kubernetes Events of TracedModels: few, the same one counted up instead of made again, and never in the way."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from tracedmodel_api.report import shorten
from tracedmodel_operator.errors import NotFound
from tracedmodel_operator.happenings import Happening, Regarding, Severity
from tracedmodel_operator.kinds import EVENT, TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.moments import spell
from tracedmodel_operator.names import MANAGER

_log = logging.getLogger(__name__)

MAX_MESSAGE = 1024
REMEMBERED = 4096
"""Events, and objects, that a recorder knows; of more the ones unused for longest are forgotten."""

_SAME_WITHIN = timedelta(hours=1)
"""An API server keeps an Event for as long after its last change."""
_PATIENCE_SECONDS = 5.0
"""Time for one Event: whoever tells waits for it."""
_BURST = 25
_REFILL_SECONDS = 300.0

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_Sameness = tuple[str, str, str]
_Share = tuple[str, Severity]


class _Recent(Generic[K, V]):
    """A mapping of what was used last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key in self._items:
            self._items.move_to_end(key)
        return self._items.get(key)

    def put(self, key: K, value: V) -> None:
        self._items[key] = value
        if len(self._items) > self._limit:
            self._items.popitem(last=False)


@dataclass(frozen=True)
class _Written:
    """An Event as it was last written."""

    name: str
    count: int
    last: datetime


@dataclass(frozen=True)
class _Bucket:
    """How many Events of an object may still be written, as of a moment."""

    tokens: float
    at: datetime

    def taken(self, now: datetime) -> _Bucket | None:
        """Return the bucket with one token less, or None if there is none."""
        gained = max(0.0, (now - self.at).total_seconds()) / _REFILL_SECONDS
        tokens = min(float(_BURST), self.tokens + gained)
        return _Bucket(tokens - 1, now) if tokens >= 1 else None


class Recorder:
    """Writes Events. ``instance`` is this operator's name among several; ``clock`` gives aware times.

    An object that keeps happening is told 25 times, then every five minutes, its warnings apart from the rest.
    """

    def __init__(
        self, kube: Kube, instance: str, clock: Callable[[], datetime], remembered: int = REMEMBERED
    ) -> None:
        self._kube = kube
        self._instance = instance
        self._clock = clock
        self._written = _Recent[_Sameness, _Written](remembered)
        self._buckets = _Recent[_Share, _Bucket](remembered)

    async def record(self, happening: Happening) -> None:
        """Write a happening down. Nothing depends on it: what fails is logged."""
        now = self._clock()
        if not self._allowed(happening, now):
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._write(happening, now)
        except Exception as error:  # noqa: BLE001  # a reconcile is worth more than its Events
            at = f"{happening.regarding.namespace}/{happening.regarding.name}"
            told = f"{happening.reason}: {happening.message}"
            _log.warning("an Event of %s is lost: %s (%s)", at, told, str(error) or "no answer")

    def _allowed(self, happening: Happening, now: datetime) -> bool:
        share = (happening.regarding.uid, happening.type)
        bucket = (self._buckets.get(share) or _Bucket(_BURST, now)).taken(now)
        if bucket is not None:
            self._buckets.put(share, bucket)
        return bucket is not None

    async def _write(self, happening: Happening, now: datetime) -> None:
        same = (happening.regarding.uid, happening.reason, happening.message)
        known = self._written.get(same)
        again = known is not None and now - known.last < _SAME_WITHIN
        written = await self._counted_up(happening, known, now) if known and again else None
        self._written.put(same, written or await self._created(happening, now))

    async def _counted_up(
        self, happening: Happening, known: _Written, now: datetime
    ) -> _Written | None:
        count = known.count + 1
        patch = {"count": count, "lastTimestamp": spell(now)}
        try:
            await self._kube.merge(EVENT, happening.regarding.namespace, known.name, patch)
        except NotFound:
            return None
        return _Written(known.name, count, now)

    async def _created(self, happening: Happening, now: datetime) -> _Written:
        name = f"{happening.regarding.name}.{secrets.token_hex(8)}"
        await self._kube.create(EVENT, self._event(happening, name, spell(now)))
        return _Written(name, 1, now)

    def _event(self, happening: Happening, name: str, now: str) -> dict[str, Any]:
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"namespace": happening.regarding.namespace, "name": name},
            "involvedObject": _reference(happening.regarding),
            "type": happening.type.value,
            "reason": happening.reason,
            "message": shorten(happening.message, MAX_MESSAGE),
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": self._instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _reference(regarding: Regarding) -> dict[str, str]:
    return {
        "apiVersion": TRACED_MODEL.api_version,
        "kind": TRACED_MODEL.name,
        "namespace": regarding.namespace,
        "name": regarding.name,
        "uid": regarding.uid,
    }
