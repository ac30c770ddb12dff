"""What ``status`` shows. ``python -m pytest tests/operator --update-golden`` writes the screens anew."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import pods
from resources import NOW, World
from screens import (
    KEDA_ACTIVE,
    KEDA_IDLE,
    KEDA_PAUSED,
    KEDA_READY,
    SCREENS,
    by_keda,
    in_a_namespace_of_many,
    of_keda,
    snapshot,
    text_of,
)
from states import (
    PULLING,
    deleting,
    document,
    ended,
    past_rollout_deadline,
    ready,
    rolling,
    unseen,
    with_invalid_spec,
)
from tracedmodel_api import conditions
from tracedmodel_operator.cli.advice import WHAT_TO_DO, advice, what_to_do
from tracedmodel_operator.cli.chain import chain
from tracedmodel_operator.cli.overview import document as as_document
from tracedmodel_operator.cli.overview import overview, table
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import age, columns

FOLDER = Path(__file__).parent / "screens"
PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.mark.parametrize("name", SCREENS)
def test_a_state_is_shown_as_a_reviewer_read_it(name, update_golden):
    shown = text_of(overview(SCREENS[name]()))
    file = FOLDER / f"{name}.txt"
    if update_golden:
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


def test_every_screen_belongs_to_a_state():
    assert {file.stem for file in FOLDER.iterdir()} == set(SCREENS)


@pytest.mark.parametrize("name", SCREENS)
def test_no_line_ends_in_blanks(name):
    assert not re.search(r" $", text_of(overview(SCREENS[name]())), re.MULTILINE)


def test_on_a_terminal_long_sentences_are_wrapped_below_their_column():
    lines = text_of(overview(SCREENS["rolled-back"](), width=110)).splitlines()
    long = [line for line in lines if len(line) > 110]
    assert all(line.startswith(("Stalled for", "Last failure")) for line in long)
    (first,) = (n for n, line in enumerate(lines) if line.startswith("TracedModel/minilm"))
    assert lines[first + 1].startswith(" " * lines[first].index("RolledBack"))


def test_of_many_each_is_a_line_with_why():
    shown = text_of(table(in_a_namespace_of_many(), NOW))
    assert shown == (
        "NAME   STATE         REASON          TASK                TARGET   BUCKETS   REPLICAS   AGE   WHY\n"
        "good   Ready         Succeeded       FeatureExtraction   CPU      2         1/1        24h   artifact 9ea5a6079139 with 2 verified buckets; 1 replica up\n"
        "busy   Reconciling   ExportRunning   FeatureExtraction   CPU      -         0/1        24h   attempt 1 runs: nothing is exported yet\n"
        "bad    Stalled       NotFinite       FeatureExtraction   CPU      -         0/1        24h   because\n"
    )


def test_of_all_namespaces_each_line_begins_with_its_own():
    first, second, *_ = text_of(table(in_a_namespace_of_many(), NOW, everywhere=True)).splitlines()
    assert first.startswith("NAMESPACE   NAME")
    assert second.startswith("search      good")


def test_one_that_no_operator_saw_is_in_the_list_too():
    assert "no operator has looked at it yet" in text_of(table([unseen()], NOW))


def replica_set(name, replicas, ready=0):
    owner = {"kind": "Deployment", "name": "minilm", "controller": True}
    metadata = {"name": name, "ownerReferences": [owner]}
    status = {"readyReplicas": ready}
    return {
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {"replicas": replicas},
        "status": status,
    }


def owned(world, name):
    """Give every server to a ReplicaSet."""
    for (kind, _), item in world.objects.items():
        if kind == "Pod" and "batch.kubernetes.io/job-name" not in item["metadata"]["labels"]:
            owner = {"kind": "ReplicaSet", "name": name, "controller": True}
            item["metadata"]["ownerReferences"] = [owner]


def test_pods_stand_below_their_replica_set_and_empty_ones_are_left_out():
    world = rolling(pods.READY)
    owned(world, "minilm-1")
    sets = (replica_set("minilm-1", 1, 1), replica_set("minilm-0", 0))
    (deployment,) = (n for n in chain(snapshot(world, *sets)).children if n.kind == "Deployment")
    (found,) = deployment.children
    assert (found.name, found.state) == ("minilm-1", "1/1 ready")
    assert [pod.name for pod in found.children] == ["server-node-1"]


def test_a_replica_set_that_loses_its_pods_is_being_replaced():
    world = rolling(pods.READY)
    owned(world, "minilm-0")
    (deployment,) = (
        node
        for node in chain(snapshot(world, replica_set("minilm-0", 0))).children
        if node.kind == "Deployment"
    )
    assert [node.why for node in deployment.children] == ["being replaced"]


def test_a_replica_set_of_another_deployment_is_not_shown():
    stranger = replica_set("other-1", 1)
    stranger["metadata"]["ownerReferences"][0]["name"] = "other"
    assert "other-1" not in text_of(overview(snapshot(ready(), stranger)))


@pytest.mark.parametrize(
    ("status", "state", "why"),
    [
        ({"phase": "Running"}, "Proving", "on node-1: loads and proves its graphs"),
        ({"phase": "Pending"}, "Pending", "on node-1"),
        (pods.waiting("ImagePullBackOff", "no image"), "ImageNotPulled", "ImagePullBackOff: no image"),
        (pods.evicted("the node was low on memory"), "Evicted", "the node was low on memory"),
        ({**pods.READY, "containerStatuses": [{"state": {"running": {}}, "restartCount": 2,
          "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}, "Ready", "on node-1, ended 2 times before"),
        (pods.crashed((137, "OOMKilled"), 3), "OutOfMemory", "ended 3 times on node-1: killed for want of memory: it had 2Gi; give it more"),
    ],
)  # fmt: skip
def test_a_server_is_shown_with_what_keeps_it(status, state, why):
    world = rolling(status)
    (deployment,) = (n for n in chain(snapshot(world)).children if n.kind == "Deployment")
    (pod,) = deployment.children
    assert (pod.state, pod.why) == (state, why)


def test_a_pod_that_is_being_deleted_is_ending():
    world = rolling({"phase": "Running"})
    world.objects["Pod", "server-node-1"]["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert "Ending" in text_of(overview(snapshot(world)))


def autoscaler(**status):
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "minilm"},
        "minReplicas": 1,
        "maxReplicas": 9,
    }
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "minilm"},
        "spec": spec,
        "status": status,
    }


def test_an_autoscaler_tells_what_it_wants():
    (node,) = (
        n
        for n in chain(snapshot(ready(), autoscaler(desiredReplicas=4))).children
        if n.kind.startswith("Horizontal")
    )
    assert (node.state, node.why) == ("Scales", "wants 4 of 1 to 9")


def test_an_autoscaler_that_has_no_metrics_says_so():
    told = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "no metrics",
    }
    fine = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
    shown = text_of(overview(snapshot(ready(), autoscaler(conditions=[fine, told]))))
    assert re.search(
        r"HorizontalPodAutoscaler/minilm +Hindered +- +FailedGetResourceMetric: no metrics", shown
    )


def test_an_autoscaler_of_something_else_is_not_shown():
    other = autoscaler()
    other["spec"]["scaleTargetRef"]["name"] = "other"
    assert "Horizontal" not in text_of(overview(snapshot(ready(), other)))


@pytest.mark.parametrize(
    ("status", "state", "why"),
    [
        ({}, "NotSeen", "KEDA has not looked at it yet: does it run?"),
        ({"conditions": [KEDA_READY, KEDA_IDLE]}, "Idle", "1 to 9 replicas; no trigger is active"),
        ({"conditions": [KEDA_READY, KEDA_ACTIVE, KEDA_PAUSED]}, "Paused", "ScaledObjectPaused: ScaledObject is paused"),
        ({"conditions": [KEDA_READY, KEDA_ACTIVE]}, "Scales", "1 to 9 replicas"),
        (
            {"conditions": [of_keda("Ready", "Unknown", "PartialTriggerError", "Some triggers do not work")],
             "health": {"s0": {"status": "Happy"}, "s1": {"status": "Failing", "numberOfFailures": 2}}},
            "Hindered", "PartialTriggerError: Some triggers do not work; s1 failed 2 times in a row",
        ),
    ],
)  # fmt: skip
def test_a_scaled_object_is_shown_as_keda_tells_of_it(status, state, why):
    node = chain(snapshot(by_keda(**status))).children[-1]
    assert (node.kind, node.state, node.why) == ("ScaledObject", state, why)
    assert [child.name for child in node.children] == ["keda-hpa-minilm"]


def test_a_scaled_object_that_is_being_deleted_says_who_holds_it():
    world = by_keda(conditions=[KEDA_READY])
    leaving = {"deletionTimestamp": "2026-01-02T03:05:05Z"}
    world.objects["ScaledObject", "minilm"]["metadata"] |= leaving
    shown = text_of(overview(snapshot(world)))
    assert re.search(r"ScaledObject/minilm +Ending +4m +KEDA has to let it go", shown)


def test_a_budget_says_whether_a_node_may_be_drained():
    world = ready()
    world.objects["PodDisruptionBudget", "minilm"]["status"] = {"disruptionsAllowed": 0}
    shown = text_of(overview(snapshot(world)))
    assert re.search(r"0 may go +5m +no pod may be taken away now", shown)


def test_the_child_of_a_deleted_namesake_is_not_shown():
    world = ready()
    world.objects["Service", "minilm"]["metadata"]["ownerReferences"][0]["uid"] = "u-0"
    assert "Service/" not in text_of(overview(snapshot(world)))


def test_a_spec_that_is_not_understood_is_shown_with_its_field_and_its_children():
    item = with_invalid_spec(document(ready()))
    shown = text_of(overview(Snapshot.of(item, ready().objects.values(), NOW)))
    assert "Stalled for 0s: InvalidSpec: spec.target" in shown
    assert "Correct the field that the message names, or upgrade the operator." in shown
    assert "Deployment/minilm" in shown


def test_one_that_is_being_deleted_needs_nothing():
    seen = Snapshot.of(deleting(document(ready())), (), NOW)
    assert what_to_do(seen) == ["Nothing: it is being deleted."]
    assert text_of(overview(seen)).splitlines()[1].startswith("Deleting: Succeeded")


def test_what_could_not_be_read_is_named():
    seen = replace(SCREENS["ready"](), unread=("pods: you may not do this",))
    assert text_of(overview(seen)).endswith("not shown: pods: you may not do this\n")


def test_a_failure_that_was_overcome_is_told_as_history():
    shown = text_of(overview(SCREENS["ready"]()))
    assert "Last failure" not in shown
    world = ready()
    failure = {
        "reason": "StoreUnreachable",
        "message": "no route",
        "exitCode": 71,
        "time": "2026-01-02T03:04:05Z",
    }
    item = document(world)
    item["status"]["lastFailure"] = failure
    told = text_of(overview(Snapshot.of(item, (), NOW + timedelta(hours=3))))
    assert "Last failure 3h ago, exit code 71, overcome since: StoreUnreachable: no route\n" in told


def test_for_programs_it_is_the_same():
    found = as_document(SCREENS["failed"]())
    assert (found["state"], found["lastFailure"]["exitCode"]) == ("Stalled", 19)
    (job,) = found["chain"]["children"]
    assert job["children"][0] | {"name": ""} == {
        "kind": "Pod",
        "name": "",
        "state": "NotFinite",
        "why": "bucket 1x32 gives NaN (exit code 19)",
    }
    assert found["whatToDo"][0].startswith("Compare with the eager model")


def markup_gone(cell):
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"docs/\1", cell).replace("`", "")


def test_the_advice_is_that_of_the_page():
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition("\n## Reasons of conditions\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    page = {markup_gone(row[0]).strip(): markup_gone(row[3]).strip() for row in rows}
    assert page == WHAT_TO_DO


def test_there_is_advice_for_reasons_of_processes_and_none_for_unknown_ones():
    assert advice("ModelNotFound") == "Correct spec.model.source or revision."
    assert advice("Whatever") is None
    assert advice(conditions.ROLLOUT_IN_PROGRESS) == "Wait."


def test_of_a_rollout_that_failed_what_kept_its_pods_comes_first():
    first, second, *_ = what_to_do(snapshot(past_rollout_deadline(PULLING)))
    assert first.startswith("Correct the image in the operator's settings")
    assert second.startswith("Read the pods: kubectl get pods -l tracedmodel.dev/model=minilm.")


def test_an_export_that_left_no_report_says_so():
    shown = text_of(overview(snapshot(ended())))
    assert re.search(r"Job/\S+ +Failed +5m +attempt 1: its pods left no report", shown)


def test_a_state_that_is_not_known_is_not_called_ready():
    item = document(ready())
    item["status"]["conditions"] = [{**item["status"]["conditions"][0], "status": "Unknown"}]
    assert chain(Snapshot.of(item, (), NOW)).state == "NotReady"


def test_a_world_that_is_as_wanted_needs_nothing():
    assert what_to_do(SCREENS["ready"]()) == []
    assert len(what_to_do(snapshot(World()))) == 1


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d"), (-5, "0s")]
)  # fmt: skip
def test_an_age_is_told_in_its_largest_unit(seconds, expected):
    since = (NOW - timedelta(seconds=seconds)).isoformat()
    assert age(since, NOW) == expected


def test_nothing_has_no_age():
    assert age(None, NOW) == "-"


def test_columns_are_as_wide_as_their_widest_cell_and_figures_stand_to_the_right():
    lines = columns([["a", "bbb"], ["aaa", "b"]], right=frozenset({1}))
    assert [line.plain for line in lines] == ["a     bbb", "aaa     b"]
