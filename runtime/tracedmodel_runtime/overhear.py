"""What libraries say beside their results: to a logger, or past Python to standard error."""

from __future__ import annotations

import logging
import os
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
    or when an error leaves it.
    """
    lines: list[str] = []
    original = os.dup(_STDERR)
    reading, writing = os.pipe()
    os.dup2(writing, _STDERR)
    os.close(writing)
    listener = threading.Thread(target=_pass_on, args=(reading, original, lines), daemon=True)
    listener.start()
    try:
        yield lines
    finally:
        os.dup2(original, _STDERR)
        listener.join()
        os.close(original)


def _pass_on(reading: int, original: int, lines: list[str]) -> None:
    with os.fdopen(reading, "rb", buffering=0) as source:
        rest = b""
        while chunk := source.read(65536):
            os.write(original, chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            lines.extend(line.decode(errors="replace") for line in whole)
            del lines[:-_MOST_LINES]
        if rest:
            lines.append(rest.decode(errors="replace"))
