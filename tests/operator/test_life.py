import pytest

from apiserver import Quota
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
from operated import KEY, Operated
from resources import COMMIT, SETTINGS
from tracedmodel_api.report import REASONS, Class
from tracedmodel_operator.kinds import (
    CHILDREN,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    SERVICE,
    TRACED_MODEL,
)
from tracedmodel_operator.settings import Settings

OTHER = "d" * 40
PROOF = End.failed("ProofFailed", "bucket 1x32 is off by 0.2")
TERMINAL = [r.name for r in REASONS.values() if r.failure_class is Class.TERMINAL]
TRANSIENT = [r.name for r in REASONS.values() if r.failure_class is Class.TRANSIENT]


def ready(**spec) -> Operated:
    operated = Operated()
    operated.apply(spec)
    operated.settle()
    assert operated.conditions()["Ready"] == "Succeeded"
    return operated


def served(operated: Operated) -> str:
    deployment = operated.cluster.get(DEPLOYMENT, *KEY)
    return deployment["spec"]["template"]["metadata"]["annotations"]["tracedmodel.dev/artifact"]


def writes(operated: Operated) -> list[str]:
    return [f"{r.method} {r.path}" for r in operated.cluster.log if r.method != "GET"]


def test_an_applied_resource_becomes_ready_by_its_children():
    operated = ready(serving={"replicas": 2})
    found = operated.names()
    assert [len(found[kind.name]) for kind in CHILDREN] == [1, 3, 1, 1, 1, 1, 0]
    assert operated.status()["readyReplicas"] == 2


def test_a_life_from_create_to_ready_takes_at_most_fourteen_requests():
    operated = ready(serving={"replicas": 2})
    assert len(operated.cluster.log) - len(CHILDREN) - 1 <= 14, writes(operated)


def test_nothing_is_written_once_it_is_ready_by_this_operator_or_the_next():
    operated = ready()
    operated.cluster.log.clear()
    operated.start()
    operated.settle()
    operated.later(3600)
    assert writes(operated) == []


@pytest.mark.parametrize("replicas", [0, 3])
def test_scaling_the_resource_scales_its_deployment(replicas):
    operated = ready()
    operated.apply({"serving": {"replicas": replicas}})
    operated.settle()
    assert operated.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"] == replicas
    assert operated.status()["replicas"] == replicas
    assert len(operated.names(JOB)["Job"]) == 1


def test_another_model_is_exported_while_the_last_artifact_serves():
    operated = ready()
    before = served(operated)
    operated.controllers.jobs = lambda _: Runs()
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    assert served(operated) == before
    assert operated.conditions() == {
        "Ready": "!ExportRunning",
        "Exported": "!ExportRunning",
        "Available": "ReplicasAvailable",
        "Reconciling": "ExportRunning",
    }
    operated.controllers.jobs = exports
    operated.settle()
    assert served(operated) != before
    assert operated.conditions()["Ready"] == "Succeeded"


def test_a_spec_that_goes_back_rolls_back_without_a_job():
    operated = ready()
    first = served(operated)
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    operated.apply({"model": {"revision": COMMIT}})
    operated.settle()
    assert served(operated) == first
    assert len(operated.names(JOB)["Job"]) == 2


def test_another_store_is_exported_to_while_pods_read_the_old_one():
    operated = ready()
    operated.controllers.jobs = lambda _: Runs()
    operated.apply({"store": {"url": "s3://elsewhere/x"}})
    operated.settle()
    assert "s3://elsewhere" not in str(operated.cluster.get(DEPLOYMENT, *KEY))
    operated.controllers.jobs = exports
    operated.settle()
    assert "s3://elsewhere/x" in str(operated.cluster.get(DEPLOYMENT, *KEY))


def test_requested_at_asks_for_a_new_export():
    operated = ready()
    operated.apply(annotations={"tracedmodel.dev/requested-at": "now"})
    operated.settle()
    assert len(operated.names(JOB)["Job"]) == 2
    assert operated.status()["lastHandledRequestedAt"] == "now"
    assert operated.conditions()["Ready"] == "Succeeded"


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
@pytest.mark.parametrize("up", [True, False], ids=["operator up", "operator down"])
def test_deletion_leaves_what_it_should(policy, up):
    operated = ready()
    operated.cluster.delete(TRACED_MODEL, *KEY, policy)
    if not up:
        operated.start()
    operated.settle()
    assert operated.cluster.get(TRACED_MODEL, *KEY) is None
    left = sum(map(len, operated.names(JOB, DEPLOYMENT, CONFIG_MAP, SERVICE).values()))
    assert left == (4 if policy == "Orphan" else 0)


