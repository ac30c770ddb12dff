"""What torch-neuron's log says of a compilation: nothing else tells what runs on the NeuronCore. Pure.

The lines are those of torch-neuron 1.13, logger "Neuron"; a subgraph that fails to compile is told here alone, and
silently runs on the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PERCENT = re.compile(r"\(post-compilation\).*percent compiled = ([\d.]+)%")
_PARTITIONS = re.compile(r"partitioner created (\d+) sub-graphs")
_FAILED = re.compile(r"torch\.neuron\.trace failed on (\S+);")
_RETURNED = re.compile(r"Compile command returned: (-?\d+)")
_LEFT = re.compile(r"=> (aten::\w+): (\d+) \[(not )?supported\]")
_KILLED = {-9, 137}
_SHOWN = 6


@dataclass(frozen=True)
class Left:
    """An operator that stays on the CPU, how often, and whether the compiler could have taken it."""

    name: str
    count: int
    supported: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.count}{'' if self.supported else ', not supported'})"


@dataclass(frozen=True)
class CompilerLog:
    """``percent`` of the operators that were compiled, None if not told; subgraphs made, and those that failed."""

    percent: float | None = None
    partitions: int = 0
    failed: int = 0
    was_killed: bool = False
    """The system ended the compiler, as it does where memory runs out."""
    left: tuple[Left, ...] = ()

    def left_behind(self) -> str:
        """Return the operators that stay on the CPU, those first that the compiler does not know."""
        ordered = sorted(self.left, key=lambda one: (one.supported, -one.count, one.name))
        shown = ", ".join(map(str, ordered[:_SHOWN]))
        more = len(ordered) - _SHOWN
        return (
            shown + (f" and {more} more" if more > 0 else "")
        ) or "operators that it does not name"


def read_log(lines: Iterable[str]) -> CompilerLog:
    """Return what the messages of a trace say."""
    text = "\n".join(lines)
    percent, partitions = _PERCENT.search(text), _PARTITIONS.search(text)
    left = [Left(name, int(count), not negation) for name, count, negation in _LEFT.findall(text)]
    return CompilerLog(
        percent=float(percent[1]) if percent else None,
        partitions=int(partitions[1]) if partitions else 0,
        failed=len(set(_FAILED.findall(text))),
        was_killed=any(int(code) in _KILLED for code in _RETURNED.findall(text)),
        left=tuple(left),
    )
