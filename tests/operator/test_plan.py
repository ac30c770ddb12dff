import pytest

from resources import COMMIT, SETTINGS, World, failed, report, resource
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.request import ExportRequest
from tracedmodel_operator.settings import Settings

SMALL, LARGE = Bucket(1, 32), Bucket(8, 128)


def exported(world: World | None = None) -> World:
    world = world or World()
    world.turn()
    world.finish(report())
    world.settle()
    world.serve()
    world.settle()
    return world


def jobs(world: World) -> list[str]:
    return sorted(name for kind, name in world.objects if kind == "Job")


def request_of(job: dict) -> ExportRequest:
    container = job["spec"]["template"]["spec"]["containers"][0]
    variables = {item["name"]: item["value"] for item in container["env"]}
    return ExportRequest.model_validate_json(variables["TRACEDMODEL_REQUEST"])


def test_launches_one_job_for_a_new_resource_and_waits_for_it():
    world = World()
    world.turn()
    assert len(jobs(world)) == 1
    assert world.turn().create == ()
    assert jobs(world)[0].startswith("minilm-export-")
    assert jobs(world)[0].endswith("-1")


def test_writes_the_attempt_into_the_status_of_the_turn_that_launches_its_job():
    world = World()
    world.turn()
    assert world.resource.status.export.attempt == 1


def test_rolls_out_what_the_export_reported():
    world = exported()
    assert {kind for kind, _ in world.objects} == {
        "Job",
        "ConfigMap",
        "Service",
        "Deployment",
        "PodDisruptionBudget",
        "Pod",
    }
    assert world.conditions()["Ready"] == "Succeeded"


def test_the_same_snapshot_gives_the_same_plan():
    world = exported()
    assert world.turn() == world.turn()


def test_does_nothing_for_a_resource_that_is_being_deleted():
    world = World(resource(deletionTimestamp="2026-01-01T00:00:00Z"))
    plan = world.turn()
    assert (plan.create, plan.apply, plan.delete) == ((), (), ())


def test_stalls_without_a_store_until_one_is_named():
    world = World(settings=Settings())
    assert world.turn().problem.reason == "StoreNotSet"
    world.edit({"store": {"url": "s3://models/traced"}})
    assert world.turn().problem is None


def test_fills_the_namespace_into_the_default_store():
    world = World()
    world.turn()
    assert request_of(world.job()).store_url == "s3://models/search"


def test_refuses_a_folder_as_store_where_pods_are_on_many_nodes():
    world = World(resource({"store": {"url": "file:///data"}}))
    assert "folder of one node" in world.turn().problem.message


@pytest.mark.parametrize(
    "change",
    [
        {"serving": {"replicas": 5}},
        {"serving": {"resources": {"cpu": "7"}}},
        {"serving": {"batching": {"maxDelayMilliseconds": 9}}},
        {"serving": {"rollout": {"strategy": "InPlace"}}},
        {"export": {"resources": {"cpu": "7"}}},
        {"export": {"tolerance": {"absolute": "0.5"}}},
        {"export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}},
        {"suspend": True},
    ],
    ids=str,
)
def test_never_exports_again_for(change):
    world = exported()
    world.edit(change)
    world.settle()
    assert len(jobs(world)) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": {"revision": "d" * 40}}, "RequestChanged"),
        ({"model": {"source": "hf://acme/other"}}, "RequestChanged"),
        ({"model": {"task": "FillMask"}}, "RequestChanged"),
        ({"export": {"precision": "BFloat16"}}, "RequestChanged"),
        ({"store": {"url": "s3://elsewhere/x"}}, "RequestChanged"),
        ({"export": {"tolerance": {"absolute": "1e-9"}}}, "ToleranceTightened"),
        (
            {
                "export": {
                    "buckets": [
                        {"batchSize": 1, "sequenceLength": 32},
                        {"batchSize": 1, "sequenceLength": 64},
                    ]
                }
            },
            "BucketsMissing",
        ),
    ],
    ids=str,
)
def test_exports_again_while_the_old_artifact_serves_for(change, reason):
    world = exported()
    before = world.plan.serving.digest
    world.edit(change)
    plan = world.turn()
    assert plan.exporting.why.reason == reason
    assert plan.serving.digest == before
    assert len(jobs(world)) == 2
    assert world.conditions()["Available"] == "ReplicasAvailable"


