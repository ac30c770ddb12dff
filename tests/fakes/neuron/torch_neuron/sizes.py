"""What a compiled model may measure."""

import os

import torch

GRAPH_LIMIT = 2**31
"""What a protobuf message may hold, in bytes."""


def neff_version() -> str:
    """Return the format of the models that are compiled here."""
    return os.environ.get("TORCH_NEURON_EMULATE_NEFF_VERSION", "1.1")


def check_size(weight_bytes: int, *, separate: bool) -> None:
    """Refuse a graph whose weights do not fit into one message.

    Raises:
        DecodeError: as protobuf raises it.
    """
    limit = int(os.environ.get("TORCH_NEURON_EMULATE_GRAPH_LIMIT", GRAPH_LIMIT))
    if weight_bytes <= limit or separate:
        return
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415
    except ImportError:
        DecodeError = RuntimeError  # noqa: N806
    raise DecodeError("Error parsing message with type 'tensorflow.GraphDef'")


def check_batches(inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]]) -> None:
    """Refuse a dynamic batch whose tensors do not share their first size.

    Raises:
        ValueError: naming every shape.
    """
    first = {shape[0] if shape else None for shape in [*inputs, *outputs]}
    if len(first) == 1 and None not in first:
        return
    lines = [
        f"{side} #{i} shape: [{' '.join(map(str, shape))}]"
        for side, shapes in (("Input", inputs), ("Output", outputs))
        for i, shape in enumerate(shapes)
    ]
    raise ValueError(
        "Dynamic batching was enabled but all compiled batch inputs and outputs did not have the "
        "same dim 0 size:\n" + "\n".join(lines)
    )


def padded(tensor: torch.Tensor, size: int) -> torch.Tensor:
    """Return a tensor with zero rows added up to a batch."""
    missing = size - tensor.shape[0]
    return torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])]) if missing else tensor
