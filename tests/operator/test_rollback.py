"""When an artifact is given up for the last good one, and when it is not."""

import json

import pytest

import pods
from resources import COMMIT, failed, report
from states import (
    NO_NODE,
    PROVED_WRONG,
    edited,
    ready,
    remade,
    requested,
    rolled_back,
    rolling,
)
from tracedmodel_api.status import MAX_MESSAGE

ONCE = pods.crashed(PROVED_WRONG)
TWICE = pods.crashed(PROVED_WRONG, times=2)
STARTING = {"containerStatuses": [{"state": {"running": {}}, "restartCount": 0}]}
ARTIFACT_FAULTS = (
    "ProofFailed",
    "LoadFailed",
    "BlobMissing",
    "BlobCorrupt",
    "ManifestInvalid",
    "FormatUnsupported",
)
OTHER_FAULTS = ("StoreUnreachable", "InternalError", "BackendUnavailable", "OutOfSpace")


def first_artifact(world) -> str:
    return next(o for o in world.observe().indexes if o.report.revision == COMMIT).digest


def is_rolled_back(world) -> bool:
    return world.plan.serving.digest == first_artifact(world)


@pytest.mark.parametrize("reason", ARTIFACT_FAULTS)
def test_an_artifact_that_fails_on_two_nodes_is_given_up(reason):
    crash = pods.crashed(failed(reason, "so it is"))
    world = remade(crash, crash)
    assert is_rolled_back(world)
    assert world.resource.status.serving.rejected.reason == reason
    message = world.resource.status.conditions[0].message
    assert message.startswith(f"{reason}: artifact ")
    assert "failed on node-1 and node-2: so it is; returned to artifact" in message


def test_what_a_server_says_at_length_is_cut_in_the_middle():
    said = {**json.loads(PROVED_WRONG.to_bytes()), "message": "ä" * MAX_MESSAGE + " in the end"}
    crash = pods.crashed(PROVED_WRONG)
    crash["containerStatuses"][0]["lastState"]["terminated"]["message"] = json.dumps(said)
    told = remade(crash, crash).resource.status.serving.rejected.message
    assert len(told.encode()) <= MAX_MESSAGE
    assert told.startswith("artifact ")
    assert told.endswith("ä in the end")


@pytest.mark.parametrize("reason", OTHER_FAULTS)
def test_a_fault_of_a_device_a_node_or_the_world_never_rolls_back(reason):
    crash = pods.crashed(failed(reason), times=9)
    assert not is_rolled_back(remade(crash, crash))


@pytest.mark.parametrize("end", [(137, "OOMKilled"), (139, "Error"), (1, "Error")])
def test_an_end_without_a_reason_that_speaks_against_the_artifact_never_rolls_back(end):
    crash = pods.crashed(end, times=9)
    assert not is_rolled_back(remade(crash, crash))


def test_an_eviction_never_rolls_back():
    assert not is_rolled_back(remade(pods.evicted("low on memory"), pods.evicted("low on memory")))


@pytest.mark.parametrize(
    "statuses",
    [
        (ONCE,),
        (ONCE, STARTING),
        (TWICE, STARTING),
        (ONCE, pods.crashed((137, "OOMKilled"))),
        (ONCE, pods.READY),
        (ONCE, ONCE, pods.READY),
    ],
)
def test_an_artifact_is_not_given_up_for_too_few_failures_or_where_one_replica_is_ready(statuses):
    world = remade(*statuses)
    assert not is_rolled_back(world)
    assert world.resource.status.serving.rejected is None


def test_two_failures_count_where_there_is_one_node():
    assert is_rolled_back(remade(TWICE))


def beside_an_old_server(status, node="node-1"):
    """The new template's server ends on a node, while one of the old template serves on another."""
    world = remade()
    world.server_pod(pods.READY, "node-7")
    old = world.objects["Pod", "server-node-7"]["metadata"]
    old["annotations"] = {**old["annotations"], "tracedmodel.dev/template": "an older one"}
    world.server_pod(status, node)
    world.turn()
    return world


def test_a_failure_on_one_node_of_several_is_put_to_another_before_anything_is_given_up():
    world = beside_an_old_server(TWICE)
    assert not is_rolled_back(world)
    assert world.resource.status.serving.doubt.node == "node-1"
    assert world.conditions()["Reconciling"] == "ProofFailed"
    world.turn()
    assert ("Pod", "server-node-1") in world.deleted
    assert not is_rolled_back(world)


def test_a_pod_that_is_doubted_goes_as_soon_as_the_doubt_is_on_record():
    world = beside_an_old_server(ONCE)
    world.server_pod(TWICE)
    assert world.turn().again_at() == world.now
    assert world.turn().again_at() is None
    assert ("Pod", "server-node-1") in world.deleted


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_an_artifact_is_given_up_when_the_server_made_instead_fails_too(node):
    world = beside_an_old_server(TWICE)
    world.turn()
    world.objects["Pod", "server-again"] = pods.of_deployment(
        world.deployment(), "server-again", node, ONCE
    )
    world.turn()
    assert is_rolled_back(world)
    assert world.resource.status.serving.doubt is None


