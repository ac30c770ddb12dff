"""The operator as the process that it is in a cluster, against an API server over HTTP."""

import threading

import pytest

from apiserver.faults import Slow, to, watches
from operator_process import KEY, Door, eventually
from tracedmodel_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    JOB,
    SCALED_OBJECT,
    SERVICE,
    TRACED_MODEL,
)
from tracedmodel_operator.names import MANAGED_BY, MODEL


def test_an_applied_resource_becomes_ready_and_its_events_tell_how(site):
    site.operator()
    site.apply()
    site.becomes_ready()
    story = {"RolloutInProgress", "Succeeded"}
    eventually(lambda: story <= {event["reason"] for event in site.cluster.objects(EVENT)})


def test_what_users_do_later_is_heard(site):
    site.operator()
    site.apply()
    site.becomes_ready()
    site.apply({"serving": {"replicas": 3}})
    site.becomes_ready()
    assert site.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"] == 3
    site.apply({"model": {"revision": "d" * 40}})
    site.becomes_ready()
    assert len(site.cluster.objects(CONFIG_MAP)) == 2


def test_a_child_that_somebody_else_deletes_is_made_again(site):
    site.operator()
    site.apply()
    site.becomes_ready()
    gone = site.cluster.get(DEPLOYMENT, *KEY)["metadata"]["uid"]
    site.cluster.delete(DEPLOYMENT, *KEY)
    site.eventually(lambda: site.cluster.get(DEPLOYMENT, *KEY))
    assert site.cluster.get(DEPLOYMENT, *KEY)["metadata"]["uid"] != gone


@pytest.mark.parametrize("taken", [(MODEL,), (MANAGED_BY,), (MODEL, MANAGED_BY)], ids=len)
def test_a_child_that_loses_its_labels_gets_them_back(site, taken):
    site.operator()
    site.apply()
    site.becomes_ready()
    labels = site.cluster.get(SERVICE, *KEY)["metadata"]["labels"]
    without = {"metadata": {"labels": dict.fromkeys(taken)}}
    site.cluster.merge(SERVICE, *KEY, without)
    eventually(lambda: site.cluster.get(SERVICE, *KEY)["metadata"]["labels"] == labels)


def test_the_pages_tell_what_a_leader_does(site):
    operator = site.operator()
    site.apply()
    site.becomes_ready()
    assert operator.page("/healthz") == (200, "ok")
    assert operator.page("/readyz") == (200, "ok")
    status, metrics = operator.page("/metrics")
    assert status == 200
    assert "tracedmodel_operator_leader 1.0" in metrics
    counted = 'tracedmodel_resources{condition="Ready",reason="Succeeded",status="True"} 1.0'
    assert counted in metrics


def test_an_operator_that_is_told_to_stop_gives_the_lease_back(site):
    operator = site.operator()
    eventually(site.holder)
    operator.terminate()
    assert operator.exit_code(20) == 0
    assert site.holder() == ""


def test_what_is_in_hand_is_finished_before_the_lease_is_given_back(site):
    door = Door()
    door.next(Slow(1.0), when=to("jobs", "POST"))
    operator = site.operator(site.server(door))
    site.apply()
    eventually(lambda: door.struck)
    operator.terminate()
    assert operator.exit_code(20) == 0
    assert len(site.cluster.objects(JOB)) == 1
    last = site.cluster.log[-1]
    assert (last.method, last.path.split("/")[-2], site.holder()) == ("PUT", "leases", "")


MOMENTS = {
    "checking what it may do": lambda request: "accessreviews" in request.path,
    "taking the Lease": lambda request: request.method == "POST" and "leases" in request.path,
    "reading everything": lambda request: request.path.endswith("/poddisruptionbudgets"),
    "beginning to watch": lambda request: request.path == "/apis",
    "watching": watches,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stop_amid_the_start_is_a_stop(site, moment):
    door = Door()
    server = site.server(door)
    began = threading.Event()
    door.on(MOMENTS[moment], lambda: began.wait() and operator.terminate())
    operator = site.operator(server)
    began.set()
    assert operator.exit_code() == 0
    assert not site.holder()


def test_an_operator_that_is_told_to_stop_before_it_watches_never_does(site):
    door = Door()
    began = threading.Event()
    server = site.server(door)
    door.on(MOMENTS["reading everything"], lambda: began.wait() and operator.terminate())
    operator = site.operator(server)
    began.set()
    operator.exit_code()
    assert not [request for request in site.cluster.log if watches(request)]


def test_nothing_is_logged_as_an_error_in_a_quiet_life(site):
    operator = site.operator()
    site.apply()
    site.becomes_ready()
    site.cluster.delete(TRACED_MODEL, *KEY)
    eventually(lambda: not site.cluster.objects(JOB))
    operator.terminate()
    operator.exit_code()
    lines = operator.said().splitlines()
    assert [line for line in lines if " INFO " not in line] == []


def test_a_scaled_object_that_somebody_else_deletes_is_made_again(site):
    site.operator(autoscaling="KEDA")
    site.apply({"serving": {"autoscaling": {"maxReplicas": 3}}})
    site.eventually(lambda: site.cluster.get(SCALED_OBJECT, *KEY))
    gone = site.cluster.get(SCALED_OBJECT, *KEY)["metadata"]["uid"]
    site.cluster.delete(SCALED_OBJECT, *KEY)

    def made() -> set[str]:
        return {item["metadata"]["uid"] for item in site.cluster.objects(SCALED_OBJECT)}

    site.eventually(lambda: made() - {gone})
    site.becomes_ready()
