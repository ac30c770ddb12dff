import pytest

import neuron_pod


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    """Return a traced BERT, saved where there is no device."""
    path = tmp_path_factory.mktemp("artifact") / "bert.pt"
    neuron_pod.report(
        f"""
import torch_neuron
model, example = cases.build("bert")
torch.jit.save(torch_neuron.trace(model, example), {str(path)!r})
""",
        neuron_pod.environment(),
    )
    return path
