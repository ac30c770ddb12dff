import importlib.metadata
import os

import neuron_pod

IMPORT = "import torch_neuron"


def test_another_torch_is_refused_unless_the_test_allows_it():
    env = neuron_pod.environment(any_torch="0")
    done = neuron_pod.run(IMPORT, env)
    installed = importlib.metadata.version("torch").partition("+")[0]
    assert (f"Invalid dependency version torch=={installed}" in done.stderr) == (
        installed != "1.13.1"
    )


def test_the_stub_of_pypi_is_told_by_its_words():
    env = os.environ | {"PYTHONPATH": str(neuron_pod.PYPI_STUB)}
    done = neuron_pod.run(IMPORT, env)
    assert done.stderr.strip().endswith(
        "ImportError: WRONG PACKAGE. Please install the package from Neuron Repository - "
        "pip.repos.neuron.amazonaws.com"
    )
