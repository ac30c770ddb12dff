"""Makes ``import torch.neuron`` work alone: the real wheel puts that folder into torch, this one cannot."""

import importlib
import importlib.abc
import importlib.machinery
import sys


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):  # noqa: ARG002
        return importlib.machinery.ModuleSpec(name, self) if name == "torch.neuron" else None

    def create_module(self, spec):  # noqa: ARG002
        module = importlib.import_module("torch_neuron")
        self._spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self._spec  # the import of torch.neuron has put its own there


sys.meta_path.append(_Finder())
