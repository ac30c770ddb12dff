from __future__ import annotations

import pytest

from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target
from tracedmodel_runtime.backend import backend_for
from tracedmodel_runtime.torchscript import TorchScript


def test_target_cpu_is_torchscript():
    assert isinstance(backend_for(Target.CPU), TorchScript)


def test_a_target_whose_libraries_are_not_here_is_refused_with_what_to_use():
    with pytest.raises(
        Failure, match="torch-neuron, which is not installed: use the image for Inf1"
    ) as caught:
        backend_for(Target.INF1)
    assert caught.value.reason.name == "BackendUnavailable"