def test_a_new_requested_at_asks_for_a_new_export():
    world = exported()
    world.edit({}, annotations={"tracedmodel.dev/requested-at": "now"})
    world.turn()
    assert len(jobs(world)) == 2
    assert world.resource.status.last_handled_requested_at == "now"


def test_a_removed_bucket_makes_a_new_index_of_the_same_graphs():
    world = exported()
    world.edit({"export": {"buckets": [{"batchSize": 8, "sequenceLength": 128}]}})
    plan = world.settle()
    assert [row.bucket for row in plan.artifact.report.rows] == [LARGE]
    assert len(plan.artifact.index.graphs) == 1


def test_goes_back_to_a_kept_artifact_at_once_when_the_spec_does():
    world = exported()
    first = world.plan.artifact.digest
    world.edit({"model": {"revision": "d" * 40}})
    world.turn()
    world.finish(report(revision="d" * 40))
    world.settle()
    assert world.plan.serving.digest != first
    world.edit({"model": {"revision": COMMIT}})
    assert world.turn().serving.digest == first
    assert len(jobs(world)) == 2


def test_keeps_three_indexes_and_prunes_the_oldest():
    world = exported()
    for letter in "def":
        world.later(60)
        world.edit({"model": {"revision": letter * 40}})
        world.turn()
        world.finish(report(revision=letter * 40))
        world.settle()
        world.serve()
        world.settle()
    assert sum(kind == "ConfigMap" for kind, _ in world.objects) == 3


def test_a_terminal_failure_is_not_tried_again():
    world = World()
    world.turn()
    world.finish(failed("ToleranceMissed", "off by 0.1"))
    world.later(10_000)
    plan = world.settle()
    assert (plan.problem.reason, plan.problem.terminal) == ("ToleranceMissed", True)
    assert len(jobs(world)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"export": {"tolerance": {"absolute": "1"}}},
        {"export": {"resources": {"memory": "64Gi"}}},
        {"model": {"credentialsSecretName": "hub"}},
        {"serviceAccountName": "reader"},
    ],
    ids=str,
)
def test_a_terminal_failure_is_tried_again_after(change):
    world = World()
    world.turn()
    world.finish(failed("ToleranceMissed"))
    world.turn()
    world.edit(change)
    world.turn()
    assert len(jobs(world)) == 2
    assert jobs(world)[1].endswith("-2")


def test_a_passing_failure_is_tried_again_after_a_wait_that_doubles():
    world = World()
    for attempt, wait in ((1, 10), (2, 20), (3, 40)):
        world.turn()
        assert len(jobs(world)) == attempt
        world.finish(failed("StoreUnreachable"))
        world.later(0.8 * wait - 1)
        world.turn()
        assert len(jobs(world)) == attempt
        assert world.resource.status.failures == attempt
        world.later(0.2 * wait + 1)


def test_an_end_without_report_is_a_passing_failure_by_the_kubelets_word():
    world = World()
    world.turn()
    world.finish((1, "Error"))
    problem = world.turn().problem
    assert (problem.reason, problem.terminal) == ("Error", False)


def test_an_exporter_out_of_memory_is_not_tried_again_before_it_gets_more():
    world = World()
    world.turn()
    world.finish((137, "OOMKilled"))
    world.later(10_000)
    problem = world.turn().problem
    assert (problem.reason, problem.terminal) == ("OutOfMemory", True)
    assert "8Gi" in problem.message
    world.edit({"export": {"resources": {"memory": "64Gi"}}})
    world.turn()
    assert len(jobs(world)) == 2


