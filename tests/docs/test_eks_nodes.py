"""examples/eks: what the operator makes with its values runs on the nodes that its clusters have."""

import pytest
import yaml

import chart_cases
import rendered
from eks import ACCOUNT, CLUSTERS, MODEL, NODES, ROOT, VALUES, cluster, documents
from tracedmodel_api.manifests import parse
from tracedmodel_operator.settings import read_settings

CHART = chart_cases.FOLDER / "Chart.yaml"


@pytest.fixture
def settings(monkeypatch):
    """The settings of an operator that was installed with the values."""
    for name, value in chart_cases.variables(chart_cases.render(VALUES)).items():
        monkeypatch.setenv(name, value)
    return read_settings()


def homes(spec, nodes):
    """Return whose nodes take a pod: every one of theirs, and no other's."""
    owners = {node.owner for node in nodes if node.takes(spec)}
    assert all(node.takes(spec) for node in nodes if node.owner in owners)
    return owners


@pytest.mark.parametrize("nodes", NODES.values(), ids=NODES)
def test_servers_run_on_every_inf1_node_and_on_no_other(settings, nodes):
    spec = rendered.pod(rendered.deployment(MODEL["spec"], settings, **MODEL["metadata"]))
    assert homes(spec, nodes) == {"inf1"}
    (container,) = spec["containers"]
    assert container["resources"]["limits"][settings.neuron_resource] == "4"


@pytest.mark.parametrize("nodes", NODES.values(), ids=NODES)
def test_exports_run_on_every_node_for_exports_and_on_no_other(settings, nodes):
    spec = rendered.pod(rendered.job(MODEL["spec"], settings, **MODEL["metadata"]))
    assert homes(spec, nodes) == {"exports"}


@pytest.mark.parametrize("nodes", NODES.values(), ids=NODES)
def test_the_operator_runs_where_nothing_is_tainted(nodes):
    spec = chart_cases.pod(chart_cases.render(VALUES))["spec"]
    assert homes(spec, nodes) == {"system"}


def test_pods_run_the_images_that_were_pushed(settings):
    registry = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/tracedmodel"
    version = yaml.safe_load(CHART.read_text(encoding="utf-8"))["appVersion"]
    job = rendered.job(MODEL["spec"], settings, **MODEL["metadata"])
    server = rendered.deployment(MODEL["spec"], settings, **MODEL["metadata"])
    operator = chart_cases.only(chart_cases.render(VALUES), "Deployment")
    assert [rendered.container(one)["image"] for one in (operator, job, server)] == [
        f"{registry}/{name}:{version}" for name in ("operator", "exporter-inf1", "server-inf1")
    ]


def test_a_device_belongs_to_who_serves_where_the_node_goes_by_the_pod_s_user(settings):
    spec = rendered.pod(rendered.deployment(MODEL["spec"], settings, **MODEL["metadata"]))
    assert spec["securityContext"].keys() >= {"runAsUser", "runAsGroup"}


def test_the_model_is_the_example_s_in_a_namespace_and_as_an_account():
    plain = yaml.safe_load((ROOT / "examples" / "minilm-inf1.yaml").read_text(encoding="utf-8"))
    plain["metadata"]["namespace"] = "search"
    plain["spec"]["serviceAccountName"] = "models"
    assert plain == MODEL
    parse(MODEL)


def test_karpenter_s_parts_are_those_of_its_cluster():
    document, (node_class, *pools) = cluster("cluster-karpenter.yaml"), documents("karpenter.yaml")
    name = document["metadata"]["name"]
    tag, spec = document["metadata"]["tags"], node_class["spec"]
    assert spec["role"] == f"KarpenterNodeRole-{name}"
    assert [one["arn"] for one in document["iamIdentityMappings"]] == [
        f"arn:aws:iam::{ACCOUNT}:role/{spec['role']}"
    ]
    for terms in ("subnetSelectorTerms", "securityGroupSelectorTerms"):
        assert spec[terms][0]["tags"].items() >= tag.items()
    for pool in pools:
        wanted = pool["spec"]["template"]["spec"]["nodeClassRef"]["name"]
        assert wanted == node_class["metadata"]["name"]


def test_both_ways_pin_the_same_kubernetes_and_the_same_image():
    first, second = (cluster(name)["metadata"] for name in CLUSTERS)
    groups = {group["name"]: group for group in cluster("cluster.yaml")["managedNodeGroups"]}
    version, _, date = groups["inf1"]["releaseVersion"].partition("-")
    assert first["version"] == second["version"] == version.rpartition(".")[0]
    (node_class, *_) = documents("karpenter.yaml")
    assert node_class["spec"]["amiSelectorTerms"] == [{"alias": f"al2023@v{date}"}]
