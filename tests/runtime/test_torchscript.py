from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.report import Failure
from tracedmodel_runtime.torchscript import TorchScript

BACKEND = TorchScript()
WORDS = 50


class Tied(nn.Module):
    """Embeds tokens, turns them, and writes words with the embeddings again, as BERT's masked language model does."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.turn = nn.Linear(width, width)
        self.out = nn.Linear(width, WORDS)
        self.out.weight = self.words.weight
        self.register_buffer("scale", torch.tensor([2.0]))

    def forward(self, ids, mask):
        hidden = torch.tanh(self.turn(self.words(ids))) * mask.unsqueeze(-1) * self.scale
        return self.out(hidden), hidden.sum(dim=1)


@pytest.fixture
def module():
    torch.manual_seed(7)
    return Tied().eval().requires_grad_(requires_grad=False)


def example(rows=2, length=5):
    draw = np.random.default_rng(rows * 100 + length)
    return draw.integers(0, WORDS, (rows, length)), np.ones((rows, length), np.int64)


def eager(module, inputs):
    with torch.no_grad():
        return [output.numpy() for output in module(*map(torch.from_numpy, inputs))]


def save(module, folder, rows=2, length=5):
    folder.mkdir()
    return BACKEND.save(BACKEND.trace(module, example(rows, length)), folder)


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


def test_a_graph_that_was_saved_and_loaded_answers_as_the_eager_model_to_the_bit(module, tmp_path):
    saved = save(module, tmp_path / "one")
    graph = BACKEND.load(saved.graph, BACKEND.weights(saved.weights))
    fresh = (example()[0][::-1].copy(), np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]))
    outputs = graph(fresh)
    assert_equal(outputs, eager(module, fresh))
    assert all(output.dtype == np.float32 for output in outputs)


def test_the_eager_model_is_unharmed_after_its_graph_was_saved(module, tmp_path):
    before = eager(module, example())
    kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    save(module, tmp_path / "one")
    assert_equal(eager(module, example()), before)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in module.state_dict().items())
    assert module.out.weight is module.words.weight


def test_the_eager_model_is_unharmed_after_saving_failed(module, tmp_path, monkeypatch):
    before = eager(module, example())

    def fail(*_arguments):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(torch.jit, "save", fail)
    with pytest.raises(RuntimeError, match="gone"):
        save(module, tmp_path / "one")
    assert_equal(eager(module, example()), before)


def test_a_disk_that_is_full_is_an_error_that_says_so_and_no_end_of_the_process(
    module, tmp_path, monkeypatch
):
    """/dev/full takes nothing; torch's own writer aborts the process there."""
    monkeypatch.setattr("tracedmodel_runtime.torchscript.save_file", lambda *_, **__: None)
    (tmp_path / "graph.pt").symlink_to("/dev/full")
    traced = BACKEND.trace(module, example())
    with pytest.raises(OSError, match="No space left on device"):
        BACKEND.save(traced, tmp_path)


def test_a_graph_carries_no_weights_so_its_size_is_not_the_models(tmp_path):
    sizes = [
        save(Tied(width).eval(), tmp_path / str(width)).graph.stat().st_size for width in (8, 2048)
    ]
    assert abs(sizes[0] - sizes[1]) < 512
    assert (tmp_path / "2048" / "weights.safetensors").stat().st_size > 2048 * 2048 * 4


def test_the_weights_file_is_equal_to_the_byte_for_every_bucket(module, tmp_path):
    shapes = [(1, 3), (2, 5), (4, 16)]
    files = [save(module, tmp_path / f"{shape}", *shape).weights for shape in shapes]
    assert len({sha256_hex(file.read_bytes()) for file in files}) == 1


def test_tied_weights_are_stored_once_and_are_one_after_loading(module, tmp_path):
    saved = save(module, tmp_path / "one")
    with safe_open(saved.weights, framework="pt") as file:
        assert sorted(file.keys()) == ["out.bias", "out.weight", "turn.bias", "turn.weight"]
    weights = BACKEND.weights(saved.weights)
    assert weights["out.weight"].data_ptr() == weights["words.weight"].data_ptr()
    graph = BACKEND.load(saved.graph, weights)
    places = {name: p.data_ptr() for name, p in graph._module.state_dict().items()}
    assert places["out.weight"] == places["words.weight"] == weights["out.weight"].data_ptr()
    assert_equal(graph(example()), eager(module, example()))


def test_parameters_that_share_memory_without_being_one_are_stored_once(tmp_path):
    module = Tied().eval().requires_grad_(requires_grad=False)
    module.out.weight = nn.Parameter(module.words.weight.data, requires_grad=False)
    saved = save(module, tmp_path / "one")
    assert len(load_file(saved.weights)) == 4
    graph = BACKEND.load(saved.graph, BACKEND.weights(saved.weights))
    assert_equal(graph(example()), eager(module, example()))


def test_weights_that_are_not_contiguous_are_stored_as_they_are_read(module, tmp_path):
    module.turn.weight = nn.Parameter(torch.randn(8, 8).t(), requires_grad=False)
    saved = save(module, tmp_path / "one")
    graph = BACKEND.load(saved.graph, BACKEND.weights(saved.weights))
    found, expected = graph(example())[0], eager(module, example())[0]
    assert np.abs(found - expected).max() < 1e-5


