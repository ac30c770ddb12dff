"""What is kept of an object is all that anybody asks it for."""

from dataclasses import replace

import pytest

from apiserver.outcomes import (
    OOM_KILLED,
    Crashes,
    End,
    Late,
    Runs,
    Unschedulable,
    Waits,
    ends,
    exports,
)
from operated import KEY, Operated
from resources import NOW, resource
from tracedmodel_operator.drift import drifted
from tracedmodel_operator.kinds import CHILDREN, TRACED_MODEL
from tracedmodel_operator.observe import observe
from tracedmodel_operator.ownership import needs_handover, owner_of
from tracedmodel_operator.project import project
from tracedmodel_operator.reconcile import read

FAILED = End.failed("ProofFailed", "bucket 1x32 is off by 0.2")
JOBS = {
    "succeed": exports,
    "run": lambda _: Runs(),
    "fail": lambda _: ends(FAILED),
    "are killed": lambda _: ends(OOM_KILLED),
    "wait": lambda _: Waits(),
    "find no node": lambda _: Unschedulable(),
    "are late": lambda _: Late(),
}
SERVERS = {
    "run": Runs(),
    "are not ready": Runs(ready=False),
    "wait": Waits(),
    "find no node": Unschedulable(),
    "crash": Crashes(FAILED),
    "are late": Late(),
}
STORIES = [("succeed", name) for name in SERVERS] + [(name, "run") for name in JOBS]


def children(operated):
    return [item for kind in CHILDREN for item in operated.cluster.objects(kind)]


def the_same_is_observed(operated):
    whole = children(operated)
    told, kept = observe(whole, NOW), observe(map(project, whole), NOW)
    assert replace(kept, live={}) == replace(told, live={})
    assert kept.live.keys() == told.live.keys()


def the_same_is_judged(operated):
    wanted = resource()
    for item in children(operated):
        kept = project(item)
        assert owner_of(kept, wanted) is owner_of(item, wanted)
        assert needs_handover(kept) == needs_handover(item)
        if item["kind"] not in ("Job", "Pod"):
            assert not drifted({**item, "metadata": {"labels": item["metadata"]["labels"]}}, kept)


def the_same_is_read(operated):
    item = operated.cluster.get(TRACED_MODEL, *KEY)
    if item:
        assert read(project(item)).model_dump() == read(item).model_dump()


@pytest.mark.parametrize(("jobs", "servers"), STORIES)
def test_a_life_looks_the_same_by_what_is_kept(jobs, servers):
    operated = Operated()
    operated.controllers.jobs = JOBS[jobs]
    operated.controllers.servers = lambda _: SERVERS[servers]
    operated.checks += [the_same_is_observed, the_same_is_judged, the_same_is_read]
    operated.apply({"serving": {"replicas": 2}})
    operated.settle()
    operated.apply({"model": {"revision": "d" * 40}})
    operated.settle()
    assert children(operated)


def test_what_is_kept_is_a_projection():
    operated = Operated()
    operated.apply()
    operated.settle()
    for item in children(operated):
        assert project(project(item)) == project(item)


def deployment(**status):
    metadata = {"name": "minilm", "namespace": "search", "managedFields": [{"manager": "kubectl"}]}
    return {"kind": "Deployment", "metadata": metadata, "spec": {}, "status": status}


def test_heartbeats_and_other_peoples_fields_are_not_kept():
    condition = {
        "type": "Available",
        "status": "True",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }
    beats = [{**condition, "lastUpdateTime": f"2026-01-02T03:04:0{i}Z"} for i in range(2)]
    first, second = (project(deployment(conditions=[beat])) for beat in beats)
    assert first == second
    assert first["status"]["conditions"] == [condition]
    assert "managedFields" not in first["metadata"]


def test_annotations_are_kept_where_they_are_ours():
    item = deployment()
    item["metadata"]["annotations"] = {"tracedmodel.dev/artifact": "a", "kubectl/last": "b"}
    assert project(item)["metadata"]["annotations"] == {"tracedmodel.dev/artifact": "a"}


def test_an_object_without_a_status_or_a_spec_is_one_that_tells_nothing():
    for kind in ("Pod", "Job"):
        item = {"kind": kind, "metadata": {"name": "a", "namespace": "search"}}
        assert project(item)["metadata"]["name"] == "a"
