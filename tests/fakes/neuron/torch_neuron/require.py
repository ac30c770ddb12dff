"""The check of the torch version, as torch-neuron makes it on import."""

import os

import torch

BUILT_FOR = "1.13.1"


def check_torch() -> None:
    """Refuse another torch, unless TORCH_NEURON_EMULATE_ANY_TORCH=1 says that tests may use it.

    Raises:
        ImportError: naming the version that is installed.
    """
    installed = torch.__version__
    if installed.partition("+")[0] == BUILT_FOR:
        return
    if os.environ.get("TORCH_NEURON_EMULATE_ANY_TORCH") != "1":
        raise ImportError(
            f"Invalid dependency version torch=={installed}. torch-neuron requires torch=={BUILT_FOR}"
        )
