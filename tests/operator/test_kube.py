import asyncio
from dataclasses import replace

import pytest

from apiserver import FakeCluster, Faults, InProcess
from apiserver.faults import (
    BROKEN,
    CONFLICT,
    EXPIRED,
    FORBIDDEN,
    LOST_AFTER,
    THROTTLED,
    Answer,
)
from cluster_objects import config_map, deployment
from manifest_base import manifest
from tracedmodel_operator.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NotFound,
    Refused,
    Unavailable,
)
from tracedmodel_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    LEASE,
    SCALED_OBJECT,
    TRACED_MODEL,
)
from tracedmodel_operator.kube import PAGE, Kube
from tracedmodel_operator.names import MANAGER

SPACE = "search"


def typed(kind, document):
    metadata = {**document["metadata"], "namespace": SPACE}
    named = {"apiVersion": kind.api_version, "kind": kind.name}
    return {**named, **document, "metadata": metadata}


def small(name="a", **more):
    return typed(CONFIG_MAP, config_map(name, **more))


def resource():
    return manifest({"metadata.namespace": SPACE})


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def kube(cluster, faults):
    return Kube(InProcess(cluster, faults))


def run(work):
    return asyncio.run(work)


async def pages_of(kube, kind=CONFIG_MAP, namespace=SPACE, selector=""):
    return [page async for page in kube.pages(kind, namespace, selector)]


def listed(kube, *arguments):
    pages = run(pages_of(kube, *arguments))
    return [item["metadata"]["name"] for page in pages for item in page.items]


def test_what_was_created_can_be_read(kube):
    made = run(kube.create(CONFIG_MAP, small(data={"x": "1"})))
    assert run(kube.get(CONFIG_MAP, SPACE, "a")) == made


def test_every_write_says_whose_it_is(kube, cluster):
    async def work():
        made = await kube.create(TRACED_MODEL, resource())
        await kube.replace(TRACED_MODEL, made)
        await kube.merge(TRACED_MODEL, SPACE, "minilm", {"spec": {"suspend": True}})
        operation = {"op": "add", "path": "/metadata/labels", "value": {}}
        await kube.json_patch(TRACED_MODEL, SPACE, "minilm", [operation])
        await kube.apply(CONFIG_MAP, small())

    run(work())
    assert {request.query["fieldManager"] for request in cluster.log} == {MANAGER}
    assert [request.method for request in cluster.log] == ["POST", "PUT", "PATCH", "PATCH", "PATCH"]


def test_a_name_that_is_taken_is_told_from_a_conflict(kube):
    run(kube.create(CONFIG_MAP, small()))
    with pytest.raises(AlreadyExists) as taken:
        run(kube.create(CONFIG_MAP, small()))
    assert (taken.value.status, taken.value.reason) == (409, "AlreadyExists")
    assert not isinstance(taken.value, Conflict)


def test_what_has_no_namespace_yet_is_sent_to_that_of_its_path(kube):
    event = {"metadata": {"generateName": "a-", "namespace": SPACE}, "reason": "Exported"}
    event["involvedObject"] = {"kind": "TracedModel", "name": "minilm", "namespace": SPACE}
    made = run(kube.create(EVENT, typed(EVENT, event)))
    assert made["metadata"]["namespace"] == SPACE


def test_a_replacement_of_another_version_is_a_conflict(kube):
    lease = typed(LEASE, {"metadata": {"name": "a"}, "spec": {"holderIdentity": "a"}})
    first = run(kube.create(LEASE, lease))
    run(kube.replace(LEASE, {**first, "spec": {"holderIdentity": "b"}}))
    with pytest.raises(Conflict):
        run(kube.replace(LEASE, {**first, "spec": {"holderIdentity": "c"}}))


def test_pages_are_read_to_the_end_and_their_items_say_what_they_are(kube, cluster):
    for number in range(PAGE + 1):
        document = config_map(f"a{number:04d}", namespace=SPACE, labels={"app": "a"})
        cluster.create(CONFIG_MAP, document)
    first, second = run(pages_of(kube, CONFIG_MAP, None, "app=a"))
    assert (len(first.items), len(second.items)) == (PAGE, 1)
    assert first.version == second.version == cluster.database.version
    assert (second.items[0]["kind"], second.items[0]["apiVersion"]) == ("ConfigMap", "v1")
    assert [request.query["limit"] for request in cluster.log] == [str(PAGE)] * 2


