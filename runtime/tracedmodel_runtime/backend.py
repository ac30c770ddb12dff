"""What a target must be able to do: trace a module, save the graph, load it again, run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.manifest import CompilerSettings
from tracedmodel_api.types import Target
from tracedmodel_runtime.options import CompilerOptions

Inputs = Sequence[NDArray[np.int64] | NDArray[np.float32]]
Outputs = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class Traced:
    """A traced module; where it was compiled, the percentage of its operators that were, and notes for people."""

    module: Any
    compiled_percent: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Saved:
    """Files of one traced module; ``weights`` is None where the graph carries its own."""

    graph: Path
    weights: Path | None


class LoadedGraph(Protocol):
    """A graph that is ready to run at its bucket's shape."""

    def __call__(self, inputs: Inputs) -> Outputs:
        """Return the outputs, float32, for inputs in forward order: tokens int64, hidden states float32."""
        ...


class Backend(Protocol):
    """A target. Weights are any mapping that :meth:`weights` returned; they are shared by the graphs they go to."""

    @property
    def runs_here(self) -> bool:
        """Tell whether a graph can be run by the process that traced it."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the libraries that shape a graph."""
        ...

    def trace(self, module: Any, example: Inputs) -> Traced:
        """Return the traced module; raises Failure TraceFailed, or what a compiler gave up for."""
        ...

    def save(self, traced: Traced, folder: Path, weights: Path | None = None) -> Saved:
        """Write a traced module into an empty folder.

        ``weights`` is the file of an earlier trace of the same module: then the graph alone is written.
        """
        ...

    def weights(self, path: Path) -> Any:
        """Map a weights file into memory."""
        ...

    def reserve(self, workers: int) -> None:
        """Have the devices of so many workers, before the first graph is loaded; raises Failure CoresNotAvailable."""
        ...

    def load(self, graph: Path, weights: Any, worker: int = 0) -> LoadedGraph:
        """Return a saved graph, ready to run on a worker's device; raises Failure LoadFailed, or a device's reason."""
        ...


def backend_for(target: Target, compiler: CompilerOptions | None = None) -> Backend:
    """Return the backend of a target; raises Failure BackendUnavailable where its libraries are not there."""
    # A target loads its own libraries only.
    if target is Target.CPU:
        from tracedmodel_runtime.torchscript import TorchScript  # noqa: PLC0415  # as above

        return TorchScript()
    from tracedmodel_runtime.neuron import Neuron  # noqa: PLC0415  # as above

    return Neuron(compiler or CompilerOptions(CompilerSettings(pipeline_cores=1, args=())))
