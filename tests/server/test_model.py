"""The graphs of one worker: loaded, proved and run in its thread."""

import numpy as np
import pytest

from tracedmodel_api.report import Failure
from tracedmodel_runtime.backend import backend_for
from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.model import Model
from tracedmodel_server.tasks.base import Prepared


class Counting:
    """A backend that counts the runs of its graphs, and spoils them if told so."""

    def __init__(self, backend):
        self._backend = backend
        self.runs = 0
        self.spoil = lambda outputs: outputs

    def load(self, path, weights, worker):
        graph = self._backend.load(path, weights, worker)

        def run(inputs):
            self.runs += 1
            return self.spoil(graph(inputs))

        return run


@pytest.fixture
def model(inside):
    artifact = inside("TextClassification").artifact
    real = backend_for(artifact.index.target)
    weights = {digest: real.weights(path) for digest, path in artifact.weights().items()}
    made = Model(artifact, Counting(real), weights)
    made.artifact = artifact
    return made


def bucket_of(model, name):
    return next(bucket for bucket in model.artifact.graphs if str(bucket) == name)


def proved(model, name):
    bucket = bucket_of(model, name)
    model.load(bucket)
    return model.prove(bucket)


def failure(model, name="4x16"):
    with pytest.raises(Failure) as caught:
        proved(model, name)
    return caught.value.reason.name, str(caught.value)


@pytest.mark.parametrize("name", ["1x16", "4x64"])
def test_a_bucket_is_compared_with_all_its_golden_batches_and_runs_thrice_at_least(model, name):
    one = proved(model, name)
    golden = model.artifact.graphs[bucket_of(model, name)].golden
    assert model._backend.runs >= max(3, golden.batches)
    assert one.proof.worst_error() <= 1e-4
    assert one.proof.agreement == 1
    assert 2 <= len(one.times.microseconds) == model._backend.runs - 2
    assert one.load_seconds > 0
    assert one.proof_seconds >= sum(one.times.microseconds) / 1e6


def test_an_output_that_is_off_fails_the_proof(model):
    model._backend.spoil = lambda outputs: tuple(output + 0.01 for output in outputs)
    reason, message = failure(model)
    assert reason == "ProofFailed"
    assert "bucket 4x16: output logits is off by 0.01" in message


def test_an_output_that_is_no_number_fails_the_proof(model):
    model._backend.spoil = lambda outputs: tuple(output * np.nan for output in outputs)
    assert failure(model)[0] == "NotFinite"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(RuntimeError("long\nand short"), "and short"), (IndexError(), "IndexError")],
)
def test_a_graph_that_cannot_run_is_told_with_the_last_line_of_its_error(model, error, sentence):
    def spoil(_outputs):
        raise error

    model._backend.spoil = spoil
    assert failure(model) == ("LoadFailed", f"bucket 4x16 cannot run: {sentence}")


def test_a_graph_that_cannot_be_loaded_is_told_with_its_bucket(model):
    model._weights = {digest: {} for digest in model._weights}
    reason, message = failure(model)
    assert reason == "LoadFailed"
    assert message.startswith("bucket 4x16: ")


def test_a_golden_file_that_is_none_is_told(model, monkeypatch, tmp_path):
    empty = tmp_path / "golden"
    empty.write_bytes(b"nothing")
    bucket = bucket_of(model, "4x16")
    model.load(bucket)
    monkeypatch.setattr(type(model.artifact), "path", lambda _artifact, _blob: empty)
    with pytest.raises(Failure, match="bucket 4x16: the golden file cannot be read"):
        model.prove(bucket)


def test_rows_are_the_texts_own_and_do_not_keep_the_batch_alive(model):
    bucket = bucket_of(model, "4x16")
    model.load(bucket)
    items = [Prepared(None, Encoding((2, 7 + n, 3)), None) for n in range(3)]
    rows = model.run(bucket, items)
    assert [len(row) for row in rows] == [1, 1, 1]
    assert all(part.base is None for row in rows for part in row)
    (alone,) = model.run(bucket, items[1:2])
    np.testing.assert_allclose(alone[0], rows[1][0], atol=1e-5)