def test_a_failed_job_whose_pods_are_gone_is_tried_again():
    world = World()
    world.turn()
    world.finish()
    assert "no report" in world.turn().problem.message
    world.later(10)
    world.turn()
    assert len(jobs(world)) == 2


def test_a_finished_job_whose_reports_are_gone_gets_a_new_attempt():
    world = World()
    world.turn()
    world.finish((0, "Completed"))
    assert world.turn().problem.reason == "ReportLost"
    world.turn()
    assert len(jobs(world)) == 2


def test_an_export_for_an_older_spec_is_deleted_before_the_next_is_made():
    world = World()
    world.turn()
    (old,) = jobs(world)
    world.edit({"model": {"revision": "d" * 40}})
    assert world.turn().delete == (("Job", old),)
    assert jobs(world) == []
    world.turn()
    assert len(jobs(world)) == 1


def test_attempts_go_on_counting_when_old_jobs_are_gone():
    world = World()
    world.turn()
    world.finish(failed("StoreUnreachable"))
    world.turn()
    world.objects.clear()
    world.later(10)
    world.turn()
    assert jobs(world)[0].endswith("-2")


def test_a_suspended_resource_starts_no_export_and_no_rollout():
    world = World(resource({"suspend": True}))
    assert world.turn().create == ()
    assert world.conditions()["Exported"] == "!SuspendedByUser"


def test_a_suspended_resource_goes_on_serving_what_it_served():
    world = exported()
    before = world.plan.serving.digest
    world.edit({"suspend": True, "export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}})
    assert world.turn().serving.digest == before
    assert world.conditions()["Ready"] == "!SuspendedByUser"


def test_the_shares_of_an_indexed_job_make_one_artifact():
    world = World(resource({"export": {"parallelism": 2}}))
    world.turn()
    assert world.job()["spec"]["completions"] == 2
    world.finish(report(LARGE), report(SMALL))
    assert [row.bucket for row in world.turn().artifact.report.rows] == [SMALL, LARGE]


def test_shares_that_disagree_on_the_revision_are_refused():
    world = World(resource({"export": {"parallelism": 2}}))
    world.turn()
    world.finish(report(LARGE), report(SMALL, revision="d" * 40))
    problem = world.turn().problem
    assert problem.reason == "ReportsDisagree"
    assert "revision" in problem.message


def test_the_first_terminal_end_of_many_pods_is_the_one_that_is_told():
    world = World(resource({"export": {"parallelism": 2}}))
    world.turn()
    world.finish(failed("StoreUnreachable"), failed("NotFinite", "NaN in bucket 8x128"))
    assert world.turn().problem.message == "NaN in bucket 8x128"


def test_a_floating_revision_stays_the_commit_that_it_was_resolved_to():
    world = World(resource({"model": {"revision": "main"}}))
    world.turn()
    assert request_of(world.job()).revision == "main"
    world.finish(report())
    world.settle()
    world.edit({"export": {"buckets": [{"batchSize": 2, "sequenceLength": 32}]}})
    world.turn()
    assert request_of(world.job()).revision == COMMIT


def test_replicas_are_set_only_while_nothing_scales_by_load():
    assert exported(World(resource({"serving": {"replicas": 4}}))).plan.replicas == 4
    scaled = World(resource({"serving": {"autoscaling": {"maxReplicas": 9}}}))
    assert exported(scaled).plan.replicas is None


def test_whole_chips_cannot_be_split():
    settings = SETTINGS.with_(neuron_resource="aws.amazon.com/neuron")
    world = World(resource({"target": "Inf1"}), settings)
    assert world.turn().problem.reason == "WholeChipsOnly"
    world.edit({"serving": {"neuronCores": 4}})
    assert world.turn().problem is None


def test_a_failed_job_that_ended_nobody_knows_when_is_tried_again_at_once():
    world = World()
    world.turn()
    job = world.job()
    world.finish(failed("StoreUnreachable"))
    del job["status"]["conditions"][0]["lastTransitionTime"]
    world.turn()
    world.turn()
    assert len(jobs(world)) == 2
