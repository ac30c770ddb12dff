"""The controllers that tests play, through the API alone. On the fake, and on a real API server."""

import pytest

from apiserver import Controllers
from apiserver.kubelet import NODE
from apiserver.outcomes import (
    OOM_KILLED,
    Crashes,
    End,
    Late,
    Runs,
    Unschedulable,
    Waits,
    ends,
    exports,
)
from cluster_objects import deployment, job
from tracedmodel_api.manifest import Limits, Shape
from tracedmodel_api.report import Report
from tracedmodel_api.request import REQUEST_VARIABLE, ExportRequest
from tracedmodel_operator.kinds import DEPLOYMENT, JOB, POD

pytestmark = pytest.mark.cluster

SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
CODES = {"containerName": "server", "operator": "In", "values": [11]}
TERMINAL = {"action": "FailJob", "onExitCodes": CODES}


@pytest.fixture
def controllers(stage):
    """Controllers of the test's namespace."""
    if not stage.alone:
        pytest.skip("this cluster has controllers of its own")
    return Controllers(stage.api.transport, namespace=stage.api.namespace)


def settle(api, controllers):
    api.run(controllers.settle())


def pods(api):
    return api.done("GET", api.path(POD))["items"]


def ended(api):
    """Return the ends of the containers: exit code, the kubelet's word, and the report."""
    found = []
    for pod in pods(api):
        (status,) = pod["status"]["containerStatuses"]
        end = status["state"]["terminated"]
        found.append((end["exitCode"], end["reason"], Report.parse(end.get("message", ""))))
    return found


def conditions(item):
    listed = item["status"].get("conditions", ())
    return {c["type"]: c.get("reason") for c in listed if c["status"] == "True"}


def images(api):
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods(api))


def request(parallelism=1):
    return ExportRequest(
        name="minilm",
        base_fingerprint="f" * 64,
        source="hf://acme/minilm",
        task="FeatureExtraction",
        target="CPU",
        precision="Float32",
        buckets=(
            Shape(batch_size=1, sequence_length=32),
            Shape(batch_size=8, sequence_length=128),
        ),
        limits=Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99),
        store_url="s3://models",
        parallelism=parallelism,
    )


def export_job(parallelism=1, **spec):
    document = job(parallelism=parallelism, completions=parallelism, **spec)
    (container,) = document["spec"]["template"]["spec"]["containers"]
    value = request(parallelism).to_bytes().decode()
    container["env"] = [{"name": REQUEST_VARIABLE, "value": value}]
    return document


def test_an_export_reports_every_bucket_and_its_job_is_complete(api, controllers):
    api.create(JOB, export_job())
    settle(api, controllers)
    ((code, word, report),) = ended(api)
    assert (code, word, len(report.rows)) == (0, "Completed", 2)
    assert conditions(api.get(JOB, "export"))["Complete"] == "CompletionsReached"
    (pod,) = pods(api)
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "export"
    assert pod["spec"]["nodeName"] == NODE


def test_the_pods_of_an_indexed_job_report_their_shares(api, controllers):
    api.create(JOB, export_job(2, completionMode="Indexed"))
    settle(api, controllers)
    assert [len(report.rows) for _, _, report in ended(api)] == [1, 1]
    status = api.get(JOB, "export")["status"]
    assert (status["succeeded"], status["completedIndexes"]) == (2, "0,1")


def test_a_job_takes_a_turn_to_start_and_another_to_end(api, controllers):
    api.create(JOB, export_job())
    api.run(controllers.turn())
    assert api.get(JOB, "export")["status"]["active"] == 1
    api.run(controllers.turn())
    assert "active" not in api.get(JOB, "export")["status"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (End.failed("ModelNotFound"), "PodFailurePolicy"),
        (End.failed("StoreUnreachable"), "BackoffLimitExceeded"),
        (OOM_KILLED, "BackoffLimitExceeded"),
    ],
    ids=["by a code of the policy", "by another code", "by the kernel"],
)
def test_a_failed_job_says_why(api, controllers, end, reason):
    controllers.jobs = lambda _: ends(end)
    api.create(JOB, job(podFailurePolicy={"rules": [TERMINAL]}))
    settle(api, controllers)
    assert conditions(api.get(JOB, "export"))["Failed"] == reason
    ((code, word, _),) = ended(api)
    assert (code, word) == (end.code, end.word)


def test_a_share_that_fails_fails_its_index(api, controllers):
    controllers.jobs = lambda made: ends(exports(made).of(0), End.failed("TraceFailed"))
    api.create(JOB, export_job(2, completionMode="Indexed", backoffLimitPerIndex=0, backoffLimit=9))
    settle(api, controllers)
    made = api.get(JOB, "export")
    assert conditions(made)["Failed"] == "FailedIndexes"
    assert (made["status"]["completedIndexes"], made["status"]["failedIndexes"]) == ("0", "1")


