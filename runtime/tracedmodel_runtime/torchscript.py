"""Target CPU: TorchScript graphs that share one file of weights.

A graph is saved with every parameter replaced by one element, expanded to the parameter's shape; the weights stand
once in a safetensors file. After loading, parameters are pointed at the mapped weights. Measured: 0.2 MB a graph,
outputs equal to the bit, weights once in memory however many graphs there are.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tracedmodel_api.report import Failure
from tracedmodel_runtime.backend import Inputs, LoadedGraph, Outputs, Saved, Traced
from tracedmodel_runtime.versions import installed

Weights = Mapping[str, torch.Tensor]

_ALIASES = "aliases"


class TorchScript:
    """The backend of target CPU."""

    runs_here = True

    def versions(self) -> Mapping[str, str]:
        """Return the version of torch."""
        return installed("torch")

    def trace(self, module: torch.nn.Module, example: Inputs) -> Traced:
        """Return ``module`` traced with ``torch.jit.trace``."""
        tensors = tuple(torch.from_numpy(array) for array in example)
        try:
            with torch.no_grad(), warnings.catch_warnings():
                # The tracer warns of every shape that Python looks at; that shapes are fixed is the point here.
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(module, tensors, check_trace=False)  # type: ignore[no-untyped-call]
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
            shape = "x".join(map(str, example[0].shape))
            raise Failure(
                "TraceFailed", f"the model cannot be traced at {shape}: {_last_line(error)}"
            ) from error
        return Traced(traced)

    def save(self, traced: Traced, folder: Path, weights: Path | None = None) -> Saved:
        """Write the weights once per storage, unless ``weights`` has them, then the graph without them."""
        if weights is None:
            weights = folder / "weights.safetensors"
            tensors, aliases = _by_storage(dict(_parameters(traced.module)))
            # One key alone: the file's digest must not depend on the order of several.
            save_file(tensors, weights, metadata={_ALIASES: json.dumps(aliases, sort_keys=True)})
        graph = folder / "graph.pt"
        # Through memory: torch ends the whole process where the disk is full.
        graph.write_bytes(_without_weights(traced.module))
        return Saved(graph, weights)

    def weights(self, path: Path) -> Weights:
        """Map the file; tied parameters are one tensor under several names."""
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
                aliases = json.loads((file.metadata() or {}).get(_ALIASES, "{}"))
            return tensors | {alias: tensors[name] for alias, name in aliases.items()}
        except (SafetensorError, ValueError, KeyError, AttributeError, OSError) as error:
            raise Failure(
                "LoadFailed", f"the weights cannot be loaded: {_last_line(error)}"
            ) from error

    def reserve(self, workers: int) -> None:
        """Do nothing: CPUs are shared."""

    def load(self, graph: Path, weights: Weights, worker: int = 0) -> LoadedGraph:  # noqa: ARG002  # any worker will do
        """Load a graph and point its parameters at the weights."""
        try:
            module = torch.jit.load(str(graph), map_location="cpu")  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise Failure("LoadFailed", f"a graph cannot be loaded: {_last_line(error)}") from error
        for name, parameter in _parameters(module):
            weight = weights.get(name)
            if weight is None or (weight.shape, weight.dtype) != (parameter.shape, parameter.dtype):
                raise Failure(
                    "LoadFailed",
                    f"the weights do not fit the graph: {name} is missing or another shape",
                )
            parameter.requires_grad = False
            parameter.data = weight
        return _Loaded(module)


class _Loaded:
    """A TorchScript graph with its weights in place."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, inputs: Inputs) -> Outputs:
        with torch.inference_mode():
            outputs = self._module(*(torch.from_numpy(array) for array in inputs))
        return tuple(output.numpy() for output in outputs)


def _without_weights(traced: Any) -> bytes:
    archive = io.BytesIO()
    originals = [(parameter, parameter.data) for parameter in traced.parameters()]
    try:
        for parameter, data in originals:
            parameter.data = torch.zeros(1, dtype=data.dtype).expand(data.shape)
        torch.jit.save(traced, archive)
    finally:
        # The traced module shares its parameters with the eager one, which is needed for the next bucket.
        for parameter, data in originals:
            parameter.data = data
    return archive.getvalue()


def _parameters(module: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield parameters with every name they have; ``named_parameters`` of torch 1.13 leaves tied ones out."""
    for prefix, part in module.named_modules(remove_duplicate=False):
        yield from part.named_parameters(prefix, recurse=False)


def _by_storage(
    parameters: Mapping[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return each storage once under its first name, and the names that mean the same storage."""
    tensors: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name in sorted(parameters):
        tensor = parameters[name].detach()
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if key in first:
            aliases[name] = first[key]
        else:
            first[key] = name
            tensors[name] = tensor.contiguous()
    return tensors, aliases


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
