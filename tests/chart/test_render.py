"""What Helm makes of the chart. ``python -m pytest tests/chart --update-golden`` writes the files in golden/ anew."""

import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import monitoring_schema
import pod_security
from chart_cases import CASES, DIGEST, FOLDER, case, helm, of_kind, only, pod, pods, render
from tracedmodel_api import __version__, crd
from tracedmodel_operator import names
from tracedmodel_operator.render.pods import POD_SECURITY

GOLDEN = Path(__file__).parent / "golden"
OLDEST = "1.31"

each_case = pytest.mark.parametrize("name", CASES)


def shortened(item):
    """Return an object without what is a file of its own."""
    if item["kind"] == "CustomResourceDefinition":
        return {**item, "spec": "that of crds/"}
    if item["kind"] == "ConfigMap":
        return {**item, "data": dict.fromkeys(item["data"], "that of dashboards/")}
    return item


@each_case
def test_the_objects_are_the_ones_a_reviewer_read(name, update_golden):
    file = GOLDEN / f"{name}.yaml"
    found = [shortened(item) for item in case(name)]
    if update_golden:
        text = yaml.safe_dump_all(found, sort_keys=False, width=10**6, allow_unicode=True)
        file.write_text(f"# {CASES[name][0]}\n{text}", encoding="utf-8")
    assert list(yaml.safe_load_all(file.read_text(encoding="utf-8"))) == found


def test_every_golden_file_belongs_to_a_case():
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@each_case
def test_the_objects_fit_the_schemas_of_kubernetes(name, version):
    for item in case(name):
        if item["kind"] not in monitoring_schema.KINDS:
            kubernetes_validate.validate(item, version, strict=True)


def monitors(name):
    return [item for item in case(name) if item["kind"] in monitoring_schema.KINDS]


@pytest.mark.parametrize("name", ["monitored", "monitored-namespaced", "widest"])
def test_monitors_and_rules_are_what_the_prometheus_operator_takes(name):
    found = monitors(name)
    assert found
    assert {item["metadata"]["name"]: monitoring_schema.problems(item) for item in found} == {
        item["metadata"]["name"]: [] for item in found
    }


def test_what_the_prometheus_operator_would_not_take_is_seen():
    assert {item["kind"] for item in monitors("monitored")} == monitoring_schema.KINDS
    for old, new in (
        ("port: metrics", "targetPorts: metrics"),
        ("interval: 30s", "interval: 30"),
        ("sourceLabels: [", "sourceLabels: [a-b, "),
        ("any: true", "any: yes please"),
        ("alert: TracedModelOperatorDown", "name: TracedModelOperatorDown"),
        ("for: 5m", "for: 5 minutes"),
        ("severity: critical", "severity: 1"),
    ):
        texts = [
            yaml.safe_dump(item, default_flow_style=None, width=10**6)
            for item in monitors("monitored")
        ]
        (broken, *_) = [text for text in texts if old in text]
        document = yaml.safe_load(broken.replace(old, new, 1))
        assert monitoring_schema.problems(document), old


def test_monitors_scrape_ports_that_there_are():
    objects = case("monitored")
    (endpoint,) = only(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in only(objects, "Service")["spec"]["ports"]}
    labels = only(objects, "Service")["metadata"]["labels"]
    assert (
        only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    )


@each_case
def test_helm_finds_nothing_wrong(name):
    report = helm.lint(str(FOLDER), CASES[name][1], strict=True, kube_version=f"v{OLDEST}.0")
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@each_case
def test_nothing_stands_twice(name):
    keys = [(i["kind"], i["metadata"].get("namespace"), i["metadata"]["name"]) for i in case(name)]
    assert len(keys) == len(set(keys))


@each_case
def test_pods_meet_the_restricted_profile(name):
    for template in pods(case(name)):
        spec = template["spec"]
        assert pod_security.violations(spec) == []
        (container,) = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@each_case
def test_every_object_has_the_labels_and_annotations_of_the_release(name):
    for item in case(name):
        metadata = item["metadata"]
        wanted = CASES[name][1]
        assert metadata["labels"]["app.kubernetes.io/instance"] == "tracedmodel-operator"
        assert wanted.get("labels", {}).get("team") == metadata["labels"].get("team")
        annotations = metadata.get("annotations", {})
        assert wanted.get("annotations", {}).items() <= annotations.items()