def test_what_an_orphaning_deletion_left_is_taken_over_by_the_next_of_the_name():
    operated = ready()
    operated.cluster.delete(TRACED_MODEL, *KEY, "Orphan")
    operated.settle()
    operated.apply()
    operated.persist()
    assert operated.conditions()["Ready"] == "Succeeded"
    uid = operated.cluster.get(TRACED_MODEL, *KEY)["metadata"]["uid"]
    for kind in (DEPLOYMENT, SERVICE, CONFIG_MAP):
        (child,) = operated.cluster.objects(kind)
        assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [uid]


@pytest.mark.parametrize("kind", [CONFIG_MAP, SERVICE, DISRUPTION_BUDGET, DEPLOYMENT, JOB])
def test_a_child_that_is_deleted_by_hand_is_made_again_if_it_is_needed(kind):
    operated = ready()
    (child,) = operated.cluster.objects(kind)
    operated.cluster.delete(kind, "search", child["metadata"]["name"])
    operated.persist()
    assert operated.conditions()["Ready"] == "Succeeded"
    assert len(operated.cluster.objects(kind)) == (0 if kind is JOB else 1)


def test_a_job_that_is_deleted_by_hand_while_it_runs_is_made_again():
    operated = Operated()
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()
    operated.settle()
    (job,) = operated.names(JOB)["Job"]
    operated.cluster.delete(JOB, "search", job)
    operated.persist()
    assert operated.live_jobs() == [job]


def test_an_edited_deployment_is_set_right():
    operated = ready()
    patch = [{"name": "server", "image": "nowhere/other:1"}]
    deployment = operated.cluster.get(DEPLOYMENT, *KEY)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    right = containers[0]["image"]
    containers[0] |= patch[0]
    operated.cluster.merge(DEPLOYMENT, *KEY, {"spec": deployment["spec"]})
    operated.settle()
    healed = operated.cluster.get(DEPLOYMENT, *KEY)
    assert healed["spec"]["template"]["spec"]["containers"][0]["image"] == right


def test_a_field_that_the_spec_gives_up_is_given_up_by_the_deployment():
    operated = ready(serviceAccountName="reader")
    operated.apply({"serviceAccountName": None})
    operated.settle()
    pod = operated.cluster.get(DEPLOYMENT, *KEY)["spec"]["template"]["spec"]
    assert pod.get("serviceAccountName") is None


def test_a_job_expires_once_its_outcome_is_on_record():
    operated = Operated()
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()
    operated.settle()
    (job,) = operated.cluster.objects(JOB)
    assert "ttlSecondsAfterFinished" not in job["spec"]
    operated.controllers.jobs = exports
    operated.settle()
    (job,) = operated.cluster.objects(JOB)
    assert job["spec"]["ttlSecondsAfterFinished"] == SETTINGS.job_ttl_seconds
    assert operated.status()["artifact"]["digest"] == served(operated)


@pytest.mark.parametrize("reason", TERMINAL)
def test_a_failure_for_good_is_told_and_not_tried_again(reason):
    operated = Operated()
    operated.controllers.jobs = lambda _: ends(End.failed(reason, "so it is"))
    operated.apply()
    operated.settle()
    operated.later(100_000)
    assert operated.conditions()["Stalled"] == reason
    failure = operated.status()["lastFailure"]
    assert (failure["reason"], failure["message"]) == (reason, "so it is")
    assert failure["exitCode"] == REASONS[reason].exit_code
    assert len(operated.names(JOB)["Job"]) == 1


@pytest.mark.parametrize("reason", TRANSIENT)
def test_a_passing_failure_is_told_and_tried_again_later(reason):
    operated = Operated()
    operated.controllers.jobs = lambda _: ends(End.failed(reason))
    operated.apply()
    operated.settle()
    assert operated.conditions()["Exported"] == "!BackingOff"
    assert operated.status()["lastFailure"]["reason"] == reason
    operated.controllers.jobs = exports
    operated.later(11)
    assert operated.conditions()["Ready"] == "Succeeded"
    assert operated.status()["failures"] == 0


