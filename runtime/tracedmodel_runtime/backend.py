"""What a target must be able to do: trace a module, save the graph, load it again, run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target

Inputs = Sequence[NDArray[np.int64]]
Outputs = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class Saved:
    """Files of one traced module; ``weights`` is None where the graph carries its own."""

    graph: Path
    weights: Path | None


class LoadedGraph(Protocol):
    """A graph that is ready to run at its bucket's shape."""

    def __call__(self, inputs: Inputs) -> Outputs:
        """Return the outputs, float32, for int64 inputs in forward order."""
        ...


class Backend(Protocol):
    """A target. Weights are any mapping that :meth:`weights` returned; they are shared by the graphs they go to."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the libraries that shape a graph."""
        ...

    def trace(self, module: Any, example: Inputs) -> Any:
        """Return the traced module; raises Failure TraceFailed."""
        ...

    def save(self, traced: Any, folder: Path, weights: Path | None = None) -> Saved:
        """Write a traced module into an empty folder.

        ``weights`` is the file of an earlier trace of the same module: then the graph alone is written.
        """
        ...

    def weights(self, path: Path) -> Any:
        """Map a weights file into memory."""
        ...

    def load(self, graph: Path, weights: Any) -> LoadedGraph:
        """Return a saved graph, ready to run; raises Failure LoadFailed."""
        ...


def backend_for(target: Target) -> Backend:
    """Return the backend of a target; raises Failure BackendUnavailable where its libraries are not there."""
    if target is Target.CPU:
        from tracedmodel_runtime.torchscript import TorchScript  # noqa: PLC0415  # a target loads its own libraries only

        return TorchScript()
    raise Failure(
        "BackendUnavailable",
        f"this version cannot trace or run for target {target.value}; use target CPU",
    )
