import pytest
from hypothesis import given
from hypothesis import strategies as st

import crd_judge
from bad_manifests import BAD
from builders import a_resource
from good_manifests import GOOD
from manifest_base import COMMIT, REVISION, manifest
from tracedmodel_api import manifests
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.types import NAME_LENGTH, is_commit


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in GOOD])
def test_both_judges_take_a_good_manifest(change):
    manifests.parse(manifest(change))
    assert crd_judge.judge(manifest(change)) == []


@pytest.mark.parametrize(
    ("change", "field"), [pytest.param(change, field, id=name) for name, change, field in BAD]
)
def test_both_judges_refuse_a_bad_manifest_and_the_field_is_named(change, field):
    assert crd_judge.judge(manifest(change)) != []
    with pytest.raises(manifests.InvalidManifest) as caught:
        manifests.parse(manifest(change))
    assert {problem.field for problem in caught.value.problems} == {field}


def test_the_table_has_every_row_once():
    names = [row[0] for row in (*GOOD, *BAD)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in GOOD])
def test_both_judges_fill_in_the_same_defaults(change):
    stored = crd_judge.completed(manifest(change))["spec"]
    dumped = a_resource(change).model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    assert dumped == stored


@given(st.text(alphabet="abz09-A._é\n", max_size=NAME_LENGTH + 2))
def test_both_judges_agree_on_names(name):
    document = manifest({"metadata.name": name})
    try:
        manifests.parse(document)
    except manifests.InvalidManifest:
        assert crd_judge.judge(document) != []
    else:
        assert crd_judge.judge(document) == []


@pytest.mark.parametrize(
    "path",
    [
        "spec.model.source",
        "spec.model.revision",
        "spec.store.url",
        "spec.serviceAccountName",
        "spec.export.tolerance.absolute",
        "spec.export.tolerance.minAgreement",
        "spec.export.resources.cpu",
        "spec.serving.resources.memory",
    ],
)
@given(
    text=st.text(alphabet="/.:?# \t\n\v\u00a0\u0085aA019-_eimGhfst", max_size=12),
    start=st.sampled_from(
        ["", "hf://a", "s3://a/", "pvc://a/", "file:///a", "1", "0.", "1e-", "4G"]
    ),
)
def test_both_judges_agree_on_strings(path, text, start):
    document = manifest({path: start + text})
    try:
        manifests.parse(document)
    except manifests.InvalidManifest:
        assert crd_judge.judge(document) != []
    else:
        assert crd_judge.judge(document) == []


def test_sorts_buckets_by_size_and_keeps_what_translation_adds():
    change = {
        "spec.model.task": "Translation",
        "spec.export.buckets": [
            {"batchSize": 8, "sequenceLength": 16, "targetLength": 32, "beams": 4},
            {"batchSize": 1, "sequenceLength": 64, "targetLength": 32, "beams": 4},
            {"batchSize": 1, "sequenceLength": 16, "targetLength": 32, "beams": 4},
        ],
    }
    assert a_resource(change).buckets() == (
        Bucket(1, 16, 32, 4),
        Bucket(1, 64, 32, 4),
        Bucket(8, 16, 32, 4),
    )


@pytest.mark.parametrize(
    ("annotations", "asked"),
    [
        (None, ""),
        ({}, ""),
        ({"tracedmodel.dev/requested-at": None}, ""),
        ({"tracedmodel.dev/requested-at": "2024-01-01"}, "2024-01-01"),
    ],
)
def test_reads_the_request_for_a_new_export(annotations, asked):
    assert a_resource({"metadata.annotations": annotations}).requested_at == asked


def test_takes_a_resource_as_a_cluster_gives_it():
    resource = a_resource(
        {
            "metadata.uid": "a-b",
            "metadata.generation": 3,
            "metadata.deletionTimestamp": "2024-01-01T00:00:00Z",
            "metadata.managedFields": [],
            "status": {"observedGeneration": 2, "conditions": None, "fromTheFuture": 1},
        }
    )
    assert (resource.metadata.uid, resource.metadata.generation) == ("a-b", 3)
    assert resource.metadata.deletion_timestamp is not None
    assert (resource.status.observed_generation, resource.status.conditions) == (2, [])


def test_nobody_has_seen_a_new_resource():
    assert a_resource().status.observed_generation == -1


@pytest.mark.parametrize(
    ("revision", "verdict"),
    [
        (COMMIT, True),
        (None, False),
        ("main", False),
        (COMMIT[:39], False),
        (COMMIT + "0", False),
        (COMMIT.upper(), False),
        ("é" * 40, False),
    ],
)
def test_tells_commits_from_what_may_move(revision, verdict):
    assert is_commit(revision) is verdict


def test_a_resource_cannot_be_changed():
    resource = a_resource({REVISION: "main"})
    with pytest.raises(ValueError, match="frozen"):
        resource.spec.model.revision = "other"
