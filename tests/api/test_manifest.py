import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import a_blob, a_graph, a_proof, an_index
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import from_short, to_short
from tracedmodel_api.manifest import (
    Graph,
    Index,
    Limits,
    ModelCard,
    OutputError,
    Proof,
    Shape,
)

LIMITS = Limits(absolute=0.01, relative=0.1, min_agreement=0.9)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


def a_card(**changes):
    values = {
        "format_version": 1,
        "task": "TextClassification",
        "architecture": "BertForSequenceClassification",
        "inputs": ("input_ids", "attention_mask"),
        "pad_token_id": 0,
        "pad_type_id": 0,
        "max_length": 512,
        "labels": ("bad", "good"),
    }
    return ModelCard(**{**values, **changes})


@pytest.mark.parametrize(
    "document", [a_graph(), a_graph(proof=None, benchmark=None), an_index(), a_card()]
)
def test_a_document_reads_back_as_what_was_written(document):
    kind = type(document)
    assert kind.model_validate(json.loads(document.to_bytes())) == document
    assert kind.model_validate_json(document.to_bytes()).identity() == document.identity()


def test_equal_documents_have_one_identity_and_different_ones_have_not():
    assert a_graph().identity() == a_graph().identity()
    assert a_graph(revision="other").identity() != a_graph().identity()


def test_what_is_not_set_is_not_written():
    assert "proof" not in a_graph(proof=None).as_json()
    assert set(Shape.of(Bucket(1, 8)).as_json()) == {"batchSize", "sequenceLength"}


@pytest.mark.parametrize("bucket", [Bucket(1, 8), Bucket(2, 16, 32, 4)])
def test_a_shape_is_a_bucket(bucket):
    assert Shape.of(bucket).bucket() == bucket


def test_names_every_blob_once_whoever_shares_it():
    shared = a_blob("shared").as_json()
    module = {"graph": a_blob("encoder").as_json(), "weights": shared}
    graph = a_graph(
        modules=[{"name": "encoder", **module}, {"name": "decoder", "graph": shared}],
        files={"model.json": shared, "tokenizer.json": a_blob("tokenizer").as_json()},
    )
    names = ("encoder", "shared", "tokenizer", "golden of graph")
    assert graph.blobs() == tuple(a_blob(name) for name in names)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fingerprint": "A" * 64}, "fingerprint"),
        ({"fingerprint": "a" * 63}, "fingerprint"),
        ({"parameters": -1}, "parameters"),
        ({"task": "Summarization"}, "task"),
        ({"surprise": 1}, "surprise"),
        ({"bucket": {"batchSize": 0, "sequenceLength": 8}}, "batchSize"),
        ({"proof": {**a_proof(), "errors": []}}, "errors"),
        ({"proof": a_proof(error=math.nan)}, "maxAbsoluteError"),
        ({"proof": a_proof(agreement=1.1)}, "agreement"),
    ],
)
def test_refuses_a_damaged_graph(changes, field):
    with pytest.raises(ValidationError, match=field):
        a_graph(**changes)


def test_an_infinite_error_cannot_be_stored():
    with pytest.raises(ValueError, match="JSON"):
        a_graph(proof=a_proof(error=math.inf)).to_bytes()


@pytest.mark.parametrize(
    ("proof", "verdict"),
    [
        (a_proof(error=0.0), None),
        (a_proof(error=0.11, reference=1.0), None),
        (a_proof(error=0.01, reference=0.0), None),
        (
            a_proof(error=0.12, reference=1.0),
            "output last_hidden_state is off by 0.12, allowed are 0.11",
        ),
        (a_proof(error=0.02, reference=0.0), "output last_hidden_state is off by 0.02"),
        (a_proof(error=math.inf), "is off by inf"),
        (a_proof(error=1.0, reference=math.inf), "is off by 1"),
        (a_proof(error=math.inf, reference=math.inf), "is off by inf"),
        (a_proof(agreement=0.9), None),
        (
            a_proof(agreement=0.899),
            "89.90% of the golden answers are the eager model's, wanted are 90.00%",
        ),
    ],
)
def test_judges_a_proof(proof, verdict):
    found = LIMITS.verdict(Proof.model_validate(proof))
    assert found is None if verdict is None else verdict in found


FIGURES = st.sampled_from([0.0, 0.01, 0.5, 0.9, 1.0, math.nan, math.inf]) | st.floats(min_value=0)


@given(FIGURES, FIGURES, FIGURES)
def test_only_finite_errors_within_the_limits_pass(error, reference, agreement):
    measured = OutputError.model_construct(
        output="logits", max_absolute_error=error, max_absolute_reference=reference
    )
    proof = Proof.model_construct(errors=(measured,), agreement=agreement, samples=1)
    good = math.isfinite(error) and error <= 0.01 + 0.1 * reference < math.inf and agreement >= 0.9
    assert (LIMITS.verdict(proof) is None) == good


def test_every_output_is_judged_and_the_worst_is_told():
    errors = [
        {**a_proof(error=error)["errors"][0], "output": name}
        for name, error in (("a", 0.0), ("b", 0.5))
    ]
    proof = Proof.model_validate({**a_proof(), "errors": errors})
    assert "output b" in LIMITS.verdict(proof)
    assert proof.worst_error() == 0.5


@given(DIGESTS)
def test_a_short_digest_is_43_characters_and_means_the_same(digest):
    assert len(to_short(digest)) == 43
    assert from_short(to_short(digest)) == digest


@given(st.text(max_size=50))
def test_what_is_no_short_digest_is_refused(text):
    try:
        digest = from_short(text)
    except ValueError:
        return
    assert to_short(digest) == text


@pytest.mark.parametrize(
    "short", ["", "abcd", "a" * 44, "=" * 43, "A" * 42 + "B", "é" * 43, "A" * 44 + "\n"]
)
def test_refuses_digests_of_other_lengths_and_alphabets(short):
    with pytest.raises(ValueError, match=r"digest|padding|ASCII|base64"):
        from_short(short)


def test_an_index_names_its_graphs_by_the_digests_of_their_manifests():
    graphs = (a_graph("one"), a_graph("two"))
    assert an_index(*graphs).graphs == tuple(graph.identity() for graph in graphs)
    assert isinstance(an_index(), Index)
    assert isinstance(a_graph(), Graph)
