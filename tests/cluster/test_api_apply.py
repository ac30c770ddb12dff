"""What the operator relies on in server-side apply. On the fake, and on a real API server."""

import pytest

from apiserver.client import JSON_PATCH
from cluster_objects import config_map, deployment, owned_by
from manifest_base import manifest
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, TRACED_MODEL

pytestmark = pytest.mark.cluster

FORCE = {"force": "true"}


def managers(item):
    """Return who owns fields of an object, how, and by which subresource."""
    entries = item["metadata"].get("managedFields", ())
    return {(e["manager"], e["operation"], e.get("subresource", "")) for e in entries}


def fields(item, manager):
    (entry,) = [e for e in item["metadata"]["managedFields"] if e["manager"] == manager]
    return entry["fieldsV1"]


def environment(item):
    (container,) = item["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container.get("env", ())}


def with_environment(**variables):
    document = deployment()
    (container,) = document["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    return document


def conditions(**by_type):
    moment = "2026-01-02T03:04:05Z"
    said = {"status": "True", "message": "", "lastTransitionTime": moment}
    listed = [{"type": kind, "reason": reason, **said} for kind, reason in by_type.items()]
    return {"metadata": {"name": "minilm"}, "status": {"conditions": listed}}


def reasons(item):
    return {c["type"]: c["reason"] for c in item["status"].get("conditions", ())}


def test_an_apply_makes_what_is_not_there(api):
    made = api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "a")
    assert made.status == 201
    assert managers(made.body) == {("a", "Apply", "")}
    assert fields(made.body, "a") == {"f:data": {"f:x": {}}}


def test_an_apply_that_changes_nothing_is_no_write(api):
    first = api.apply(DEPLOYMENT, with_environment(A="1"), "a").body
    again = api.apply(DEPLOYMENT, with_environment(A="1"), "a")
    assert again.status == 200
    assert again.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_who_applies_must_say_who_he_is(api):
    body = {"apiVersion": "v1", "kind": "ConfigMap", **config_map()}
    content_type = "application/apply-patch+yaml"
    answer = api.ask("PATCH", api.path(CONFIG_MAP, "a"), body, content_type=content_type)
    assert answer.status == 422


def test_what_its_manager_applies_no_more_is_removed(api):
    api.apply(CONFIG_MAP, config_map(data={"x": "1", "y": "1"}), "a")
    assert api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "a").body["data"] == {"x": "1"}


def test_what_somebody_else_wrote_too_stays_when_it_is_applied_no_more(api):
    api.create(CONFIG_MAP, config_map(data={"x": "1"}))
    api.apply(CONFIG_MAP, config_map(data={"x": "1", "y": "1"}), "a")
    after = api.apply(CONFIG_MAP, config_map(), "a").body
    assert after["data"] == {"x": "1"}
    assert managers(after) == {("creator", "Update", "")}


def test_the_fields_of_a_create_stay_when_its_maker_applies_without_them(api):
    api.create(CONFIG_MAP, config_map(data={"x": "1", "old": "1"}), manager="operator")
    after = api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "operator", **FORCE).body
    assert after["data"] == {"x": "1", "old": "1"}
    assert managers(after) == {("operator", "Update", ""), ("operator", "Apply", "")}


def test_managed_fields_can_be_handed_over_so_that_what_was_made_by_create_can_be_removed(api):
    made = api.create(CONFIG_MAP, config_map(data={"x": "1", "old": "1"}), manager="operator")
    entries = [{**e, "operation": "Apply"} for e in made["metadata"]["managedFields"]]
    version = made["metadata"]["resourceVersion"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]
    path = api.path(CONFIG_MAP, "a")
    handed = api.done("PATCH", path, patch, content_type=JSON_PATCH, fieldManager="operator")
    assert managers(handed) == {("operator", "Apply", "")}
    after = api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "operator", **FORCE).body
    assert after["data"] == {"x": "1"}


def test_a_field_of_another_manager_is_a_conflict(api):
    api.create(CONFIG_MAP, config_map(data={"x": "1"}))
    refused = api.apply(CONFIG_MAP, config_map(data={"x": "2"}), "a")
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    sentence = 'Apply failed with 1 conflict: conflict with "creator" using v1: .data.x'
    assert refused.body["message"] == sentence
    assert api.get(CONFIG_MAP, "a")["data"] == {"x": "1"}


def test_a_forced_apply_takes_the_field_over(api):
    api.create(CONFIG_MAP, config_map(data={"x": "1", "y": "1"}))
    after = api.apply(CONFIG_MAP, config_map(data={"x": "2"}), "a", **FORCE).body
    assert after["data"] == {"x": "2", "y": "1"}
    assert fields(after, "a") == {"f:data": {"f:x": {}}}
    assert fields(after, "creator") == {"f:data": {".": {}, "f:y": {}}}


def test_two_who_apply_the_same_value_share_the_field(api):
    api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "a")
    assert api.apply(CONFIG_MAP, config_map(data={"x": "1"}), "b").status == 200
    assert api.apply(CONFIG_MAP, config_map(data={}), "a").body["data"] == {"x": "1"}
    assert "data" not in api.apply(CONFIG_MAP, config_map(data={}), "b").body


