"""Target Inf1: graphs that torch-neuron compiles, each with its own weights.

They are traced on any x86 machine, and run on none but one with NeuronCores: who traces them cannot prove them.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tracedmodel_api.report import Failure
from tracedmodel_runtime.backend import Inputs, LoadedGraph, Outputs, Saved, Traced
from tracedmodel_runtime.neuron_errors import compiling_failure, device_failure, import_failure
from tracedmodel_runtime.neuron_log import CompilerLog, read_log
from tracedmodel_runtime.options import CompilerOptions
from tracedmodel_runtime.overhear import heard_by_logger, heard_on_stderr
from tracedmodel_runtime.versions import installed

LIBRARIES = ("torch", "torch-neuron", "neuron-cc")
CORES_VARIABLE = "NEURON_RT_NUM_CORES"
_VISIBLE_VARIABLE = "NEURON_RT_VISIBLE_CORES"
_RANGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
"""What that variable may be, such as "3", "3-6" or "3,4"; of anything else the runtime must say what it means."""
_SATURATE = "--enable-saturate-infinity"
"""Models mask with the least float32, which bfloat16 rounds to minus infinity: a row of those alone would be NaN."""
_SEPARATE_WEIGHTS_BYTES = 1_900_000_000
"""Constants beyond this do not fit into the one protocol buffer that a graph is handed to the compiler in."""


class Neuron:
    """The backend of target Inf1; raises Failure BackendUnavailable or VersionMismatch where torch-neuron cannot work."""

    runs_here = False

    def __init__(self, compiler: CompilerOptions) -> None:
        self._compiler = compiler
        self._neuron = _torch_neuron()
        self._loading = threading.Lock()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of torch, torch-neuron and neuron-cc."""
        return installed(*LIBRARIES)

    def trace(self, module: torch.nn.Module, example: Inputs) -> Traced:
        """Compile ``module`` by ``torch_neuron.trace``, and judge what of it the compiler took.

        Raises Failure CompilerOutOfMemory, CompilerTimeout, CompilerFailed, OperatorsUnsupported, CompiledTooLittle,
        BackendUnavailable or TraceFailed.
        """
        shape = "x".join(map(str, example[0].shape))
        with tempfile.TemporaryDirectory(prefix="neuron-cc-") as folder:
            with heard_by_logger("Neuron") as lines:
                try:
                    traced = self._trace(module, example, folder)
                except Exception as error:
                    log = read_log(lines)
                    raise compiling_failure(error, log, Path(folder), f"bucket {shape}") from error
            log = read_log(lines)
            self._demand(log, Path(folder), shape)
        return Traced(traced, int(log.percent or 0), _notes(log))

    def _trace(self, module: torch.nn.Module, example: Inputs, folder: str) -> Any:
        tensors = tuple(torch.from_numpy(array) for array in example)
        weights = sum(p.numel() * p.element_size() for p in module.parameters())
        options = {"separate_weights": True} if weights > _SEPARATE_WEIGHTS_BYTES else {}
        with torch.no_grad(), warnings.catch_warnings():
            # The tracer warns of every shape that Python looks at; that shapes are fixed is the point here.
            warnings.simplefilter("ignore")
            return self._neuron.trace(
                module,
                tensors,
                compiler_args=self.arguments(),
                compiler_timeout=self._compiler.timeout_seconds,
                compiler_workdir=folder,
                check_trace=False,
                **options,
            )

    def arguments(self) -> list[str]:
        """Return the arguments of neuron-cc: those that were asked for, and those that this backend needs."""
        settings = self._compiler.settings
        arguments = list(settings.args)
        if settings.pipeline_cores > 1:
            arguments += ["--neuroncore-pipeline-cores", str(settings.pipeline_cores)]
        return arguments if _SATURATE in arguments else [*arguments, _SATURATE]

    def _demand(self, log: CompilerLog, folder: Path, shape: str) -> None:
        """Refuse a graph of which less than was asked for runs on the NeuronCore."""
        wanted = self._compiler.min_compiled_percent
        if log.percent is not None and log.percent >= wanted:
            return
        if log.failed:
            raise compiling_failure(None, log, folder, f"bucket {shape}")
        if log.percent is None:
            message = f"bucket {shape}: the compiler's log does not say how much it compiled"
            raise Failure("CompilerFailed", message)
        message = f"bucket {shape}: {log.percent:g} % of the operators were compiled, wanted are {wanted} %"
        raise Failure("CompiledTooLittle", f"{message}; on the CPU stay {log.left_behind()}")

    def save(self, traced: Traced, folder: Path, weights: Path | None = None) -> Saved:  # noqa: ARG002  # a graph has its own
        """Write the graph with its weights into one file."""
        graph = folder / "graph.pt"
        torch.jit.save(traced.module, str(graph))
        return Saved(graph, None)

    def weights(self, path: Path) -> Any:
        """Raise: a graph has its own weights."""
        raise Failure("ManifestInvalid", f"graphs of Inf1 share no weights, one names {path.name}")

    def reserve(self, workers: int) -> None:
        """Have the runtime take the cores of ``workers`` workers, once it begins; otherwise it takes all there are.

        Raises Failure CoresNotAvailable where the device plugin gave fewer: a fault of the pod, not of its graphs.
        """
        wanted, visible = workers * self._width, os.environ.get(_VISIBLE_VARIABLE)
        if not visible:
            os.environ.setdefault(CORES_VARIABLE, str(wanted))
        elif _RANGES.fullmatch(visible) and (given := _count(visible)) < wanted:
            message = f"the device plugin gave {given} NeuronCores ({_VISIBLE_VARIABLE}={visible}), the workers need {wanted}"
            raise Failure("CoresNotAvailable", message)

    def load(self, graph: Path, weights: Any, worker: int = 0) -> LoadedGraph:  # noqa: ARG002  # a graph has its own
        """Load a graph onto the cores of a worker.

        Raises Failure DeviceNotFound, DriverUnsupported, CoresNotAvailable, CoresNotContiguous, DeviceMemoryFull,
        VersionMismatch or LoadFailed.
        """
        where, start = f"worker {worker}", worker * self._width
        place = self._neuron.experimental.neuron_cores_context
        heard: Sequence[str] = ()
        try:
            # The placement is the process's, not the thread's.
            with (
                self._loading,
                heard_on_stderr() as heard,
                place(start_nc=start, nc_count=self._width),
            ):
                module = torch.jit.load(str(graph))  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise device_failure(error, heard, where) from error
        return _Loaded(module, where)

    @property
    def _width(self) -> int:
        """Return the cores of one worker."""
        return self._compiler.settings.pipeline_cores


