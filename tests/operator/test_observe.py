import pytest

import pods
from resources import NOW, World, failed, report, resource
from states import edited, exporting, launched, past_rollout_deadline, pods_not_created, rolling
from tracedmodel_operator.jobs import JobState
from tracedmodel_operator.observe import observe


def exported() -> World:
    world = launched()
    world.finish(report())
    world.settle()
    return world


def test_reads_a_job_with_its_attempt_and_how_its_pods_ended():
    world = World()
    world.turn()
    assert world.observe().jobs[0].state is JobState.ACTIVE
    world.finish(failed("NotFinite", "NaN"))
    job = world.observe().jobs[0]
    assert (job.state, job.attempt, job.finished) == (JobState.FAILED, 1, NOW)
    assert (job.ends[0].reason(), job.ends[0].sentence()) == ("NotFinite", "NaN")
    assert job.reports() == ()


def test_a_known_exit_code_speaks_where_the_report_is_lost():
    world = World()
    world.turn()
    world.finish((18, "Error"))
    (end,) = world.observe().jobs[0].ends
    assert (end.reason(), end.sentence()) == (
        "ToleranceMissed",
        "A traced graph is too far from the eager model.",
    )


def test_an_unknown_end_is_told_by_the_kubelets_word_and_the_logs_last_line():
    world = World()
    world.turn()
    world.finish((3, "Error"))
    pod = next(item for (kind, _), item in world.objects.items() if kind == "Pod")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    ended["message"] = "loading\nwhat a pity\n"
    (end,) = world.observe().jobs[0].ends
    assert (end.reason(), end.sentence()) == ("Error", "exit code 3: what a pity")


def test_an_end_by_a_signal_is_not_blamed_on_the_logs_last_line():
    world = World()
    world.turn()
    world.finish((139, "Error"))
    assert world.observe().jobs[0].ends[0].sentence() == "exit code 139: killed by signal 11"


def test_a_pod_without_any_status_has_not_ended():
    world = World()
    world.turn()
    world.finish(report())
    pod = next(item for (kind, _), item in world.objects.items() if kind == "Pod")
    del pod["status"]
    assert world.observe().jobs[0].ends == ()


def test_reads_an_index_with_what_was_measured():
    (index,) = exported().observe().indexes
    assert [row.bucket for row in index.report.rows] == [row.bucket for row in report().rows]
    assert index.report.rows[0].p50 == 5000
    assert index.name == f"minilm-index-{index.digest[:10]}"


def test_config_maps_that_hold_no_index_of_this_version_do_not_count():
    world = exported()
    key = next(key for key in world.objects if key[0] == "ConfigMap")
    for data in (
        {},
        {"index.json": "no"},
        {"index.json": "{}"},
        {**world.objects[key]["data"], "report.json": "{}"},
        None,
    ):
        world.objects[key]["data"] = data
        assert world.observe().indexes == ()


def test_a_deployment_without_status_serves_nothing_yet():
    serving = exported().observe().serving
    assert (serving.ready, serving.available, serving.pods) == (0, 0, ())


def test_a_server_of_another_template_is_not_the_deployments_own():
    world = exported()
    world.crash(failed("ProofFailed"))
    (pod,) = world.observe().serving.own_pods()
    assert (pod.end.reason(), pod.node, pod.endings) == ("ProofFailed", "node-1", 1)
    world.objects["Pod", pod.name]["metadata"]["annotations"] = {
        "tracedmodel.dev/artifact": "0" * 64
    }
    serving = world.observe().serving
    assert (serving.own_pods(), len(serving.pods)) == ((), 1)


def test_nothing_is_observed_where_nothing_is():
    observation = observe([], NOW)
    assert (observation.jobs, observation.indexes, observation.serving) == ((), (), None)
    assert observation.latest_job("x") is None


def test_a_resource_name_does_not_leak_into_another_ones_children():
    one, other = World(resource(name="a")), World(resource(name="b"))
    one.turn()
    other.turn()
    assert one.objects.keys().isdisjoint(other.objects.keys())


