"""A compiled model as one tensor of bytes: a head that says what it needs, then the segment as TorchScript."""

import io
import json
from dataclasses import asdict, dataclass

import torch


@dataclass(frozen=True)
class Port:
    """One input or output: its shape, and its numbers by TorchScript's name."""

    shape: tuple[int, ...]
    dtype: str

    def takes(self, tensor: torch.Tensor, *, any_batch: bool) -> bool:
        """Say whether a tensor fits."""
        skip = 1 if any_batch else 0
        fits = tuple(tensor.shape[skip:]) == self.shape[skip:] and tensor.dim() == len(self.shape)
        half = self.dtype == "float16" and tensor.dtype == torch.float32
        return fits and (half or tensor.dtype == getattr(torch, self.dtype))


@dataclass(frozen=True)
class Head:
    """What the runtime must know to load and call a model."""

    version: str
    cores: int
    weight_bytes: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    dynamic_batch: bool = False


def pack(head: Head, function: torch.jit.ScriptFunction) -> torch.Tensor:
    """Return the bytes."""
    text = json.dumps(asdict(head)).encode()
    code = bytes(function.save_to_buffer())
    whole = bytearray(len(text).to_bytes(8, "little") + text + code)
    return torch.frombuffer(whole, dtype=torch.uint8).clone()


def unpack(model: torch.Tensor) -> tuple[Head, io.BytesIO]:
    """Return the head, and the code to load."""
    whole = model.numpy().tobytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    fields = json.loads(whole[8:end])
    ports = {
        side: tuple(Port(tuple(p["shape"]), p["dtype"]) for p in fields[side])
        for side in ("inputs", "outputs")
    }
    return Head(**{**fields, **ports}), io.BytesIO(whole[end:])