class _Loaded:
    """A graph on its cores. The runtime may put it there with the first call alone."""

    def __init__(self, module: Any, where: str) -> None:
        self._module = module
        self._where = where

    def __call__(self, inputs: Inputs) -> Outputs:
        try:
            with torch.no_grad():
                outputs = self._module(*(torch.from_numpy(array) for array in inputs))
        except RuntimeError as error:
            raise device_failure(error, (), self._where) from error
        return tuple(output.numpy() for output in outputs)


def _torch_neuron() -> ModuleType:
    try:
        import torch_neuron  # type: ignore[import-not-found]  # noqa: PLC0415  # it is in no image but Inf1's
    except Exception as error:  # whatever it is, the sentence must say what to do
        raise import_failure(error) from error
    found: ModuleType = torch_neuron
    return found


def _count(visible: str) -> int:
    ends = (part.partition("-") for part in visible.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


def _notes(log: CompilerLog) -> tuple[str, ...]:
    """Return what a person wants to know of a compilation that is good enough."""
    parts = [f"{log.percent:.1f} % compiled in {log.partitions} subgraphs"]
    if log.left:
        parts.append(f"on the CPU stay {log.left_behind()}")
    if log.failed:
        parts.append(f"{log.failed} subgraphs failed to compile")
    return (", ".join(parts),)
