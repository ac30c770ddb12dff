from datetime import timedelta

import pytest

import pods
from resources import World, failed, report, resource
from states import NO_NODE, ended, launched, past_export_deadline
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator.plan import make_plan

SMALL, LARGE = Bucket(1, 32), Bucket(8, 128)


def test_a_terminal_failure_is_not_tried_again():
    world = World()
    world.turn()
    world.finish(failed("ToleranceMissed", "off by 0.1"))
    world.later(10_000)
    plan = world.settle()
    assert (plan.problem.reason, plan.problem.terminal) == ("ToleranceMissed", True)
    assert len(world.jobs()) == 1


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
    assert len(world.jobs()) == 2
    assert world.jobs()[1].endswith("-2")


def test_a_passing_failure_is_tried_again_after_a_wait_that_doubles():
    world = World()
    for attempt, wait in ((1, 10), (2, 20), (3, 40)):
        world.turn()
        assert len(world.jobs()) == attempt
        world.finish(failed("StoreUnreachable"))
        world.later(0.8 * wait - 1)
        world.turn()
        assert len(world.jobs()) == attempt
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
    assert len(world.jobs()) == 2


def test_a_failed_job_whose_pods_are_gone_is_tried_again():
    world = World()
    world.turn()
    world.finish()
    assert "no report" in world.turn().problem.message
    world.later(10)
    world.turn()
    assert len(world.jobs()) == 2


def test_a_finished_job_whose_reports_are_gone_gets_a_new_attempt():
    world = World()
    world.turn()
    world.finish((0, "Completed"))
    assert world.turn().problem.reason == "ReportLost"
    world.turn()
    assert len(world.jobs()) == 2


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


def test_a_failed_job_that_ended_nobody_knows_when_is_tried_again_at_once():
    world = World()
    world.turn()
    job = world.job()
    world.finish(failed("StoreUnreachable"))
    del job["status"]["conditions"][0]["lastTransitionTime"]
    world.turn()
    world.turn()
    assert len(world.jobs()) == 2


def test_waits_grow_to_a_limit_and_differ_by_resource():
    waits = []
    for uid in ("u-1", "u-2"):
        world = World(resource(uid=uid))
        for _ in range(9):
            world.turn()
            world.finish(failed("StoreUnreachable"))
            world.turn()
            waits.append((world.plan.again_at() - world.now).total_seconds())
            world.later(600)
    first, second = waits[:9], waits[9:]
    assert first != second
    assert all(480 <= wait <= 600 for wait in (*first[6:], *second[6:]))
    assert all(0.8 * 10 * 2**n <= wait <= 10 * 2**n for n, wait in enumerate(first[:6]))


def test_the_wait_outlives_the_job_that_failed():
    world = ended(failed("StoreUnreachable"))
    at = world.plan.again_at()
    world.objects.clear()
    assert world.turn().again_at() == at.replace(microsecond=0)
    assert world.jobs() == []


def test_pods_that_are_not_seen_yet_are_read_before_a_failed_job_is_judged():
    world = launched()
    (job,) = world.jobs()
    world.finish()
    world.objects["Job", job]["status"]["failed"] = 1
    assert make_plan(world.resource, world.observe(), world.settings).listen == job
    assert world.turn().problem.reason == "ExportFailed"


def test_an_export_past_its_deadline_says_so_in_the_words_of_kubernetes():
    problem = past_export_deadline().plan.problem
    assert (problem.reason, problem.terminal) == ("ExportDeadlineExceeded", False)
    assert problem.message == "Job was active longer than specified deadline"


def test_an_export_past_its_deadline_says_what_its_pod_waited_for():
    problem = past_export_deadline(pods.unschedulable(NO_NODE)).plan.problem
    assert problem.message.endswith(f"; its pod was Unschedulable: {NO_NODE}")


def test_a_report_that_does_not_answer_the_request_counts_as_lost():
    world = ended(report(SMALL))
    assert world.plan.problem.reason == "ReportLost"
    assert "lacks buckets" in world.plan.problem.message


def test_a_report_that_is_lost_again_is_waited_for_longer():
    world = ended((0, "Completed"))
    world.turn()
    world.finish((0, "Completed"))
    world.turn()
    assert world.plan.again_at() > world.now


def test_a_running_export_goes_on_while_suspended():
    world = launched()
    world.edit({"suspend": True})
    assert world.turn().exporting.running
    world.finish(report())
    assert world.turn().artifact is not None


def test_a_job_that_gets_no_pod_is_told_after_a_minute_and_looked_at_then():
    world = launched()
    world.turn()
    assert world.plan.again_at() == world.now + timedelta(seconds=60)
    assert world.conditions()["Exported"] == "!ExportRunning"
    world.later(60)
    world.turn()
    assert world.conditions()["Exported"] == "!PodsNotCreated"
    assert world.plan.again_at() is None
    (message,) = {c.message for c in world.resource.status.conditions if c.type == "Ready"}
    assert "`kubectl describe job minilm-export-" in message
    world.export_pod({"phase": "Running"})
    world.turn()
    assert world.conditions()["Exported"] == "!ExportRunning"
    assert world.plan.again_at() is None