def test_a_selector_and_a_namespace_choose_what_is_listed(kube, cluster):
    cluster.create(CONFIG_MAP, config_map("mine", namespace=SPACE, labels={"app": "a"}))
    cluster.create(CONFIG_MAP, config_map("other", namespace=SPACE))
    cluster.create(CONFIG_MAP, config_map("far", namespace="default", labels={"app": "a"}))
    assert listed(kube, CONFIG_MAP, SPACE, "app=a") == ["mine"]
    assert listed(kube, CONFIG_MAP, None, "app=a") == ["far", "mine"]


def test_a_list_that_grew_too_old_between_pages_has_to_begin_again(kube, cluster, faults):
    for number in range(PAGE + 1):
        cluster.create(CONFIG_MAP, config_map(f"a{number}", namespace=SPACE))
    faults.at(EXPIRED, 2)
    with pytest.raises(Expired):
        listed(kube)


def test_an_apply_takes_over_what_others_own(kube, cluster):
    cluster.create(CONFIG_MAP, config_map(namespace=SPACE, data={"x": "1"}))
    assert run(kube.apply(CONFIG_MAP, small(data={"x": "2"})))["data"] == {"x": "2"}


def test_a_status_is_applied_by_its_subresource(kube):
    run(kube.create(TRACED_MODEL, resource()))
    status = typed(TRACED_MODEL, {"metadata": {"name": "minilm"}, "status": {"replicas": 2}})
    assert run(kube.apply(TRACED_MODEL, status, "status"))["status"]["replicas"] == 2


def test_an_apply_to_what_is_gone_or_was_made_anew_is_a_conflict(kube):
    other = small(uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(Conflict):
        run(kube.apply(CONFIG_MAP, other))
    run(kube.create(CONFIG_MAP, small()))
    with pytest.raises(Conflict, match=r"metadata\.uid"):
        run(kube.apply(CONFIG_MAP, other))


def test_replicas_are_merged_into_the_scale(kube):
    run(kube.create(DEPLOYMENT, typed(DEPLOYMENT, deployment())))
    patch = {"spec": {"replicas": 3}}
    scaled = run(kube.merge(DEPLOYMENT, SPACE, "web", patch, "scale"))
    assert (scaled["kind"], scaled["spec"]) == ("Scale", {"replicas": 3})


def test_a_json_patch_whose_test_fails_is_refused(kube):
    run(kube.create(CONFIG_MAP, small()))
    operation = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
    with pytest.raises(Refused) as refused:
        run(kube.json_patch(CONFIG_MAP, SPACE, "a", [operation]))
    assert refused.value.status == 422


def test_what_is_deleted_is_gone_and_so_is_what_was_gone_before(kube, cluster):
    run(kube.create(CONFIG_MAP, small()))
    for _ in range(2):
        run(kube.delete(CONFIG_MAP, SPACE, "a"))
    assert cluster.objects(CONFIG_MAP) == []
    assert {request.body["propagationPolicy"] for request in list(cluster.log)[1:]} == {
        "Background"
    }


def test_only_the_object_that_was_meant_is_deleted(kube, cluster):
    made = run(kube.create(CONFIG_MAP, small()))
    with pytest.raises(Conflict):
        run(kube.delete(CONFIG_MAP, SPACE, "a", uid="another"))
    run(kube.delete(CONFIG_MAP, SPACE, "a", uid=made["metadata"]["uid"]))
    assert cluster.objects(CONFIG_MAP) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CONFLICT, Conflict),
        (FORBIDDEN, Refused),
        (BROKEN, Unavailable),
        (THROTTLED, Unavailable),
        (EXPIRED, Expired),
        (Answer(404, "NotFound"), NotFound),
        (Answer(422, "Invalid"), Refused),
        (Answer(503, "ServiceUnavailable"), Unavailable),
        (LOST_AFTER, Unavailable),
    ],
    ids=lambda value: str(getattr(value, "status", getattr(value, "__name__", "lost"))),
)
def test_each_answer_is_the_error_of_what_follows_from_it(kube, faults, fault, error):
    faults.next(fault)
    with pytest.raises(ApiError) as raised:
        run(kube.get(CONFIG_MAP, SPACE, "a"))
    assert type(raised.value) is error


def test_who_is_throttled_hears_how_long_to_wait(kube, faults):
    faults.next(THROTTLED)
    with pytest.raises(Unavailable) as refused:
        run(kube.get(CONFIG_MAP, SPACE, "a"))
    assert refused.value.retry_after == 1.0


def test_a_cluster_tells_which_kinds_it_knows(cluster):
    kube = Kube(InProcess(cluster))
    assert asyncio.run(kube.knows(SCALED_OBJECT))
    assert not asyncio.run(kube.knows(replace(SCALED_OBJECT, plural="scaledthings")))
    cluster.missing_groups.add("keda.sh")
    assert not asyncio.run(kube.knows(SCALED_OBJECT))
