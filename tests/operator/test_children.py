import asyncio

import pytest

from apiserver import FakeCluster, Faults, InProcess, Quota, denied
from apiserver.faults import LOST_AFTER
from operated import KEY, Operated
from resources import resource
from tracedmodel_operator import names
from tracedmodel_operator.cache import Cache
from tracedmodel_operator.children import Children
from tracedmodel_operator.errors import Conflict, Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, JOB, TRACED_MODEL
from tracedmodel_operator.kube import Kube

NAME = "minilm-index"


class Nursery:
    """A resource in a cluster, and whoever writes its children."""

    def __init__(self):
        self.cluster = FakeCluster(collect=False)
        self.faults = Faults()
        self.cache = Cache()
        self.children = Children(Kube(InProcess(self.cluster, self.faults)), self.cache)
        document = resource().model_dump(mode="json", by_alias=True, exclude_none=True)
        document["metadata"] = {"name": "minilm", "namespace": "search"}
        document.pop("status", None)
        made = self.cluster.create(TRACED_MODEL, document)
        self.resource = resource(uid=made["metadata"]["uid"])

    def child(self, **data):
        metadata = names.metadata(self.resource, NAME, names.EXPORT)
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def create(self, **data):
        return asyncio.run(self.children.create(self.resource, self.child(**data)))

    def apply(self, **data):
        live = {**self.live(), "kind": "ConfigMap"}
        return asyncio.run(self.children.apply(self.resource, self.child(**data), live))

    def live(self):
        return self.cluster.get(CONFIG_MAP, "search", NAME)

    def put(self, **metadata):
        """Let somebody else have made an object of the child's name."""
        child = self.child(x="old")
        child["metadata"] |= metadata
        self.cluster.create(CONFIG_MAP, child)

    def owners(self):
        return [owner["uid"] for owner in self.live()["metadata"].get("ownerReferences", ())]

    def writes(self):
        return [request.method for request in self.cluster.log if request.method != "GET"]


@pytest.fixture
def nursery():
    return Nursery()


def owner(nursery, **changes):
    (reference,) = nursery.child()["metadata"]["ownerReferences"]
    return [{**reference, **changes}]


def test_a_child_is_created_and_known_at_once(nursery):
    assert nursery.create(x="1") is None
    assert nursery.owners() == [nursery.resource.metadata.uid]
    (known,) = nursery.cache.children(KEY)
    assert known["data"] == {"x": "1"}


def test_a_creation_that_nobody_heard_of_is_ours_as_it_is(nursery):
    nursery.faults.next(LOST_AFTER)
    with pytest.raises(Unavailable):
        nursery.create(x="1")
    assert nursery.create(x="1") is None
    assert nursery.writes() == ["POST", "POST"]
    assert nursery.cache.children(KEY)


def test_a_child_of_ours_that_differs_is_set_right(nursery):
    nursery.put()
    assert nursery.create(x="new") is None
    assert nursery.live()["data"] == {"x": "new"}


def test_an_orphan_gets_its_new_owner(nursery):
    nursery.put(ownerReferences=[])
    assert nursery.create(x="old") is None
    assert nursery.owners() == [nursery.resource.metadata.uid]


def test_a_child_of_a_predecessor_is_waited_for(nursery):
    nursery.put(ownerReferences=owner(nursery, uid="u-before"))
    with pytest.raises(Conflict, match="about to be collected"):
        nursery.create()
    assert nursery.live()["data"] == {"x": "old"}


@pytest.mark.parametrize("labelled", [True, False])
def test_a_strangers_object_is_left_alone(nursery, labelled):
    theirs = owner(nursery, uid="u-x", kind="ReplicaSet", name="web")
    nursery.put(
        **({"ownerReferences": theirs} if labelled else {"ownerReferences": [], "labels": {}})
    )
    refusal = nursery.create()
    assert (refusal.child, refusal.reason) == (("ConfigMap", NAME), "NameConflict")
    assert "someone else's" in refusal.message
    assert nursery.live()["data"] == {"x": "old"}
    assert nursery.cache.children(KEY) == []


def test_what_a_quota_or_a_webhook_refuses_is_told_in_its_words(nursery):
    nursery.cluster.admission.quotas.append(Quota("few", CONFIG_MAP, "search", 0))
    refusal = nursery.create()
    assert (refusal.reason, "exceeded quota: few" in refusal.message) == ("ChildRefused", True)


def test_what_a_webhook_refuses_to_change_is_told_in_its_words(nursery):
    nursery.create(x="1")

    def no(*_):
        raise denied("policy.example.com", "not on Fridays")

    nursery.cluster.admission.hooks.append(no)
    assert nursery.apply(x="2").message.endswith("not on Fridays")


def test_what_a_child_no_longer_has_goes(nursery):
    nursery.create(x="1", y="1")
    nursery.apply(x="1")
    assert nursery.live()["data"] == {"x": "1"}


def test_what_others_added_to_a_child_stays(nursery):
    nursery.create(x="1")
    nursery.cluster.merge(CONFIG_MAP, "search", NAME, {"data": {"theirs": "1"}})
    nursery.apply(x="2")
    assert nursery.live()["data"] == {"x": "2", "theirs": "1"}


def test_a_child_that_was_made_anew_meanwhile_is_not_written(nursery):
    nursery.create(x="1")
    live = {**nursery.live(), "kind": "ConfigMap"}
    nursery.cluster.delete(CONFIG_MAP, "search", NAME)
    nursery.put()
    with pytest.raises(Conflict):
        asyncio.run(nursery.children.apply(nursery.resource, nursery.child(x="2"), live))


def test_only_the_object_that_was_meant_is_deleted(nursery):
    nursery.create()
    live = nursery.live()
    nursery.cluster.delete(CONFIG_MAP, "search", NAME)
    nursery.put()
    with pytest.raises(Conflict):
        asyncio.run(nursery.children.delete(KEY, ("ConfigMap", NAME), live))
    asyncio.run(nursery.children.delete(KEY, ("ConfigMap", NAME), nursery.live()))
    assert nursery.live() is None


def test_to_expire_a_job_that_is_gone_is_nothing(nursery):
    asyncio.run(nursery.children.expire(KEY, "gone", 60))
    assert nursery.cluster.objects(JOB) == []


def rewriting(operated, value):
    """Have a webhook of the cluster put its own image into every Deployment."""

    def rewrite(_operation, target, document):
        if target.resource.kind == DEPLOYMENT:
            containers = document["spec"]["template"]["spec"]["containers"]
            containers[0]["image"] = value

    operated.cluster.admission.hooks.append(rewrite)


def test_a_webhook_that_rewrites_a_field_each_time_is_not_fought_for_ever():
    operated = Operated()
    rewriting(operated, "mirror.example.com/server:1")
    operated.apply()
    operated.settle()
    operated.cluster.log.clear()
    for _ in range(5):
        operated.later(600)
    assert [r.path for r in operated.cluster.log if r.method != "GET"] == []


def test_a_rewritten_child_is_applied_again_once_the_spec_asks_for_something_else():
    operated = Operated()
    rewriting(operated, "mirror.example.com/server:1")
    operated.apply()
    operated.settle()
    operated.apply({"serviceAccountName": "reader"})
    operated.settle()
    pod = operated.cluster.get(DEPLOYMENT, *KEY)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "reader"
