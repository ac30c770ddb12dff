import pytest

import neuron_pod

BERT = """
import torch, transformers, torch_neuron
torch.manual_seed(0)
sizes = dict(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
config = transformers.BertConfig(
    **sizes, intermediate_size=64, initializer_range=0.15, return_dict=False, torchscript=True,
    attn_implementation="eager", max_position_embeddings=64,
)
model = transformers.BertModel(config).eval()
ids = torch.randint(5, 90, (2, 16))
mask = torch.ones_like(ids)
mask[1, 9:] = 0
example = (ids, mask, torch.zeros_like(ids))
"""


@pytest.fixture
def device(tmp_path):
    return neuron_pod.make_device(tmp_path / "device")


def test_a_traced_bert_saves_loads_and_answers_in_bf16(device, tmp_path):
    path = tmp_path / "model.pt"
    snippet = f"""{BERT}
torch.jit.save(torch_neuron.trace(model, example), {str(path)!r})
loaded = torch.jit.load({str(path)!r})
print([n.kind() for n in loaded.graph.nodes() if n.kind().startswith(("aten::emb", "neuron"))])
with torch.no_grad():
    worst = (loaded(*example)[0] - model(*example)[0]).abs().max().item()
print(worst)
"""
    done = neuron_pod.run(snippet, neuron_pod.environment(device))
    assert done.returncode == 0, done.stderr
    kinds, worst = done.stdout.splitlines()[-2:]
    assert kinds == str(["aten::embedding"] * 3 + ["neuron::forward_v2_1"])
    assert 1e-3 < float(worst) < 5e-2
