import asyncio

import pytest

import scaled_lives
from apiserver import FakeCluster, Faults, InProcess
from apiserver.access import verb_of
from apiserver.faults import BROKEN
from apiserver.request import target_of
from lives import live
from tracedmodel_operator.kinds import AUTOSCALER, JOB, POD, SCALED_OBJECT, TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.permissions import Permission, lacking, needed


def rule(permission):
    kind, below = permission.kind, permission.subresource
    resource = f"{kind.plural}/{below}" if below else kind.plural
    return {"apiGroups": [kind.group], "resources": [resource], "verbs": [permission.verb]}


@pytest.fixture
def cluster():
    return FakeCluster()


def asked(cluster, *namespaces, faults=None, keda=False):
    carried = Kube(InProcess(cluster, faults))
    return asyncio.run(lacking(carried, namespaces or [None], keda=keda))


def grant(cluster, *without, namespaces=None):
    granted = [rule(permission) for permission in needed() if permission not in without]
    cluster.access.grant(granted, namespaces)


def test_nothing_is_lacking_where_everything_needed_is_allowed(cluster):
    grant(cluster)
    assert asked(cluster) == []


def test_scaled_objects_are_asked_for_only_where_keda_scales(cluster):
    grant(cluster)
    found = asked(cluster, keda=True)
    assert len(found) == 6
    assert all(words.endswith(" scaledobjects.keda.sh") for words in found)


@pytest.mark.parametrize("permission", list(needed()), ids=str)
def test_each_permission_is_missed(cluster, permission):
    grant(cluster, permission)
    assert asked(cluster) == [str(permission)]


def test_a_namespace_without_the_role_is_named(cluster):
    grant(cluster, namespaces=["search"])
    assert asked(cluster, "search") == []
    found = asked(cluster, "search", "default")
    assert len(found) == len(list(needed()))
    assert all(words.endswith(" in default") for words in found)


def test_a_role_for_one_namespace_is_none_for_all(cluster):
    grant(cluster, namespaces=["search"])
    assert len(asked(cluster)) == len(list(needed()))


def test_a_server_that_does_not_answer_such_questions_is_not_in_the_way(cluster):
    faults = Faults()
    faults.always(BROKEN)
    assert asked(cluster, faults=faults) == []


def test_permissions_read_as_kubectl_says_them():
    assert str(Permission(JOB, "", "create")) == "create jobs.batch"
    assert str(Permission(POD, "", "list")) == "list pods"
    words = "patch tracedmodels/status.tracedmodel.dev"
    assert str(Permission(TRACED_MODEL, "status", "patch")) == words


def test_whatever_a_life_asks_for_is_known_to_be_needed():
    used = {of(request) for request in live().cluster.log}
    assert used <= set(needed())
    assert Permission(JOB, "", "create") in used


def test_whatever_a_life_by_load_asks_for_is_known_to_be_needed_and_needed():
    used = {of(request) for request in scaled_lives.live().cluster.log}
    assert used <= {*needed(), *needed(keda=True)}
    assert {Permission(kind, "", "delete") for kind in (AUTOSCALER, SCALED_OBJECT)} <= used


def of(request):
    target = target_of(request)
    verb = verb_of(request.method, target, watch=False)
    return Permission(target.resource.kind, target.subresource, verb)
