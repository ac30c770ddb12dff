"""The registration of ``neuron::forward_v2_1``."""

import threading

import torch

last_error = threading.local()
"""The text of what the operator raised last in this thread."""
_library = torch.library.Library("neuron", "DEF")


def _forward(inputs: list[torch.Tensor], model: torch.Tensor) -> list[torch.Tensor]:
    from torch_neuron.runtime import forward  # noqa: PLC0415

    try:
        return forward(inputs, model)
    except Exception as error:
        last_error.text = str(error)
        raise


def register() -> None:
    """Make the operator known to TorchScript."""
    _library.define("forward_v2_1(Tensor[] inputs, Tensor model) -> Tensor[]")
    _library.impl("forward_v2_1", _forward, "CompositeExplicitAutograd")
