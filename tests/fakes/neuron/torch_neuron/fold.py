"""What a compiler knows before it runs: the values that follow from constants and traced shapes."""

from typing import Any

import torch

from torch_neuron.traced import SHAPES, Traced


class Folder:
    """Evaluates static values of a trace, each once."""

    def __init__(self, traced: Traced):
        self._traced = traced
        self._known: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """Return what a static value is for the traced shapes."""
        if name not in self._known:
            graph = torch._C.Graph()
            graph.registerOutput(self._copy(graph, name, {}))
            function = torch._C._create_function_from_graph("folded", graph)
            with torch.no_grad():
                self._known[name] = function()
        return self._known[name]

    def _copy(self, graph: torch.Graph, name: str, made: dict[str, torch.Value]) -> torch.Value:
        if name in made:
            return made[name]
        op = self._traced.producer[name]
        if op.kind in SHAPES:
            made[name] = graph.insertConstant(self._measured(name))
            return made[name]
        for source in op.inputs:
            self._copy(graph, source, made)
        copied = graph.createClone(op.node, lambda value: made[value.debugName()])
        graph.appendNode(copied)
        made.update(zip(op.outputs, copied.outputs(), strict=True))
        return made[name]

    def _measured(self, name: str) -> Any:
        op = self._traced.producer[name]
        shape = self._traced.shape(op.inputs[0])
        assert shape is not None
        if op.kind == "aten::dim":
            return len(shape)
        if op.kind == "aten::numel":
            return torch.Size(shape).numel()
        if op.kind == "aten::_shape_as_tensor":
            return torch.tensor(shape)
        return shape[self.value(op.inputs[1])] if len(op.inputs) > 1 else list(shape)
