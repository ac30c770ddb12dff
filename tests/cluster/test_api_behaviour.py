"""What the operator relies on in an API server: the life of an object. On the fake, and on a real one."""

import pytest

from apiserver.client import JSON_PATCH
from cluster_objects import config_map, deployment
from manifest_base import manifest
from tracedmodel_operator.errors import AlreadyExists, Conflict, NotFound, Refused
from tracedmodel_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    LEASE,
    TRACED_MODEL,
)

pytestmark = pytest.mark.cluster


def traced_model(api, changes=None):
    return manifest({"metadata.namespace": api.namespace, **(changes or {})})


def test_a_created_object_has_uid_version_time_and_for_kinds_with_a_spec_a_generation(api):
    made = api.create(DEPLOYMENT, deployment())["metadata"]
    assert made["uid"]
    assert int(made["resourceVersion"]) > 0
    assert made["creationTimestamp"].endswith("Z")
    assert made["generation"] == 1
    assert "generation" not in api.create(CONFIG_MAP, config_map())["metadata"]


def test_every_write_raises_the_version(api):
    first = int(api.create(CONFIG_MAP, config_map())["metadata"]["resourceVersion"])
    second = int(api.merge(CONFIG_MAP, "a", {"data": {"x": "1"}})["metadata"]["resourceVersion"])
    assert second > first


def test_a_write_that_changes_nothing_is_none(api):
    first = api.create(CONFIG_MAP, config_map(data={"x": "1"}))
    assert api.merge(CONFIG_MAP, "a", {"data": {"x": "1"}}) == first


