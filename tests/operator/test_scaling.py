"""Who decides on the replicas, a step at a time: the whole way is lived in test_life_scaled."""

import pytest

from resources import SETTINGS, resource
from scaled_lives import KEDA
from states import autoscaled, ready, turned
from tracedmodel_operator.observe import observe
from tracedmodel_operator.ownership import is_made_by_keda
from tracedmodel_operator.scaling import why_not_to_zero
from tracedmodel_operator.settings import ScalingSettings

HPA, KEDA_HPA = (
    ("HorizontalPodAutoscaler", "minilm"),
    ("HorizontalPodAutoscaler", "keda-hpa-minilm"),
)


def to_zero(settings, least=0):
    scaling = {"minReplicas": least, "maxReplicas": 4}
    return why_not_to_zero(resource({"serving": {"autoscaling": scaling}}), settings)


def test_only_keda_with_a_query_of_demand_may_scale_to_zero():
    assert to_zero(KEDA) == ""
    assert "cannot scale to zero" in to_zero(SETTINGS)
    assert "demand_query" in to_zero(KEDA.with_(scaling=ScalingSettings()))
    assert to_zero(SETTINGS, least=1) == ""
    assert why_not_to_zero(resource(), SETTINGS) == ""


def test_an_autoscaler_is_made_once_and_then_left_alone():
    world = autoscaled()
    assert HPA in world.objects
    plan = world.turn()
    assert (plan.create, plan.apply, plan.delete, plan.replicas) == ((), (), (), None)


def test_an_autoscaler_is_not_made_before_there_is_what_it_scales():
    world = ready(serving={"autoscaling": {"minReplicas": 3, "maxReplicas": 9}})
    del world.objects["Deployment", "minilm"]
    del world.objects[HPA]
    plan = world.turn()
    assert [child["kind"] for child in plan.create] == ["Deployment"]
    assert plan.replicas == 3


def test_what_is_leaving_is_not_deleted_again():
    world = autoscaled()
    world.edit({"serving": {"autoscaling": None}})
    plan = world.turn()
    assert (plan.delete, plan.replicas) == ((HPA,), None)
    world = autoscaled()
    world.objects[HPA]["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    world.edit({"serving": {"autoscaling": None}})
    plan = world.turn()
    assert (plan.delete, plan.replicas) == ((), None)
    assert "has to be gone first" in plan.unscaled


def test_an_autoscaler_that_is_being_deleted_is_made_anew_only_when_it_is_gone():
    world = autoscaled()
    leaving = world.objects[HPA]
    leaving["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    plan = world.turn()
    assert (plan.create, plan.apply, plan.replicas) == ((), (), None)
    del world.objects[HPA]
    world.turn()
    assert HPA in world.objects


def of_keda(name="minilm", **labels):
    owner = {"kind": "ScaledObject", "name": name, "controller": True, "uid": "u-9"}
    marks = {"app.kubernetes.io/managed-by": "tracedmodel-operator", "tracedmodel.dev/model": name}
    metadata = {"name": f"keda-hpa-{name}", "namespace": "search", "ownerReferences": [owner]}
    return {"kind": KEDA_HPA[0], "metadata": {**metadata, "labels": marks | labels}, "spec": {}}


def test_what_keda_makes_of_the_resources_scaled_object_is_known():
    assert is_made_by_keda(of_keda(), resource())
    assert not is_made_by_keda(of_keda("other"), resource())
    assert not is_made_by_keda(of_keda(**{"tracedmodel.dev/model": "other"}), resource())


def condition(kind, status, reason):
    told = {"type": kind, "status": status, "reason": reason, "message": "because"}
    return {**of_keda(), "status": {"conditions": [told]}}


@pytest.mark.parametrize(
    ("kind", "status", "reason", "blind"),
    [
        ("ScalingActive", "False", "FailedGetPodsMetric", "FailedGetPodsMetric"),
        ("ScalingActive", "False", "ScalingDisabled", None),
        ("ScalingActive", "True", "ValidMetricFound", None),
        ("AbleToScale", "False", "FailedGetScale", None),
        ("Ready", "False", "ScaledObjectCheckFailed", "ScaledObjectCheckFailed"),
        ("Ready", "Unknown", "PartialTriggerError", None),
    ],
)
def test_an_autoscaler_that_does_not_know_the_load_is_noticed(kind, status, reason, blind):
    found = observe([condition(kind, status, reason)], autoscaled().now).blind
    assert (found and found.reason) == blind


def test_an_autoscaler_that_was_just_made_is_not_called_blind():
    assert observe([of_keda()], autoscaled().now).blind is None


def test_what_an_autoscaler_says_of_its_metrics_changes_no_condition():
    world = autoscaled()
    before = world.resource.status
    told = {"type": "ScalingActive", "status": "False", "reason": "FailedGetPodsMetric"}
    world.objects[HPA]["status"] = {"conditions": [told]}
    assert turned(world).resource.status == before
