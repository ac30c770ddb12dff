"""One Neuron segment as a TorchScript function of tensors, with the device's rounding written into it."""

from dataclasses import dataclass

import torch

from torch_neuron.fold import Folder
from torch_neuron.numerics import MATMUL_OPERANDS, Numerics
from torch_neuron.traced import GLUE, Op, Traced

_BACK = {torch.float32: 6, torch.float64: 7}
_SHORT = {torch.float16: 5, torch.bfloat16: 15}
"""What TorchScript calls a type."""
_PLAIN_COPY = (False, False, None)
"""Of ``aten::to``: not in the background, no copy for its own sake, any layout."""


@dataclass(frozen=True)
class Segment:
    """A function, the names of what goes in and out of it in the trace, and the device memory it takes."""

    function: torch.jit.ScriptFunction
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weight_bytes: int


def segment(
    traced: Traced, folder: Folder, ops: list[Op], outputs: tuple[str, ...], numerics: Numerics
) -> Segment:
    """Copy ``ops`` into a function that gives ``outputs``."""
    return _Copier(traced, folder, numerics).copy(ops, outputs)


class _Copier:
    def __init__(self, traced: Traced, folder: Folder, numerics: Numerics):
        self._traced = traced
        self._folder = folder
        self._numerics = numerics
        self._graph = torch._C.Graph()
        self._made: dict[str, torch.Value] = {}
        self._operands: dict[str, torch.Value] = {}
        self._inputs: list[str] = []
        self._bytes = 0
        self._literals: dict[object, torch.Value] = {}

    def copy(self, ops: list[Op], outputs: tuple[str, ...]) -> Segment:
        for op in ops:
            self._copy_op(op)
        results = [self._value(name) for name in outputs]
        pack = self._graph.create("prim::TupleConstruct", results, 1)
        self._graph.appendNode(pack)
        packed = next(iter(pack.outputs()))
        packed.setType(torch._C.TupleType([value.type() for value in results]))
        self._graph.registerOutput(packed)
        torch._C._jit_pass_erase_shape_information(self._graph)
        function = torch._C._create_function_from_graph("segment", self._graph)
        return Segment(function, tuple(self._inputs), outputs, self._bytes)

    def _copy_op(self, op: Op) -> None:
        operands = () if self._numerics.everything else MATMUL_OPERANDS.get(op.kind, ())
        given = {
            name: self._operand(name) if i in operands else self._value(name)
            for i, name in enumerate(op.inputs)
        }
        copied = self._clone(op, given)
        for name, value in zip(op.outputs, copied.outputs(), strict=True):
            made = value
            if self._is_float(name) and self._numerics.rounds_result(op.kind):
                made = self._rounded(value, name, saturate=self._numerics.saturates(op.kind))
            self._made[name] = made

    def _clone(self, op: Op, given: dict[str, torch.Value]) -> torch.Node:
        copied = self._graph.createClone(op.node, lambda value: given[value.debugName()])
        self._graph.appendNode(copied)
        return copied

    def _value(self, name: str) -> torch.Value:
        if name not in self._made:
            self._made[name] = self._fetched(name)
        return self._made[name]

    def _fetched(self, name: str) -> torch.Value:
        op = self._traced.producer.get(name)
        if op is not None and op.index in self._traced.static:
            return self._constant(self._folder.value(name))
        if op is None or op.kind not in GLUE:
            return self._input(name)
        if op.kind == "prim::Constant" and _holds_tensor(op):
            return self._constant(op.node.t("value"))
        return next(iter(self._clone(op, {n: self._value(n) for n in op.inputs}).outputs()))

    def _input(self, name: str) -> torch.Value:
        self._inputs.append(name)
        value = self._graph.addInput()
        value.setDebugName(f"input_{len(self._inputs)}")
        if self._numerics.everything and self._is_float(name):
            return self._rounded(value, name, saturate=self._numerics.saturate_all)
        return value

    def _constant(self, known: object) -> torch.Value:
        if isinstance(known, torch.Tensor):
            known = self._numerics.constant(known)
            self._bytes += self._numerics.bytes_of(known)
        return self._graph.insertConstant(known)

    def _operand(self, name: str) -> torch.Value:
        """Return what the matrix engine sees of a value: an einsum's list piece by piece."""
        if name not in self._operands:
            self._operands[name] = self._short(name)
        return self._operands[name]

    def _short(self, name: str) -> torch.Value:
        op = self._traced.producer.get(name)
        if op is not None and op.kind == "prim::ListConstruct":
            copied = self._clone(op, {n: self._operand(n) for n in op.inputs})
            return next(iter(copied.outputs()))
        if op is not None and op.kind == "prim::Constant" and _holds_tensor(op):
            weight = op.node.t("value")
            short = self._numerics.round(weight) if weight.is_floating_point() else weight
            self._bytes += self._numerics.bytes_of(weight)
            return self._graph.insertConstant(short)
        value = self._value(name)
        return self._rounded(value, name, saturate=False) if self._is_float(name) else value

    def _is_float(self, name: str) -> bool:
        return self._traced.is_tensor(name) and self._traced.dtype(name) in _BACK

    def _rounded(self, value: torch.Value, name: str, *, saturate: bool) -> torch.Value:
        if saturate:
            limit = self._numerics.limit
            value = self._call("aten::clamp", value, -limit, limit)
        there = _SHORT[self._numerics.dtype]
        back = _BACK[self._traced.dtype(name)]
        for dtype in (there, back):
            value = self._call("aten::to", value, dtype, *_PLAIN_COPY)
        return value

    def _call(self, kind: str, value: torch.Value, *literals: object) -> torch.Value:
        node = self._graph.create(kind, [value, *(self._literal(x) for x in literals)], 1)
        self._graph.appendNode(node)
        return next(iter(node.outputs()))

    def _literal(self, known: object) -> torch.Value:
        key = (type(known), known)
        if key not in self._literals:
            self._literals[key] = self._graph.insertConstant(known)
        return self._literals[key]


def _holds_tensor(op: Op) -> bool:
    return op.node.hasAttribute("value") and op.node.kindOf("value") == "t"
