import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import a_resource
from manifest_base import COMMIT
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Limits
from tracedmodel_api.request import (
    CompilerSettings,
    ExportRequest,
    asked_revision,
    base_fingerprint,
    export_request,
    graph_fingerprint,
    wanted_limits,
)
from tracedmodel_api.types import Compiler, Target

STORE = "s3://models/traced"
BUCKET = Bucket(1, 128)
VERSIONS = {"torch": "2.5.1", "transformers": "4.46.3"}
INF1 = {"spec.target": "Inf1"}
FAST_MATH = {**INF1, "spec.export.compiler.args": ["--fast-math", "none"]}
BFLOAT16 = {"spec.export.precision": "BFloat16"}
TOLERANCE = {"absolute": "1e-3", "relative": "0.5", "minAgreement": "0"}

MATTERS = {
    "the source": {"spec.model.source": "hf://gpt2"},
    "the revision": {"spec.model.revision": "v2"},
    "the task": {"spec.model.task": "FillMask"},
    "the target": INF1,
    "the precision": BFLOAT16,
    "compiler arguments": {**INF1, "spec.export.compiler.args": ["--fast-math"]},
    "other compiler arguments": FAST_MATH,
    "pipeline cores": {
        **INF1,
        "spec.export.compiler.pipelineCores": 4,
        "spec.serving.neuronCores": 4,
    },
    "a request": {"metadata.annotations": {"tracedmodel.dev/requested-at": "now"}},
    "another request": {"metadata.annotations": {"tracedmodel.dev/requested-at": "later"}},
}
IS_NOTHING = {
    "a bucket more": {
        "spec.export.buckets": [{"batchSize": n, "sequenceLength": 8} for n in (1, 2)]
    },
    "the tolerance": {"spec.export.tolerance": TOLERANCE},
    "replicas": {"spec.serving.replicas": 5},
    "autoscaling": {"spec.serving.autoscaling.maxReplicas": 5},
    "resources of an exporter": {"spec.export.resources.cpu": 8},
    "resources of a server": {"spec.serving.resources.memory": "8Gi"},
    "parallel pods": {"spec.model.revision": "main", "spec.suspend": True},
    "the name": {"metadata.name": "other", "metadata.namespace": "other"},
    "credentials": {"spec.model.credentialsSecretName": "hub", "spec.serviceAccountName": "reader"},
    "the revision that is meant without one": {"spec.model.revision": "main"},
    "another annotation": {"metadata.annotations": {"a": "b"}},
}


def base(change=None, store=STORE):
    return base_fingerprint(a_resource(change), store)


def a_request(change=None, **fields):
    return export_request(a_resource(change), STORE).model_copy(update=fields)


def graph(change=None, bucket=BUCKET, revision=COMMIT, versions=None):
    return graph_fingerprint(a_request(change), bucket, revision, versions or VERSIONS)


def test_equal_requests_have_equal_fingerprints():
    assert base() == base()
    assert graph() == graph(versions=dict(reversed(VERSIONS.items())))


def test_whatever_matters_changes_the_base_fingerprint_and_each_in_its_own_way():
    found = [base(change) for change in (None, *MATTERS.values())] + [base(store="s3://other")]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("change", IS_NOTHING.values(), ids=IS_NOTHING)
def test_what_exports_nothing_leaves_the_base_fingerprint(change):
    assert base(change) == base()


@pytest.mark.parametrize(
    "setting",
    [{"timeoutSeconds": 60}, {"minCompiledPercent": 0}, {"pipelineCores": 1}, {"args": []}],
)
def test_compiler_settings_that_change_no_graph_leave_both_fingerprints(setting):
    change = {**INF1, "spec.export.compiler": setting}
    assert base(change) == base(INF1)
    assert graph(change) == graph(INF1)