def test_generation_counts_changes_of_the_spec_alone(api):
    api.create(DEPLOYMENT, deployment())
    assert api.merge(DEPLOYMENT, "web", {"spec": {"paused": True}})["metadata"]["generation"] == 2
    labelled = api.merge(DEPLOYMENT, "web", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 2
    counted = api.merge(DEPLOYMENT, "web", {"status": {"replicas": 1}}, subresource="status")
    assert counted["metadata"]["generation"] == 2


def test_the_status_is_written_by_its_subresource_alone_and_nothing_else_by_that(api):
    api.create(TRACED_MODEL, {**traced_model(api), "status": {"replicas": 7}})
    assert "replicas" not in api.get(TRACED_MODEL, "minilm")["status"]
    assert (
        "replicas" not in api.merge(TRACED_MODEL, "minilm", {"status": {"replicas": 7}})["status"]
    )
    patch = {
        "spec": {"suspend": True},
        "metadata": {"labels": {"a": "b"}},
        "status": {"replicas": 3},
    }
    after = api.merge(TRACED_MODEL, "minilm", patch, subresource="status")
    assert after["status"]["replicas"] == 3
    assert after["spec"]["suspend"] is False
    assert "labels" not in after["metadata"]


def test_a_new_custom_object_has_the_defaults_of_its_definition(api):
    made = api.create(TRACED_MODEL, traced_model(api))
    assert made["spec"]["serving"]["replicas"] == 1
    assert made["status"] == {"observedGeneration": -1}


def test_a_field_that_the_definition_does_not_know_is_dropped_or_refused_if_asked_to_be_strict(api):
    unknown = traced_model(api, {"spec.bogus": 1})
    assert "bogus" not in api.create(TRACED_MODEL, unknown)["spec"]
    again = traced_model(api, {"spec.bogus": 1, "metadata.name": "b"})
    with pytest.raises(Refused, match=r'unknown field "spec\.bogus"'):
        api.create(TRACED_MODEL, again, fieldValidation="Strict")


def test_a_name_can_be_had_once(api):
    api.create(CONFIG_MAP, config_map())
    with pytest.raises(AlreadyExists, match='configmaps "a" already exists'):
        api.create(CONFIG_MAP, config_map())


def test_a_prefix_becomes_a_name(api):
    made = api.create(CONFIG_MAP, {"metadata": {"generateName": "a-"}})
    assert made["metadata"]["name"].startswith("a-")
    assert len(made["metadata"]["name"]) == 7


@pytest.mark.parametrize("name", ["A", "a_b", "-a", ""])
def test_a_bad_name_is_refused(api, name):
    with pytest.raises(Refused, match=r"metadata\.name"):
        api.create(CONFIG_MAP, config_map(name))


def test_nothing_is_made_in_a_namespace_that_is_not_there(api):
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        api.done("POST", CONFIG_MAP.path("nowhere"), config_map())


def test_a_namespace_or_name_that_contradicts_the_path_is_refused(api):
    with pytest.raises(Refused, match="namespace of the provided object does not"):
        api.create(CONFIG_MAP, config_map(namespace="other"))
    with pytest.raises(Refused, match="does not match the name on the URL"):
        api.done("PUT", api.path(CONFIG_MAP, "b"), config_map("a"))


def test_a_dry_run_answers_as_if_and_does_nothing(api):
    assert api.create(CONFIG_MAP, config_map(), dryRun="All")["metadata"]["uid"]
    assert "a" not in api.names(CONFIG_MAP)


def test_what_is_not_there_is_not_found(api):
    with pytest.raises(NotFound, match=r'jobs\.batch "export" not found'):
        api.get(JOB, "export")
    assert api.ask("GET", "/apis/nobody.dev/v1/things").status == 404


def test_an_object_is_replaced_only_at_the_version_that_was_read(api):
    first = api.create(CONFIG_MAP, config_map(data={"x": "1"}))
    api.merge(CONFIG_MAP, "a", {"data": {"x": "2"}})
    with pytest.raises(Conflict, match="the object has been modified"):
        api.done("PUT", api.path(CONFIG_MAP, "a"), {**first, "data": {"x": "3"}})
    newest = api.get(CONFIG_MAP, "a")
    assert api.done("PUT", api.path(CONFIG_MAP, "a"), {**newest, "data": {}})["metadata"]["uid"]
    assert "data" not in api.get(CONFIG_MAP, "a")


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (TRACED_MODEL, manifest({"metadata.namespace": None})),
        (LEASE, {"metadata": {"name": "minilm"}, "spec": {"holderIdentity": "a"}}),
        (DISRUPTION_BUDGET, {"metadata": {"name": "minilm"}, "spec": {"maxUnavailable": 1}}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_some_kinds_are_not_replaced_without_a_version(api, kind, document):
    made = api.create(kind, document)
    del made["metadata"]["resourceVersion"]
    with pytest.raises(Refused, match="must be specified for an update"):
        api.done("PUT", api.path(kind, "minilm"), made)


def test_a_patch_that_names_a_version_holds_for_that_version_alone(api):
    made = api.create(CONFIG_MAP, config_map())
    api.merge(CONFIG_MAP, "a", {"data": {"x": "1"}})
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {}}
    with pytest.raises(Conflict):
        api.merge(CONFIG_MAP, "a", stale)


def test_a_merge_patch_changes_what_it_names_and_null_takes_away(api):
    api.create(CONFIG_MAP, config_map(data={"x": "1", "y": "1"}))
    after = api.merge(CONFIG_MAP, "a", {"data": {"x": None, "z": "1"}})
    assert after["data"] == {"y": "1", "z": "1"}


def test_a_json_patch_is_carried_out_whole_or_not_at_all(api):
    made = api.create(CONFIG_MAP, config_map(data={"x": "1"}))
    path = api.path(CONFIG_MAP, "a")
    version = made["metadata"]["resourceVersion"]
    test = {"op": "test", "path": "/metadata/resourceVersion"}
    labels = {"op": "add", "path": "/metadata/labels", "value": {}}
    add = {"op": "add", "path": "/metadata/labels/y~1z", "value": "2"}
    operations = [{**test, "value": version}, labels, add]
    after = api.done("PATCH", path, operations, content_type=JSON_PATCH)
    assert after["metadata"]["labels"] == {"y/z": "2"}
    refused = api.ask("PATCH", path, [add, {**test, "value": version}], content_type=JSON_PATCH)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")


def test_a_strategic_merge_of_a_custom_object_is_not_understood(api):
    api.create(TRACED_MODEL, traced_model(api))
    strategic = "application/strategic-merge-patch+json"
    path = api.path(TRACED_MODEL, "minilm")
    assert api.ask("PATCH", path, {"spec": {}}, content_type=strategic).status == 415
