"""What the chart lets the operator do: all that it needs, and nothing else."""

import asyncio
import copy
import json

import pytest

from apiserver import FakeCluster, InProcess
from chart_cases import case, of_kind, only, render
from full_lives import Told, live
from lives import remains
from operator_process import KEY, LEASE_KEY
from resources import SETTINGS
from scaled_lives import KEDA
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.kinds import CHILDREN, EVENT, LEASE, REVIEW, TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.lease import Lease
from tracedmodel_operator.permissions import lacking, needed

ENGINES = {"HPA": SETTINGS, "KEDA": KEDA}
"""What scales by load, and an operator's settings for it."""


def role(engine):
    values = {"autoscaling": {"engine": engine}, "rbac": {"userRoles": False}}
    return only(render(values), "ClusterRole")["rules"]


ROLES = {engine: role(engine) for engine in ENGINES}
ROLE = ROLES["HPA"]
each_engine = pytest.mark.parametrize("engine", ENGINES)
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


@each_engine
def test_the_role_allows_what_the_operator_says_it_needs_and_nothing_else(engine):
    permissions = needed(keda=engine == "KEDA")
    assert sorted(spelt(ROLES[engine])) == sorted(map(wanted, permissions))


def test_it_is_the_role_of_the_default_engine_that_stands_in_the_chart():
    assert only(render({"rbac": {"userRoles": False}}), "ClusterRole")["rules"] == ROLE


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


def test_keda_has_its_objects_and_makes_the_autoscalers_itself():
    without, added = ({*spelt(ROLES[engine])} for engine in ENGINES)
    made = {("autoscaling", "horizontalpodautoscalers", v) for v in ("get", "create", "patch")}
    assert without - added == made
    assert {(group, resource) for group, resource, _ in added - without} == {
        ("keda.sh", "scaledobjects")
    }


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


def lived(engine, rules):
    """Live a life in which everything happens, by rules; return the operator."""
    return live(rules, Told(ENGINES[engine]))


def outcome(engine, rules):
    """Return what a life by rules comes to, and what was told of it; None if it does not come to its end."""
    try:
        operated = lived(engine, rules)
    except (ApiError, AssertionError):
        return None
    told = [(e["reason"], e["message"], e["count"]) for e in operated.cluster.objects(EVENT)]
    return remains(operated), sorted(told)


def has_watch(permission):
    return permission[2] == "watch"


@each_engine
def test_a_life_takes_every_permission_of_the_role_but_watching_and_nothing_else(engine):
    taken = lived(engine, ROLES[engine]).cluster.access.taken
    assert taken == {one for one in spelt(ROLES[engine]) if not has_watch(one)}


@pytest.fixture(scope="module")
def undisturbed():
    """What a life comes to by exactly the chart's role."""
    return {engine: outcome(engine, rules) for engine, rules in ROLES.items()}


def test_a_life_by_the_role_comes_to_what_it_comes_to_where_everything_is_allowed(undisturbed):
    for engine in ENGINES:
        everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        assert outcome(engine, everything) == undisturbed[engine] is not None


TAKEN_AWAY = [
    (engine, one)
    for engine in ENGINES
    for one in spelt(ROLES[engine])
    if not has_watch(one) and (engine == "HPA" or one[0] in ("autoscaling", "keda.sh"))
]


@pytest.mark.parametrize(("engine", "gone"), TAKEN_AWAY, ids=str)
def test_without_any_permission_of_the_role_a_life_comes_to_something_else(
    engine, gone, undisturbed
):
    assert outcome(engine, without(ROLES[engine], gone)) != undisturbed[engine]


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


def held(rules, name=LEASE_KEY[1]):
    """Take, renew and give back a Lease by rules, and return who was let in to what."""
    cluster = FakeCluster(namespaces=LEASE_KEY[:1])
    cluster.access.grant(rules, LEASE_KEY[:1])

    async def hold():
        lease = Lease(Kube(InProcess(cluster)), LEASE_KEY[0], name, "somebody", lambda _: None)
        for _ in range(2):
            await lease._attempt()
        await lease.release()

    asyncio.run(hold())
    return cluster.access


def test_the_role_for_the_lease_is_enough_and_all_of_it_is_taken():
    access = held(lease_rules())
    assert access.refusals == 0
    assert access.taken == set(spelt(lease_rules()))


@pytest.mark.parametrize("verb", ["get", "create", "update"])
def test_the_role_for_the_lease_is_not_more_than_enough(verb):
    assert held(without(lease_rules(), (LEASE.group, LEASE.plural, verb))).refusals > 0
    assert [v for _, _, v in spelt(lease_rules())].count(verb) == 1


def test_the_role_for_the_lease_is_for_that_alone():
    assert held(lease_rules("mine"), "theirs").refusals > 0


@pytest.mark.parametrize(
    ("engine", "namespaces"),
    [("HPA", []), ("HPA", [KEY[0]]), ("KEDA", [])],
    ids=["everywhere", "in one namespace", "with KEDA"],
)
def test_an_operator_with_exactly_these_roles_lives_in_a_cluster_and_watches_all_that_it_may(
    site, engine, namespaces
):
    values = {"namespaces": namespaces, "autoscaling": {"engine": engine}}
    roles = of_kind(render(values), "Role")
    in_namespace = (r["rules"] for r in roles if r["metadata"]["namespace"] == KEY[0])
    rules = next(in_namespace, ROLES[engine])
    access = site.cluster.access
    access.grant(rules, namespaces or None)
    access.grant(lease_rules(), LEASE_KEY[:1])
    access.grant([REVIEWS])
    operator = site.operator(namespaces=json.dumps(namespaces), autoscaling=engine)
    site.apply()
    site.becomes_ready()
    site.apply({"export": {"buckets": [{"batchSize": 1, "sequenceLength": 64}]}})
    site.becomes_ready()
    site.eventually(lambda: site.cluster.objects(EVENT))
    site.cluster.delete(TRACED_MODEL, *KEY)
    site.eventually(lambda: not any(site.cluster.objects(kind) for kind in CHILDREN))
    assert "forbidden" not in operator.said()
    assert access.refusals == 0
    assert set(filter(has_watch, access.taken)) == set(filter(has_watch, spelt(rules)))
    assert access.taken <= {*spelt(rules), *spelt(lease_rules())}