def test_waits_double_and_outlast_the_operator_and_the_job():
    operated = Operated()
    operated.controllers.jobs = lambda _: ends(End.failed("StoreUnreachable"))
    operated.apply()
    operated.settle()
    operated.later(11)
    (_, job) = operated.names(JOB)["Job"]
    operated.cluster.delete(JOB, "search", job)
    operated.start()
    operated.settle()
    assert operated.conditions()["Exported"] == "!BackingOff"
    assert operated.status()["failures"] == 2
    operated.later(15)
    assert operated.live_jobs() == []
    assert len(operated.names(JOB)["Job"]) == 1
    operated.later(6)
    assert operated.names(JOB)["Job"][-1].endswith("-3")


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        (Waits(), "ImageNotPulled", "nowhere/image:1"),
        (
            Waits("CreateContainerConfigError", 'secret "hub" not found'),
            "ContainerNotCreated",
            "hub",
        ),
        (Unschedulable("0/3 nodes are available: 3 Insufficient cpu."), "Unschedulable", "cpu"),
    ],
    ids=str,
)
def test_an_exporter_that_cannot_start_says_why_and_goes_on_when_it_can(outcome, reason, words):
    operated = Operated()
    operated.controllers.jobs = lambda _: outcome
    operated.apply()
    operated.settle()
    assert operated.conditions()["Exported"] == f"!{reason}"
    assert operated.conditions()["Reconciling"] == reason
    assert words in operated.status()["lastFailure"]["message"]


def test_an_exporter_out_of_memory_says_how_much_it_had():
    operated = Operated()
    operated.controllers.jobs = lambda _: ends(OOM_KILLED)
    operated.apply({"export": {"resources": {"memory": "7Gi"}}})
    operated.settle()
    assert operated.conditions()["Stalled"] == "OutOfMemory"
    assert "7Gi" in operated.status()["lastFailure"]["message"]


def test_an_export_past_its_deadline_is_tried_again():
    operated = Operated()
    operated.controllers.jobs = lambda _: Late()
    operated.apply()
    operated.settle()
    assert operated.status()["lastFailure"]["reason"] == "ExportDeadlineExceeded"
    assert operated.conditions()["Exported"] == "!BackingOff"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Waits(), "ImageNotPulled"),
        (Unschedulable(), "Unschedulable"),
        (Crashes(End.failed("StoreUnreachable")), "StoreUnreachable"),
    ],
    ids=str,
)
def test_a_server_that_does_not_come_up_leaves_the_last_one_serving(outcome, reason):
    operated = ready()
    good = served(operated)
    operated.controllers.servers = lambda d: Runs() if _serves(d, good) else outcome
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    assert operated.conditions()["Ready"] == f"!{reason}"
    assert operated.conditions()["Available"] == "ReplicasAvailable"
    assert "Stalled" not in operated.conditions()


def test_no_free_core_is_told_in_the_schedulers_words():
    operated = Operated()
    operated.controllers.servers = lambda _: Unschedulable()
    operated.apply()
    operated.settle()
    told = operated.status()["lastFailure"]["message"]
    assert told.startswith("no NeuronCore is free: 0/3 nodes are available")


def test_an_artifact_that_its_servers_cannot_prove_is_given_up_for_the_last_good_one():
    operated = ready()
    good = served(operated)
    operated.controllers.servers = lambda d: Runs() if _serves(d, good) else Crashes(PROOF, 2)
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    assert served(operated) == good
    assert operated.conditions() == {
        "Ready": "!RolledBack",
        "Exported": "Published",
        "Available": "ReplicasAvailable",
        "Stalled": "RolledBack",
    }
    assert "off by 0.2" in operated.status()["lastFailure"]["message"]
    operated.start()
    operated.settle()
    assert served(operated) == good


def test_an_artifact_that_was_given_up_is_tried_again_when_it_is_asked_for():
    operated = ready()
    good = served(operated)
    operated.controllers.servers = lambda d: Runs() if _serves(d, good) else Crashes(PROOF, 2)
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    operated.controllers.servers = lambda _: Runs()
    operated.apply(annotations={"tracedmodel.dev/requested-at": "again"})
    operated.settle()
    assert served(operated) != good
    assert operated.conditions()["Ready"] == "Succeeded"


_DELAY = "'TRACEDMODEL_MAX_DELAY_MILLISECONDS', 'value': '7'"


def _serves(deployment, artifact) -> bool:
    template = deployment["spec"]["template"]
    return template["metadata"]["annotations"]["tracedmodel.dev/artifact"] == artifact


