"""``torch.jit.load``, wrapped: what is loaded goes to the device at once."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch

plain_load: Callable[..., torch.jit.ScriptModule] = torch.jit.load


@functools.wraps(plain_load)
def load(*args: Any, **kwargs: Any) -> torch.jit.ScriptModule:
    """Load a module and its Neuron subgraphs, by the placement of the context around.

    Raises:
        RuntimeError: there is no device, or no memory left on it.
    """
    from torch_neuron.runtime import runtime  # noqa: PLC0415

    module = adopt(plain_load(*args, **kwargs))
    for model in models(module):
        runtime.load(model)
    return module


def models(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Yield the compiled models of a module."""
    from torch_neuron.outer import model_name  # noqa: PLC0415

    for part in module.modules():
        if getattr(part, "original_name", "") != "AwsNeuronGraphModule":
            continue
        index = 0
        while part._c.hasattr(model_name(index)):
            yield part._c.getattr(model_name(index))
            index += 1


def adopt(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """Let the errors of a module say what failed."""
    if any(True for _ in models(module)):
        method = module._c._get_method("forward")
        module.__dict__["forward"] = functools.partial(_explained, method)
    return module


def _explained(method: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method; torch 1.13 drops the text of an error that an operator in Python raises."""
    from torch_neuron.op import last_error  # noqa: PLC0415

    last_error.text = ""
    try:
        return method(*args, **kwargs)
    except RuntimeError as error:
        text = getattr(last_error, "text", "")
        if not text or text in str(error):
            raise
        raise RuntimeError(f"{str(error).rstrip()} {text}") from None


def install() -> None:
    """Put the wrapper in place of torch's own."""
    torch.jit.load = load
    torch.jit._serialization.load = load
