"""What conditions say in words, and which of several things to say comes first."""

import pytest

import pods
from resources import World, failed, report, resource, row
from states import (
    NO_NODE,
    OTHER,
    PROVED_WRONG,
    PULLING,
    QUOTA,
    SUSPEND,
    edited,
    ended,
    exporting,
    launched,
    past_rollout_deadline,
    pods_not_created,
    queued,
    ready,
    refused,
    rolling,
    turned,
)
from tracedmodel_api.buckets import Bucket

OOM = (137, "OOMKilled")


def told(world, kind="Ready") -> str:
    return next(c.message for c in world.resource.status.conditions if c.type == kind)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (launched, "Exported", "an export is about to start: nothing is exported yet"),
        (exporting, "Exported", "attempt 1 runs: nothing is exported yet"),
        (
            lambda: ended(failed("StoreUnreachable", "no route")),
            "Exported",
            "StoreUnreachable: no route; next attempt at 2026-01-02T03:04:14Z",
        ),
        (lambda: ended(failed("NotFinite", "NaN in 1x32")), "Exported", "NaN in 1x32"),
        (lambda: exporting(pods.unschedulable(NO_NODE)), "Ready", NO_NODE),
        (rolling, "Ready", "0 of 1 replicas are available, 1 updated"),
        (
            lambda: rolling(pods.crashed(PROVED_WRONG)),
            "Ready",
            "a server ended on node-1: bucket 1x32 is off by 0.2",
        ),
        (lambda: rolling(PULLING), "Ready", 'ImagePullBackOff: Back-off pulling image "server:9"'),
        (pods_not_created, "Ready", QUOTA),
        (
            past_rollout_deadline,
            "Ready",
            "the serving pods made no progress within the deadline",
        ),
        (
            lambda: past_rollout_deadline(PULLING),
            "Ready",
            (
                "the serving pods made no progress within the deadline: ImageNotPulled:"
                ' ImagePullBackOff: Back-off pulling image "server:9"'
            ),
        ),
        (queued, "Ready", "the rollout waits for others to end"),
        (ready, "Available", "1 of 1 replicas are available"),
        (rolling, "Available", "0 of 1 replicas are available"),
        (launched, "Available", "nothing is served yet"),
        (lambda: ready(serving={"replicas": 0}), "Available", "no replica is wanted"),
        (lambda: edited(ready(), SUSPEND), "Suspended", "spec.suspend is set"),
    ],
)
def test_says(make, kind, message):
    assert told(make(), kind) == message


def test_counts_buckets_and_replicas_in_good_english():
    two = ready(serving={"replicas": 2})
    assert told(two).endswith("with 2 verified buckets; 2 replicas up")
    one = ready(export={"buckets": [{"batchSize": 1, "sequenceLength": 32}]})
    assert told(one).endswith("with 1 verified bucket; 1 replica up")


def test_an_end_speaks_before_what_another_pod_waits_for():
    world = rolling(PULLING, pods.crashed(PROVED_WRONG))
    assert world.conditions()["Ready"] == "!ProofFailed"


def test_a_pod_that_is_ready_now_is_not_held_against_a_rollout():
    recovered = {**pods.crashed(PROVED_WRONG), "conditions": pods.READY["conditions"]}
    assert rolling(recovered).conditions()["Ready"] == "!RolloutInProgress"


def test_what_pods_wait_for_speaks_before_the_quota_that_keeps_out_others():
    world = pods_not_created()
    world.server_pod(PULLING)
    assert turned(world).conditions()["Ready"] == "!ImageNotPulled"


def test_a_server_that_ended_well_has_not_failed():
    assert rolling(pods.crashed((0, "Completed"))).conditions()["Ready"] == "!RolloutInProgress"


def test_a_server_on_an_unknown_node_is_told_without_it():
    world = rolling()
    world.server_pod(pods.crashed(PROVED_WRONG), "")
    assert told(turned(world)) == "a server ended: bucket 1x32 is off by 0.2"