def test_a_rollout_past_its_deadline_is_told_with_what_its_pods_tell():
    operated = ready()
    good, late = served(operated), Late(Unschedulable("0/1 nodes are available"))
    operated.controllers.servers = lambda d: Runs() if _serves(d, good) else late
    operated.apply({"model": {"revision": OTHER}})
    operated.settle()
    assert operated.conditions()["Stalled"] == "RolloutFailed"
    assert operated.conditions()["Available"] == "ReplicasAvailable"
    ready_condition = operated.status()["conditions"][0]
    assert "0/1 nodes are available" in ready_condition["message"]


def test_a_quota_is_told_in_the_api_servers_words_and_the_job_is_made_when_there_is_room():
    operated = Operated()
    quota = Quota("small", JOB, "search", 0)
    operated.cluster.admission.quotas.append(quota)
    operated.apply()
    operated.settle()
    operated.later(5)
    assert operated.conditions()["Stalled"] == "ChildRefused"
    assert "exceeded quota: small" in operated.status()["conditions"][0]["message"]
    operated.cluster.admission.quotas.remove(quota)
    operated.later(400)
    operated.persist()
    assert operated.conditions()["Ready"] == "Succeeded"


def test_a_name_that_something_else_has_is_told_and_left_alone():
    operated = Operated()
    theirs = {
        "metadata": {"name": "minilm", "namespace": "search"},
        "spec": {"ports": [{"port": 1}]},
    }
    operated.cluster.create(SERVICE, theirs)
    operated.apply()
    operated.settle()
    operated.later(5)
    assert operated.conditions()["Stalled"] == "NameConflict"
    assert operated.cluster.get(SERVICE, *KEY)["spec"]["ports"][0]["port"] == 1
    operated.cluster.delete(SERVICE, *KEY)
    operated.later(400)
    operated.persist()
    assert operated.conditions()["Ready"] == "Succeeded"


def test_without_a_store_nothing_is_made():
    operated = Operated(Settings())
    operated.apply()
    operated.settle()
    assert operated.conditions()["Stalled"] == "StoreNotSet"
    assert operated.live_jobs() == []


def test_a_suspended_resource_starts_nothing_and_goes_on_when_it_is_resumed():
    operated = ready()
    before = served(operated)
    operated.apply({"suspend": True, "model": {"revision": OTHER}, "serving": {"replicas": 2}})
    operated.settle()
    assert operated.live_jobs() == []
    assert operated.status()["replicas"] == 2
    assert served(operated) == before
    assert operated.conditions()["Suspended"] == "SuspendedByUser"
    operated.apply({"suspend": False})
    operated.settle()
    assert served(operated) != before


def test_only_so_many_rollouts_go_on_at_a_time():
    operated = Operated(SETTINGS.with_(max_concurrent_rollouts=1))
    for name in ("a", "b", "c"):
        operated.apply(name=name)
    operated.settle()
    operated.controllers.servers = lambda d: Runs(ready=_DELAY not in str(d))
    for name in ("a", "b", "c"):
        operated.apply({"serving": {"batching": {"maxDelayMilliseconds": 7}}}, name=name)
    operated.settle()
    reasons = [operated.conditions(name)["Ready"] for name in ("a", "b", "c")]
    assert reasons == ["!RolloutInProgress", "!RolloutQueued", "!RolloutQueued"]
    operated.controllers.servers = lambda _: Runs()
    operated.persist()
    assert {operated.conditions(n)["Ready"] for n in ("a", "b", "c")} == {"Succeeded"}


def test_a_resource_made_again_at_once_waits_until_the_old_children_are_collected():
    operated = ready()
    operated.cluster.collecting = False
    operated.cluster.delete(TRACED_MODEL, *KEY)
    operated.apply()
    operated.settle()
    operated.cluster.garbage.turn()
    operated.persist()
    assert operated.conditions()["Ready"] == "Succeeded"


def test_a_spec_that_this_operator_does_not_know_is_told_and_left_alone():
    operated = ready()
    operated.apply(labels={"team": "search"})
    item = operated.cluster.get(TRACED_MODEL, *KEY)
    item["spec"]["target"] = "Inf9"
    operated.intake.hear(TRACED_MODEL, "MODIFIED", item)
    operated.settle(deliver=False)
    assert operated.conditions()["Stalled"] == "InvalidSpec"
    assert operated.conditions()["Available"] == "ReplicasAvailable"
