"""The chart's CronJob for ``tracedmodel gc``: it does what the values say, and may do that alone."""

import argparse
import asyncio
import copy
from datetime import timedelta

import pytest

from apiserver import FakeCluster, InProcess
from chart_cases import CASES, NAMESPACE, case, only, pods, put, render, variables
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.gc import command
from tracedmodel_operator.gc.clusters import list_namespaces, read_cluster
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.settings import PREFIX

NAME = "tracedmodel-operator-gc"
PLAIN = CASES["cleaned"][1]


def made(path, value):
    """Return the objects with one more value than it takes to have the CronJob."""
    given = put(path, value)
    return render({**PLAIN, **given, "gc": {**PLAIN["gc"], **given.get("gc", {})}})


def container(objects):
    """Return the clean-up's container."""
    _, template = pods(objects)
    (found,) = template["spec"]["containers"]
    return found


def asked(objects):
    """Return the arguments as the command reads them."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    found = container(objects)
    assert found["command"] == ["tracedmodel", "gc"]
    return parser.parse_args(found["args"])


def its(objects):
    """Return its objects by kind and namespace."""
    found = [item for item in objects if item["metadata"]["name"] == NAME]
    return {(item["kind"], item["metadata"].get("namespace")): item for item in found}


def test_there_is_none_unless_it_is_wanted():
    assert its(render()) == {}


def test_it_shows_only_until_it_is_told_to_delete():
    shown = asked(case("cleaned"))
    assert (shown.store, shown.delete) == ("s3://models/traced", False)
    assert shown.older_than == timedelta(days=7)
    assert asked(made("gc.delete", True)).delete  # noqa: FBT003  # a value
    assert not shown.even_if_nothing_is_named


def test_its_times_are_the_administrators():
    assert only(made("gc.schedule", "@daily"), "CronJob")["spec"]["schedule"] == "@daily"
    assert asked(made("gc.olderThan", "36h")).older_than == timedelta(hours=36)


def test_two_never_run_at_once():
    assert only(case("cleaned"), "CronJob")["spec"]["concurrencyPolicy"] == "Forbid"


def test_credentials_come_from_a_secret_or_from_its_own_service_account():
    assert "envFrom" not in container(case("cleaned"))
    assert container(made("gc.credentialsSecretName", "s3"))["envFrom"] == [
        {"secretRef": {"name": "s3"}}
    ]
    role = {"example.com/role": "models"}
    account = its(made("gc.serviceAccount.annotations", role))["ServiceAccount", NAMESPACE]
    assert account["metadata"]["annotations"] == role
    assert account["automountServiceAccountToken"] is False
    assert pods(case("cleaned"))[1]["spec"]["serviceAccountName"] == NAME


def test_it_runs_where_the_operator_runs():
    placed = render({**CASES["placed"][1], **PLAIN})
    operator, own = (template["spec"] for template in pods(placed))
    for field in ("nodeSelector", "tolerations", "imagePullSecrets"):
        assert own[field] == operator[field]


def test_every_namespace_is_looked_at_with_one_role_of_the_cluster():
    objects = case("cleaned")
    found = its(objects)
    assert found.keys() - {(kind, NAMESPACE) for kind, _ in found} == {
        ("ClusterRole", None),
        ("ClusterRoleBinding", None),
    }
    assert asked(objects).namespace == []
    assert_bound(found["ClusterRoleBinding", None], "ClusterRole")


def assert_bound(binding, kind):
    """Its role is given to its service account and to nobody else."""
    group = "rbac.authorization.k8s.io"
    assert binding["roleRef"] == {"apiGroup": group, "kind": kind, "name": NAME}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]


def test_chosen_namespaces_are_looked_at_with_a_role_in_each():
    objects = made("namespaces", ["search", "ranking"])
    found = its(objects)
    assert not {kind for kind, _ in found} & {"ClusterRole", "ClusterRoleBinding"}
    assert {space for kind, space in found if kind == "Role"} == {"search", "ranking"}
    for space in ("search", "ranking"):
        assert found["Role", space]["rules"] == RULES
        assert_bound(found["RoleBinding", space], "Role")
    assert asked(objects).namespace == ["search", "ranking"]


def test_namespaces_are_listed_only_where_each_has_a_store():
    listing = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}
    objects = case("cleaned-by-namespace")
    rules = its(objects)["ClusterRole", None]["rules"]
    assert rules == [*RULES, listing]
    assert asked(objects).store == variables(objects)[f"{PREFIX}DEFAULT_STORE_URL"]
    assert namespaces_by(rules)
    with pytest.raises(ApiError):
        namespaces_by(RULES)
    of_chosen = render({**CASES["cleaned-by-namespace"][1], "namespaces": ["search"]})
    assert its(of_chosen)["Role", "search"]["rules"] == RULES
    assert asked(of_chosen).namespace == ["search"]


def namespaces_by(rules):
    """List the namespaces of a cluster with exactly these permissions."""
    return asyncio.run(list_namespaces(Kube(InProcess(granted(rules)))))


def test_someone_else_may_grant_it():
    kinds = {kind for kind, _ in its(made("rbac.create", False))}  # noqa: FBT003  # a value
    assert kinds == {"CronJob", "NetworkPolicy", "ServiceAccount"}


RULES = its(case("cleaned"))["ClusterRole", None]["rules"]


def looks(rules):
    """Read what a cluster names with exactly these permissions."""
    return asyncio.run(read_cluster(Kube(InProcess(granted(rules))), "cluster", [None]))


def granted(rules):
    """Return a cluster in which nobody may do more than the rules say."""
    cluster = FakeCluster()
    cluster.access.grant(rules)
    return cluster


def test_its_role_is_enough():
    assert looks(RULES).holders == 0


def test_its_role_is_not_more_than_enough():
    assert [rule["verbs"] for rule in RULES] == [["list"], ["list"]]
    for place in range(len(RULES)):
        less = copy.deepcopy(RULES)
        del less[place]
        with pytest.raises(ApiError):
            looks(less)


def policy(objects):
    return its(objects)["NetworkPolicy", NAMESPACE]["spec"]


def test_nobody_is_let_in_and_it_reaches_names_the_api_server_and_the_store():
    found = policy(made("gc.storePorts", [9000, 80]))
    assert found["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in found
    ports = [[port["port"] for port in rule["ports"]] for rule in found["egress"]]
    assert ports == [[53, 53], [443, 6443], [9000, 80]]


def test_the_api_server_s_addresses_are_those_of_the_operator_s_policy():
    found = policy(made("networkPolicy.apiServerCidrs", ["10.0.0.1/32"]))
    assert found["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]


def test_its_policy_selects_it_and_not_the_operator():
    objects = case("cleaned")
    selector = policy(objects)["podSelector"]["matchLabels"].items()
    operator, own = (template["metadata"]["labels"] for template in pods(objects))
    assert selector <= own.items()
    assert not selector <= operator.items()


def test_the_network_is_left_alone_where_that_is_wanted():
    assert ("NetworkPolicy", NAMESPACE) not in its(made("networkPolicy.enabled", False))  # noqa: FBT003  # a value
