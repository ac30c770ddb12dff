"""A traced graph, read: which operator makes which value, which values depend on shapes alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch

GLUE = frozenset(
    {"prim::Constant", "prim::ListConstruct", "prim::TupleConstruct", "prim::DictConstruct"}
)
"""Nodes that belong to whoever consumes them: both sides of a cut get a copy."""
SHAPES = frozenset({"aten::size", "aten::dim", "aten::numel", "aten::_shape_as_tensor"})
_SCALARS = frozenset(
    {
        "prim::NumToTensor",
        "aten::Int",
        "aten::Float",
        "aten::Bool",
        "aten::IntImplicit",
        "aten::FloatImplicit",
        "aten::ScalarImplicit",
    }
)
_VIEWS = frozenset(
    f"aten::{name}"
    for name in [
        "slice",
        "select",
        "view",
        "reshape",
        "transpose",
        "permute",
        "expand",
        "expand_as",
        "unsqueeze",
        "squeeze",
        "t",
        "detach",
        "contiguous",
        "flatten",
    ]
)


def is_inplace(kind: str) -> bool:
    """Say whether an operator writes into its first argument."""
    return kind.endswith("_") and not kind.endswith("__")


@dataclass
class Op:
    """One node: its place in the trace, and the names of the values that go in and out."""

    index: int
    node: torch.Node
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    after: set[int] = field(default_factory=set)
    """Operators that must come before this one though no value says so: they write in place."""


class Traced:
    """The lowered graph of a trace; weights are constants, inputs are what a caller passes."""

    def __init__(self, graph: torch.Graph):
        self.graph = graph
        self.values = {v.debugName(): v for n in graph.nodes() for v in n.outputs()}
        self.values |= {v.debugName(): v for v in graph.inputs()}
        self.ops = [
            Op(
                i,
                node,
                node.kind(),
                tuple(v.debugName() for v in node.inputs()),
                tuple(v.debugName() for v in node.outputs()),
            )
            for i, node in enumerate(graph.nodes())
        ]
        self.producer = {name: op for op in self.ops for name in op.outputs}
        self.pinned: set[int] = set()
        self._order_writes()

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the graph's results."""
        return tuple(v.debugName() for v in self.graph.outputs())

    @cached_property
    def consumers(self) -> dict[str, list[Op]]:
        """Who takes a value, glue included."""
        found: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in op.inputs:
                found.setdefault(name, []).append(op)
        return found

    @cached_property
    def static(self) -> set[int]:
        """Operators whose results follow from constants and shapes: a compiler folds them."""
        from torch_neuron.operators import SUPPORTED  # noqa: PLC0415

        found: set[int] = set()
        for op in self.ops:
            if op.index in self.pinned or op.kind in GLUE or is_inplace(op.kind):
                continue
            if op.kind in SHAPES:
                if self.shape(op.inputs[0]) is not None:
                    found.add(op.index)
            elif op.kind in SUPPORTED | _SCALARS and all(
                source in self.producer and self.producer[source].index in found
                for source in self.through_glue(op.inputs)
            ):
                found.add(op.index)
        return found

    def through_glue(self, names: tuple[str, ...]) -> Iterator[str]:
        """Yield the values behind lists and tuples; constants have none."""
        for name in names:
            op = self.producer.get(name)
            if op is not None and op.kind in GLUE:
                yield from self.through_glue(op.inputs)
            else:
                yield name

    def through_static(self, names: tuple[str, ...]) -> Iterator[str]:
        """As ``through_glue``, but look behind what a compiler would fold, too; a shape needs no data."""
        for name in self.through_glue(names):
            op = self.producer.get(name)
            if op is None or op.index not in self.static:
                yield name
            elif op.kind not in SHAPES:
                yield from self.through_static(op.inputs)

    def shape(self, name: str) -> list[int] | None:
        """Return the shape that the trace saw."""
        kind = self.values[name].type()
        return kind.sizes() if isinstance(kind, torch.TensorType) else None

    def dtype(self, name: str) -> torch.dtype | None:
        """Return the type of a tensor's numbers that the trace saw; None for what is no tensor."""
        kind = self.values[name].type()
        return kind.dtype() if isinstance(kind, torch.TensorType) else None

    def is_tensor(self, name: str) -> bool:
        """Say whether a value is a tensor."""
        return isinstance(self.values[name].type(), torch.TensorType)

    def flow(self) -> Iterator[Op]:
        """Yield the operators that work on data: neither glue nor shape arithmetic."""
        return (op for op in self.ops if op.kind not in GLUE and op.index not in self.static)

    def _order_writes(self) -> None:
        """Pin to the CPU whatever shares memory with a tensor that is written in place, and keep its order."""
        for write in (op for op in self.ops if is_inplace(op.kind)):
            base = self._base(write.inputs[0])
            if base == write.inputs[0] and self._alone(base, write):
                continue
            family = {name for name in self.values if self._base(name) == base}
            for name in family:
                maker = self.producer.get(name)
                if maker is not None and maker.kind != "prim::Constant":
                    self.pinned.add(maker.index)
                for op in [*filter(None, [maker]), *self.consumers.get(name, [])]:
                    if op.index > write.index:
                        op.after.add(write.index)
                    elif op.index < write.index:
                        write.after.add(op.index)

    def _base(self, name: str) -> str:
        op = self.producer.get(name)
        while op is not None and (op.kind in _VIEWS or is_inplace(op.kind)):
            name = op.inputs[0]
            op = self.producer.get(name)
        return name

    def _alone(self, name: str, write: Op) -> bool:
        """Say whether nobody but ``write`` sees a value: then writing in place is no different."""
        op = self.producer.get(name)
        made_here = op is not None and op.kind not in GLUE
        return made_here and self.consumers[name] == [write]


def lower(traced: torch.jit.ScriptModule | torch.jit.ScriptFunction) -> Traced:
    """Return the graph of a trace with its weights as constants."""
    graph = traced.inlined_graph.copy()
    weights: list[torch.Tensor] = []
    if isinstance(traced, torch.jit.ScriptModule):
        graph, weights = torch._C._jit_pass_lower_graph(graph, traced._c)
    torch._C._jit_pass_inline(graph)
    inputs = list(graph.inputs())
    first = next(iter(graph.nodes()), None)
    if first is not None:
        graph.setInsertPoint(first)
    taken = len(inputs) - len(weights)
    for value, weight in zip(inputs[taken:], weights, strict=True):
        value.replaceAllUsesWith(graph.insertConstant(weight.detach()))
    for index in reversed(range(taken, len(inputs))):
        graph.eraseInput(index)
    graph.setInsertPoint(graph.return_node())
    return Traced(graph)