def test_items_of_a_list_with_keys_belong_to_whoever_applied_them(api):
    api.apply(DEPLOYMENT, with_environment(A="1", B="1"), "a")
    path = api.path(DEPLOYMENT, "web")
    add = {"op": "add", "path": "/spec/template/spec/containers/0/env/-"}
    value = {"name": "SIDECAR", "value": "1"}
    api.done("PATCH", path, [{**add, "value": value}], content_type=JSON_PATCH)
    after = api.apply(DEPLOYMENT, with_environment(A="2"), "a").body
    assert environment(after) == {"A": "2", "SIDECAR": "1"}


def test_the_items_of_others_keep_their_place(api):
    api.apply(DEPLOYMENT, with_environment(A="1"), "a")
    path = api.path(DEPLOYMENT, "web")
    add = {"op": "add", "path": "/spec/template/spec/containers/0/env/0"}
    value = {"name": "FIRST", "value": "1"}
    api.done("PATCH", path, [{**add, "value": value}], content_type=JSON_PATCH)
    after = api.apply(DEPLOYMENT, with_environment(B="1", A="1"), "a").body
    assert list(environment(after)) == ["FIRST", "B", "A"]


def test_replicas_that_were_scaled_stay_when_the_deployment_is_applied_without_them(api):
    api.apply(DEPLOYMENT, deployment(), "a")
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 3}}
    scale["metadata"] = {"name": "web"}
    path = api.path(DEPLOYMENT, "web", "scale")
    content_type = "application/apply-patch+yaml"
    api.done("PATCH", path, scale, content_type=content_type, fieldManager="a", **FORCE)
    after = api.apply(DEPLOYMENT, deployment(image="server:2"), "a").body
    assert after["spec"]["replicas"] == 3
    assert {("a", "Apply", ""), ("a", "Apply", "scale")} <= managers(after)


def test_a_field_that_is_the_servers_own_default_comes_back(api):
    api.apply(DEPLOYMENT, deployment(revisionHistoryLimit=3), "a")
    assert api.apply(DEPLOYMENT, deployment(), "a").body["spec"]["revisionHistoryLimit"] == 10


def test_the_conditions_of_a_status_are_owned_one_by_one(api):
    api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    both = conditions(Ready="Yes", Reconciling="Busy")
    api.apply(TRACED_MODEL, both, "operator", subresource="status")
    other = api.apply(TRACED_MODEL, conditions(Other="Yes"), "other", subresource="status").body
    assert reasons(other) == {"Ready": "Yes", "Reconciling": "Busy", "Other": "Yes"}
    after = api.apply(TRACED_MODEL, conditions(Ready="Still"), "operator", subresource="status")
    assert reasons(after.body) == {"Ready": "Still", "Other": "Yes"}
    written = {("operator", "Apply", "status"), ("other", "Apply", "status")}
    assert written < managers(after.body)


def test_applying_no_conditions_takes_the_own_ones_away(api):
    api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    api.apply(TRACED_MODEL, conditions(Ready="Yes"), "operator", subresource="status")
    after = api.apply(TRACED_MODEL, conditions(), "operator", subresource="status").body
    assert "conditions" not in after["status"]


def test_a_status_that_the_definition_does_not_know_is_an_error_of_the_server(api):
    api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    bogus = {"metadata": {"name": "minilm"}, "status": {"bogus": 1}}
    refused = api.apply(TRACED_MODEL, bogus, "operator", subresource="status")
    assert refused.status == 500
    assert ".status.bogus: field not declared in schema" in refused.body["message"]


def test_an_apply_to_the_uid_of_what_is_gone_is_a_conflict(api):
    gone = config_map(uid="00000000-0000-0000-0000-000000000000")
    refused = api.apply(CONFIG_MAP, gone, "a", **FORCE)
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert "no existing object was found" in refused.body["message"]


def test_an_apply_to_the_uid_of_what_was_made_anew_is_invalid(api):
    api.create(CONFIG_MAP, config_map())
    other = config_map(uid="00000000-0000-0000-0000-000000000000")
    refused = api.apply(CONFIG_MAP, other, "a", **FORCE)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert "metadata.uid" in refused.body["message"]


def test_a_status_is_applied_to_whatever_has_the_name_unless_the_version_is_named(api):
    api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    named = {"name": "minilm", "uid": "00000000-0000-0000-0000-000000000000"}
    status = {"metadata": named, "status": {"replicas": 1}}
    assert api.apply(TRACED_MODEL, status, "operator", subresource="status").status == 200
    stale = {"metadata": {"name": "minilm", "resourceVersion": "1"}, "status": {"replicas": 2}}
    refused = api.apply(TRACED_MODEL, stale, "operator", subresource="status")
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")


def test_a_reference_to_the_owner_is_applied_as_one(api):
    owner = api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    made = api.apply(CONFIG_MAP, owned_by(owner, config_map()), "a").body
    (reference,) = made["metadata"]["ownerReferences"]
    assert reference["uid"] == owner["metadata"]["uid"]
    assert "ownerReferences" not in api.apply(CONFIG_MAP, config_map(), "a").body["metadata"]
