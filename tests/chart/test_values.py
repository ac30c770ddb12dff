"""The chart's values: what each sets, and what is refused."""

import pytest

from chart_cases import FOLDER, helm, only, pod, put, render, variables
from chart_readme import rows
from chart_settings import SETTING_VALUES, bounded, camel
from tracedmodel_operator.settings import PREFIX, Settings, read_settings


@pytest.fixture
def told(monkeypatch):
    """Return the settings of an operator that was given some values."""

    def read(values):
        for name, value in variables(render(values)).items():
            monkeypatch.setenv(name, value)
        return read_settings()

    return read


def test_the_defaults_are_those_of_the_operator(told):
    assert told({}) == Settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_of_the_operator_is_set_by_a_value(told, name):
    values, expected = SETTING_VALUES[name]
    assert getattr(Settings(), name) != expected
    assert told(values) == Settings().with_(**{name: expected})


def test_no_value_sets_what_the_operator_does_not_know():
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert variables(render()).keys() <= known


@pytest.mark.parametrize("engine", ["HPA", "KEDA"])
def test_the_autoscaling_engine_is_a_variable(engine):
    values = {"autoscaling": {"engine": engine}}
    assert variables(render(values))[f"{PREFIX}AUTOSCALING"] == engine


def test_ports_are_changed_everywhere_at_once():
    objects = render({"settings": {"healthPort": 9001, "servingPort": 9000}})
    (container,) = pod(objects)["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == 9001
    assert only(objects, "Service")["spec"]["ports"][0]["port"] == 9001
    assert only(objects, "NetworkPolicy")["spec"]["egress"][1]["ports"][0]["port"] == 9000


def test_a_null_leaves_a_setting_to_the_operator(told):
    assert f"{PREFIX}WORKERS" not in variables(render({"settings": {"workers": None}}))
    assert told({"settings": {"workers": None}}) == Settings()


WRONG = {
    "nameOverride": "n" * 64,
    "nameOverride ": "my.operator",
    "fullnameOverride": "1abc",
    "fullnameOverride ": "my.operator",
    "replica": 2,
    "replicas": -1,
    "namespaces": "search",
    "namespaces ": ["Search"],
    "image.tag": 1.0,
    "image.tags": "1",
    "image.digest": "5" * 64,
    "image.repository": "",
    "image.pullPolicy": "Sometimes",
    "imagePullSecrets": [{"name": "registry"}],
    "crds.install": "yes",
    "crds.enabled": True,
    "rbac.create": 1,
    "serviceAccount.name": "Somebody",
    "serviceAccount.annotations": {"a": 1},
    "autoscaling.engine": "VPA",
    "autoscaling.behavior.prometheusUrl": "x",
    "autoscaling.behavior.prometheusUrl ": "prometheus:9090",
    "autoscaling.behavior.demandQuery": "",
    "lease.name": "My Lease",
    "lease.namespace": "a.b",
    "settings.defaultStoreUrl": "models/traced",
    "settings.defaultStoreUrl ": "",
    "settings.fileStores": "true",
    "settings.neuronResource": "aws.amazon.com/neurondevice",
    "settings.servingPort": "8080",
    "settings.servingPort ": None,
    "settings.healthPort": 0,
    "settings.drainSeconds": 1.5,
    "settings.backoffSeconds": 601,
    "settings.maxBackoffSeconds": 9,
    "settings.logFormat": "xml",
    "settings.logLevel": "info",
    "settings.log_level": "INFO",
    "settings.imagePullSecrets": "registry",
    "settings.cpu": {},
    "settings.namespaces": [],
    "targets.gpu": {},
    "targets.cpu.exporterImage": "registry.example/exporter:1",
    "targets.cpu.exportResources": {"cpu": 4},
    "targets.cpu.exportResources ": {"memory": "8 GiB"},
    "targets.cpu.servingResources": None,
    "targets.inf1.tolerations": [{"key": "a", "tolerationSeconds": 3}],
    "targets.inf1.instanceTypes": "inf1.xlarge",
    "resources": {"request": {}},
    "nodeSelector": {"pool": 1},
    "affinity": {"nodeAffinities": {}},
    "topologySpreadConstraints": [{"maxSkew": 1}],
    "labels": {"team": "a b"},
    "annotations": {"a": True},
    "podDisruptionBudget.minAvailable": 1,
    "networkPolicy.apiServerPorts": [],
    "networkPolicy.apiServerCidrs": ["10.0.0.1"],
    "networkPolicy.apiServerCidrs ": ["10.0.0.0/99"],
    "networkPolicy.apiServerCidrs  ": ["10.0.256.0/24"],
    "networkPolicy.apiServerCidrs   ": ["fd00::/129"],
    "networkPolicy.apiServerCidrs    ": ["1:2:3/64"],
    "networkPolicy.metricsFrom": [{"podSelectors": {}}],
    "networkPolicy.metricsFrom ": [{"ipBlock": {"cidr": "10.0.0.0/99"}}],
    "networkPolicy.extraEgress": [{"to": [{"ipBlock": {"except": ["10.0.0.0/8"]}}]}],
    "gc.enabled": "yes",
    "gc.enabled ": True,
    "gc.schedule": "daily",
    "gc.schedule ": "99 99 * * *",
    "gc.schedule  ": "0 3 * * 7",
    "gc.schedule   ": "*/0 3 * * *",
    "gc.schedule    ": "0 3 * *",
    "gc.store": "models/traced",
    "gc.store ": "s3://models/{name}",
    "gc.store  ": "file:///models",
    "gc.olderThan": "23h",
    "gc.olderThan ": "7",
    "gc.delete": "no",
    "gc.storePorts": [],
    "gc.serviceAccount.create": False,
    "monitoring.serviceMonitor.interval": "30",
    "monitoring.prometheusRule.enabled": "on",
    "monitoring.dashboards.folder": "x",
}
"""By path (blanks at its end only tell two of one path apart), values that are refused."""


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_or_an_unknown_one_is_refused_by_its_name(path):
    with pytest.raises(helm.HelmError) as refusal:
        render(put(path.strip(), WRONG[path]))
    *_, group, name = ["", *path.strip().split(".")]
    assert name in str(refusal.value) or group in str(refusal.value)


@pytest.mark.parametrize(("name", "least", "most"), list(bounded()))
def test_bounds_are_those_of_the_operator(name, least, most):
    if name == "health_port":
        # Of the operator itself 0 asks for any free port, which no Service could name.
        least = 1
    # The longest wait may not be shorter than the first.
    others = {"backoffSeconds": 1} if name == "max_backoff_seconds" else {}

    def rendered(value):
        return render({"settings": {**others, camel(name): value}})

    rendered(least)
    for wrong in [least - 1, *([most + 1] if most else [])]:
        with pytest.raises(helm.HelmError):
            rendered(wrong)


RIGHT = {
    "gc.schedule": [
        "0 3 * * 0",
        "*/15 0-6,22 1,15 jan-MAR MON-FRI",
        "5-55/10 23 31 12 ?",
        "? ? ? ? ?",
        "@daily",
    ],
    "networkPolicy.apiServerCidrs": [
        ["0.0.0.0/0", "255.255.255.255/32", "::/0", "fd00::1/128", "1:2:3:4:5:6:7:8/64"]
    ],
    "networkPolicy.metricsFrom": [[{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]],
    "autoscaling.behavior.prometheusUrl": ["https://prometheus.example/base"],
    "settings.backoffSeconds": [600, None],
    "nameOverride": ["n" * 63, ""],
}
"""By path, values that are taken, beside those that are not."""


@pytest.mark.parametrize(("path", "value"), [(p, v) for p, found in RIGHT.items() for v in found])
def test_a_bound_refuses_no_more_than_it_has_to(path, value):
    assert render(put(path, value))


@pytest.mark.parametrize("name", ["1abc", "models.v2"])
def test_a_release_whose_name_makes_no_service_is_told_to_choose_another(name):
    with pytest.raises(helm.HelmError, match="set fullnameOverride"):
        render(name=name)
    assert render({"fullnameOverride": "models"}, name=name)


def test_every_value_is_explained():
    found = rows((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    assert len(found) > 90
    assert all(row.meaning.endswith(".") for row in found)


def test_a_value_that_nobody_explained_is_named():
    with pytest.raises(ValueError, match=r"nothing above a\.c says what it means"):
        rows("a:\n  # This.\n  b: 1\n  c: 2\n")


def test_a_default_is_shown_as_it_is_and_a_group_without_one():
    text = "# All\n# of it.\na:\n  # This | that.\n  b: {c: [1]}\n"
    assert rows(text) == [("a", None, "All of it."), ("a.b", '{"c": [1]}', "This | that.")]
