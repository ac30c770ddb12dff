"""What libraries read once, when they are loaded: call it before torch is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

_SPINS = "5000"


def tune(environment: MutableMapping[str, str]) -> None:
    """Set what exporters and servers need alike, and leave alone what somebody chose."""
    # Tokenizing has one thread of its own; a pool of them would fight with the graphs for the CPUs.
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait for each other spin: for a millisecond, which is a catastrophe where a neighbour holds one of
    # the CPUs. A sixtieth of that is as fast alone (MiniLM 1x32 on 4 CPUs: 3.7 ms for 3.4), and beside a busy
    # neighbour ten times as fast (17 ms for 184). Not spinning at all takes three times as long alone.
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", _SPINS)


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage while large libraries are imported, and never in what they brought: it stays to the end.

    Measured: a second of an export of ten.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
