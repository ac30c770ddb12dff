"""Event loops whose time is a number that jumps to what is due next: hours pass in no time, and processes can stand still."""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


class Clock:
    """The time of one loop, or of several."""

    def __init__(self) -> None:
        self.now = 1000.0


class Loop(asyncio.SelectorEventLoop):
    """A loop that never waits: where it would, its clock jumps."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.clock.now

    @property
    def next_time(self) -> float:
        """When something is to run next; never is infinite."""
        if self._ready:
            return self.clock.now
        return min((h.when() for h in self._scheduled if not h.cancelled()), default=math.inf)

    def turn(self) -> None:
        """Run what is ready and due, once."""
        self.call_soon(self.stop)
        self.run_forever()

    def settle(self) -> None:
        """Run until nothing is ready or due."""
        while self.next_time <= self.clock.now:
            self.turn()

    def dispose(self) -> None:
        """Cancel every task and close."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.close()


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever happen")
        if timeout > 0:
            # Not now + timeout: rounding would leave the timer a little ahead for ever.
            self._loop.clock.now = self._loop.next_time
        return []


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in virtual time, as ``asyncio.run`` does in real time."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


def now() -> float:
    """Return the time of the loop that runs this."""
    return asyncio.get_running_loop().time()


def in_virtual_time(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine; its fixtures and parameters stay."""

    @functools.wraps(scenario)
    def test(*args: Any, **kwargs: Any) -> None:
        run(scenario(*args, **kwargs))

    return test


class World:
    """Several processes, each a loop, that share the time. A frozen one does nothing until its time has come."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._thaw: dict[Loop, float] = {}

    def process(self) -> Loop:
        """Start a process."""
        loop = Loop(self.clock)
        self._thaw[loop] = -math.inf
        return loop

    def freeze(self, loop: Loop, until: float = math.inf) -> None:
        """Stop a process until a time, or for good."""
        self._thaw[loop] = max(self._thaw[loop], until)

    def run(self, until: float, check: Callable[[], None] = lambda: None) -> None:
        """Let time pass, and check before and after everything that happens."""
        while True:
            moment, _, loop = min(
                (max(loop.next_time, thaw), number, loop)
                for number, (loop, thaw) in enumerate(self._thaw.items())
            )
            if moment > until:
                break
            self.clock.now = max(self.clock.now, moment)
            check()
            loop.turn()
            check()
        self.clock.now = until
        check()

    def close(self) -> None:
        """End every process."""
        for loop in self._thaw:
            with suppress(asyncio.CancelledError):
                loop.dispose()