def test_servers_that_end_alike_are_counted_by_node():
    held = failed("CoresNotAvailable", "worker 0: NeuronCore(s) not available")
    world = rolling()
    world.server_pod(pods.crashed(held, times=3), "node-b")
    world.server_pod(pods.crashed(held), "node-a")
    world.server_pod(pods.crashed(failed("DeviceNotFound", "no driver")), "node-c")
    assert told(turned(world)) == (
        "a server ended on node-a and node-b 3 times: worker 0: NeuronCore(s) not available"
    )
    assert world.conditions()["Ready"] == "!CoresNotAvailable"


def test_what_only_servers_can_prove_is_not_called_verified():
    world = launched()
    rows = tuple(
        row(bucket, error=None, agreement=None) for bucket in (Bucket(1, 32), Bucket(8, 128))
    )
    world.finish(report(rows=rows))
    world.settle()
    assert told(world, "Exported").endswith("with 2 buckets, proved by each server on its device")


def test_more_memory_ends_the_stall_at_once():
    world = rolling(pods.crashed(OOM, times=2))
    assert world.conditions()["Stalled"] == "OutOfMemory"
    edited(world, {"serving": {"resources": {"memory": "8Gi"}}})
    assert world.conditions()["Reconciling"] == "RolloutInProgress"
    world.serve(ready=0, replicas=2, updatedReplicas=1)
    world.settle()
    assert world.conditions()["Reconciling"] == "RolloutInProgress"


def test_a_change_ends_the_stall_of_a_rollout_past_its_deadline_at_once():
    world = edited(past_rollout_deadline(), {"serving": {"resources": {"cpu": "4"}}})
    assert world.conditions()["Reconciling"] == "RolloutInProgress"


def test_a_refused_job_is_told_only_while_an_export_is_wanted():
    world = refused(ready(), "Job", "minilm-export-1", "ChildRefused", QUOTA)
    assert world.conditions()["Ready"] == "Succeeded"


def test_a_refused_serving_child_is_told_by_its_kind_and_name():
    world = refused(ready(), "Service", "minilm", "NameConflict", "it is someone else's")
    assert world.conditions()["Stalled"] == "NameConflict"
    assert told(world) == "Service minilm: it is someone else's"


def test_a_deployment_that_serves_another_artifact_is_about_to_be_replaced():
    world = edited(ready(), OTHER)
    world.finish(report(revision="d" * 40))
    world.turn()
    assert told(world) == "the serving pods are about to be started or replaced"


def test_a_scale_that_is_not_carried_out_yet_is_not_ready():
    world = ready()
    world.edit({"serving": {"replicas": 3}})
    world.turn()
    assert told(world) == "1 of 3 replicas are available, 1 updated"


def test_an_autoscaler_decides_how_many_replicas_are_wanted():
    world = ready(serving={"autoscaling": {"minReplicas": 2, "maxReplicas": 9}})
    world.deployment()["spec"]["replicas"] = 4
    world.serve(ready=2)
    assert turned(world).conditions()["Ready"] == "Succeeded"
    world.serve(ready=1)
    assert turned(world).conditions()["Ready"] == "!RolloutInProgress"
    world.serve(ready=3, updatedReplicas=3)
    assert turned(world).conditions()["Ready"] == "!RolloutInProgress"


def test_a_first_rollout_in_place_took_nothing_away():
    world = World(resource({"serving": {"rollout": {"strategy": "InPlace"}}}))
    world.turn()
    assert rolling(world=world).conditions()["Available"] == "!ReplicasUnavailable"


def test_a_replica_that_is_to_be_replaced_in_place_is_told_by_its_reason():
    world = ready(serving={"rollout": {"strategy": "InPlace"}})
    world.serve(ready=0, updatedReplicas=0)
    assert turned(world).conditions()["Available"] == "!ReplicasUnavailable"
    world.serve(ready=0)
    assert turned(world).conditions()["Available"] == "!InPlaceRollout"