def test_a_bad_node_is_forgotten_when_the_server_made_instead_is_ready():
    world = beside_an_old_server(TWICE)
    world.turn()
    world.server_pod(pods.READY, "node-2")
    world.serve()
    world.turn()
    assert not is_rolled_back(world)
    assert world.resource.status.serving.doubt is None
    assert world.conditions()["Ready"] == "Succeeded"


def test_a_pod_that_no_node_takes_is_on_no_node():
    world = remade(TWICE)
    assert is_rolled_back(world)
    world = remade(ONCE)
    world.server_pod(pods.unschedulable(NO_NODE), "")
    world.crash(PROVED_WRONG, times=2)
    world.turn()
    assert is_rolled_back(world)


def test_an_artifact_that_a_replica_proved_once_is_never_given_up():
    world = remade(pods.READY)
    world.server_pod(ONCE, "node-1")
    world.server_pod(ONCE, "node-2")
    world.turn()
    assert not is_rolled_back(world)


def test_an_artifact_that_was_rolled_out_is_never_given_up():
    world = edited(ready(), {"serving": {"resources": {"cpu": "4"}}})
    world.serve(ready=0)
    for node in ("node-1", "node-2"):
        world.server_pod(ONCE, node)
    world.settle()
    assert world.resource.status.serving.rejected is None
    assert world.plan.problem is None


def test_without_a_last_good_artifact_there_is_nothing_to_return_to():
    world = rolling(ONCE, ONCE)
    assert world.plan.serving == world.plan.artifact
    assert world.conditions()["Stalled"] == "ProofFailed"


def test_a_rollback_leaves_the_last_good_artifact_in_place():
    world = rolled_back(ONCE, ONCE)
    conditions = world.conditions()
    assert (conditions["Ready"], conditions["Stalled"]) == ("!RolledBack", "RolledBack")
    assert conditions["Available"] == "ReplicasAvailable"
    assert conditions["Exported"] == "Published"
    assert world.resource.status.serving.artifact_digest == first_artifact(world)
    annotations = world.deployment()["spec"]["template"]["metadata"]["annotations"]
    assert annotations["tracedmodel.dev/artifact"] == first_artifact(world)


def test_a_rollback_lasts():
    world = rolled_back(ONCE, ONCE)
    before = world.resource.status
    world.later(100_000)
    world.settle()
    assert world.resource.status == before


def test_a_rollback_outlasts_a_deployment_that_is_deleted_by_hand():
    world = rolled_back(ONCE, ONCE)
    del world.objects["Deployment", "minilm"]
    world.settle()
    assert is_rolled_back(world)
    world.serve()
    world.settle()
    assert world.conditions()["Ready"] == "!RolledBack"


def test_what_does_not_make_another_artifact_changes_nothing_about_a_rollback():
    world = edited(rolled_back(ONCE, ONCE), {"serving": {"resources": {"cpu": "4"}}})
    world.serve()
    world.settle()
    assert world.conditions()["Ready"] == "!RolledBack"
    assert is_rolled_back(world)


def test_another_try_is_made_when_it_is_asked_for():
    world = requested(rolled_back(ONCE, ONCE))
    world.finish(report(revision="d" * 40))
    world.settle()
    world.serve()
    world.settle()
    assert world.conditions()["Ready"] == "Succeeded"
    assert world.resource.status.serving.rejected is None


def test_another_spec_is_tried():
    world = edited(rolled_back(ONCE, ONCE), {"model": {"revision": "e" * 40}})
    world.finish(report(revision="e" * 40))
    world.settle()
    assert world.plan.serving == world.plan.artifact
    assert world.resource.status.serving.rejected is None


def test_a_spec_that_returns_to_the_last_good_artifact_is_ready():
    world = edited(rolled_back(ONCE, ONCE), {"model": {"revision": COMMIT}})
    assert world.conditions()["Ready"] == "Succeeded"
    assert len(world.jobs()) == 2


def test_the_last_good_artifact_is_read_from_its_own_store():
    world = edited(ready(), {"store": {"url": "s3://elsewhere/x"}})
    world.finish(report(revision="d" * 40))
    world.settle()
    world.serve(ready=1, replicas=2)
    assert store_of(world) == "s3://elsewhere/x"
    world.server_pod(ONCE, "node-1")
    world.server_pod(ONCE, "node-2")
    world.settle()
    assert store_of(world) == "s3://models/search"


def test_a_suspended_resource_is_not_rolled_back_before_it_is_resumed():
    world = edited(remade(), {"suspend": True})
    for node in ("node-1", "node-2"):
        world.server_pod(ONCE, node)
    world.settle()
    assert not is_rolled_back(world)
    edited(world, {"suspend": False})
    assert is_rolled_back(world)


def test_a_next_export_after_a_rollback_leaves_the_last_good_artifact_in_place():
    world = edited(rolled_back(ONCE, ONCE), {"model": {"revision": "e" * 40}})
    assert is_rolled_back(world)
    assert world.resource.status.serving.rejected is not None


def store_of(world) -> str:
    (container,) = world.deployment()["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    return variables["TRACEDMODEL_STORE_URL"]
