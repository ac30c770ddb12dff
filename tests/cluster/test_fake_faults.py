"""What the fake does wrong when it is told to, and that it tells tests everything."""

import asyncio

import pytest

from apiserver import Failure, FakeCluster, Faults, InProcess, denied
from apiserver.faults import (
    BROKEN,
    CONFLICT,
    LOST_AFTER,
    LOST_BEFORE,
    THROTTLED,
    Slow,
    mixture,
    to,
    writes,
)
from apiserver.registry import DEFINITION
from cluster_objects import config_map, job
from manifest_base import manifest
from tracedmodel_operator.errors import Conflict, NotFound, Refused, Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP, JOB, TRACED_MODEL
from tracedmodel_operator.kube import Kube, Request


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def faults():
    return Faults(seed=7)


@pytest.fixture
def kube(cluster, faults):
    return Kube(InProcess(cluster, faults))


def create(kube, name="a"):
    document = {"apiVersion": "v1", "kind": "ConfigMap", **config_map(name, namespace="search")}
    return asyncio.run(kube.create(CONFIG_MAP, document))


def outcomes(kube, count):
    """Return what became of so many creates."""
    return [outcome(kube, f"a{number}") for number in range(count)]


def outcome(kube, name):
    try:
        create(kube, name)
    except Unavailable:
        return "lost"
    return "done"


def test_a_request_is_lost_before_it_is_carried_out(kube, cluster, faults):
    faults.next(LOST_BEFORE)
    with pytest.raises(Unavailable):
        create(kube)
    assert cluster.objects(CONFIG_MAP) == []


def test_an_answer_is_lost_after_the_request_was_carried_out(kube, cluster, faults):
    faults.next(LOST_AFTER)
    with pytest.raises(Unavailable):
        create(kube)
    assert len(cluster.objects(CONFIG_MAP)) == 1


def test_a_fault_strikes_at_the_position_it_was_planned_for(kube, faults):
    faults.at(LOST_BEFORE, 2, 4)
    assert outcomes(kube, 5) == ["done", "lost", "done", "lost", "done"]
    assert [request.method for request, _ in faults.struck] == ["POST", "POST"]


def test_only_requests_that_fit_are_counted(kube, faults):
    faults.at(CONFLICT, 2, when=to("configmaps", "POST"))
    create(kube, "a")
    asyncio.run(kube.get(CONFIG_MAP, "search", "a"))
    with pytest.raises(Conflict):
        create(kube, "b")


def test_a_kind_is_not_its_subresources():
    status = Request("PATCH", JOB.path("search", "a", "status"))
    assert to("jobs/status")(status)
    assert not to("jobs")(status)
    assert to("jobs")(Request("GET", JOB.path(None)))
    assert not to("jobs")(Request("GET", CONFIG_MAP.path("search", "jobs")))


def test_chance_is_the_same_for_the_same_seed():
    runs = []
    for _ in range(2):
        faults = mixture([LOST_BEFORE, LOST_AFTER], 0.3, seed=3, when=writes)
        runs.append(outcomes(Kube(InProcess(FakeCluster(), faults)), 20))
    assert runs[0] == runs[1]
    assert {"lost", "done"} == set(runs[0])


def test_too_many_requests_say_when_to_come_back(kube, faults):
    faults.next(THROTTLED)
    with pytest.raises(Unavailable) as refused:
        create(kube)
    assert (refused.value.status, refused.value.retry_after) == (429, 1.0)


def test_faults_end_when_they_are_used_up_or_cleared(kube, faults):
    faults.next(BROKEN, 2)
    faults.always(BROKEN, when=to("jobs"))
    assert outcomes(kube, 3) == ["lost", "lost", "done"]
    faults.clear()
    assert list(asyncio.run(_pages(kube))) == []


async def _pages(kube):
    return [item async for page in kube.pages(JOB, "search") for item in page.items]


def test_a_slow_answer_takes_its_time(cluster, faults):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    faults.next(Slow(3.0))
    create(Kube(InProcess(cluster, faults, sleep=sleep)))
    assert slept == [3.0]


def test_the_log_holds_what_the_operator_asked_and_nothing_of_others(kube, cluster):
    cluster.create(CONFIG_MAP, config_map("b", namespace="search"))
    create(kube)
    (request,) = cluster.log
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/search/configmaps")


def test_a_hook_can_refuse_what_it_does_not_like(kube, cluster):
    def hook(operation, target, document):
        if operation == "CREATE" and document["metadata"]["name"] == "bad":
            raise denied("policy.example.com", f"no {target.resource.kind.plural} of that name")

    cluster.admission.hooks.append(hook)
    create(kube, "good")
    sentence = 'admission webhook "policy.example.com" denied the request: no configmaps'
    with pytest.raises(Refused, match=sentence):
        create(kube, "bad")


def test_without_its_definition_a_kind_is_not_there(kube, cluster):
    cluster.create(TRACED_MODEL, manifest({"metadata.namespace": "search"}))
    cluster.delete(DEFINITION, None, "tracedmodels.tracedmodel.dev")
    with pytest.raises(NotFound, match="404 page not found"):
        asyncio.run(kube.get(TRACED_MODEL, "search", "minilm"))


def test_a_subscription_hands_on_events_in_order_and_can_hold_and_lose_them(cluster):
    events = cluster.subscribe(CONFIG_MAP, JOB)
    for name in ("a", "b", "c"):
        cluster.create(CONFIG_MAP, config_map(name, namespace="search"))
    cluster.create(JOB, {**job(), "metadata": {"name": "j", "namespace": "search"}})
    assert [event.object["metadata"]["name"] for event in events.take(1)] == ["a"]
    events.hold(lambda kind, _: kind == CONFIG_MAP)
    assert [event.kind for event in events] == [JOB]
    assert events.drop(lambda _, name: name == "b") == 1
    events.release()
    ((kind, name),) = [(event.type, event.object["metadata"]["name"]) for event in events]
    assert (kind, name) == ("ADDED", "c")
    events.close()
    cluster.delete(CONFIG_MAP, "search", "c")
    assert len(events) == 0


def test_a_subscription_can_be_to_labels_alone(cluster):
    events = cluster.subscribe(CONFIG_MAP, selector="app=a")
    cluster.create(CONFIG_MAP, config_map("a", namespace="search", labels={"app": "a"}))
    cluster.create(CONFIG_MAP, config_map("b", namespace="search"))
    assert [event.object["metadata"]["name"] for event in events] == ["a"]


def test_what_is_answered_is_nobodys_but_the_askers(kube, cluster):
    document = {"apiVersion": "v1", "kind": "ConfigMap"}
    document |= config_map(namespace="search", data={"x": "1"})
    made = asyncio.run(kube.create(CONFIG_MAP, document))
    made["data"]["x"] = document["data"]["x"] = "changed"
    assert cluster.get(CONFIG_MAP, "search", "a")["data"] == {"x": "1"}


def test_only_so_much_is_remembered_as_was_asked_for():
    cluster = FakeCluster(log=1, history=2)
    kube = Kube(InProcess(cluster))
    first = int(create(kube, "a")["metadata"]["resourceVersion"])
    for name in ("b", "c", "d"):
        create(kube, name)
    assert len(cluster.log) == 1
    query = {"watch": "true", "resourceVersion": str(first)}
    watch = cluster.watch(Request("GET", CONFIG_MAP.path("search"), query))
    with pytest.raises(Failure, match="too old resource version"):
        watch.pull()
