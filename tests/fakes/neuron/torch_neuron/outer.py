"""The module that ``trace`` gives back: CPU operators as they are, a call of the device for each segment."""

import io
from collections.abc import Callable

import torch

from torch_neuron.fold import Folder
from torch_neuron.partition import Plan
from torch_neuron.traced import GLUE, SHAPES, Op, Traced

Fuse = Callable[[list[Op], tuple[str, ...]], tuple[tuple[str, ...], torch.Tensor] | None]
"""Compile some operators to give some outputs.

Returns the names of the inputs and the compiled model; None when it cannot be compiled.
"""


class AwsNeuronGraphModule(torch.nn.Module):
    """Holds the compiled models, each as bytes: model, model_1, model_2, …"""


AwsNeuronGraphModule.__module__ = "torch_neuron.runtime"


def model_name(index: int) -> str:
    """Return the attribute in which the compiled model of a subgraph is."""
    return f"model_{index}" if index else "model"


class Outer:
    """Builds the graph, stage by stage."""

    def __init__(self, traced: Traced, plan: Plan, folder: Folder):
        self._traced = traced
        self._folder = folder
        self._plan = plan
        self._graph = torch._C.Graph()
        self._made: dict[str, torch.Value] = {}
        for i, value in enumerate(traced.graph.inputs()):
            mine = self._graph.addInput()
            mine.setDebugName(f"argument_{i + 1}")
            mine.setType(value.type())
            self._made[value.debugName()] = mine
        self._inputs = [mine.type() for mine in self._graph.inputs()]
        self._models: list[torch.Tensor] = []

    def build(self, fuse: Fuse) -> torch.jit.ScriptModule:
        """Return the module."""
        for stage in range(max(self._plan.stages.values(), default=0) + 1):
            mine = [i for i, s in self._plan.stages.items() if s == stage]
            for i in mine:
                if i not in self._plan.neuron:
                    self._native(self._traced.ops[i])
            fused = [self._traced.ops[i] for i in mine if i in self._plan.neuron]
            if fused:
                self._fused(fused, fuse)
        for name in self._traced.outputs:
            self._graph.registerOutput(self._value(name))
        return self._module()

    def _native(self, op: Op) -> None:
        given = {name: self._value(name) for name in op.inputs}
        copied = self._graph.createClone(op.node, lambda value: given[value.debugName()])
        self._graph.appendNode(copied)
        self._made.update(zip(op.outputs, copied.outputs(), strict=True))

    def _value(self, name: str) -> torch.Value:
        if name not in self._made:
            op = self._traced.producer[name]
            if op.kind in SHAPES and self._is_later(op.inputs[0]):
                self._made[name] = self._graph.insertConstant(self._folder.value(name))
            else:
                self._native(op)
        return self._made[name]

    def _is_later(self, name: str) -> bool:
        """Say whether a value has not been made yet: then its shape is what the trace saw."""
        maker = self._traced.producer.get(name)
        waits = (
            maker is not None and maker.kind not in GLUE and maker.index not in self._traced.static
        )
        return waits and name not in self._made

    def _fused(self, ops: list[Op], fuse: Fuse) -> None:
        outputs = self._leaving(ops)
        made = fuse(ops, outputs)
        if made is None:
            for op in ops:
                self._native(op)
            return
        inputs, model = made
        self._models.append(model)
        held = self._graph.addInput()
        listed = self._node("prim::ListConstruct", [self._value(n) for n in inputs])
        listed.setType(torch._C.ListType.ofTensors())
        called = self._node("neuron::forward_v2_1", [listed, held])
        called.setType(torch._C.ListType.ofTensors())
        unpacked = self._graph.create("prim::ListUnpack", [called], len(outputs))
        self._graph.appendNode(unpacked)
        self._made.update(zip(outputs, unpacked.outputs(), strict=True))

    def _node(self, kind: str, inputs: list[torch.Value]) -> torch.Value:
        node = self._graph.create(kind, inputs, 1)
        self._graph.appendNode(node)
        return next(iter(node.outputs()))

    def _leaving(self, ops: list[Op]) -> tuple[str, ...]:
        """Return the values of a segment that somebody outside it takes."""
        inside = {op.index for op in ops}
        results = set(self._traced.through_static(self._traced.outputs))
        for op in self._traced.flow():
            if op.index not in inside:
                on_neuron = op.index in self._plan.neuron
                through = self._traced.through_glue if on_neuron else self._traced.through_static
                results.update(through(op.inputs))
        return tuple(name for op in ops for name in op.outputs if name in results)

    def _module(self) -> torch.jit.ScriptModule:
        torch._C._jit_pass_erase_shape_information(self._graph)
        scope = {"function": torch._C._create_function_from_graph("forward", self._graph)}
        holder = AwsNeuronGraphModule().eval()
        for i, model in enumerate(self._models):
            setattr(holder, model_name(i), model)
        module = torch.jit._recursive.create_script_module(holder, lambda _: [], share_types=False)
        names = [f"argument_{i + 1}" for i in range(len(self._inputs))]
        types = [kind.annotation_str for kind in self._inputs]
        takes = ", ".join(["self", *(f"{n}: {t}" for n, t in zip(names, types, strict=True))])
        gives = ", ".join([*names, *(f"self.{model_name(i)}" for i in range(len(self._models)))])
        source = f"def forward({takes}):\n  return function({gives})\n"
        module._c._define(module._concrete_type, source, scope.get)
        torch._C._jit_pass_inline(module.graph)
        return _through_a_file(module)


def _through_a_file(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """Save and load: a fresh trace then reads, fails and prints as one that was loaded."""
    from torch_neuron.jit_load_wrapper import plain_load  # noqa: PLC0415

    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    buffer.seek(0)
    return plain_load(buffer)
