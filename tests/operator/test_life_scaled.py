"""One thing decides on the replicas at a time, and they never jump when it changes."""

import pytest

from operated import KEY
from resources import SETTINGS
from scaled_lives import KEDA, Scaled, live, remains
from tracedmodel_operator.kinds import AUTOSCALER, DEPLOYMENT, SCALED_OBJECT, TRACED_MODEL

HPA_NAME, KEDA_NAME = "HorizontalPodAutoscaler/minilm", "HorizontalPodAutoscaler/keda-hpa-minilm"


@pytest.fixture(scope="module")
def undisturbed() -> list:
    return remains(live())


@pytest.mark.parametrize("after", [False, True], ids=["before", "unanswered"])
@pytest.mark.parametrize("position", range(1, live().requests[0] + 1))
def test_the_replicas_are_the_same_whichever_request_was_the_last_of_the_operator(
    position, after, undisturbed
):
    disturbed = live(position, after=after)
    assert disturbed.starts == 3
    assert remains(disturbed) == undisturbed


def scaled(settings=SETTINGS, **scaling) -> Scaled:
    operated = Scaled(settings)
    operated.scale_by(**scaling)
    assert operated.conditions()["Ready"] == "Succeeded"
    return operated


def fixed(replicas: int, settings=SETTINGS) -> Scaled:
    operated = Scaled(settings)
    operated.fix(replicas)
    return operated


@pytest.mark.parametrize(("settings", "name"), [(SETTINGS, HPA_NAME), (KEDA, KEDA_NAME)])
def test_an_autoscaler_takes_over_as_many_replicas_as_there_are(settings, name):
    operated = fixed(3, settings)
    operated.scale_by()
    assert operated.counts() == [1, 3]
    assert name in operated.scalers()


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_no_replicas_are_given_while_the_last_autoscaler_is_still_there(settings):
    operated = scaled(settings)
    operated.ask_for(4)
    operated.keep()
    kind = SCALED_OBJECT if settings is KEDA else AUTOSCALER
    operated.cluster.merge(kind, *KEY, {"metadata": {"finalizers": ["example.com/slow"]}})
    operated.controllers.scalers.keda_works = False
    operated.fix(2)
    assert operated.replicas() == 4
    assert operated.conditions()["Ready"] == "!AutoscalerChanging"
    assert operated.conditions()["Reconciling"] == "AutoscalerChanging"
    deletions = [r for r in operated.cluster.log if r.method == "DELETE"]
    assert len(deletions) == 1
    operated.cluster.merge(kind, *KEY, {"metadata": {"finalizers": None}})
    operated.persist()
    assert operated.counts() == [1, 4, 2]
    assert operated.conditions()["Ready"] == "Succeeded"


def test_hpa_goes_before_keda_comes_and_the_replicas_stay():
    operated = scaled()
    operated.ask_for(4)
    operated.keep()
    operated.choose(KEDA)
    operated.persist()
    assert operated.scalers() == [KEDA_NAME, "ScaledObject/minilm"]
    assert operated.counts() == [1, 4]


def test_an_operator_without_keda_waits_until_somebody_removes_what_keda_left():
    operated = scaled(KEDA)
    operated.ask_for(4)
    operated.keep()
    operated.choose(SETTINGS)
    operated.persist()
    assert operated.scalers() == [KEDA_NAME, "ScaledObject/minilm"]
    (told,) = [c for c in operated.status()["conditions"] if c["type"] == "Ready"]
    assert told["reason"] == "AutoscalerChanging"
    assert "delete the ScaledObject minilm" in told["message"]
    operated.cluster.delete(SCALED_OBJECT, *KEY)
    operated.persist()
    assert operated.scalers() == [HPA_NAME]
    assert operated.counts() == [1, 4]


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_what_stands_at_zero_is_raised_before_an_autoscaler_comes_that_would_not(settings):
    operated = fixed(0, settings)
    operated.scale_by(minReplicas=2)
    assert operated.counts() == [1, 0, 2]
    assert operated.conditions()["Ready"] == "Succeeded"


def test_keda_takes_the_last_replica_and_brings_it_back_when_somebody_asks():
    operated = scaled(KEDA, minReplicas=0)
    assert operated.counts() == [1]
    operated.controllers.scalers.demand = False
    operated.persist()
    assert operated.conditions() == {
        "Ready": "Succeeded",
        "Exported": "Published",
        "Available": "ScaledToZero",
    }
    assert operated.status()["replicas"] == 0
    operated.controllers.scalers.demand = True
    operated.persist()
    assert operated.counts() == [1, 0, 1]
    assert operated.conditions()["Available"] == "ReplicasAvailable"


