import pytest

from rendered import BY_KEDA, FROM_ZERO, PINNED, SCALED, deployment
from resources import resource
from tracedmodel_operator.scaling import render_scaler
from tracedmodel_operator.settings import ScalingSettings
from tracedmodel_server.capacity.hpa import Policy

LOAD = "tracedmodel_worker_load_ratio"


def scaler(spec=SCALED, settings=PINNED, **metadata):
    wanted = resource(spec, **metadata)
    return render_scaler(wanted, wanted.spec.serving.autoscaling, settings)


def scaled(percent, **spec):
    scaling = {"maxReplicas": 9, "targetUtilizationPercent": percent}
    return {"serving": {"autoscaling": scaling}, **spec}


def triggers(spec, settings=BY_KEDA, **metadata):
    return [one["metadata"] for one in scaler(spec, settings, **metadata)["spec"]["triggers"]]


@pytest.mark.parametrize("settings", [PINNED, BY_KEDA])
def test_the_deployment_is_what_is_scaled(settings):
    target = scaler(settings=settings)["spec"]["scaleTargetRef"]
    made = deployment()
    assert target == {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "name": made["metadata"]["name"],
    }


def test_cpus_are_scaled_by_their_use():
    (metric,) = scaler(scaled(60))["spec"]["metrics"]
    target = {"type": "Utilization", "averageUtilization": 60}
    assert metric == {"type": "Resource", "resource": {"name": "cpu", "target": target}}


@pytest.mark.parametrize(("percent", "quantity"), [(70, "700m"), (85, "850m"), (1, "10m")])
def test_neuron_cores_are_scaled_by_their_work(percent, quantity):
    (metric,) = scaler(scaled(percent, target="Inf1"))["spec"]["metrics"]
    target = {"type": "AverageValue", "averageValue": quantity}
    assert metric == {"type": "Pods", "pods": {"metric": {"name": LOAD}, "target": target}}


def test_cpus_are_scaled_by_their_work_where_an_administrator_wants_it():
    settings = PINNED.with_(scaling=ScalingSettings(work_on_cpus=True))
    (metric,) = scaler(scaled(60), settings)["spec"]["metrics"]
    target = {"type": "AverageValue", "averageValue": "600m"}
    assert metric == {"type": "Pods", "pods": {"metric": {"name": LOAD}, "target": target}}


def test_the_administrator_sets_how_fast_both_engines_go():
    own = ScalingSettings(up_percent=50, up_pods=3, up_period_seconds=90, down_window_seconds=1200)
    expected = [
        {"type": "Percent", "value": 50, "periodSeconds": 90},
        {"type": "Pods", "value": 3, "periodSeconds": 90},
    ]
    by_hpa = scaler(settings=PINNED.with_(scaling=own))["spec"]["behavior"]
    assert by_hpa["scaleUp"]["policies"] == expected
    assert by_hpa["scaleDown"]["stabilizationWindowSeconds"] == 1200
    advanced = scaler(settings=BY_KEDA.with_(scaling=own))["spec"]["advanced"]
    assert advanced["horizontalPodAutoscalerConfig"]["behavior"] == by_hpa


def test_by_default_it_goes_up_at_once_and_down_after_longer_than_a_node_takes():
    behavior = scaler()["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600


def test_keda_asks_for_the_pods_of_this_model_alone():
    (work,) = triggers(SCALED)
    assert work["query"] == (
        'sum(rate(tracedmodel_work_seconds_total{namespace="search",'
        'pod=~"minilm-[a-z0-9]+-[a-z0-9]+"}[2m]))'
        ' / avg(tracedmodel_workers{namespace="search",pod=~"minilm-[a-z0-9]+-[a-z0-9]+"})'
    )
    assert work["threshold"] == "0.7"


def test_missing_metrics_are_no_idleness_where_something_always_runs():
    (work,) = triggers(SCALED)
    assert work["ignoreNullValues"] == "false"


def test_from_zero_keda_wants_one_replica_as_soon_as_somebody_asks():
    work, asked = triggers(FROM_ZERO, name="ner", namespace="texts")
    assert asked["query"] == (
        '(sum(rate(requests_total{service="ner",namespace="texts"}[1m]))) > bool 0'
    )
    assert (asked["threshold"], asked["activationThreshold"]) == ("1", "0")
    assert (work["ignoreNullValues"], asked["ignoreNullValues"]) == ("true", "true")


def test_who_deletes_the_scaled_object_keeps_the_replicas():
    assert scaler(settings=BY_KEDA)["spec"]["advanced"]["restoreToOriginalReplicaCount"] is False


def test_the_capacity_plan_simulates_the_defaults():
    own, policy = ScalingSettings(), Policy(1, 2)
    for rules, name in ((policy.up, "up"), (policy.down, "down")):
        told = [
            getattr(own, f"{name}_{field}")
            for field in ("window_seconds", "percent", "pods", "period_seconds")
        ]
        assert [rules.window, rules.percent, rules.pods, rules.period] == told