def test_two_graphs_share_the_memory_of_their_weights(module, tmp_path):
    saved = [save(module, tmp_path / "one"), save(module, tmp_path / "two", 4, 9)]
    weights = BACKEND.weights(saved[0].weights)
    graphs = [BACKEND.load(one.graph, weights) for one in saved]
    places = [
        {name: parameter.data_ptr() for name, parameter in graph._module.named_parameters()}
        for graph in graphs
    ]
    assert places[0] == places[1]
    assert set(places[0].values()) <= {tensor.data_ptr() for tensor in weights.values()}
    for graph, shape in zip(graphs, [(2, 5), (4, 9)], strict=True):
        assert_equal(graph(example(*shape)), eager(module, example(*shape)))


def test_a_model_that_cannot_be_traced_fails_with_the_shape_named():
    class Broken(nn.Module):
        def forward(self, ids):
            return {"logits": ids}

    with pytest.raises(Failure, match="cannot be traced at 2x5: ") as caught:
        BACKEND.trace(Broken(), example()[:1])
    assert caught.value.reason.name == "TraceFailed"


@pytest.mark.parametrize("error", [IndexError("index out of range in self"), AttributeError()])
def test_an_error_of_the_models_own_code_is_a_failed_trace(error):
    class Broken(nn.Module):
        def forward(self, _ids):
            raise error

    with pytest.raises(Failure, match=re.escape(str(error) or "AttributeError")) as caught:
        BACKEND.trace(Broken(), example()[:1])
    assert caught.value.reason.name == "TraceFailed"


def damaged(path, change):
    data = bytearray(path.read_bytes())
    Path(path).write_bytes(change(data))
    return path


@pytest.mark.parametrize(
    "change",
    [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"not a graph" * 99],
    ids=["cut", "empty", "other"],
)
def test_a_damaged_graph_fails_to_load(module, tmp_path, change):
    saved = save(module, tmp_path / "one")
    damaged(saved.graph, change)
    with pytest.raises(Failure, match="a graph cannot be loaded: ") as caught:
        BACKEND.load(saved.graph, BACKEND.weights(saved.weights))
    assert caught.value.reason.name == "LoadFailed"


def test_a_graph_that_is_not_there_fails_to_load(tmp_path):
    with pytest.raises(Failure, match="a graph cannot be loaded: ") as caught:
        BACKEND.load(tmp_path / "none.pt", {})
    assert caught.value.reason.name == "LoadFailed"


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_weights_with_a_damaged_header_load_as_a_failure_or_not_at_all(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    path = folder / "weights.safetensors"
    save_file({"a": torch.ones(3)}, path, metadata={"aliases": '{"b": "a"}'})
    original = path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 12 - 1))
    damaged(
        path, lambda old: old[:place] + bytes([data.draw(st.integers(0, 255))]) + old[place + 1 :]
    )
    assert outcome(path) in ("loaded", "LoadFailed")


def outcome(path):
    try:
        BACKEND.weights(path)
    except Failure as failure:
        return failure.reason.name
    return "loaded"


@pytest.mark.parametrize(
    "metadata", [{"aliases": '{"b": "c"}'}, {"aliases": "["}, {"aliases": "[]"}]
)
def test_weights_whose_aliases_name_nothing_fail_to_load(tmp_path, metadata):
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.ones(3)}, path, metadata=metadata)
    with pytest.raises(Failure, match="the weights cannot be loaded: ") as caught:
        BACKEND.weights(path)
    assert caught.value.reason.name == "LoadFailed"


def test_weights_without_aliases_load_as_they_are(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.ones(3)}, path)
    assert list(BACKEND.weights(path)) == ["a"]


def test_weights_that_are_not_there_fail_to_load(tmp_path):
    with pytest.raises(Failure, match="the weights cannot be loaded: ") as caught:
        BACKEND.weights(tmp_path / "none.safetensors")
    assert caught.value.reason.name == "LoadFailed"


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("turn.bias"),
        lambda weights: weights.update({"turn.bias": torch.ones(9)}),
        lambda weights: weights.update({"turn.bias": torch.ones(8, dtype=torch.bfloat16)}),
    ],
    ids=["missing", "another shape", "another type"],
)
def test_weights_of_another_model_do_not_fit_the_graph(module, tmp_path, change):
    saved = save(module, tmp_path / "one")
    weights = dict(BACKEND.weights(saved.weights))
    change(weights)
    with pytest.raises(Failure, match=r"do not fit the graph: turn\.bias") as caught:
        BACKEND.load(saved.graph, weights)
    assert caught.value.reason.name == "LoadFailed"


def test_bfloat16_weights_are_half_the_file(module, tmp_path):
    whole = save(module, tmp_path / "whole").weights
    half = save(module.to(torch.bfloat16), tmp_path / "half").weights
    tensors = load_file(half)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    size = sum(tensor.numel() for tensor in tensors.values())
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * size, abs=64)