@each_case
def test_whatever_selects_the_operator_selects_it_and_nothing_else(name):
    objects = case(name)
    labels = pod(objects)["metadata"]["labels"]
    selectors = [
        only(objects, "Deployment")["spec"]["selector"]["matchLabels"],
        only(objects, "Service")["spec"]["selector"],
        *(i["spec"]["selector"]["matchLabels"] for i in of_kind(objects, "PodDisruptionBudget")),
        *(
            i["spec"]["podSelector"]["matchLabels"]
            for i in of_kind(objects, "NetworkPolicy")
            if not i["metadata"]["name"].endswith("-gc")
        ),
    ]
    others = [one["metadata"]["labels"] for one in pods(objects)[1:]]
    for selector in selectors:
        assert selector == selectors[0]
        assert selector.items() <= labels.items()
        assert not any(selector.items() <= other.items() for other in others)


def test_a_label_of_the_administrator_cannot_change_what_is_selected():
    labels = pod(case("placed"))["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "tracedmodel-operator"


def test_the_definition_is_the_generated_one_and_stays_when_the_release_goes():
    found = only(render(), "CustomResourceDefinition")
    assert found["spec"] == crd.definition()["spec"]
    assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    kept = only(render({"annotations": {"a": "b"}}), "CustomResourceDefinition")
    assert kept["metadata"]["annotations"] == {"a": "b", "helm.sh/resource-policy": "keep"}


def test_the_definition_goes_with_the_release_or_stays_out_of_it_if_that_is_wanted():
    found = only(render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "annotations" not in found["metadata"]
    assert of_kind(render({"crds": {"install": False}}), "CustomResourceDefinition") == []


def test_serving_pods_are_known_by_the_labels_that_the_operator_gives_them():
    chosen = only(case("monitored"), "PodMonitor")["spec"]["selector"]["matchLabels"]
    assert chosen == {names.MANAGED_BY: names.MANAGER, names.COMPONENT: names.SERVING}
    policy = only(render(), "NetworkPolicy")["spec"]["egress"][1]
    assert policy["to"][0]["podSelector"]["matchLabels"] == chosen
    assert policy["ports"] == [{"port": 8080, "protocol": "TCP"}]


def test_the_metric_s_label_of_a_model_is_made_of_the_label_of_its_pods():
    (endpoint,) = only(case("monitored"), "PodMonitor")["spec"]["podMetricsEndpoints"]
    (relabeling,) = endpoint["relabelings"]
    spelt = "".join(c if c.isalnum() else "_" for c in names.MODEL)
    assert relabeling["sourceLabels"] == [f"__meta_kubernetes_pod_label_{spelt}"]


def test_the_operator_may_reach_servers_of_its_namespaces_alone():
    policy = only(case("namespaced"), "NetworkPolicy")["spec"]["egress"][1]
    (expression,) = policy["to"][0]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == ["search", "ranking"]
    monitor = only(case("monitored-namespaced"), "PodMonitor")["spec"]
    assert monitor["namespaceSelector"] == {"matchNames": ["search"]}


def test_one_replica_has_no_budget_that_would_block_a_drain():
    assert of_kind(render({"replicas": 1}), "PodDisruptionBudget") == []
    assert only(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_an_image_by_its_content_has_no_tag():
    for template in pods(render({**CASES["cleaned"][1], "image": {"digest": DIGEST}})):
        (container,) = template["spec"]["containers"]
        assert container["image"] == f"ghcr.io/tracedmodel/operator@{DIGEST}"


def test_pods_run_as_the_number_that_all_images_are_made_for():
    for template in pods(case("widest")):
        security = template["spec"]["securityContext"]
        assert {security[name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {65532}
        assert security["runAsUser"] == POD_SECURITY["runAsUser"]


def test_the_names_follow_the_release_and_stay_short_enough():
    assert only(render(name="ml"), "Deployment")["metadata"]["name"] == "ml-tracedmodel-operator"
    longest = render(CASES["widest"][1], name="r" * 53)
    assert max(len(item["metadata"]["name"]) for item in longest) <= 63
    # Kubernetes puts eleven characters behind it.
    assert len(only(longest, "CronJob")["metadata"]["name"]) <= 52


def test_dashboards_are_the_files_and_land_where_the_sidecar_looks():
    found = of_kind(case("monitored"), "ConfigMap")
    texts = {name: text for item in found for name, text in item["data"].items()}
    files = {
        f"tracedmodel-{file.name}": file.read_text() for file in (FOLDER / "dashboards").iterdir()
    }
    assert {name: json.loads(text) for name, text in texts.items()} == {
        name: json.loads(text) for name, text in files.items()
    }
    assert {item["metadata"]["labels"]["grafana_dashboard"] for item in found} == {"1"}
    assert {item["metadata"]["annotations"]["grafana_folder"] for item in found} == {"Models"}


def test_the_chart_installs_the_version_that_it_says():
    metadata = yaml.safe_load((FOLDER / "Chart.yaml").read_text(encoding="utf-8"))
    assert metadata["appVersion"] == __version__
    assert metadata["kubeVersion"] == f">={OLDEST}.0-0"