def test_whatever_shapes_a_graph_changes_its_fingerprint_and_each_in_its_own_way():
    shaping = (
        "the task",
        "the target",
        "the precision",
        "compiler arguments",
        "other compiler arguments",
        "pipeline cores",
    )
    found = [
        graph(),
        *(graph(MATTERS[name]) for name in shaping),
        graph(revision="main"),
        graph(versions={**VERSIONS, "torch": "2.6.0"}),
        graph(versions={**VERSIONS, "neuron-cc": "1.0"}),
        graph(bucket=Bucket(2, 128)),
        graph(bucket=Bucket(1, 64)),
        graph(bucket=Bucket(1, 128, 64, 1)),
        graph(bucket=Bucket(1, 128, 64, 2)),
        graph(bucket=Bucket(1, 128, 32, 1)),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["a request", "the source", "the revision"])
def test_a_graph_is_shared_whoever_asks_for_it(name):
    assert graph(MATTERS[name]) == graph()


@given(
    st.sets(st.builds(Bucket, st.integers(1, 8), st.integers(8, 16)), min_size=1, max_size=32),
    st.integers(1, 32),
)
def test_pods_share_every_bucket_out_and_none_twice(buckets, parallelism):
    rows = [bucket.as_json() for bucket in buckets]
    change = {
        "spec.export.buckets": rows,
        "spec.export.parallelism": parallelism,
        "spec.model.revision": COMMIT,
    }
    request = a_request(change)
    shares = [request.share(index) for index in range(request.parallelism)]
    assert request.parallelism == min(parallelism, len(buckets))
    assert sorted(bucket for share in shares for bucket in share) == sorted(buckets)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert sorted(request.share(None)) == sorted(buckets)


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        ({}, (1e-4, 1e-4, 0.99)),
        (BFLOAT16, (0.02, 0.02, 0.95)),
        (INF1, (0.05, 0.05, 0.99)),
        (FAST_MATH, (0.01, 0.01, 0.99)),
        ({"spec.export.tolerance.absolute": "0.5"}, (0.5, 1e-4, 0.99)),
        ({"spec.export.tolerance.absolute": "0"}, (0, 1e-4, 0.99)),
        ({**INF1, "spec.export.tolerance": TOLERANCE}, (1e-3, 0.5, 0)),
    ],
)
def test_gaps_in_the_tolerance_are_filled_by_target_precision_and_compiler(change, limits):
    absolute, relative, agreement = limits
    assert wanted_limits(a_resource(change)) == Limits(
        absolute=absolute, relative=relative, min_agreement=agreement
    )


@pytest.mark.parametrize(
    ("change", "revision"),
    [
        ({}, "main"),
        ({"spec.model.revision": "v1"}, "v1"),
        ({"spec.model.source": "s3://models/a"}, ""),
    ],
)
def test_only_hub_sources_have_revisions(change, revision):
    assert asked_revision(a_resource(change)) == revision
    assert a_request(change).revision == revision


def test_a_revision_that_was_resolved_before_is_asked_for_under_the_same_base():
    request = export_request(a_resource(), STORE, COMMIT)
    assert (request.revision, request.base_fingerprint) == (COMMIT, base())


def test_only_inf1_has_compiler_settings():
    assert CompilerSettings.of(Compiler(), Target.CPU) is None
    assert CompilerSettings.of(None, Target.INF1) == CompilerSettings(pipeline_cores=1, args=())
    assert a_request().compiler is None


def test_compiler_settings_reach_the_exporter():
    change = {
        **INF1,
        "spec.export.compiler": {"timeoutSeconds": 60, "minCompiledPercent": 5, "args": ["-a"]},
    }
    request = a_request(change)
    assert (request.compiler_timeout_seconds, request.min_compiled_percent) == (60, 5)
    assert request.compiler.args == ("-a",)


@pytest.mark.parametrize("change", [{}, FAST_MATH, BFLOAT16])
def test_a_request_survives_its_environment_variable(change):
    request = a_request(change)
    assert ExportRequest.model_validate_json(request.to_bytes()) == request


def test_a_request_without_buckets_is_refused():
    document = {**a_request().as_json(), "buckets": []}
    with pytest.raises(ValidationError, match="buckets"):
        ExportRequest.model_validate(document)
