"""What applying the examples again would change once the operator has done its work: nothing."""

import json
from pathlib import Path

import pytest
import yaml

from apiserver import SYSTEM
from apiserver.patch import merge_patch
from apiserver.registry import NAMESPACE
from apiserver.writes import APPLY_TYPE, MERGE_TYPE
from kustomized import kustomized
from operated import Operated
from tracedmodel_operator.cli.rehearsal import rehearsal
from tracedmodel_operator.kinds import DEPLOYMENT, TRACED_MODEL
from tracedmodel_operator.kube import Request
from tracedmodel_operator.names import MANAGER

EXAMPLES = Path(__file__).parents[2] / "examples"
OVERLAYS = EXAMPLES / "gitops" / "kustomize" / "overlays"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
GITOPS_TOOL = "gitops-tool"


def manifests():
    found = {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in EXAMPLES.glob("*.yaml")
    }
    return found | {path.name: kustomized(path)[0] for path in OVERLAYS.iterdir()}


MANIFESTS = {
    name: merge_patch({"metadata": {"namespace": "search"}}, item)
    for name, item in sorted(manifests().items())
}


class Repository:
    """A cluster with an operator, and a tool that applies one manifest to it."""

    def __init__(self, item):
        self.item = item
        self.operated = Operated()
        names = item["metadata"]
        self.key = names["namespace"], names["name"]
        if names["namespace"] != "search":
            self.operated.cluster.create(NAMESPACE, {"metadata": {"name": names["namespace"]}})

    @property
    def live(self):
        return self.operated.cluster.get(TRACED_MODEL, *self.key)

    def sent(self, method, path, body, content_type="application/json", **query):
        request = Request(method, path, {"fieldManager": GITOPS_TOOL, **query}, body, content_type)
        answer = self.operated.cluster.handle(request, SYSTEM)
        assert answer.status < 400, answer.body
        return answer.body

    def scaled(self, replicas):
        path = TRACED_MODEL.path(*self.key, "scale")
        self.sent("PATCH", path, {"spec": {"replicas": replicas}}, MERGE_TYPE, fieldManager="hpa")
        self.operated.settle()


class ServerSide(Repository):
    """Flux, and Argo CD with ServerSideApply: fields of others are taken over."""

    def applied(self, **query):
        path = TRACED_MODEL.path(*self.key)
        return self.sent("PATCH", path, self.item, APPLY_TYPE, force="true", **query)


class ThreeWay(Repository):
    """Argo CD by default, and kubectl: what was applied last, what is to be, and what is there."""

    def applied(self, **query):
        annotation = {"metadata": {"annotations": {LAST_APPLIED: json.dumps(self.item)}}}
        item = merge_patch(self.item, annotation)
        if self.live is None:
            return self.sent("POST", TRACED_MODEL.path(self.key[0]), item, **query)
        patch = rehearsal(item, self.live).patch
        return self.sent("PATCH", TRACED_MODEL.path(*self.key), patch, MERGE_TYPE, **query)


def wanted(document):
    """Return what a person may have written in a resource."""
    metadata = document["metadata"]
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != LAST_APPLIED}
    return {"spec": document["spec"], "labels": metadata.get("labels"), "annotations": annotations}


def difference(repository):
    """Return the parts that applying again would change, as they would be."""
    live, then = wanted(repository.live), wanted(repository.applied(dryRun="All"))
    return {name: part for name, part in then.items() if part != live[name]}


def ready(way, item):
    repository = way(item)
    repository.applied()
    repository.operated.settle()
    (found,) = [c for c in repository.live["status"]["conditions"] if c["type"] == "Ready"]
    assert found["reason"] == "Succeeded", found
    return repository


def replicated(replicas=2):
    return merge_patch(MANIFESTS["minilm.yaml"], {"spec": {"serving": {"replicas": replicas}}})


def unreplicated():
    return merge_patch(MANIFESTS["minilm.yaml"], {"spec": {"serving": None}})


in_both_ways = pytest.mark.parametrize("way", [ServerSide, ThreeWay])
of_every_example = pytest.mark.parametrize("name", MANIFESTS)


@in_both_ways
@of_every_example
def test_nothing_differs_and_nothing_is_written_when_an_example_is_applied_again(way, name):
    repository = ready(way, MANIFESTS[name])
    before = repository.live
    assert difference(repository) == {}
    repository.applied()
    assert repository.live == before


@of_every_example
def test_the_operator_owns_nothing_of_an_example_but_its_status(name):
    entries = ready(ServerSide, MANIFESTS[name]).live["metadata"]["managedFields"]
    owned = {e["manager"]: e for e in entries}
    assert owned[MANAGER]["subresource"] == "status"
    assert owned[MANAGER]["fieldsV1"].keys() == {"f:status"}
    assert owned.keys() == {MANAGER, GITOPS_TOOL}


@in_both_ways
def test_replicas_that_are_not_in_git_may_be_scaled(way):
    repository = ready(way, unreplicated())
    repository.scaled(3)
    assert difference(repository) == {}
    repository.applied()
    assert repository.live["spec"]["serving"]["replicas"] == 3


@in_both_ways
def test_replicas_that_are_in_git_are_the_only_difference_after_scaling(way):
    repository = ready(way, replicated())
    repository.scaled(3)
    spec = repository.live["spec"]
    spec["serving"]["replicas"] = 2
    assert difference(repository) == {"spec": spec}


@in_both_ways
def test_replicas_that_are_taken_out_of_git_fall_back_to_one(way):
    repository = ready(way, replicated(4))
    repository.item = unreplicated()
    repository.applied()
    assert repository.live["spec"]["serving"]["replicas"] == 1


@in_both_ways
def test_autoscaling_takes_over_the_replicas_that_leave_git_with_it(way):
    repository = ready(way, replicated(4))
    scaling = {"autoscaling": {"minReplicas": 2, "maxReplicas": 8}}
    repository.item = merge_patch(unreplicated(), {"spec": {"serving": scaling}})
    repository.applied()
    repository.operated.settle()
    deployment = repository.operated.cluster.get(DEPLOYMENT, *repository.key)
    assert deployment["spec"]["replicas"] == 4
    assert difference(repository) == {}


@in_both_ways
def test_a_retry_by_the_command_stays(way):
    repository = ready(way, MANIFESTS["production"])
    asked = {"metadata": {"annotations": {"tracedmodel.dev/requested-at": "now"}}}
    path = TRACED_MODEL.path(*repository.key)
    repository.sent("PATCH", path, asked, MERGE_TYPE, fieldManager=MANAGER)
    repository.operated.settle()
    assert difference(repository) == {}
    assert repository.live["status"]["lastHandledRequestedAt"] == "now"


@in_both_ways
def test_a_retry_that_is_taken_back_goes_back_without_an_export(way):
    repository = ready(way, MANIFESTS["production"])
    jobs = []
    for value in ("now", None):
        asked = {"metadata": {"annotations": {"tracedmodel.dev/requested-at": value}}}
        repository.sent("PATCH", TRACED_MODEL.path(*repository.key), asked, MERGE_TYPE)
        repository.operated.settle()
        jobs.append(len(repository.operated.names()["Job"]))
    assert jobs == [2, 2]
