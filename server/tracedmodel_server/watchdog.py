"""The limit for a batch. A thread cannot be ended from outside: what hangs is told, and the kubelet starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tracedmodel_api.buckets import Bucket

T = TypeVar("T")
R = TypeVar("R")


class Watchdog(Generic[T, R]):
    """Runs batches, and says when one takes too long: ``tell(True)``. If all come back in the end: ``tell(False)``."""

    def __init__(
        self,
        run: Callable[[Bucket, Sequence[T]], Awaitable[Sequence[R]]],
        seconds: float,
        tell: Callable[[bool], None],
    ) -> None:
        self._run = run
        self._seconds = seconds
        self._tell = tell
        self._late: set[object] = set()

    async def __call__(self, bucket: Bucket, items: Sequence[T]) -> Sequence[R]:
        """Run a batch, however long it takes."""
        mark = object()
        timer = asyncio.get_running_loop().call_later(self._seconds, self._bark, mark)
        try:
            return await self._run(bucket, items)
        finally:
            timer.cancel()
            if mark in self._late:
                self._late.remove(mark)
                if not self._late:
                    self._tell(bool(self._late))

    def _bark(self, mark: object) -> None:
        self._late.add(mark)
        self._tell(bool(self._late))
