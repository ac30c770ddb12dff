"""What the log says about a partition: how much of the model runs where."""

from collections import Counter
from collections.abc import Iterable

from torch_neuron.log import logger
from torch_neuron.operators import SUPPORTED
from torch_neuron.partition import Plan
from torch_neuron.traced import GLUE, Op, Traced

_MORE = (
    "(For more information see https://github.com/aws/aws-neuron-sdk/blob/master/release-notes/"
    "neuron-cc-ops/neuron-cc-ops-pytorch.md)"
)


def operators(traced: Traced) -> list[Op]:
    """Return the operators that are counted."""
    return [op for op in traced.ops if op.kind.startswith("aten::")]


def on_cpu(traced: Traced, neuron: Iterable[int]) -> list[Op]:
    """Return the operators that run natively: those of the CPU, and the shapes that they ask for."""
    device = set(neuron)
    found: set[int] = set()

    def visit(names: tuple[str, ...]) -> None:
        for name in names:
            op = traced.producer.get(name)
            if op is None or op.index in found:
                continue
            if op.kind in GLUE or op.index in traced.static:
                found.add(op.index)
                visit(op.inputs)

    for op in traced.flow():
        if op.index not in device:
            found.add(op.index)
            visit(op.inputs)
    visit(traced.outputs)
    return [op for op in operators(traced) if op.index in found]


def share(part: int, whole: int) -> float:
    """Return a percentage."""
    return 100.0 * part / whole if whole else 0.0


def before(traced: Traced, plan: Plan) -> None:
    """Log what the partitioner chose."""
    unsupported = Counter(op.kind for op in traced.flow() if _refused(op))
    if unsupported:
        logger.info(
            "There are %d ops of %d different types in the TorchScript that are not compiled by "
            "neuron-cc: %s, %s",
            sum(unsupported.values()),
            len(unsupported),
            ", ".join(unsupported),
            _MORE,
        )
    total = len(operators(traced))
    fused = total - len(on_cpu(traced, plan.neuron))
    logger.info(
        "Number of arithmetic operators (pre-compilation) before = %d, fused = %d, "
        "percent fused = %s%%",
        total,
        fused,
        round(share(fused, total), 2),
    )


def after(traced: Traced, plan: Plan, failed: frozenset[int], *, compiled: int) -> None:
    """Log what was compiled of it."""
    every = operators(traced)
    native = on_cpu(traced, plan.neuron - failed)
    on_device = [op for op in every if op not in native]
    logger.info(
        "Number of arithmetic operators (post-compilation) before = %d, compiled = %d, "
        "percent compiled = %s%%",
        len(every),
        len(on_device),
        round(share(len(on_device), len(every)), 2),
    )
    segments = len(plan.segments())
    logger.info("The neuron partitioner created %d sub-graphs", segments)
    logger.info(
        "Neuron successfully compiled %d sub-graphs, Total fused subgraphs = %d, "
        "Percent of model sub-graphs successfully compiled = %s%%",
        compiled,
        segments,
        round(share(compiled, segments), 2),
    )
    _list("Compiled these operators (and operator counts) to Neuron:", on_device, marked=False)
    _list("Not compiled operators (and operator counts) to Neuron:", native, marked=True)
    if compiled and share(len(on_device), len(every)) < 50:
        logger.warning(
            "torch.neuron.trace was unable to compile > 50% of the operators in the compiled model!"
        )


def _refused(op: Op) -> bool:
    return op.kind.startswith("aten::") and op.kind not in SUPPORTED


def _list(title: str, ops: list[Op], *, marked: bool) -> None:
    logger.info(title)
    for kind, count in sorted(Counter(op.kind for op in ops).items()):
        mark = f" [{'' if kind in SUPPORTED else 'not '}supported]" if marked else ""
        logger.info(" => %s: %d%s", kind, count, mark)
