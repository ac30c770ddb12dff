"""The garbage collector of the fake: a real one needs its controllers."""

import pytest

from apiserver import Failure, FakeCluster
from apiserver.kubelet import pod_of
from apiserver.registry import NAMESPACE
from cluster_objects import config_map, deployment, owned_by
from manifest_base import manifest
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, TRACED_MODEL


def place(document):
    return {**document, "metadata": {**document["metadata"], "namespace": "search"}}


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def owner(cluster):
    return cluster.create(TRACED_MODEL, manifest({"metadata.namespace": "search"}))


def own_deployment(cluster, owner, *, blocks=True):
    """Create a Deployment of the owner, and a pod of the Deployment."""
    document = place(owned_by(owner, deployment(), blocks=blocks))
    made = cluster.create(DEPLOYMENT, document)
    cluster.create(POD, pod_of(made, "web-1", {}, scheduled=False))
    return made


def delete_owner(cluster, policy):
    cluster.delete(TRACED_MODEL, "search", "minilm", policy)


def test_what_an_object_owns_goes_with_it(cluster, owner):
    own_deployment(cluster, owner)
    delete_owner(cluster, "Background")
    assert [cluster.objects(kind) for kind in (TRACED_MODEL, DEPLOYMENT, POD)] == [[], [], []]


def test_an_object_that_is_deleted_in_the_foreground_goes_last(cluster, owner):
    own_deployment(cluster, owner)
    events = cluster.subscribe(TRACED_MODEL, DEPLOYMENT, POD)
    delete_owner(cluster, "Foreground")
    gone = [event.kind.name for event in events if event.type == "DELETED"]
    assert gone == ["Pod", "Deployment", "TracedModel"]


def test_what_blocks_its_owner_keeps_it(cluster, owner):
    document = place(owned_by(owner, config_map(finalizers=["example.com/hold"])))
    cluster.create(CONFIG_MAP, document)
    delete_owner(cluster, "Foreground")
    waiting = cluster.get(TRACED_MODEL, "search", "minilm")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.merge(CONFIG_MAP, "search", "a", {"metadata": {"finalizers": None}})
    assert cluster.get(TRACED_MODEL, "search", "minilm") is None


def test_what_does_not_block_its_owner_does_not_keep_it(cluster, owner):
    document = owned_by(owner, config_map(finalizers=["example.com/hold"]), blocks=False)
    cluster.create(CONFIG_MAP, place(document))
    delete_owner(cluster, "Foreground")
    assert cluster.get(TRACED_MODEL, "search", "minilm") is None
    assert "deletionTimestamp" in cluster.get(CONFIG_MAP, "search", "a")["metadata"]


def test_orphans_stay_without_an_owner(cluster, owner):
    own_deployment(cluster, owner)
    delete_owner(cluster, "Orphan")
    assert cluster.get(TRACED_MODEL, "search", "minilm") is None
    assert "ownerReferences" not in cluster.get(DEPLOYMENT, "search", "web")["metadata"]
    assert len(cluster.objects(POD)) == 1


def test_what_is_made_for_an_owner_that_is_gone_goes_too(cluster, owner):
    delete_owner(cluster, "Background")
    cluster.create(CONFIG_MAP, place(owned_by(owner, config_map())))
    assert cluster.objects(CONFIG_MAP) == []


def test_an_owner_in_another_namespace_is_none(cluster, owner):
    document = owned_by(owner, config_map(namespace="default"))
    cluster.create(CONFIG_MAP, document)
    assert cluster.objects(CONFIG_MAP) == []


def test_of_two_owners_one_is_enough(cluster, owner):
    other = manifest({"metadata.namespace": "search", "metadata.name": "other"})
    second = cluster.create(TRACED_MODEL, other)
    document = place(owned_by(owner, config_map()))
    reference = {**document["metadata"]["ownerReferences"][0], "controller": False}
    reference |= {"uid": second["metadata"]["uid"], "name": "other"}
    document["metadata"]["ownerReferences"].append(reference)
    cluster.create(CONFIG_MAP, document)
    delete_owner(cluster, "Background")
    (kept,) = cluster.get(CONFIG_MAP, "search", "a")["metadata"]["ownerReferences"]
    assert kept["name"] == "other"


def test_the_collector_waits_for_its_turn_if_told_to():
    cluster = FakeCluster(collect=False)
    owner = cluster.create(TRACED_MODEL, manifest({"metadata.namespace": "search"}))
    own_deployment(cluster, owner)
    delete_owner(cluster, "Background")
    assert len(cluster.objects(DEPLOYMENT)) == 1
    cluster.garbage.turn()
    assert cluster.objects(DEPLOYMENT) == []


def test_a_namespace_takes_what_is_in_it_along_and_nothing_new_in(cluster):
    cluster.create(CONFIG_MAP, place(config_map(finalizers=["example.com/hold"])))
    cluster.create(CONFIG_MAP, place(config_map("b")))
    cluster.delete(NAMESPACE, None, "search")
    assert [item["metadata"]["name"] for item in cluster.objects(CONFIG_MAP)] == ["a"]
    with pytest.raises(Failure, match="because it is being terminated"):
        cluster.create(CONFIG_MAP, place(config_map("c")))
    cluster.merge(CONFIG_MAP, "search", "a", {"metadata": {"finalizers": None}})
    assert cluster.get(NAMESPACE, None, "search") is None
