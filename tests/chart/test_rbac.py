"""What the chart lets the operator do: all that it needs, and nothing else."""

import asyncio
import copy
import json

import pytest

from apiserver import FakeCluster, InProcess
from apiserver.access import verb_of
from apiserver.request import target_of
from chart_cases import case, of_kind, only, render
from lives import LIFE
from operated import Operated
from operator_process import KEY, LEASE_KEY
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.kinds import (
    CHILDREN,
    DISRUPTION_BUDGET,
    EVENT,
    LEASE,
    REVIEW,
    SERVICE,
    TRACED_MODEL,
)
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.lease import Lease
from tracedmodel_operator.permissions import Permission, lacking, needed

ROLE = only(render({"rbac": {"userRoles": False}}), "ClusterRole")["rules"]
REVIEWS = {"apiGroups": [REVIEW.group], "resources": [REVIEW.plural], "verbs": ["create"]}
"""Clusters let everybody ask what he may do."""


def spelt(rules):
    """Return each thing that rules allow: group, resource and verb."""
    return [
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def wanted(permission):
    kind, below = permission.kind, permission.subresource
    return kind.group, f"{kind.plural}/{below}" if below else kind.plural, permission.verb


def without(rules, gone):
    """Return rules that do not allow one thing."""
    left = copy.deepcopy(rules)
    for rule in left:
        if (rule["apiGroups"], rule["resources"]) == ([gone[0]], [gone[1]]):
            rule["verbs"] = [verb for verb in rule["verbs"] if verb != gone[2]]
    return left


def test_the_role_allows_what_the_operator_needs_and_nothing_else():
    assert sorted(spelt(ROLE)) == sorted(map(wanted, needed()))


def test_roles_of_namespaces_allow_the_same_there():
    objects = case("namespaced")
    roles = {i["metadata"]["namespace"]: i for i in of_kind(objects, "Role")}
    assert roles["search"]["rules"] == roles["ranking"]["rules"] == ROLE
    assert not of_kind(objects, "ClusterRole") + of_kind(objects, "ClusterRoleBinding")


@pytest.mark.parametrize("name", ["default", "namespaced", "administered", "placed"])
def test_every_role_is_bound_to_the_account_of_the_pods(name):
    objects = case(name)
    account = only(objects, "ServiceAccount")["metadata"]
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    bound = of_kind(objects, "RoleBinding") + of_kind(objects, "ClusterRoleBinding")
    places = {(b["roleRef"]["kind"], b["roleRef"]["name"], place_of(b)) for b in bound}
    roles = of_kind(objects, "Role") + of_kind(objects, "ClusterRole")
    aggregated = [r for r in roles if "aggregate-to" in json.dumps(r["metadata"]["labels"])]
    granted = [r for r in roles if r not in aggregated]
    assert places == {(r["kind"], r["metadata"]["name"], place_of(r)) for r in granted}
    assert all(binding["subjects"] == [subject] for binding in bound)
    deployment = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert deployment["serviceAccountName"] == account["name"]


def place_of(item):
    return item["metadata"].get("namespace")


def test_keda_adds_its_objects_and_nothing_else():
    values = {"autoscaling": {"engine": "KEDA"}, "rbac": {"userRoles": False}}
    rules = only(render(values), "ClusterRole")["rules"]
    verbs = ["list", "watch", "get", "create", "patch", "delete"]
    added = {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": verbs}
    assert rules == [*ROLE, added]
    assert sorted(spelt(rules)) == sorted(map(wanted, needed(keda=True)))


def test_people_who_may_view_or_edit_a_namespace_may_do_so_with_its_tracedmodels():
    roles = {
        next(k for k in r["metadata"]["labels"] if "aggregate-to" in k).rpartition("-")[2]: r
        for r in of_kind(render(), "ClusterRole")
        if "aggregate-to" in json.dumps(r["metadata"]["labels"])
    }
    assert len(roles) == 2
    assert all(
        rule["apiGroups"] == [TRACED_MODEL.group] for r in roles.values() for rule in r["rules"]
    )
    seen, written = (spelt(roles[name]["rules"]) for name in ("view", "edit"))
    assert {verb for _, _, verb in seen} == {"get", "list", "watch"}
    assert not {verb for _, _, verb in written} & {"get", "list", "watch", "*"}
    assert {resource for _, resource, _ in written} == {"tracedmodels", "tracedmodels/scale"}


class Refusals:
    """A transport that counts what is refused."""

    def __init__(self, transport):
        self._transport = transport
        self.count = 0

    async def __call__(self, request):
        response = await self._transport(request)
        self.count += response.status == 403
        return response


def mend(operated):
    """Somebody changes by hand what the operator made."""
    operated.cluster.merge(SERVICE, *KEY, {"spec": {"ports": None}})
    operated.cluster.merge(DISRUPTION_BUDGET, *KEY, {"spec": {"maxUnavailable": 2}})
    operated.persist()


def change_again(operated):
    """One artifact more than are kept."""
    operated.apply({"model": {"revision": "e" * 40}})
    operated.persist()


CHAPTERS = (*LIFE[:1], mend, *LIFE[1:-1], change_again, *LIFE[-1:])


def lived(rules):
    """Live a life by rules, from the operator's first list on, and return the operator."""
    operated = Operated()
    operated.cluster.access.grant(rules)
    operated.cluster.log.clear()
    operated.start()
    for chapter in CHAPTERS:
        chapter(operated)
    return operated


def goes_well(rules):
    try:
        operated = lived(rules)
    except (ApiError, AssertionError):
        return False
    return operated.names() == {kind.name: [] for kind in CHILDREN}


def taken(log):
    """Return what requests did, as rules spell it."""
    targets = [(request, target_of(request)) for request in log]
    return {
        wanted(Permission(t.resource.kind, t.subresource, verb_of(r.method, t, watch=False)))
        for r, t in targets
    }


@pytest.fixture(scope="module")
def life():
    """What a whole life took, by exactly the chart's role."""
    return taken(lived(ROLE).cluster.log)


def test_the_role_is_enough_for_a_whole_life(life):
    assert goes_well(ROLE)
    assert life <= set(spelt(ROLE))


def test_without_any_permission_that_it_takes_no_life_goes_well(life):
    assert len(life) > 18
    assert [gone for gone in sorted(life) if goes_well(without(ROLE, gone))] == []


@pytest.mark.parametrize("gone", spelt(ROLE), ids=" ".join)
def test_the_operator_says_at_its_start_which_permission_is_missing(gone):
    cluster = FakeCluster()
    cluster.access.grant(without(ROLE, gone))
    (told,) = asyncio.run(lacking(Kube(InProcess(cluster)), [None]))
    group, resource, verb = gone
    assert told == f"{verb} {resource}{f'.{group}' if group else ''}"


def lease_rules(name=LEASE_KEY[1]):
    roles = of_kind(render({"lease": {"name": name}}), "Role")
    (role,) = (role for role in roles if role["metadata"]["name"].endswith("-lease"))
    return role["rules"]


def refused_of_a_lease(rules, name=LEASE_KEY[1]):
    """Take, renew and give back a Lease by rules, and return how many requests were refused."""
    cluster = FakeCluster(namespaces=LEASE_KEY[:1])
    cluster.access.grant(rules, LEASE_KEY[:1])
    transport = Refusals(InProcess(cluster))

    async def hold():
        lease = Lease(Kube(transport), LEASE_KEY[0], name, "somebody", lambda _: None)
        for _ in range(2):
            await lease._attempt()
        await lease.release()

    asyncio.run(hold())
    return transport.count


def test_the_role_for_the_lease_is_enough():
    assert refused_of_a_lease(lease_rules()) == 0


@pytest.mark.parametrize("verb", ["get", "create", "update"])
def test_the_role_for_the_lease_is_not_more_than_enough(verb):
    assert refused_of_a_lease(without(lease_rules(), (LEASE.group, LEASE.plural, verb))) > 0
    assert [v for _, _, v in spelt(lease_rules())].count(verb) == 1


def test_the_role_for_the_lease_is_for_that_alone():
    assert refused_of_a_lease(lease_rules("mine"), "theirs") > 0


@pytest.mark.parametrize("namespaces", [[], [KEY[0]]], ids=["everywhere", "in one namespace"])
def test_an_operator_with_exactly_these_roles_lives_in_a_cluster(site, namespaces):
    roles = of_kind(render({"namespaces": namespaces}), "Role")
    rules = next((r["rules"] for r in roles if r["metadata"]["namespace"] == KEY[0]), ROLE)
    site.cluster.access.grant(rules, namespaces or None)
    site.cluster.access.grant(lease_rules(), LEASE_KEY[:1])
    site.cluster.access.grant([REVIEWS])
    operator = site.operator(namespaces=json.dumps(namespaces))
    site.apply()
    site.becomes_ready()
    site.apply({"export": {"buckets": [{"batchSize": 1, "sequenceLength": 64}]}})
    site.becomes_ready()
    site.eventually(lambda: site.cluster.objects(EVENT))
    site.cluster.delete(TRACED_MODEL, *KEY)
    site.eventually(lambda: not any(site.cluster.objects(kind) for kind in CHILDREN))
    assert "forbidden" not in operator.said()
