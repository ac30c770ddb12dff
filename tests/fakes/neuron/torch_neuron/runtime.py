"""The Neuron runtime of one process: models on cores, and the operator that calls them."""

import itertools
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from torch_neuron import cores, neff
from torch_neuron.jit_load_wrapper import plain_load
from torch_neuron.log import nrt
from torch_neuron.placement import Placement, current
from torch_neuron.sizes import padded

SUPPORTED_NEFF = "1.1"
_NOISE = 0.5


@dataclass(eq=False)
class Core:
    """One core: what is on it, and whose turn it is."""

    number: int
    broken: str | None
    used: int = 0
    models: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)
    inferences: int = 0


@dataclass(eq=False)
class Loaded:
    """A model on the device: a function and groups of cores that take turns."""

    head: neff.Head
    call: Callable[..., tuple[torch.Tensor, ...]]
    replicas: list[list[Core]]
    rounds: "itertools.cycle[list[Core]]"
    any_batch: bool
    """Whether a batch may have another size than the one that was compiled."""


class Runtime:
    """Everything that the process holds on the device; it starts at the first load."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._taken: cores.Taken | None = None
        self._models: dict[int, Loaded] = {}
        self.cores: list[Core] = []
        self.loads = 0

    def start(self) -> None:
        """Take the cores.

        Raises:
            RuntimeError: there is no device, or nothing on it is free, or the parent process has it.
        """
        with self._lock:
            if self._owner is not None:
                self._check_process()
                return
            self._taken = cores.take()
            broken = self._taken.broken
            self.cores = [Core(n, broken.get(n)) for n in self._taken.cores]
            self._owner = os.getpid()

    def load(self, model: torch.Tensor, placement: Placement | None = None) -> Loaded:
        """Put a compiled model on the device, in place of where it was.

        Raises:
            RuntimeError: the device's memory is full, or the model is for another device.
            ValueError: the placement names cores that are not there.
        """
        self.start()
        head, code = neff.unpack(model)
        received = os.environ.get("TORCH_NEURON_EMULATE_NEFF_VERSION", head.version)
        if received != SUPPORTED_NEFF:
            reason = f"NEFF version mismatch supported: {SUPPORTED_NEFF} received: {received}"
            nrt("ERROR", f"NMGR:dlr_kelf_stage {reason}")
            raise RuntimeError(f"Could not load the model status=10 message={reason}")
        call = plain_load(code)
        with self._lock:
            self.unload(model.data_ptr())
            groups = (placement or current()).groups(self.cores, head.cores)
            self._reserve(groups, head)
            loaded = Loaded(head, call, groups, itertools.cycle(groups), head.dynamic_batch)
            self._models[model.data_ptr()] = loaded
            weakref.finalize(model, self.unload, model.data_ptr()).atexit = False
            self.loads += 1
            return loaded

    def unload(self, address: int) -> None:
        """Free what a model holds; one that is not there is none of our business."""
        with self._lock:
            loaded = self._models.pop(address, None)
            if loaded is not None and self._owner == os.getpid():
                self._occupy(loaded.replicas, loaded.head, -1)

    def found(self, model: torch.Tensor) -> Loaded:
        """Return a model on the device; one that is not there is loaded by its first call."""
        loaded = self._models.get(model.data_ptr())
        if loaded is not None:
            self._check_process()
            return loaded
        with self._lock:
            return self._models.get(model.data_ptr()) or self.load(model)

    def allow_any_batch(self, model: torch.Tensor, *, allowed: bool) -> bool:
        """Split other batches into the compiled size, or no longer; say whether the model's shapes allow it."""
        loaded = self.found(model)
        sizes = {port.shape[:1] for port in (*loaded.head.inputs, *loaded.head.outputs)}
        fits = len(sizes) == 1 and () not in sizes
        loaded.any_batch = fits and allowed
        return fits

    def next_cores(self, loaded: Loaded) -> list[Core]:
        """Return the cores whose turn it is."""
        with self._lock:
            return next(loaded.rounds)

    def _reserve(self, groups: list[list[Core]], head: neff.Head) -> None:
        self._occupy(groups, head, 1)
        memory = self._taken.memory if self._taken else 0
        full = [core.number for group in groups for core in group if core.used > memory]
        if full:
            self._occupy(groups, head, -1)
            nrt("ERROR", f"TDRV:dmem_alloc Failed to alloc DEVICE memory on ND 0:NC {full[0]}")
            nrt("ERROR", "NMGR:dlr_kelf_stage Failed to load NN, err: 4")
            raise RuntimeError("Could not load the model status=4 message=Allocation Failure")

    def _occupy(self, groups: list[list[Core]], head: neff.Head, sign: int) -> None:
        for core in itertools.chain.from_iterable(groups):
            core.used += sign * (head.weight_bytes // head.cores)
            core.models += sign

    def _check_process(self) -> None:
        if self._owner != os.getpid():
            reason = "NRT:nrt_allocate_tensor_set Incompatible runtime state: NRT_STATE_CHILD"
            nrt("ERROR", reason)
            raise RuntimeError(reason)


runtime = Runtime()


def forward(inputs: list[torch.Tensor], model: torch.Tensor) -> list[torch.Tensor]:
    """Run a compiled model on the cores whose turn it is.

    Raises:
        RuntimeError: an input is not what the model was compiled for.
    """
    loaded = runtime.found(model)
    _check(loaded, inputs)
    with torch.no_grad():
        given = [tensor.float() if tensor.dtype == torch.float16 else tensor for tensor in inputs]
        if loaded.any_batch:
            return _in_batches(loaded, given)
        return _run(loaded, given)


def _check(loaded: Loaded, inputs: list[torch.Tensor]) -> None:
    head = loaded.head
    if len(inputs) != len(head.inputs):
        raise RuntimeError(
            f"neuron::forward_v2_1: {len(inputs)} inputs, the model takes {len(head.inputs)}"
        )
    if loaded.any_batch and len({tensor.shape[:1] for tensor in inputs}) > 1:
        raise RuntimeError("neuron::forward_v2_1: Inconsistent batch sizes found on inputs")
    for i, (tensor, port) in enumerate(zip(inputs, head.inputs, strict=True)):
        if not port.takes(tensor, any_batch=loaded.any_batch):
            dtype = str(tensor.dtype).removeprefix("torch.")
            reason = (
                f"neuron::forward_v2_1: input #{i} is {dtype} {list(tensor.shape)}, but the model "
                f"was compiled for {port.dtype} {list(port.shape)}. Expected tensors that are the "
                "exact same shape (status=2 NRT_INVALID)"
            )
            nrt("ERROR", f"NRT:nrt_infodump {reason}")
            raise RuntimeError(reason)


def _in_batches(loaded: Loaded, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    size = loaded.head.inputs[0].shape[0]
    rows = inputs[0].shape[0]
    pieces = [
        _run(loaded, [padded(tensor[start : start + size], size) for tensor in inputs])
        for start in range(0, rows, size)
    ]
    return [torch.cat(outputs)[:rows] for outputs in zip(*pieces, strict=True)]


def _run(loaded: Loaded, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    core = runtime.next_cores(loaded)[0]
    with core.turn:
        outputs = loaded.call(*inputs)
        core.inferences += 1
    return [
        _as_port(_broken(tensor, core.broken), port)
        for tensor, port in zip(outputs, loaded.head.outputs, strict=True)
    ]


def _as_port(tensor: torch.Tensor, port: neff.Port) -> torch.Tensor:
    return tensor.half() if port.dtype == "float16" else tensor


def _broken(tensor: torch.Tensor, how: str | None) -> torch.Tensor:
    if how is None or not tensor.is_floating_point():
        return tensor
    if how == "nan":
        return torch.full_like(tensor, float("nan"))
    return tensor + _NOISE * torch.randn_like(tensor)
