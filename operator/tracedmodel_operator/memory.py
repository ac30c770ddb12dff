"""Memory that the C library keeps for later, given back to the machine from time to time."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes

_EVERY_SECONDS = 30.0


async def give_back() -> None:
    """Give freed memory back, for ever: a list of everything, or many events at a time, need it once and seldom."""
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        # Other C libraries have no such call.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
