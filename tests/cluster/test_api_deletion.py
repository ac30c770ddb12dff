"""What the operator relies on in deletion. On the fake, and on a real API server, which here has no controllers."""

import pytest

from apiserver.kubelet import pod_of
from cluster_objects import config_map, deployment
from manifest_base import manifest
from tracedmodel_operator.errors import Conflict, NotFound, Refused
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, TRACED_MODEL

pytestmark = pytest.mark.cluster


def delete(api, kind, name, **body):
    return api.done("DELETE", api.path(kind, name), body or None)


def test_a_deleted_object_is_gone_at_once(api):
    api.create(CONFIG_MAP, config_map())
    assert delete(api, CONFIG_MAP, "a")["status"] == "Success"
    with pytest.raises(NotFound):
        api.get(CONFIG_MAP, "a")
    with pytest.raises(NotFound):
        delete(api, CONFIG_MAP, "a")


def test_only_the_object_that_was_meant_is_deleted(api):
    made = api.create(CONFIG_MAP, config_map())
    with pytest.raises(Conflict, match="does not match the UID in record"):
        delete(api, CONFIG_MAP, "a", preconditions={"uid": "another"})
    with pytest.raises(Conflict, match="does not match the ResourceVersion in record"):
        delete(api, CONFIG_MAP, "a", preconditions={"resourceVersion": "1"})
    delete(api, CONFIG_MAP, "a", preconditions={"uid": made["metadata"]["uid"]})
    assert "a" not in api.names(CONFIG_MAP)


def test_a_finalizer_holds_an_object_until_it_is_taken_away(api):
    api.create(CONFIG_MAP, config_map(finalizers=["example.com/hold"]))
    waiting = delete(api, CONFIG_MAP, "a")
    assert waiting["metadata"]["deletionTimestamp"]
    assert api.get(CONFIG_MAP, "a")["metadata"]["finalizers"] == ["example.com/hold"]
    with pytest.raises(Refused, match="no new finalizers can be added"):
        api.merge(CONFIG_MAP, "a", {"metadata": {"finalizers": ["b.com/b", "example.com/hold"]}})
    api.merge(CONFIG_MAP, "a", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        api.get(CONFIG_MAP, "a")


def test_to_be_deleted_is_a_change_of_the_generation(api):
    made = manifest({"metadata.namespace": api.namespace, "metadata.finalizers": ["a.com/b"]})
    api.create(TRACED_MODEL, made)
    assert delete(api, TRACED_MODEL, "minilm")["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", None)],
)
def test_the_policy_of_a_deletion_is_a_finalizer_for_the_garbage_collector(
    stage, policy, finalizers
):
    api = stage.api
    made = manifest({"metadata.namespace": api.namespace, "metadata.finalizers": ["a.com/b"]})
    api.create(TRACED_MODEL, made)
    waiting = delete(api, TRACED_MODEL, "minilm", propagationPolicy=policy)
    kept = [name for name in waiting["metadata"]["finalizers"] if name != "a.com/b"]
    assert kept == (finalizers or [])


def test_a_running_pod_has_time_to_stop_and_is_gone_when_the_kubelet_says_so(api):
    owner = api.create(DEPLOYMENT, deployment())
    pod = pod_of(owner, "web-1", {}, scheduled=True)
    del pod["metadata"]["ownerReferences"]
    api.create(POD, pod)
    waiting = delete(api, POD, "web-1")["metadata"]
    assert (waiting["deletionGracePeriodSeconds"], "deletionTimestamp" in waiting) == (30, True)
    assert api.get(POD, "web-1")["metadata"]["deletionTimestamp"]
    delete(api, POD, "web-1", gracePeriodSeconds=0)
    with pytest.raises(NotFound):
        api.get(POD, "web-1")


def test_a_pod_that_ended_or_runs_nowhere_is_gone_at_once(api):
    owner = api.create(DEPLOYMENT, deployment())
    for name, scheduled in (("ended", True), ("waiting", False)):
        pod = pod_of(owner, name, {}, scheduled=scheduled)
        del pod["metadata"]["ownerReferences"]
        api.create(POD, pod)
    api.merge(POD, "ended", {"status": {"phase": "Succeeded"}}, subresource="status")
    delete(api, POD, "ended")
    delete(api, POD, "waiting")
    assert not {"ended", "waiting"} & {*api.names(POD)}


def test_all_that_a_selector_chooses_can_be_deleted_together(api):
    api.create(CONFIG_MAP, config_map("a", labels={"app": "a"}))
    api.create(CONFIG_MAP, config_map("b", labels={"app": "b"}))
    api.done("DELETE", api.path(CONFIG_MAP), labelSelector="app=a")
    assert api.names(CONFIG_MAP, labelSelector="app") == ["b"]
