"""Weights that are a little wrong, one tensor at a time."""

import torch


def noise(tensor, draw):
    """Noise of a tenth of a tensor's own size, or of one percent where it is nothing but zeros."""
    size = float(tensor.std()) if tensor.numel() > 1 else 0.0
    return torch.randn(tensor.shape, generator=draw) * max(size, 0.1) * 0.1


def by_place(weights):
    """Copies of the weights that may be changed, tied ones one still, and the names of each."""
    copies, names = {}, {}
    for name, tensor in weights.items():
        place = tensor.data_ptr()
        copies.setdefault(place, tensor.clone())
        names.setdefault(place, []).append(name)
    changeable = {name: copies[tensor.data_ptr()] for name, tensor in weights.items()}
    return changeable, [(names[place], copies[place]) for place in copies]
