from __future__ import annotations

import importlib.metadata

import pytest
import torch

from tracedmodel_runtime import versions
from tracedmodel_runtime.torchscript import TorchScript


def test_what_is_not_installed_has_no_version():
    found = versions.installed("numpy", "no-such-distribution")
    assert found == {"numpy": importlib.metadata.version("numpy")}


@pytest.mark.parametrize("build", ["2.13.0+cpu", "2.13.0+cu126", "2.13.0"])
def test_builds_for_cpu_and_cuda_count_as_one(build, monkeypatch):
    monkeypatch.setattr(versions, "version", lambda _name: build)
    assert versions.installed("torch") == {"torch": "2.13.0"}


def test_any_other_build_is_a_version_of_its_own(monkeypatch):
    monkeypatch.setattr(versions, "version", lambda _name: "1.13.1.2.11.13.0+emulated")
    assert versions.installed("torch-neuron") == {"torch-neuron": "1.13.1.2.11.13.0+emulated"}


def test_the_cpu_backend_names_the_torch_that_runs():
    assert TorchScript().versions() == {"torch": torch.__version__.partition("+")[0]}
