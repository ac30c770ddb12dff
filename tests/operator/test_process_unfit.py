"""Where the operator cannot work it ends at once, and says why in a sentence."""

import json

import pytest

from apiserver.registry import DEFINITION
from operator_process import OperatorProcess, eventually
from tracedmodel_api.report import REASONS
from tracedmodel_operator.kinds import DEPLOYMENT, JOB, POD, REVIEW, TRACED_MODEL
from tracedmodel_operator.permissions import needed

LEASES = {
    "apiGroups": ["coordination.k8s.io"],
    "resources": ["leases"],
    "verbs": ["get", "create", "update"],
}
REVIEWS = {"apiGroups": [REVIEW.group], "resources": [REVIEW.plural], "verbs": ["create"]}


def rules(*without):
    """Return what the operator needs as the rules of a Role, but for some."""
    for permission in needed():
        kind, below = permission.kind, permission.subresource
        if (kind, below, permission.verb) not in without:
            resource = f"{kind.plural}/{below}" if below else kind.plural
            yield {
                "apiGroups": [kind.group],
                "resources": [resource],
                "verbs": [permission.verb],
            }


def allow(site, *without, namespaces=None):
    site.cluster.access.grant([LEASES], ["system"])
    site.cluster.access.grant([REVIEWS])
    site.cluster.access.grant(rules(*without), namespaces)


def last_words(operator):
    """Return what an operator that failed said in the end, which is all that went wrong."""
    assert operator.exit_code() == 1
    said = operator.said()
    assert "Traceback" not in said
    return said.splitlines()[-1]


def test_a_cluster_without_the_definition_is_told_so(site):
    (definition,) = site.cluster.objects(DEFINITION)
    site.cluster.delete(DEFINITION, None, definition["metadata"]["name"])
    said = last_words(site.operator())
    assert said.endswith("the cluster does not know TracedModels: apply crds/ first")


def test_a_cluster_without_keda_is_told_so_where_keda_is_to_scale(site):
    site.cluster.missing_groups.add("keda.sh")
    said = last_words(site.operator(autoscaling="KEDA"))
    assert said.endswith(
        "the cluster does not know KEDA's ScaledObjects: install KEDA, "
        "or set $TRACEDMODEL_OPERATOR_AUTOSCALING to HPA"
    )


def test_a_cluster_without_keda_is_enough_where_nothing_asks_for_it(site):
    site.cluster.missing_groups.add("keda.sh")
    allow(site)
    site.operator()
    site.apply()
    site.becomes_ready()


def test_a_role_that_lacks_kedas_kind_is_told_where_keda_is_to_scale(site):
    allow(site)
    said = last_words(site.operator(autoscaling="KEDA"))
    assert "scaledobjects" in said


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((JOB, "", "list"), "list jobs.batch"),
        ((JOB, "", "create"), "create jobs.batch"),
        ((TRACED_MODEL, "status", "patch"), "patch tracedmodels/status.tracedmodel.dev"),
        ((DEPLOYMENT, "scale", "patch"), "patch deployments/scale.apps"),
        ((POD, "", "watch"), "watch pods"),
    ],
)
def test_a_role_that_lacks_something_is_told_what(site, missing, words):
    allow(site, missing)
    assert last_words(site.operator()).endswith(f"the operator's Role lacks: {words}")


def test_a_role_that_lacks_the_resource_itself_is_told_in_the_words_of_the_server(site):
    allow(site, (TRACED_MODEL, "", "list"))
    assert 'cannot list resource "tracedmodels"' in last_words(site.operator())


def test_a_role_that_is_as_it_should_be_is_enough(site):
    allow(site)
    site.operator()
    site.apply()
    site.becomes_ready()


def test_a_role_in_each_watched_namespace_is_enough(site):
    allow(site, namespaces=["search"])
    site.operator(namespaces=json.dumps(["search"]))
    site.apply()
    site.becomes_ready()


def test_a_namespace_without_the_role_is_named(site):
    allow(site, namespaces=["search"])
    said = last_words(site.operator(namespaces=json.dumps(["search", "system"])))
    assert '"system"' in said


def test_no_kubeconfig_is_no_cluster(tmp_path):
    operator = OperatorProcess(tmp_path / "kubeconfig", tmp_path / "log")
    assert "no cluster: " in last_words(operator)


def test_a_server_that_does_not_answer_is_told(site):
    server = site.server()
    server.stop()
    assert "no answer from the API server" in last_words(site.operator(server))


def test_a_port_that_is_taken_is_told(site):
    first = site.operator()
    eventually(lambda: first.page("/readyz")[0] == 200)
    said = last_words(site.operator(health_port=first.port))
    assert f"$TRACEDMODEL_OPERATOR_HEALTH_PORT {first.port}" in said


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("workers", "many", "should be a valid integer"),
        ("workers", "0", "should be greater than or equal to 1"),
        ("resync_seconds", "0", "should be greater than or equal to 1"),
        ("health_port", "65536", "should be less than or equal to 65535"),
        ("log_level", "loud", "should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("namespaces", "search", "should be JSON"),
        ("cpu", "{}", "exporter_image is missing"),
        ("autoscaling", "Knative", "should be 'HPA' or 'KEDA'"),
        ("scaling", '{"up_pods": 0}', "up_pods should be greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(tmp_path, name, value, wrong):
    operator = OperatorProcess(tmp_path / "kubeconfig", tmp_path / "log", **{name: value})
    assert operator.exit_code() == REASONS["InvalidRequest"].exit_code
    sentence, remedy = operator.said().splitlines()
    assert sentence.startswith(f"InvalidRequest: $TRACEDMODEL_OPERATOR_{name.upper()} ")
    assert wrong in sentence
    assert remedy == REASONS["InvalidRequest"].remedy
