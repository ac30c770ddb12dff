"""``torch_neuron.is_available``."""

from torch_neuron.cores import folder


def is_available() -> bool:
    """Say whether this node has a device."""
    device = folder()
    return device is not None and device.is_dir()
