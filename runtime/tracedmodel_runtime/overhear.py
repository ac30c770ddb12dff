"""What libraries say beside their results: to a logger, or past Python to standard error."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_LINES = 200
_STDERR = 2


@contextmanager
def heard_by_logger(name: str) -> Iterator[list[str]]:
    """Yield the list that the messages of a logger, from INFO on, go to; they still go where they went before."""
    lines: list[str] = []
    logger = logging.getLogger(name)
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(before or logging.INFO, logging.INFO))
    try:
        yield lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


@contextmanager
def heard_on_stderr() -> Iterator[list[str]]:
    """Yield what the whole process writes to standard error, line by line, its end at the most; it still goes there.

    A native library writes to the descriptor, which no Python object stands for. All is there when the block is over,
    or when an error leaves it. A child that began meanwhile may write on: that is passed on and no longer heard.
    """
    lines: list[str] = []
    original = os.dup(_STDERR)
    reading, writing = os.pipe()
    over, end = os.pipe()
    os.dup2(writing, _STDERR)
    os.close(writing)
    listener = _Listener(reading, over, original, lines)
    threading.Thread(target=listener.listen, daemon=True).start()
    try:
        yield lines
    finally:
        os.dup2(original, _STDERR)
        os.close(end)
        listener.heard.wait()


class _Listener:
    """Passes on what comes from ``reading`` until nobody can write any more; hears it until ``over`` ends."""

    def __init__(self, reading: int, over: int, original: int, lines: list[str]) -> None:
        self._reading = reading
        self._over = over
        self._original = original
        self._lines = lines
        self._rest = b""
        self.heard = threading.Event()

    def listen(self) -> None:
        """Hear, then pass on alone; the descriptors end with it."""
        try:
            while self._comes() and (chunk := self._passed_on()):
                self._hear(chunk)
            if self._rest:
                self._lines.append(self._rest.decode(errors="replace"))
            self.heard.set()
            while self._passed_on():
                pass
        finally:
            self.heard.set()
            for descriptor in (self._reading, self._over, self._original):
                os.close(descriptor)

    def _comes(self) -> bool:
        """Wait, and tell whether there is something to hear: what was written before the end is."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        poll.register(self._over, select.POLLIN)
        return self._reading in dict(poll.poll())

    def _passed_on(self) -> bytes:
        chunk = os.read(self._reading, 65536)
        os.write(self._original, chunk)
        return chunk

    def _hear(self, chunk: bytes) -> None:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._lines.extend(line.decode(errors="replace") for line in whole)
        del self._lines[:-_MOST_LINES]
