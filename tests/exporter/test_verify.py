"""What the golden data proves: one tensor that is not the model's own must not pass."""

from __future__ import annotations

import pytest
import torch

import tiny_models
from exports import Artifact, a_request, run
from perturbed import by_place, noise
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import OutputError, Proof
from tracedmodel_api.report import Failure
from tracedmodel_api.request import limits
from tracedmodel_api.types import Precision, Target, Tolerance
from tracedmodel_exporter.verify import demand
from tracedmodel_runtime.golden import compare

CASES = [
    ("bert", "FillMask"),
    ("bert", "QuestionAnswering"),
    ("bert", "FeatureExtraction"),
    ("distilbert", "TextClassification"),
    ("roberta", "TokenClassification"),
]
KEY_BIASES = ("attention.self.key.bias", "attention.k_lin.bias")
BUCKET = Bucket(4, 32)


@pytest.mark.transformers
@pytest.mark.parametrize(("family", "task"), CASES)
def test_one_perturbed_weight_tensor_fails_the_golden_check(family, task, model, store):
    request = a_request(model(family, task), store, task, BUCKET)
    report, _ = run(request)
    default = limits(Tolerance(), Target.CPU, Precision.FLOAT32)
    draw = torch.Generator().manual_seed(11)
    passed = []
    with Artifact(request, report.rows[0]) as artifact:
        recording, specs = artifact.recording(), artifact.graph.outputs
        weights, tensors = by_place(artifact.weights)
        graph = artifact.runner(weights)
        assert default.verdict(compare(recording, specs, graph)) is None
        for names, tensor in tensors:
            before = tensor.clone()
            tensor.add_(noise(tensor, draw))
            if default.verdict(compare(recording, specs, graph)) is None:
                passed += names
            tensor.copy_(before)
        assert default.verdict(compare(recording, specs, graph)) is None
    # A key's bias adds the same to every score of a query, and a softmax does not see what is added to all: such a
    # weight cannot change any output, however wrong it is. Everything else must be seen.
    assert [name for name in passed if not name.endswith(KEY_BIASES)] == []
    assert len(passed) == 2


@pytest.mark.transformers
def test_a_row_of_an_embedding_that_the_golden_texts_do_not_use_is_not_seen(model, store):
    """The check is of a tensor as a whole: what no golden token reads, no golden answer tells of."""
    task = "TextClassification"
    request = a_request(model("bert", task), store, task, BUCKET)
    report, _ = run(request)
    default = limits(Tolerance(), Target.CPU, Precision.FLOAT32)
    name = "model.bert.embeddings.word_embeddings.weight"
    with Artifact(request, report.rows[0]) as artifact:
        recording, specs = artifact.recording(), artifact.graph.outputs
        used = {token for batch in recording.batches for text in batch for token in text.ids}
        verdicts = {}
        for token in (min(used), min(set(range(len(artifact.weights[name]))) - used - {0})):
            words = artifact.weights[name].clone()
            # One component alone: layer normalisation takes out what is added to all of them.
            words[token, 0] += 5
            proof = compare(recording, specs, artifact.runner(artifact.weights | {name: words}))
            verdicts[token in used] = default.verdict(proof)
    assert verdicts[True] is not None
    assert verdicts[False] is None


@pytest.mark.transformers
def test_a_graph_with_wrong_weights_ends_an_export_as_tolerance_missed(model, store, monkeypatch):
    from tracedmodel_runtime.torchscript import TorchScript  # noqa: PLC0415  # beside its use

    load = TorchScript.weights

    def wrong(self, path):
        weights = dict(load(self, path))
        name = next(name for name in weights if name.endswith("classifier.weight"))
        return weights | {name: weights[name] + 0.5}

    monkeypatch.setattr(TorchScript, "weights", wrong)
    with pytest.raises(Failure, match="bucket 2x16: output logits is off by") as caught:
        run(a_request(model(), store))
    assert caught.value.reason.name == "ToleranceMissed"


def a_proof(error, agreement=1.0):
    one = OutputError(output="logits", max_absolute_error=error, max_absolute_reference=2)
    return Proof(errors=(one,), agreement=agreement, samples=5)


def test_a_proof_within_the_limits_demands_nothing():
    default = limits(Tolerance(), Target.CPU, Precision.FLOAT32)
    demand(default, a_proof(2.9e-4), BUCKET)
    with pytest.raises(Failure, match=r"bucket 4x32: output logits is off by 0\.00031"):
        demand(default, a_proof(3.1e-4), BUCKET)


def test_a_proof_that_agrees_too_seldom_is_refused_in_percent():
    default = limits(Tolerance(), Target.CPU, Precision.FLOAT32)
    with pytest.raises(Failure, match=r"98\.00% of the golden answers .* wanted are 99\.00%"):
        demand(default, a_proof(0, agreement=0.98), BUCKET)


def test_the_families_of_the_tests_are_those_of_the_models():
    assert {family for family, _ in CASES} == set(tiny_models.FAMILIES)
