import crd_judge
import pods
from resources import NOW, World, failed, report, resource
from states import (
    OTHER,
    QUOTA,
    document,
    edited,
    ended,
    exporting,
    launched,
    pods_not_created,
    ready,
    refused,
    requested,
    rolling,
    unseen,
    with_invalid_spec,
)
from tracedmodel_operator.status import invalid_status


def test_the_time_of_a_condition_moves_only_with_its_status():
    world = launched()
    before = {c.type: c.last_transition_time for c in world.resource.status.conditions}
    world.later(60)
    world.turn()
    assert {c.type: c.last_transition_time for c in world.resource.status.conditions} == before


def test_nothing_changes_once_it_settled():
    world = ready()
    before = world.resource.status
    world.later(3600)
    world.turn()
    assert world.resource.status == before


def test_tells_what_was_measured_of_every_bucket():
    status = ready().resource.status
    assert status.artifact.bucket_count == 2
    small = status.artifact.buckets[0]
    assert (small.batch_size, small.sequence_length) == (1, 32)
    assert (small.max_absolute_error, small.agreement) == ("1e-06", "1")
    assert (small.latency.p50_microseconds, small.latency.eager_p50_microseconds) == (5000, 8000)
    assert status.model.parameters == 22_000_000


def test_tells_where_it_answers_and_what_it_serves():
    world = ready()
    status = world.resource.status
    assert status.serving.url == "http://minilm.search.svc"
    assert status.serving.artifact_digest == world.plan.serving.digest
    assert (status.replicas, status.ready_replicas) == (1, 1)
    assert status.selector == "app.kubernetes.io/component=serving,tracedmodel.dev/model=minilm"


def test_names_the_served_artifact_only_once_it_is_rolled_out():
    world = edited(ready(), OTHER)
    before = world.resource.status.serving.artifact_digest
    world.finish(report(revision="d" * 40))
    world.settle()
    world.serve(ready=0)
    world.turn()
    assert world.resource.status.serving.artifact_digest == before
    world.serve(ready=1)
    world.turn()
    assert world.resource.status.serving.artifact_digest == world.plan.serving.digest != before


def test_keeps_the_last_failure_as_history():
    world = ended(failed("StoreUnreachable", "no route"))
    failure = world.resource.status.last_failure
    assert (failure.reason, failure.message, failure.exit_code) == (
        "StoreUnreachable",
        "no route",
        71,
    )
    world.later(10)
    world.turn()
    world.finish(report())
    world.settle()
    assert world.resource.status.last_failure == failure
    assert world.resource.status.failures == 0


def test_a_message_too_long_for_the_api_is_cut():
    world = ended(failed("NotFinite", "x" * 630))
    assert all(len(c.message) <= 1024 for c in world.resource.status.conditions)


def test_a_scaled_up_deployment_is_not_ready_before_its_replicas_are():
    world = ready()
    world.edit({"serving": {"replicas": 3}})
    world.turn()
    world.turn()
    assert world.conditions()["Ready"] == "!RolloutInProgress"
    assert world.conditions()["Available"] == "ReplicasAvailable"


def test_the_time_of_a_condition_moves_with_its_status():
    world = ended(failed("NotFinite"))
    world.later(60)
    requested(world)
    times = {c.type: c.last_transition_time for c in world.resource.status.conditions}
    assert times["Ready"] == "2026-01-02T03:04:05Z"
    assert times["Reconciling"] == "2026-01-02T03:05:05Z"


def test_counts_failures_in_a_row_of_one_request():
    world = ended(failed("StoreUnreachable"))
    assert world.resource.status.failures == 1
    world.turn()
    assert world.resource.status.failures == 1
    world.edit({"export": {"resources": {"memory": "64Gi"}}})
    world.turn()
    assert world.resource.status.failures == 0
    world.finish(failed("StoreUnreachable"))
    world.turn()
    assert world.resource.status.failures == 1


def test_a_failure_keeps_the_time_when_it_came_and_its_retry_time():
    world = ended(failed("StoreUnreachable"))
    before = world.resource.status.export
    world.later(5)
    world.turn()
    assert world.resource.status.export == before
    assert before.retry_time == "2026-01-02T03:04:14Z"


def test_tells_what_keeps_an_exporter_from_starting_as_the_last_failure():
    failure = exporting(pods.unschedulable("no node")).resource.status.last_failure
    assert (failure.reason, failure.message, failure.exit_code) == (
        "Unschedulable",
        "no node",
        None,
    )


def test_tells_how_a_server_ended_as_the_last_failure():
    failure = rolling(pods.crashed(failed("ProofFailed", "off"))).resource.status.last_failure
    assert (failure.reason, failure.message, failure.exit_code) == (
        "ProofFailed",
        "a server ended on node-1: off",
        33,
    )


def test_tells_what_keeps_servers_from_being_made_as_the_last_failure():
    failure = pods_not_created().resource.status.last_failure
    assert (failure.reason, failure.message, failure.exit_code) == ("PodsNotCreated", QUOTA, None)


def test_a_rollout_that_gets_on_is_no_failure():
    assert rolling().resource.status.last_failure is None


def test_what_to_return_to_is_known_although_the_deployment_is_gone():
    world = ready()
    before = world.resource.status.serving
    del world.objects["Deployment", "minilm"]
    world.turn()
    assert world.resource.status.serving == before


def test_the_last_number_of_a_base_is_kept_while_nothing_is_launched():
    world = ended(failed("StoreUnreachable"))
    world.objects.clear()
    edited(world, {"suspend": True, "export": {"resources": {"memory": "64Gi"}}})
    assert world.resource.status.export.attempt == 1


def test_the_commit_of_an_export_is_forgotten_with_its_request():
    world = ready(model={"revision": "main"})
    assert world.resource.status.export.revision == report().revision
    requested(world)
    assert world.resource.status.export.revision is None


def test_a_refused_job_is_told_with_its_name():
    world = refused(World(), "Job", "minilm-export-1", "ChildRefused", QUOTA)
    assert world.resource.status.conditions[0].message == f"Job minilm-export-1: {QUOTA}"


def test_a_long_requested_at_is_cut():
    world = World(resource(annotations={"tracedmodel.dev/requested-at": "x" * 300}))
    world.turn()
    assert len(world.resource.status.last_handled_requested_at) <= 256


def test_an_invalid_spec_keeps_what_the_status_said_of_the_world():
    before = document(ready())
    after = with_invalid_spec(before)["status"]
    assert after["artifact"] == before["status"]["artifact"]
    assert after["serving"] == before["status"]["serving"]
    assert after["observedGeneration"] == 4


def test_an_invalid_spec_that_was_told_changes_nothing_more():
    item = with_invalid_spec(unseen())
    message = item["status"]["conditions"][0]["message"]
    again = invalid_status(item, ValueError(message), NOW.replace(year=2027))
    assert again == item["status"]


def test_the_status_of_a_resource_that_was_never_looked_at_is_that_of_the_definition():
    assert crd_judge.completed(unseen())["status"] == {"observedGeneration": -1}
    assert launched().resource.status.observed_generation == 3