def test_a_job_past_its_deadline_has_no_pods_any_more(api, controllers):
    api.create(JOB, job(activeDeadlineSeconds=60))
    controllers.jobs = lambda _: Late()
    settle(api, controllers)
    assert conditions(api.get(JOB, "export"))["Failed"] == "DeadlineExceeded"
    assert pods(api) == []


def test_a_job_whose_image_cannot_be_pulled_stays_active(api, controllers):
    controllers.jobs = lambda _: Waits()
    api.create(JOB, job())
    settle(api, controllers)
    (pod,) = pods(api)
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert api.get(JOB, "export")["status"]["active"] == 1


def test_a_pod_that_no_node_takes_has_the_schedulers_words(api, controllers):
    controllers.jobs = lambda _: Unschedulable("0/3 nodes are available: 3 Insufficient cpu.")
    api.create(JOB, job())
    settle(api, controllers)
    (pod,) = pods(api)
    (condition,) = pod["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
    assert condition["reason"] == "Unschedulable"
    assert condition["message"] == "0/3 nodes are available: 3 Insufficient cpu."
    assert "nodeName" not in pod["spec"]


def test_a_deployment_gets_its_pods_and_says_so(api, controllers):
    api.create(DEPLOYMENT, deployment(replicas=2))
    settle(api, controllers)
    made = api.get(DEPLOYMENT, "web")
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    assert [made["status"][count] for count in counts] == [2, 2, 2, 2]
    assert made["status"]["observedGeneration"] == made["metadata"]["generation"]
    assert conditions(made)["Progressing"] == "NewReplicaSetAvailable"
    assert len(pods(api)) == 2


def test_a_rollout_with_surge_never_has_fewer_ready_than_wanted(api, controllers):
    api.create(DEPLOYMENT, deployment(replicas=2, strategy=SURGE))
    settle(api, controllers)
    api.apply(DEPLOYMENT, deployment(image="server:2"), "a", force="true")
    ready = []
    while api.run(controllers.turn()):
        ready.append(api.get(DEPLOYMENT, "web")["status"].get("readyReplicas", 0))
    assert min(ready) == 2
    assert images(api) == ["server:2", "server:2"]


def test_a_rollout_in_place_takes_the_old_pod_before_the_new_one_is_there(api, controllers):
    in_place = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    api.create(DEPLOYMENT, deployment(strategy=in_place))
    settle(api, controllers)
    api.apply(DEPLOYMENT, deployment(image="server:2"), "a", force="true")
    counts = []
    while api.run(controllers.turn()):
        counts.append(len(pods(api)))
    assert max(counts) == 1
    assert images(api) == ["server:2"]


def test_a_rollout_that_does_not_get_ready_keeps_the_old_pods_and_is_late_in_the_end(
    api, controllers
):
    api.create(DEPLOYMENT, deployment(replicas=2, strategy=SURGE))
    settle(api, controllers)
    controllers.servers = lambda _: Late(Crashes(End.failed("ProofFailed"), restarts=3))
    api.apply(DEPLOYMENT, deployment(image="server:2"), "a", force="true")
    settle(api, controllers)
    made = api.get(DEPLOYMENT, "web")
    assert made["status"]["readyReplicas"] == 2
    (late,) = [c for c in made["status"]["conditions"] if c["type"] == "Progressing"]
    assert (late["status"], late["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert images(api) == ["server:1", "server:1", "server:2"]


def test_a_server_that_crashes_leaves_its_report_in_its_last_state(api, controllers):
    controllers.servers = lambda _: Crashes(End.failed("LoadFailed"))
    api.create(DEPLOYMENT, deployment())
    settle(api, controllers)
    ((status,),) = (pod["status"]["containerStatuses"] for pod in pods(api))
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], Report.parse(last["message"]).reason) == (34, "LoadFailed")
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"


def test_fewer_replicas_are_fewer_pods(api, controllers):
    api.create(DEPLOYMENT, deployment(replicas=3))
    settle(api, controllers)
    api.merge(DEPLOYMENT, "web", {"spec": {"replicas": 1}})
    settle(api, controllers)
    assert len(pods(api)) == 1
    assert api.get(DEPLOYMENT, "web")["status"]["replicas"] == 1


def test_servers_that_do_not_get_ready_are_not_available(api, controllers):
    controllers.servers = lambda _: Runs(ready=False)
    api.create(DEPLOYMENT, deployment())
    settle(api, controllers)
    made = api.get(DEPLOYMENT, "web")
    assert made["status"]["unavailableReplicas"] == 1
    assert "Available" not in conditions(made)
