"""``torch_neuron.trace``: trace on the CPU, cut, compile, and put together again."""

import enum
from collections.abc import Callable
from typing import Any

import torch

from torch_neuron import neff, report
from torch_neuron.compiler import CompilationError, Compiler
from torch_neuron.fold import Folder
from torch_neuron.jit_load_wrapper import adopt
from torch_neuron.log import logger
from torch_neuron.options import Options, checked
from torch_neuron.outer import Outer
from torch_neuron.partition import BuilderNode, Settings, partition
from torch_neuron.segment import segment
from torch_neuron.sizes import check_batches, check_size, neff_version
from torch_neuron.traced import Op, Traced, lower

NOTHING = (
    "No operations were successfully partitioned and compiled to neuron for this model - "
    "aborting trace!"
)


class Optimization(enum.Enum):
    """Passes over the finished model."""

    FLOAT32_TO_FLOAT16 = enum.auto()


def trace(
    model: torch.nn.Module | Callable[..., Any],
    example_inputs: tuple[Any, ...] | list[Any] | torch.Tensor,
    *,
    compiler_args: list[str] | None = None,
    compiler_timeout: float | None = None,
    compiler_workdir: str | None = None,
    subgraph_builder_function: Callable[[BuilderNode], bool] | None = None,
    minimum_segment_size: int = 2,
    single_fusion_ratio_threshold: float = 0.6,
    fallback: bool = True,
    dynamic_batch_size: bool = False,
    optimizations: list[Optimization] | None = None,
    separate_weights: bool = False,
    **kwargs: Any,
) -> torch.jit.ScriptModule:
    """Compile a model for fixed shapes; what is not named here goes to ``torch.jit.trace``.

    Raises:
        TypeError: dict inputs, compiler arguments that are no list of str, unknown keyword arguments.
        AttributeError: an operator is not supported and ``fallback`` is False.
        RuntimeError: nothing could be compiled, or neuron-cc is missing.
        subprocess.TimeoutExpired: the compiler took too long.
        ValueError: ``dynamic_batch_size`` with inputs and outputs of unequal first size.
    """
    inputs = _inputs(example_inputs)
    compiler = Compiler.at(checked(compiler_args), compiler_timeout, compiler_workdir)
    settings = Settings(
        fallback, minimum_segment_size, single_fusion_ratio_threshold, subgraph_builder_function
    )
    traced = lower(torch.jit.trace(model, inputs, **kwargs))
    plan = partition(traced, settings, _classes(model))
    report.before(traced, plan)
    half = Optimization.FLOAT32_TO_FLOAT16 in (optimizations or [])
    folder = Folder(traced)
    fuser = Fuser(
        traced, folder, compiler, dynamic=dynamic_batch_size, half=half, separate=separate_weights
    )
    module = Outer(traced, plan, folder).build(fuser)
    if not fuser.compiled:
        raise RuntimeError(NOTHING)
    report.after(traced, plan, frozenset(fuser.failed), compiled=fuser.compiled)
    return adopt(module)


class Fuser:
    """Compiles the segments of one trace, one after the other."""

    def __init__(
        self,
        traced: Traced,
        folder: Folder,
        compiler: Compiler,
        *,
        dynamic: bool,
        half: bool,
        separate: bool,
    ):
        self._traced = traced
        self._folder = folder
        self._compiler = compiler
        self._dynamic = dynamic
        self._half = half
        self._separate = separate
        self._index = -1
        self.compiled = 0
        self.failed: set[int] = set()

    def __call__(
        self, ops: list[Op], outputs: tuple[str, ...]
    ) -> tuple[tuple[str, ...], torch.Tensor] | None:
        """Return the inputs of the compiled model and its bytes; None when it cannot be compiled."""
        self._index += 1
        name = f"_NeuronGraph${ops[-1].index}"
        logger.info("Compiling function %s with neuron-cc", name)
        try:
            fused = self._compile(ops, outputs)
        except CompilationError as error:
            logger.error("%s", error)
            logger.warning(
                "torch.neuron.trace failed on %s; falling back to native python function call", name
            )
            self.failed.update(op.index for op in ops)
            return None
        self.compiled += 1
        return fused

    def _compile(
        self, ops: list[Op], outputs: tuple[str, ...]
    ) -> tuple[tuple[str, ...], torch.Tensor]:
        config = self._io_config(ops, outputs)
        options = self._compiler.options(self._index, config)
        cut = segment(self._traced, self._folder, ops, outputs, options.numerics)
        check_size(cut.weight_bytes, separate=self._separate)
        head = self._head(cut.inputs, outputs, cut.weight_bytes, options)
        model = neff.pack(head, cut.function)
        self._compiler.finish(self._index, config, head, bytes(model.numpy()))
        return cut.inputs, model

    def _head(
        self, inputs: tuple[str, ...], outputs: tuple[str, ...], size: int, options: Options
    ) -> neff.Head:
        takes = tuple(self._port(name) for name in inputs)
        gives = tuple(self._port(name) for name in outputs)
        if self._dynamic:
            check_batches([p.shape for p in takes], [p.shape for p in gives])
        return neff.Head(neff_version(), options.cores, size, takes, gives, self._dynamic)

    def _port(self, name: str) -> neff.Port:
        shape, dtype = self._traced.shape(name), self._traced.dtype(name)
        if self._half and dtype == torch.float32:
            dtype = torch.float16
        return neff.Port(tuple(shape or ()), str(dtype).removeprefix("torch."))

    def _io_config(self, ops: list[Op], outputs: tuple[str, ...]) -> dict[str, object]:
        inside = {op.index for op in ops}
        taken: dict[str, None] = {}
        for op in ops:
            for name in self._traced.through_glue(op.inputs):
                maker = self._traced.producer.get(name)
                if maker is None or maker.index not in inside | self._traced.static:
                    taken[name] = None
        ports = [self._port(name) for name in taken]
        return {
            "inputs": {f"{i}:0": [list(p.shape), p.dtype] for i, p in enumerate(ports)},
            "outputs": [
                f"{self._traced.producer[name].kind.replace('::', '_')}_{name}:0"
                for name in outputs
            ],
        }


def _inputs(example: object) -> tuple[Any, ...]:
    if isinstance(example, torch.Tensor):
        return (example,)
    if isinstance(example, dict):
        raise TypeError(
            "example_inputs must be a tuple of torch.Tensor or a torch.Tensor, not dict"
        )
    return tuple(example)  # type: ignore[arg-type]


def _classes(model: object) -> dict[str, str]:
    owner = getattr(model, "__self__", model)
    if not isinstance(owner, torch.nn.Module):
        return {}
    return {path: type(module).__name__ for path, module in owner.named_modules()}
