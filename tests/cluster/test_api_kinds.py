"""What the operator relies on in an API server: what is special to kinds. On the fake, and on a real one."""

import pytest

from apiserver.client import MERGE
from cluster_objects import config_map, deployment, job, service
from manifest_base import manifest
from resources import SETTINGS, resource
from tracedmodel_operator.drift import drifted, stamped
from tracedmodel_operator.errors import Refused
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    JOB,
    LEASE,
    SERVICE,
    TRACED_MODEL,
)
from tracedmodel_operator.render.autoscaler import render_autoscaler

pytestmark = pytest.mark.cluster


def test_the_scale_of_a_deployment_sets_its_replicas(api):
    api.create(DEPLOYMENT, deployment())
    path = api.path(DEPLOYMENT, "web", "scale")
    scaled = api.done("PATCH", path, {"spec": {"replicas": 3}}, content_type=MERGE)
    assert scaled["kind"] == "Scale"
    assert scaled["spec"] == {"replicas": 3}
    assert scaled["status"] == {"replicas": 0, "selector": "app=web"}
    after = api.get(DEPLOYMENT, "web")
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (3, 2)


def test_the_scale_of_a_traced_model_is_where_its_definition_says(api):
    api.create(TRACED_MODEL, manifest({"metadata.namespace": api.namespace}))
    path = api.path(TRACED_MODEL, "minilm", "scale")
    api.done("PATCH", path, {"spec": {"replicas": 4}}, content_type=MERGE)
    assert api.get(TRACED_MODEL, "minilm")["spec"]["serving"]["replicas"] == 4
    status = {"status": {"replicas": 2, "selector": "app=minilm"}}
    api.merge(TRACED_MODEL, "minilm", status, subresource="status")
    assert api.done("GET", path)["status"] == {"replicas": 2, "selector": "app=minilm"}


def test_the_pods_of_a_job_carry_its_uid_and_name(api):
    made = api.create(JOB, job())
    labels = made["spec"]["template"]["metadata"]["labels"]
    uid = made["metadata"]["uid"]
    assert labels["batch.kubernetes.io/controller-uid"] == uid
    assert labels["batch.kubernetes.io/job-name"] == "export"
    selected = {"batch.kubernetes.io/controller-uid": uid}
    assert made["spec"]["selector"] == {"matchLabels": selected}


def test_the_template_of_a_job_cannot_be_changed_but_its_time_to_live_can(api):
    api.create(JOB, job())
    template = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}}
    with pytest.raises(Refused, match="field is immutable"):
        api.merge(JOB, "export", template)
    after = api.merge(JOB, "export", {"spec": {"ttlSecondsAfterFinished": 60}})
    assert after["spec"]["ttlSecondsAfterFinished"] == 60


def test_the_data_of_an_immutable_config_map_stay_as_they_are(api):
    api.create(CONFIG_MAP, {**config_map(data={"x": "1"}), "immutable": True})
    for patch in ({"data": {"x": "2"}}, {"immutable": False}):
        with pytest.raises(Refused, match="field is immutable when `immutable` is set"):
            api.merge(CONFIG_MAP, "a", patch)
    assert api.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"a": "b"}}})["data"] == {"x": "1"}


def test_the_selector_of_a_deployment_cannot_be_changed(api):
    api.create(DEPLOYMENT, deployment())
    labels = {"app": "other"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    with pytest.raises(Refused, match=r"spec\.selector: .*field is immutable"):
        api.merge(DEPLOYMENT, "web", {"spec": spec})


def test_quantities_are_kept_in_one_spelling(api):
    limits = {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": "1000000k"}
    spec = deployment()
    spec["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": limits}
    made = api.create(DEPLOYMENT, spec)
    kept = made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert kept == {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1G"}


def test_defaults_are_filled_in_and_empty_lists_left_out(api):
    document = deployment()
    document["spec"]["template"]["spec"]["containers"][0]["envFrom"] = []
    spec = api.create(DEPLOYMENT, document)["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"]) == (1, 10)
    (container,) = spec["template"]["spec"]["containers"]
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert "envFrom" not in container
    (port,) = api.create(SERVICE, service())["spec"]["ports"]
    assert port == {"port": 80, "protocol": "TCP", "targetPort": 80}


def test_the_times_of_a_lease_have_microseconds(api):
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 15}
    exact = {**spec, "renewTime": "2026-01-02T03:04:05.000000Z"}
    made = api.create(LEASE, {"metadata": {"name": "a"}, "spec": exact})
    assert made["spec"]["renewTime"] == "2026-01-02T03:04:05.000000Z"
    rounded = {**spec, "renewTime": "2026-01-02T03:04:05Z"}
    assert (
        api.ask("POST", api.path(LEASE), {"metadata": {"name": "b"}, "spec": rounded}).status == 400
    )


def test_an_event_is_kept(api):
    subject = {"kind": "TracedModel", "name": "minilm", "namespace": api.namespace}
    event = {
        "metadata": {"generateName": "minilm-"},
        "involvedObject": subject,
        "reason": "Exported",
    }
    assert api.create(EVENT, event)["reason"] == "Exported"


@pytest.mark.parametrize("target", ["CPU", "Inf1"])
def test_an_autoscaler_stays_as_it_was_rendered(api, target):
    wanted = resource({"target": target, "serving": {"autoscaling": {"maxReplicas": 5}}})
    scaling = wanted.spec.serving.autoscaling
    rendered = stamped(render_autoscaler(wanted, scaling, SETTINGS))
    metadata = {k: v for k, v in rendered["metadata"].items() if k != "ownerReferences"}
    child = {**rendered, "metadata": {**metadata, "namespace": api.namespace}}
    assert not drifted(child, api.create(AUTOSCALER, child))
