"""``torch_neuron.analyze_model``: how much of a model the compiler would take, without compiling."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from torch_neuron import report
from torch_neuron.operators import SUPPORTED
from torch_neuron.traced import lower


def analyze_model(
    model: torch.nn.Module | Callable[..., Any], example_inputs: list[Any] | tuple[Any, ...]
) -> "OrderedDict[str, Any]":
    """Trace on the CPU and count; arithmetic operators are those of aten."""
    traced = lower(torch.jit.trace(model, tuple(example_inputs)))
    every = [op.kind for op in traced.ops if op.kind != "prim::Constant"]
    arithmetic = [op.kind for op in report.operators(traced)]
    supported = [kind for kind in every if kind in SUPPORTED]
    supported_arithmetic = [kind for kind in arithmetic if kind in SUPPORTED]
    counts = Counter(every)
    return OrderedDict(
        percent_supported=report.share(len(supported), len(every)),
        percent_supported_arithmetic=report.share(len(supported_arithmetic), len(arithmetic)),
        supported_count=len(supported),
        total_count=len(every),
        supported_count_arithmetic=len(supported_arithmetic),
        total_count_arithmetic=len(arithmetic),
        supported_operators=set(supported),
        unsupported_operators=sorted(set(every) - SUPPORTED),
        operators=sorted(counts),
        operator_count=OrderedDict(sorted(counts.items())),
    )
