"""``torch_neuron.DataParallel``: a batch, split over copies of a model on several cores."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from torch_neuron.experimental import neuron_cores_context
from torch_neuron.jit_load_wrapper import load, models
from torch_neuron.log import logger
from torch_neuron.runtime import runtime

NO_DEVICE = (
    "Neuron runtime cannot be initialized; cannot determine the number of available NeuronCores"
)


class DataParallel(torch.nn.Module):
    """Runs a traced model on one batch with several cores at once; not for pipelined models.

    Raises:
        RuntimeError: the runtime cannot start.
    """

    def __init__(
        self,
        model: torch.jit.ScriptModule,
        device_ids: Sequence[int | str] | None = None,
        dim: int = 0,
    ):
        super().__init__()
        try:
            runtime.start()
        except RuntimeError as error:
            raise RuntimeError(NO_DEVICE) from error
        ids = range(len(runtime.cores)) if device_ids is None else device_ids
        self.device_ids = [int(str(i).removeprefix("nc:")) for i in ids]
        self.dim = dim
        self.num_workers = 2 * len(self.device_ids)
        self.split_size: int | None = None
        self._copies = [_on_core(model, core) for core in self.device_ids]
        if dim == 0 and not self._allow_any_batch(allowed=True):
            logger.warning("Automatic dynamic batching failed: the sizes of dimension 0 differ")

    def disable_dynamic_batching(self) -> None:
        """Take only batches that split into the size that the model was compiled for."""
        self._allow_any_batch(allowed=False)

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Split the inputs, run the pieces over the cores in turn, and join the outputs."""
        size = self.split_size or max(1, inputs[0].shape[self.dim] // len(self.device_ids))
        pieces = list(zip(*(tensor.split(size, self.dim) for tensor in inputs), strict=True))
        with ThreadPoolExecutor(self.num_workers) as pool:
            results = list(pool.map(self._run, range(len(pieces)), pieces))
        if isinstance(results[0], torch.Tensor):
            return torch.cat(results, self.dim)
        return tuple(torch.cat(parts, self.dim) for parts in zip(*results, strict=True))

    def _run(self, index: int, piece: tuple[torch.Tensor, ...]) -> Any:
        return self._copies[index % len(self._copies)](*piece)

    def _allow_any_batch(self, *, allowed: bool) -> bool:
        held = [model for copied in self._copies for model in models(copied)]
        answers = [runtime.allow_any_batch(model, allowed=allowed) for model in held]
        return all(answers)


def _on_core(model: torch.jit.ScriptModule, core: int) -> torch.jit.ScriptModule:
    buffer = io.BytesIO()
    torch.jit.save(model, buffer)
    buffer.seek(0)
    with neuron_cores_context(core, 1):
        return load(buffer)