def test_a_model_that_must_not_be_scaled_to_zero_says_what_to_do():
    operated = scaled()
    operated.scale_by(minReplicas=0)
    assert operated.conditions()["Stalled"] == "ScaleToZeroUnavailable"
    assert operated.conditions()["Available"] == "ReplicasAvailable"
    assert operated.replicas() == 1
    operated.scale_by(minReplicas=1)
    assert operated.conditions()["Ready"] == "Succeeded"


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_an_autoscaler_that_is_removed_or_edited_by_hand_is_set_right(settings):
    operated = scaled(settings)
    operated.ask_for(3)
    operated.keep()
    kind = SCALED_OBJECT if settings is KEDA else AUTOSCALER
    field = "maxReplicaCount" if settings is KEDA else "maxReplicas"
    before = operated.scalers()
    operated.cluster.delete(kind, *KEY)
    operated.persist()
    assert operated.scalers() == before
    operated.cluster.merge(kind, *KEY, {"spec": {field: 50}})
    operated.persist()
    assert operated.cluster.get(kind, *KEY)["spec"][field] == 6
    assert operated.counts() == [1, 3]


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_replicas_of_an_autoscaler_survive_every_later_apply_of_the_deployment(settings):
    operated = scaled(settings, minReplicas=3)
    operated.ask_for(5)
    operated.keep()
    operated.apply({"serving": {"resources": {"memory": "3Gi"}}})
    operated.persist()
    operated.apply({"serving": {"resources": None}})
    operated.persist()
    assert operated.counts() == [1, 3, 5]


def test_suspending_leaves_the_autoscaler_at_work():
    operated = scaled()
    operated.apply({"suspend": True})
    operated.ask_for(4)
    assert operated.replicas() == 4
    assert operated.scalers() == [HPA_NAME]


def test_someone_elses_autoscaler_of_that_name_is_left_alone():
    operated = fixed(2)
    metadata = {"name": "minilm", "namespace": "search"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3}
    operated.cluster.create(AUTOSCALER, {"metadata": metadata, "spec": spec})
    operated.apply({"serving": {"autoscaling": {"maxReplicas": 6}}})
    operated.settle()
    operated.later(5)
    assert operated.conditions()["Stalled"] == "NameConflict"
    assert operated.cluster.get(AUTOSCALER, *KEY)["spec"]["maxReplicas"] == 3
    assert operated.counts() == [1, 2]


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_a_deletion_takes_the_autoscaler_along_unless_it_orphans(settings, policy):
    operated = scaled(settings)
    before = operated.scalers()
    operated.cluster.delete(TRACED_MODEL, *KEY, policy)
    operated.persist()
    assert operated.scalers() == (before if policy == "Orphan" else [])
    assert bool(operated.cluster.objects(DEPLOYMENT)) == (policy == "Orphan")


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_unknown_load_changes_neither_replicas_nor_conditions(settings):
    operated = scaled(settings)
    operated.ask_for(4)
    before = operated.status()["conditions"]
    operated.ask_for(None)
    operated.later(3600)
    operated.persist()
    assert operated.status()["conditions"] == before
    assert operated.counts() == [1, 4]


def test_more_replicas_by_load_leave_a_resource_ready_while_their_nodes_come():
    operated = scaled(minReplicas=2)
    seen = []
    operated.checks.append(lambda o: seen.append(o.conditions()["Ready"]))
    operated.ask_for(6)
    assert operated.status()["readyReplicas"] == 6
    assert set(seen) == {"Succeeded"}


@pytest.mark.parametrize("settings", [SETTINGS, KEDA])
def test_nothing_is_written_once_a_scaled_resource_is_ready_by_this_operator_or_the_next(settings):
    operated = scaled(settings, minReplicas=2)
    operated.cluster.log.clear()
    operated.start()
    operated.persist()
    operated.later(3600)
    assert [r.path for r in operated.cluster.log if r.method != "GET"] == []


def test_a_resource_of_fixed_replicas_costs_no_request_more_than_without_autoscalers():
    operated = fixed(2)
    asked = [r for r in operated.cluster.log if "autoscal" in r.path or "keda" in r.path]
    assert [r.method for r in asked] == ["GET"]
