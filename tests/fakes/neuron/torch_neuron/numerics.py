"""What a NeuronCore does to fp32 numbers: rounds them, all or those of matrix products only."""

import os
from dataclasses import asdict, dataclass

import torch

MATMUL_OPERANDS = {
    "aten::linear": (0, 1),
    "aten::matmul": (0, 1),
    "aten::mm": (0, 1),
    "aten::bmm": (0, 1),
    "aten::mv": (0, 1),
    "aten::dot": (0, 1),
    "aten::addmm": (1, 2),
    "aten::baddbmm": (1, 2),
    "aten::einsum": (1,),
    "aten::tensordot": (0, 1),
    "aten::_convolution": (0, 1),
    "aten::_convolution_mode": (0, 1),
    "aten::lstm": (0, 2),
}
"""Which arguments of an operator go into the matrix engine."""
_MOVES = frozenset(
    f"aten::{name}"
    for name in [
        "view",
        "reshape",
        "transpose",
        "permute",
        "slice",
        "select",
        "expand",
        "expand_as",
        "unsqueeze",
        "squeeze",
        "flatten",
        "contiguous",
        "t",
        "split",
        "split_with_sizes",
        "chunk",
        "unbind",
        "cat",
        "stack",
        "flip",
        "roll",
        "clone",
        "detach",
        "dropout",
        "index_select",
        "repeat",
        "broadcast_to",
        "relu",
        "relu_",
        "max_pool2d",
        "embedding",
        "movedim",
    ]
) | {"prim::ListUnpack", "prim::TupleUnpack"}
"""Operators that only move numbers: what went in rounded comes out rounded."""
_OVERFLOWING = frozenset(
    f"aten::{name}"
    for name in [
        "add",
        "add_",
        "sub",
        "rsub",
        "mul",
        "div",
        "neg",
        "masked_fill",
        "where",
        "full",
        "full_like",
        "to",
        "type_as",
    ]
)
"""Where the mask of a transformer is made: since torch-neuron 2.5 it saturates there."""


@dataclass(frozen=True)
class Numerics:
    """The rounding of one compiled graph."""

    rounded: str = "bfloat16"
    everything: bool = True
    saturate_masks: bool = True
    saturate_all: bool = False

    @property
    def dtype(self) -> torch.dtype:
        """The short type."""
        return getattr(torch, self.rounded)

    @property
    def limit(self) -> float:
        """The largest finite number of the short type."""
        return torch.finfo(self.dtype).max

    def rounds_result(self, kind: str) -> bool:
        """Say whether the result of an operator is rounded."""
        return self.everything and kind not in _MOVES

    def saturates(self, kind: str) -> bool:
        """Say whether infinities in a result become the largest number."""
        return self.saturate_all or (self.saturate_masks and kind in _OVERFLOWING)

    def constant(self, tensor: torch.Tensor) -> torch.Tensor:
        """Round a weight or a number that the compiler folded; its type stays."""
        if not (self.everything and tensor.is_floating_point()):
            return tensor
        return self.round(tensor, saturate=self.saturate_masks or self.saturate_all)

    def round(self, tensor: torch.Tensor, *, saturate: bool = False) -> torch.Tensor:
        """Round every number; its type stays."""
        if saturate:
            tensor = tensor.clamp(-self.limit, self.limit)
        return tensor.to(self.dtype).to(tensor.dtype)

    def bytes_of(self, tensor: torch.Tensor) -> int:
        """Return what a weight takes on the device."""
        short = self.everything and tensor.is_floating_point()
        return tensor.numel() * (2 if short else tensor.element_size())

    def described(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)


_CASTS = {
    "all": ("bfloat16", True),
    "all-fp16": ("float16", True),
    "matmult": ("bfloat16", False),
    "matmult-bf16": ("bfloat16", False),
    "matmult-fp16": ("float16", False),
}
FP32_CASTS = tuple(_CASTS)


def numerics(fast_math: list[str], fp32_cast: str | None, *, saturate_infinity: bool) -> Numerics:
    """Return the rounding that neuron-cc's options ask for; ``fp32_cast`` has the last word."""
    cast = "matmult-bf16" if "none" in fast_math else "all"
    for option in fast_math:
        if option.startswith("fp32-cast-"):
            cast = option.removeprefix("fp32-cast-")
    rounded, everything = _CASTS[fp32_cast or cast]
    old = os.environ.get("TORCH_NEURON_EMULATE_OLD") == "1"
    return Numerics(rounded, everything, not old, saturate_infinity)
