import pytest

import pods
from resources import failed, report
from tracedmodel_operator.podstate import PodEnd, read_pod


def pod(status=None, **parts):
    return read_pod({"metadata": {"name": "p", **parts}, "status": status})


def container(**status):
    return pod({"containerStatuses": [status]})


def end(exit_code, word="Error", message="", memory=None):
    limits = {"limits": {"memory": memory}} if memory else {}
    terminated = {"exitCode": exit_code, "reason": word, "message": message}
    return read_pod(
        {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"resources": limits}]},
            "status": {"containerStatuses": [{"state": {"terminated": terminated}}]},
        }
    ).end


def test_a_pod_that_was_just_made_tells_nothing():
    found = pod()
    assert (found.node, found.ready, found.end, found.endings) == ("", False, None, 0)
    assert found.trouble is None


def test_a_pod_is_ready_when_its_condition_says_so():
    assert pod({"conditions": [{"type": "Ready", "status": "True"}]}).ready
    assert not pod({"conditions": [{"type": "Ready", "status": "False"}]}).ready
    assert not pod({"conditions": [{"type": "PodScheduled", "status": "True"}]}).ready


def test_labels_and_annotations_say_what_a_pod_is_of():
    found = pod(
        labels={
            "batch.kubernetes.io/job-name": "minilm-export-1",
            "batch.kubernetes.io/controller-uid": "u-9",
        },
        annotations={"tracedmodel.dev/artifact": "a" * 64, "tracedmodel.dev/template": "t"},
    )
    assert (found.job, found.job_uid) == ("minilm-export-1", "u-9")
    assert (found.artifact, found.template) == ("a" * 64, "t")


def test_the_report_says_why_a_container_ended():
    found = end(18, message=failed("ToleranceMissed", "off by 0.1").to_bytes().decode())
    assert (found.reason(), found.sentence(), found.is_terminal()) == (
        "ToleranceMissed",
        "off by 0.1",
        True,
    )


def test_an_exit_code_of_the_table_speaks_where_the_report_is_lost():
    found = end(71)
    assert (found.reason(), found.is_terminal()) == ("StoreUnreachable", False)
    assert found.sentence() == "The store does not answer, refuses access or is full."


def test_a_report_of_success_says_no_reason():
    found = end(0, "Completed", report().to_bytes().decode())
    assert (found.report.parameters, found.reason()) == (22_000_000, "Completed")


@pytest.mark.parametrize(
    ("code", "word", "message", "told"),
    [
        (1, "Error", "loading\nwhat a pity\n", ("Error", "exit code 1: what a pity")),
        (1, "", "", ("Error", "exit code 1")),
        (3, "ContainerCannotRun", "", ("ContainerCannotRun", "exit code 3")),
        (128, "StartError", "no such file", ("StartError", "exit code 128: no such file")),
        (137, "Error", "loading", ("Error", "exit code 137: killed by signal 9")),
    ],
)
def test_an_end_without_report_is_told_by_the_kubelet(code, word, message, told):
    found = end(code, word, message)
    assert (found.reason(), found.sentence()) == told
    assert not found.is_terminal()


def test_out_of_memory_is_told_by_the_kubelet_and_not_by_the_code():
    found = end(137, "OOMKilled", memory="8Gi")
    assert (found.reason(), found.is_terminal()) == ("OutOfMemory", True)
    assert found.sentence() == "killed for want of memory: it had 8Gi; give it more"
    assert end(137, "OOMKilled").sentence() == "killed for want of memory; give it more"


def test_out_of_memory_counts_more_than_what_the_container_said_before():
    message = failed("StoreUnreachable", "slow").to_bytes().decode()
    assert end(71, "OOMKilled", message).reason() == "OutOfMemory"


def test_a_container_that_is_started_again_still_tells_its_last_end():
    ended = pods.terminated((33, "Error"))
    found = container(state={"running": {}}, lastState=ended, restartCount=2)
    assert (found.end.reason(), found.endings) == ("ProofFailed", 2)


def test_the_newest_end_is_the_one_that_is_told():
    found = container(
        state=pods.terminated((34, "Error")), lastState=pods.terminated((33, "Error"))
    )
    assert found.end.reason() == "LoadFailed"


@pytest.mark.parametrize(
    ("status", "endings"),
    [
        ({}, 0),
        ({"state": {"running": {}}}, 0),
        ({"state": pods.terminated((33, "Error"))}, 1),
        ({"state": {"waiting": {}}, "lastState": pods.terminated((33, "Error"))}, 1),
        ({"state": {"running": {}}, "lastState": pods.terminated((33, "E")), "restartCount": 1}, 1),
        ({"state": pods.terminated((33, "Error")), "restartCount": 1}, 2),
    ],
)
def test_an_end_is_counted_before_the_restart_that_follows_it(status, endings):
    assert container(**status).endings == endings


def test_an_evicted_pod_has_ended_though_its_container_says_nothing():
    found = pod(pods.evicted("The node was low on resource: memory."))
    assert (found.end.reason(), found.end.sentence()) == (
        "Evicted",
        "The node was low on resource: memory.",
    )
    assert pod({"phase": "Failed"}).end == PodEnd(None, "Failed")


def test_a_container_that_told_its_end_speaks_for_a_failed_pod():
    status = {"phase": "Failed", "containerStatuses": [{"state": pods.terminated((19, "Error"))}]}
    assert pod(status).end.reason() == "NotFinite"


def test_the_scheduler_says_why_no_node_takes_a_pod():
    found = pod(pods.unschedulable("0/3 nodes are available: 3 Insufficient cpu."))
    assert (found.trouble.reason, found.trouble.message) == (
        "Unschedulable",
        "0/3 nodes are available: 3 Insufficient cpu.",
    )
    assert pod(pods.unschedulable("")).trouble.message == "no node takes the pod"


@pytest.mark.parametrize("resource", ["neuroncore", "neuron"])
def test_a_want_of_neuroncores_is_told_in_front(resource):
    words = f"0/3 nodes are available: 3 Insufficient aws.amazon.com/{resource}."
    assert pod(pods.unschedulable(words)).trouble.message == f"no NeuronCore is free: {words}"


def test_a_pod_that_waits_for_another_reason_to_be_scheduled_is_in_no_trouble():
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    assert pod({"conditions": [gated]}).trouble is None


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ErrImagePull", "ImageNotPulled"),
        ("ImagePullBackOff", "ImageNotPulled"),
        ("InvalidImageName", "ImageNotPulled"),
        ("ErrImageNeverPull", "ImageNotPulled"),
        ("CreateContainerConfigError", "ContainerNotCreated"),
        ("CreateContainerError", "ContainerNotCreated"),
        ("RunContainerError", "ContainerNotCreated"),
    ],
)
def test_the_kubelet_says_why_a_container_does_not_start(word, reason):
    trouble = pod(pods.waiting(word, "so it is")).trouble
    assert (trouble.reason, trouble.message) == (reason, f"{word}: so it is")


def test_an_image_is_named_where_the_kubelet_says_nothing_more():
    trouble = pod(pods.waiting("ErrImagePull", image="server:9")).trouble
    assert trouble.message == "ErrImagePull: server:9"


@pytest.mark.parametrize("word", ["ContainerCreating", "PodInitializing", "CrashLoopBackOff"])
def test_a_container_that_is_about_to_start_is_in_no_trouble(word):
    assert pod(pods.waiting(word)).trouble is None
