import pytest

from resources import World, failed, report, resource

TERMINAL = failed("ProofFailed", "bucket 1x32 is off by 0.2")


def ready(**spec) -> World:
    world = World(resource(spec))
    world.turn()
    world.finish(report())
    world.settle()
    world.serve(ready=world.resource.spec.serving.replicas)
    world.settle()
    return world


def running() -> World:
    world = World()
    world.turn()
    world.turn()
    return world


def ended(end) -> World:
    world = World()
    world.turn()
    world.finish(end)
    world.settle()
    return world


def rolling() -> World:
    world = World()
    world.turn()
    world.finish(report())
    world.settle()
    return world


def crashed() -> World:
    world = rolling()
    world.serve(ready=0)
    world.crash(TERMINAL, times=2)
    world.settle()
    return world


def late() -> World:
    world = rolling()
    world.serve(
        ready=0,
        conditions=[
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ],
    )
    world.settle()
    return world


def changing() -> World:
    world = ready()
    world.edit({"model": {"revision": "d" * 40}})
    world.settle()
    return world


def replaced_in_place() -> World:
    world = ready(serving={"rollout": {"strategy": "InPlace"}})
    world.serve(ready=0)
    world.settle()
    return world


def suspended() -> World:
    world = ready()
    world.edit({"suspend": True})
    world.settle()
    return world


def launched() -> World:
    world = World()
    world.turn()
    return world


STATES = {
    "an export about to start": (
        launched,
        "InProgress",
        {
            "Ready": "!ExportPending",
            "Exported": "!ExportPending",
            "Available": "!NothingExported",
            "Reconciling": "ExportPending",
        },
    ),
    "an export that runs": (
        running,
        "InProgress",
        {
            "Ready": "!ExportRunning",
            "Exported": "!ExportRunning",
            "Available": "!NothingExported",
            "Reconciling": "ExportRunning",
        },
    ),
    "an export that failed for good": (
        lambda: ended(failed("NotFinite")),
        "Failed",
        {
            "Ready": "!NotFinite",
            "Exported": "!NotFinite",
            "Available": "!NothingExported",
            "Stalled": "NotFinite",
        },
    ),
    "an export that will be tried again": (
        lambda: ended(failed("StoreUnreachable")),
        "InProgress",
        {
            "Ready": "!BackingOff",
            "Exported": "!BackingOff",
            "Available": "!NothingExported",
            "Reconciling": "BackingOff",
        },
    ),
    "a first rollout": (
        rolling,
        "InProgress",
        {
            "Ready": "!RolloutInProgress",
            "Exported": "Published",
            "Available": "!ReplicasUnavailable",
            "Reconciling": "RolloutInProgress",
        },
    ),
    "everything as wanted": (
        ready,
        "Current",
        {"Ready": "Succeeded", "Exported": "Published", "Available": "ReplicasAvailable"},
    ),
    "a next export while the last serves": (
        changing,
        "InProgress",
        {
            "Ready": "!ExportRunning",
            "Exported": "!ExportRunning",
            "Available": "ReplicasAvailable",
            "Reconciling": "ExportRunning",
        },
    ),
    "a server that failed its proof": (
        crashed,
        "Failed",
        {
            "Ready": "!ProofFailed",
            "Exported": "Published",
            "Available": "!ReplicasUnavailable",
            "Stalled": "ProofFailed",
        },
    ),
    "a rollout past its deadline": (
        late,
        "Failed",
        {
            "Ready": "!RolloutFailed",
            "Exported": "Published",
            "Available": "!ReplicasUnavailable",
            "Stalled": "RolloutFailed",
        },
    ),
    "a replica replaced in place": (
        replaced_in_place,
        "InProgress",
        {
            "Ready": "!RolloutInProgress",
            "Exported": "Published",
            "Available": "!InPlaceRollout",
            "Reconciling": "RolloutInProgress",
        },
    ),
    "no replica wanted": (
        lambda: ready(serving={"replicas": 0}),
        "Current",
        {"Ready": "Succeeded", "Exported": "Published", "Available": "ScaledToZero"},
    ),
    "a suspended one with everything as wanted": (
        suspended,
        "Current",
        {
            "Ready": "Succeeded",
            "Exported": "Published",
            "Available": "ReplicasAvailable",
            "Suspended": "SuspendedByUser",
        },
    ),
}


def kstatus(world: World) -> str:
    """The verdict of the kstatus library, by its published algorithm."""
    status, metadata = world.resource.status, world.resource.metadata
    found = {c.type: c.status for c in status.conditions}
    if status.observed_generation != metadata.generation or found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "Current" if found.get("Ready", "True") == "True" else "InProgress"


@pytest.mark.parametrize("name", STATES)
def test_conditions_of(name):
    make, verdict, conditions = STATES[name]
    world = make()
    assert world.conditions() == conditions
    assert kstatus(world) == verdict


@pytest.mark.parametrize("name", STATES)
def test_the_set_of_conditions_is_legal_for(name):
    world = STATES[name][0]()
    conditions = {c.type: c for c in world.resource.status.conditions}
    assert not {"Reconciling", "Stalled"} <= conditions.keys()
    for kind in ("Reconciling", "Stalled", "Suspended"):
        assert kind not in conditions or conditions[kind].status == "True"
    for condition in conditions.values():
        assert condition.reason
        assert condition.message
        assert condition.observed_generation == world.resource.metadata.generation


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
    world = changing()
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