def test_a_pod_of_an_earlier_job_of_the_same_name_is_not_the_jobs_own():
    world = launched()
    world.job()["metadata"]["uid"] = "new"
    world.finish(failed("NotFinite"))
    key = next(key for key in world.objects if key[0] == "Pod")
    labels = world.objects[key]["metadata"]["labels"]
    assert len(world.observe().jobs[0].ends) == 1
    labels["batch.kubernetes.io/controller-uid"] = "new"
    assert len(world.observe().jobs[0].ends) == 1
    labels["batch.kubernetes.io/controller-uid"] = "old"
    assert world.observe().jobs[0].ends == ()


def test_a_pod_of_another_job_is_not_the_jobs_own():
    world = launched()
    world.finish(failed("NotFinite"))
    key = next(key for key in world.objects if key[0] == "Pod")
    world.objects[key]["metadata"]["labels"]["batch.kubernetes.io/job-name"] = "other"
    assert world.observe().jobs[0].ends == ()


def test_ends_that_the_job_counts_and_nobody_sees_are_unheard():
    world = launched()
    (job,) = world.jobs()
    world.finish(failed("NotFinite"))
    world.objects["Job", job]["status"] |= {"failed": 2, "succeeded": 1}
    assert world.observe().jobs[0].unheard == 2
    assert world.observe().heard(job).jobs[0].unheard == 0
    assert world.observe().heard("another").jobs[0].unheard == 2


def test_reads_why_the_pods_of_a_job_do_not_start():
    trouble = exporting(pods.unschedulable("no node")).observe().jobs[0].trouble
    assert (trouble.reason, trouble.message) == ("Unschedulable", "no node")


def test_reads_that_a_job_leaves_or_will_be_removed():
    world = launched()
    job = world.job()
    assert (world.observe().jobs[0].leaving, world.observe().jobs[0].expires) == (False, False)
    job["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    job["spec"]["ttlSecondsAfterFinished"] = 0
    assert (world.observe().jobs[0].leaving, world.observe().jobs[0].expires) == (True, True)


def test_the_attempts_of_a_base_are_counted_over_all_its_requests():
    world = launched()
    world.finish(failed("NotFinite"))
    base = world.plan.fingerprint
    edited(world, {"export": {"resources": {"memory": "64Gi"}}})
    observation = world.observe()
    assert observation.attempts(base) == 2
    assert observation.attempts("another") == 0
    assert observation.latest_job(world.plan.request).attempt == 2


@pytest.mark.parametrize("annotations", [{}, None])
def test_a_job_without_our_annotations_is_the_first_of_nothing(annotations):
    world = launched()
    world.job()["metadata"]["annotations"] = annotations
    job = world.observe().jobs[0]
    assert (job.fingerprint, job.request, job.attempt) == ("", "", 1)


def test_what_a_deployment_tells_of_an_older_template_does_not_count():
    late, kept_out = past_rollout_deadline(), pods_not_created()
    assert late.observe().serving.deadline_exceeded
    assert kept_out.observe().serving.refused
    for world in (late, kept_out):
        world.deployment()["metadata"]["generation"] += 1
        serving = world.observe().serving
        assert (serving.current, serving.deadline_exceeded, serving.refused) == (False, False, "")


def test_a_pod_of_an_older_template_of_the_same_artifact_is_not_the_deployments_own():
    world = rolling(pods.crashed((137, "OOMKilled")))
    assert len(world.observe().serving.own_pods()) == 1
    edited(world, {"serving": {"resources": {"memory": "8Gi"}}})
    assert world.observe().serving.own_pods() == ()


def test_a_deployment_of_another_name_that_carries_the_labels_is_not_the_serving_one():
    world = exported()
    own = world.deployment()
    stray = {**own, "metadata": {**own["metadata"], "name": "copied", "ownerReferences": []}}
    world.objects = {("Deployment", "copied"): stray, **world.objects}
    world.objects["Deployment", "minilm"]["spec"]["replicas"] = 5
    assert world.observe().serving.wanted == 5
    del world.objects["Deployment", "minilm"]
    assert world.observe().serving is None
