"""What libraries read once, when they are loaded: call it before torch is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from importlib import import_module

from tracedmodel_api.types import Target

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


def load_before_torch(target: Target) -> None:
    """Import what must be there before torch.

    The Neuron compiler's TensorFlow and torch each bring protocol buffers of their own; torch's are no good to
    TensorFlow if they come first. AWS's BERT tutorial for Inf1 imports them in this order.
    """
    if target is Target.INF1:
        with suppress(ImportError):
            import_module("tensorflow")


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
