import pytest

from resources import COMMIT, SETTINGS, World, report
from states import (
    QUOTA,
    edited,
    exporting,
    launched,
    queued,
    ready,
    refused,
    remade,
    rolling,
)

CPU = {"serving": {"resources": {"cpu": "4"}}}
SUSPEND = {"suspend": True}


def kinds(children) -> list[str]:
    return sorted(child["kind"] for child in children)


def indexes(world) -> set[str]:
    return {name for kind, name in world.objects if kind == "ConfigMap"}


def next_artifact(world, letter):
    world.later(60)
    edited(world, {"model": {"revision": letter * 40}})
    world.finish(report(revision=letter * 40))
    world.settle()
    return world


def rolled_out(world, letter):
    next_artifact(world, letter)
    world.serve()
    world.settle()
    return world


def test_goes_back_to_a_kept_artifact_at_once_when_the_spec_does():
    world = ready()
    first = world.plan.artifact.digest
    next_artifact(world, "d")
    assert world.plan.serving.digest != first
    world.edit({"model": {"revision": COMMIT}})
    assert world.turn().serving.digest == first
    assert len(world.jobs()) == 2


def test_keeps_three_indexes_and_prunes_the_oldest():
    world = ready()
    oldest = indexes(world)
    for letter in "def":
        rolled_out(world, letter)
    assert len(indexes(world)) == 3
    assert oldest.isdisjoint(indexes(world))


def test_a_suspended_resource_goes_on_serving_what_it_served():
    world = ready()
    before = world.plan.serving.digest
    world.edit({"suspend": True, "export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}})
    assert world.turn().serving.digest == before
    assert world.conditions()["Ready"] == "!SuspendedByUser"


def test_replicas_are_set_only_while_nothing_scales_by_load():
    assert ready(serving={"replicas": 4}).plan.replicas == 4
    assert ready(serving={"autoscaling": {"maxReplicas": 9}}).plan.replicas is None


def test_the_serving_children_are_made_once_something_is_exported():
    world = launched()
    world.finish(report())
    assert kinds(world.turn().create) == [
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Service",
    ]


@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "PodDisruptionBudget", "Service"])
def test_a_child_that_was_deleted_by_hand_is_made_again_without_an_export(kind):
    world = ready()
    key = next(key for key in world.objects if key[0] == kind)
    del world.objects[key]
    assert kinds(world.turn().create) == [kind]
    assert key in world.objects
    assert len(world.jobs()) == 1


def test_an_index_that_was_changed_by_hand_is_made_anew():
    world = ready()
    (name,) = indexes(world)
    data = world.objects["ConfigMap", name]["data"]
    world.objects["ConfigMap", name]["data"] = {**data, "report.json": "{}"}
    world.turn()
    assert world.objects["ConfigMap", name]["data"] == data


def test_a_child_that_was_changed_by_hand_is_set_right():
    world = ready()
    world.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] = "evil"
    assert kinds(world.turn().apply) == ["Deployment"]
    assert kinds(world.turn().apply) == []


def test_what_others_add_to_a_child_is_left_alone():
    world = ready()
    world.deployment()["metadata"]["labels"]["team"] = "search"
    assert world.turn().apply == ()


def test_only_another_pod_template_replaces_pods():
    world = ready()
    world.edit({"serving": {"rollout": {"progressDeadlineSeconds": 4000}}})
    assert (kinds(world.turn().apply), world.plan.replaces) == (["Deployment"], False)
    world.edit(CPU)
    assert world.turn().replaces


def test_the_indexes_that_pods_still_serve_are_kept_beyond_the_limit():
    world = World(settings=SETTINGS.with_(kept_indexes=1))
    world.turn()
    world.finish(report())
    world.settle()
    world.serve()
    world.settle()
    (first,) = indexes(world)
    world.server_pod({}, "node-1")
    next_artifact(world, "d")
    assert first in indexes(world)
    world.serve()
    world.settle()
    assert first in indexes(world)
    del world.objects["Pod", "server-node-1"]
    world.settle()
    assert first not in indexes(world)


def test_another_store_is_exported_to_while_pods_read_the_old_one():
    world = ready()
    before = world.deployment()["spec"]
    edited(world, {"store": {"url": "s3://elsewhere/x"}})
    assert world.deployment()["spec"] == before
    assert world.conditions()["Exported"] == "!ExportRunning"


def test_a_suspended_resource_replaces_no_pods():
    world = ready()
    before = world.deployment()
    edited(world, {**SUSPEND, **CPU})
    assert (world.plan.held, world.plan.replaces) == ("SuspendedByUser", False)
    assert world.deployment() == before
    edited(world, {"suspend": False})
    assert world.deployment() != before


def test_a_suspended_resource_makes_no_first_deployment():
    world = exporting()
    world.edit(SUSPEND)
    world.finish(report())
    world.settle()
    assert ("Deployment", "minilm") not in world.objects
    assert len(indexes(world)) == 1
    edited(world, {"suspend": False})
    assert ("Deployment", "minilm") in world.objects


def test_a_suspended_resource_gets_back_a_deployment_that_was_deleted_by_hand():
    world = edited(ready(), SUSPEND)
    del world.objects["Deployment", "minilm"]
    world.turn()
    assert ("Deployment", "minilm") in world.objects


def test_a_suspended_resource_is_scaled():
    assert edited(ready(), {**SUSPEND, "serving": {"replicas": 3}}).plan.replicas == 3


def test_a_rollout_waits_while_as_many_go_on_as_may():
    world = queued()
    assert (world.plan.held, world.plan.replaces, world.plan.apply) == ("RolloutQueued", False, ())
    world.rollouts_elsewhere -= 1
    world.turn()
    assert (world.plan.held, world.plan.replaces) == ("", True)


def test_a_first_rollout_waits_for_nobody():
    world = launched()
    world.rollouts_elsewhere = 100
    world.finish(report())
    world.settle()
    assert ("Deployment", "minilm") in world.objects


def test_a_rollout_that_has_begun_is_changed_at_once():
    world = remade()
    world.rollouts_elsewhere = 100
    world.edit(CPU)
    assert (world.turn().held, world.plan.replaces) == ("", True)


def test_a_spec_for_which_nothing_was_exported_yet_makes_no_serving_children():
    assert {kind for kind, _ in exporting().objects} == {"Job"}


def test_a_refused_deployment_is_tried_again():
    world = refused(rolling(), "Deployment", "minilm", "ChildRefused", QUOTA)
    assert kinds(world.plan.create) == ["Deployment"]


def test_a_suspended_resource_makes_no_index_of_fewer_buckets():
    world = edited(
        ready(), {**SUSPEND, "export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}}
    )
    assert world.plan.artifact.digest != world.plan.serving.digest
    assert len(indexes(world)) == 1
