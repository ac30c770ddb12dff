"""Makes ``import torch.neuron`` work alone: the real wheel puts that folder into torch, this one cannot."""

import importlib
import importlib.abc
import importlib.machinery
import sys


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):  # noqa: ARG002
        return importlib.machinery.ModuleSpec(name, self) if name == "torch.neuron" else None

    def create_module(self, spec):  # noqa: ARG002
        return importlib.import_module("torch_neuron")

    def exec_module(self, module):
        """Nothing is left to run."""


sys.meta_path.append(_Finder())
