"""A stand-in for AWS's torch-neuron 1.13 (Inf1), for tests on machines without a NeuronCore.

It is on no path but that of the processes that a test starts with ``neuron_pod.environment``. Its
version ends in ``+emulated``, and importing it logs a warning.

What it keeps of the real one:

- ``trace`` traces on the CPU, cuts the graph by the documented operator list, gives the pieces for the
  device to a compiler and returns a ScriptModule that calls ``neuron::forward_v2_1``; the rest of the
  graph stays native. Log lines, errors and files are those of the real one where they are published.
- A compiled piece has fixed shapes and rounds as the compiler's options say.
- ``torch.jit.load`` puts a model on the device; cores belong to one process, their memory ends.

What it cannot do:

- ``neuron::Model`` is a class of the real library in C++; here the compiled model is a tensor of bytes
  in the attribute ``model``, so the operator's second argument has another type.
- On torch 1.13 an error of an operator in Python loses its text in the TorchScript interpreter; it is
  put back for modules that ``trace`` and ``torch.jit.load`` return, not for copies of those.
- No time is emulated: neither that of a compile, but for what TORCH_NEURON_EMULATE_COMPILE_SECONDS
  says of it, nor that of an inference.
- Python numbers inside an operator (a scale, an epsilon) are not rounded; tensors are. A matrix product
  adds up in fp32.
- ``import torch.neuron`` alone works by the ``sitecustomize`` beside this package, the real one by a
  folder in torch.

What is guessed, because it is published nowhere:

- The types of errors for bad arguments and for another torch; the words for a wrong shape, for an
  operator that ``fallback=False`` meets, and for a pipeline that finds too few cores (status=9).
- A driver newer than 2.24 leaves no device to be found; a request for n cores reads "Requested:ncn-ncn".
- "Compiler status PASS" goes to stdout, not to the logger: it is neuron-cc that prints it.

The environment sets the scene:

- TORCH_NEURON_EMULATE_DEVICE: the folder of the device (see ``cores``); without it there is none.
- TORCH_NEURON_EMULATE_ANY_TORCH=1: take any torch from 1.13 on.
- TORCH_NEURON_EMULATE_OLD=1: masks overflow to -inf, as before torch-neuron 2.5.
- TORCH_NEURON_EMULATE_COMPILE_SECONDS, TORCH_NEURON_EMULATE_COMPILER_OOM=1,
  TORCH_NEURON_EMULATE_NO_NEURON_CC=1, TORCH_NEURON_EMULATE_GRAPH_LIMIT: how a compile ends.
- TORCH_NEURON_EMULATE_NEFF_VERSION: the format of compiled models; a device takes 1.1.
"""

import sys

import torch

from torch_neuron.require import check_torch

check_torch()

from torch_neuron import experimental, jit_load_wrapper, log, op  # noqa: E402
from torch_neuron.analyze import analyze_model  # noqa: E402
from torch_neuron.data_parallel import DataParallel  # noqa: E402
from torch_neuron.device import is_available  # noqa: E402
from torch_neuron.operators import get_supported_operations  # noqa: E402
from torch_neuron.trace import Optimization, trace  # noqa: E402

__version__ = "1.13.1.2.11.13.0+emulated"
__all__ = [
    "DataParallel",
    "Optimization",
    "analyze_model",
    "experimental",
    "get_supported_operations",
    "is_available",
    "trace",
]

# A graph fuser would take seconds for the second call of each model on torch 1.13, and change how numbers round.
torch._C._jit_set_texpr_fuser_enabled(False)  # noqa: FBT003
op.register()
jit_load_wrapper.install()
log.start()
log.logger.warning(
    "torch-neuron %s is a stand-in: the NeuronCores are emulated on the CPU", __version__
)
sys.modules["torch.neuron"] = sys.modules[__name__]
torch.neuron = sys.modules[__name__]
