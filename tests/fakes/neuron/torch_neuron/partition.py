"""Which operators go to the NeuronCores, in how many pieces, and in which order the pieces run.

Stages run one after the other: the CPU operators of a stage, then its Neuron segment. An operator for
the CPU runs as early as it can, one for Neuron as late as it can: so that what the device can do
gathers in few segments, as large as the trace allows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from torch_neuron.operators import EMBEDDING, SUPPORTED
from torch_neuron.traced import GLUE, Op, Traced


@dataclass(frozen=True)
class Settings:
    """What ``trace`` was asked for."""

    fallback: bool = True
    minimum_segment_size: int = 2
    single_fusion_ratio_threshold: float = 0.6
    subgraph_builder_function: Callable[["BuilderNode"], bool] | None = None


@dataclass(frozen=True)
class BuilderNode:
    """What a ``subgraph_builder_function`` is shown: the names of the modules around an operator, and its kind."""

    name: tuple[str, ...]
    type_string: str


@dataclass(frozen=True)
class Plan:
    """The stage of every operator that works on data, and those which are Neuron's."""

    stages: dict[int, int] = field(default_factory=dict)
    neuron: frozenset[int] = frozenset()

    def segments(self) -> list[int]:
        """Return the stages that hold a Neuron segment."""
        return sorted({self.stages[i] for i in self.neuron})

    def without(self, ops: set[int], traced: Traced) -> "Plan":
        """Return the plan in which some operators run on the CPU instead."""
        return _plan(traced, self.neuron - ops)


def partition(traced: Traced, settings: Settings, classes: dict[str, str]) -> Plan:
    """Choose the segments; ``classes`` names the class of each module of the model by its path.

    Raises:
        AttributeError: an operator is not supported and ``fallback`` is False.
    """
    if not settings.fallback:
        return _everything(traced)
    wanted = {op.index for op in traced.flow() if _fits(traced, op)}
    builder = settings.subgraph_builder_function
    if builder is not None:
        shown = {i: _shown(traced.ops[i].node, classes) for i in wanted}
        wanted = {i for i in wanted if builder(shown[i])}
    plan = _plan(traced, frozenset(wanted))
    while small := _too_small(traced, plan, settings):
        plan = plan.without(small, traced)
    return plan


def _everything(traced: Traced) -> Plan:
    for op in traced.flow():
        if op.kind not in SUPPORTED | {EMBEDDING} or op.node.hasAttribute("Subgraph"):
            message = (
                f"'neuron-cc' does not support operator '{op.kind}' and fallback=False was given"
            )
            raise AttributeError(message)
    return _plan(traced, {op.index for op in traced.flow() if not _is_plumbing(op)})


def _fits(traced: Traced, op: Op) -> bool:
    known = all(traced.dtype(n) is not None for n in op.outputs if traced.is_tensor(n))
    return op.kind in SUPPORTED and op.index not in traced.pinned and known and not _is_plumbing(op)


def _is_plumbing(op: Op) -> bool:
    return op.kind.startswith("prim::") and op.kind not in ("prim::ListUnpack", "prim::TupleUnpack")


def _shown(node: torch.Node, classes: dict[str, str]) -> BuilderNode:
    path = node.scopeName().rpartition("/")[2].removeprefix("__module").lstrip(".")
    parts = path.split(".") if path else []
    paths = ["", *(".".join(parts[: i + 1]) for i in range(len(parts)))]
    names = [classes[p] for p in paths if p in classes]
    return BuilderNode((*names, *parts), node.kind())


def _too_small(traced: Traced, plan: Plan, settings: Settings) -> set[int]:
    """Return the operators of segments that are not worth a compile."""
    groups: dict[int, set[int]] = {}
    for i in plan.neuron:
        groups.setdefault(plan.stages[i], set()).add(i)
    sizes = {s: sum(_counts(traced.ops[i]) for i in group) for s, group in groups.items()}
    total = sum(sizes.values())
    share = settings.single_fusion_ratio_threshold
    largest = max(sizes, key=lambda s: sizes[s], default=None)
    alone = largest is not None and total and sizes[largest] / total > share
    for stage, group in sorted(groups.items()):
        if sizes[stage] < settings.minimum_segment_size or (alone and stage != largest):
            return group
    return set()


def _counts(op: Op) -> bool:
    return op.kind.startswith("aten::")


def _plan(traced: Traced, wanted: set[int] | frozenset[int]) -> Plan:
    neuron = _closed(traced, set(wanted))
    before = {op.index: _before(traced, op, neuron) for op in traced.flow()}
    stages: dict[int, int] = {}
    for i, sources in before.items():
        on_cpu = i not in neuron
        stages[i] = max((stages[s] + (on_cpu and s in neuron) for s in sources), default=0)
    last = max((stages[i] for i in neuron), default=0)
    latest = dict.fromkeys(neuron, last)
    for i in reversed(before):
        stages[i] = latest.get(i, stages[i])
        for s in before[i] & neuron:
            latest[s] = min(latest[s], stages[i] - (i not in neuron))
    return Plan(stages, frozenset(neuron))


def _before(traced: Traced, op: Op, neuron: frozenset[int] | set[int]) -> set[int]:
    """Return the operators that an operator waits for; shapes are known on the device, but not on the CPU."""
    through = traced.through_glue if op.index in neuron else traced.through_static
    makers = (traced.producer.get(name) for name in through(op.inputs))
    return {m.index for m in makers if m and m.index not in traced.static} | {
        i for i in op.after if traced.ops[i].kind not in GLUE and i not in traced.static
    }


def _closed(traced: Traced, neuron: set[int]) -> set[int]:
    """Take away operators until only tensors cross the border."""
    results = set(traced.through_glue(traced.outputs))
    while True:
        leaving = {
            i
            for i in neuron
            if any(_crosses(traced, n, neuron, results) for n in traced.ops[i].outputs)
            or any(_enters(traced, n, neuron) for n in traced.through_glue(traced.ops[i].inputs))
        }
        if not leaving:
            return neuron
        neuron -= leaving


def _crosses(traced: Traced, name: str, neuron: set[int], results: set[str]) -> bool:
    if traced.is_tensor(name):
        return False
    users = traced.consumers.get(name, [])
    return name in results or any(u.index not in neuron for u in users)


def _enters(traced: Traced, name: str, neuron: set[int]) -> bool:
    if traced.is_tensor(name):
        return False
    maker = traced.producer.get(name)
    return maker is None or (maker.index not in neuron and maker.index not in traced.static)
