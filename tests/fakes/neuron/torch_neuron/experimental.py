"""Placement of models on cores; beta in the real package, too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torch_neuron.jit_load_wrapper import models
from torch_neuron.placement import Placement, enter, leave
from torch_neuron.runtime import runtime


@contextmanager
def neuron_cores_context(start_nc: int = -1, nc_count: int = -1) -> Iterator[None]:
    """Load what ``torch.jit.load`` loads inside to these cores; not thread-safe.

    Raises:
        RuntimeError: the runtime cannot start.
        ValueError: there are no such cores.
    """
    runtime.start()
    placement = Placement(start_nc, nc_count)
    placement.check(len(runtime.cores))
    enter(placement)
    try:
        yield
    finally:
        leave()


@contextmanager
def multicore_context() -> Iterator[None]:
    """Load what ``torch.jit.load`` loads inside to all visible cores; not thread-safe.

    Raises:
        RuntimeError: the runtime cannot start.
    """
    runtime.start()
    with neuron_cores_context(0, len(runtime.cores)):
        yield


def set_neuron_cores(trace: torch.jit.ScriptModule, start_nc: int = -1, nc_count: int = -1) -> None:
    """Move a loaded model to these cores.

    Raises:
        RuntimeError: the runtime cannot start.
        ValueError: there are no such cores.
    """
    runtime.start()
    placement = Placement(start_nc, nc_count)
    placement.check(len(runtime.cores))
    for model in models(trace):
        runtime.load(model, placement)


def set_multicore(trace: torch.jit.ScriptModule) -> None:
    """Spread a loaded model over all visible cores.

    Raises:
        RuntimeError: the runtime cannot start.
    """
    runtime.start()
    set_neuron_cores(trace, 0, len(runtime.cores))
