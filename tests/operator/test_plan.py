import pytest

from resources import COMMIT, SETTINGS, World, failed, report, resource
from states import ended, launched, ready
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.request import ExportRequest
from tracedmodel_operator.settings import Settings

LARGE = Bucket(8, 128)


def request_of(job: dict) -> ExportRequest:
    container = job["spec"]["template"]["spec"]["containers"][0]
    variables = {item["name"]: item["value"] for item in container["env"]}
    return ExportRequest.model_validate_json(variables["TRACEDMODEL_REQUEST"])


def test_rolls_out_what_the_export_reported():
    world = ready()
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
    world = ready()
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
    world = ready()
    world.edit(change)
    world.settle()
    assert len(world.jobs()) == 1


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
    world = ready()
    before = world.plan.serving.digest
    world.edit(change)
    plan = world.turn()
    assert plan.exporting.why.reason == reason
    assert plan.serving.digest == before
    assert len(world.jobs()) == 2
    assert world.conditions()["Available"] == "ReplicasAvailable"


def test_a_new_requested_at_asks_for_a_new_export():
    world = ready()
    world.edit({}, annotations={"tracedmodel.dev/requested-at": "now"})
    world.turn()
    assert len(world.jobs()) == 2
    assert world.resource.status.last_handled_requested_at == "now"


def test_a_removed_bucket_makes_a_new_index_of_the_same_graphs():
    world = ready()
    world.edit({"export": {"buckets": [{"batchSize": 8, "sequenceLength": 128}]}})
    plan = world.settle()
    assert [row.bucket for row in plan.artifact.report.rows] == [LARGE]
    assert len(plan.artifact.index.graphs) == 1


def test_a_suspended_resource_starts_no_export():
    world = World(resource({"suspend": True}))
    assert world.turn().create == ()
    assert world.conditions()["Exported"] == "!SuspendedByUser"


def test_a_floating_revision_stays_the_commit_that_it_was_resolved_to():
    world = World(resource({"model": {"revision": "main"}}))
    world.turn()
    assert request_of(world.job()).revision == "main"
    world.finish(report())
    world.settle()
    world.edit({"export": {"buckets": [{"batchSize": 2, "sequenceLength": 32}]}})
    world.turn()
    assert request_of(world.job()).revision == COMMIT


def test_whole_chips_cannot_be_split():
    settings = SETTINGS.with_(neuron_resource="aws.amazon.com/neuron")
    world = World(resource({"target": "Inf1"}), settings)
    assert world.turn().problem.reason == "WholeChipsOnly"
    world.edit({"serving": {"neuronCores": 4}})
    assert world.turn().problem is None


def on_inf1(parameters, **serving):
    world = World(resource({"target": "Inf1", "serving": serving}))
    world.turn()
    world.finish(report(parameters=parameters))
    world.settle()
    return world


def test_graphs_that_do_not_fit_on_their_cores_are_not_rolled_out():
    world = on_inf1(800_000_000)
    problem = world.plan.problem
    assert (problem.reason, problem.terminal) == ("CoresTooFew", True)
    assert problem.message.startswith("2 graphs of 800 million weights need 2 NeuronCores")
    assert world.plan.made.parameters == 800_000_000
    assert ("Deployment", "minilm") not in world.objects
    world.edit({"serving": {"neuronCores": 4}})
    assert world.settle().problem is None
    assert ("Deployment", "minilm") in world.objects


def test_a_bucket_more_than_fits_is_refused_before_it_is_exported_and_what_serves_stays():
    world = on_inf1(500_000_000)
    served = world.deployment()["spec"]["template"]
    bucket = {"batchSize": 4, "sequenceLength": 32}
    buckets = [
        b.model_dump(by_alias=True, exclude_none=True) for b in world.resource.spec.export.buckets
    ]
    world.edit({"export": {"buckets": [*buckets, bucket]}})
    world.settle()
    assert world.plan.problem.reason == "CoresTooFew"
    assert len(world.jobs()) == 1
    assert world.deployment()["spec"]["template"] == served


def test_the_size_of_the_model_before_says_nothing_of_the_next():
    world = on_inf1(900_000_000, neuronCores=4)
    world.edit(
        {"model": {"source": "hf://sentence-transformers/smaller"}, "serving": {"neuronCores": 1}}
    )
    for _ in range(3):
        world.turn()
        assert world.plan.problem is None
    assert len(world.jobs()) == 2
    world.finish(report(parameters=22_000_000))
    assert world.settle().problem is None


def test_a_job_expires_once_its_artifact_stands_in_status_and_index():
    world = launched()
    world.finish(report())
    assert world.turn().expire == ()
    (job,) = world.jobs()
    assert world.turn().expire == (job,)
    assert world.turn().expire == ()


def test_a_job_that_succeeded_does_not_expire_while_its_index_is_missing():
    world = launched()
    world.finish(report())
    world.turn()
    index = next(key for key in world.objects if key[0] == "ConfigMap")
    del world.objects[index]
    assert world.turn().expire == ()


def test_a_failed_job_expires_once_its_failure_stands_in_the_status():
    world = launched()
    world.finish(failed("NotFinite"))
    assert world.turn().expire == ()
    assert world.turn().expire == tuple(world.jobs())


def test_a_finished_job_of_an_older_request_expires_at_once():
    world = launched()
    old = world.jobs()
    world.finish(failed("NotFinite"))
    world.edit({"model": {"revision": "d" * 40}})
    assert world.turn().expire == tuple(old)


def test_a_job_that_runs_or_is_being_deleted_does_not_expire():
    world = launched()
    assert world.turn().expire == ()
    world.finish(failed("NotFinite"))
    world.turn()
    world.objects["Job", world.jobs()[0]]["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert world.turn().expire == ()


def test_says_when_to_look_again_for_the_next_attempt_alone():
    assert ready().plan.again_at() is None
    assert ended(failed("NotFinite")).plan.again_at() is None
    world = ended(failed("StoreUnreachable"))
    assert 8 <= (world.plan.again_at() - world.now).total_seconds() <= 10


def test_does_not_look_again_for_an_attempt_that_is_not_made_while_suspended():
    world = ended(failed("StoreUnreachable"))
    world.edit({"suspend": True})
    world.later(1000)
    assert world.turn().again_at() is None
    world.edit({"suspend": False})
    world.turn()
    assert len(world.jobs()) == 2


def test_a_job_of_an_older_spec_that_shows_late_is_deleted():
    world = World()
    world.turn()
    (late,) = world.jobs()
    hidden = world.objects.pop(("Job", late))
    world.edit({"model": {"revision": "d" * 40}})
    world.turn()
    world.objects["Job", late] = hidden
    assert world.turn().delete == (("Job", late),)
    assert len(world.jobs()) == 1
