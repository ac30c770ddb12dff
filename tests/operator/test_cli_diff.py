"""What ``diff`` foresees, by the operator's own plan."""

import json
from pathlib import Path

import pytest

import pods
from diffs import BY_LOAD, DIFFS, SEVEN, diff, diff_of_new, foreseen
from resources import COMMIT, SETTINGS, World, failed, resource
from states import (
    OTHER,
    PROVED_WRONG,
    SUSPEND,
    autoscaled,
    document,
    edited,
    ended,
    exporting,
    ready,
    rolled_back,
)
from tracedmodel_operator.cli import changes
from tracedmodel_operator.cli.foresight import foresee
from tracedmodel_operator.cli.rehearsal import Rehearsal, rehearsal
from tracedmodel_operator.settings import Settings

FOLDER = Path(__file__).parent / "diffs"
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def serving(world):
    """Give a served world its pod."""
    world.server_pod(pods.READY)
    return world


@pytest.mark.parametrize("name", DIFFS)
def test_a_change_of_who_decides_is_shown_as_a_reviewer_read_it(name, update_golden):
    told = DIFFS[name]()
    file = FOLDER / f"{name}.txt"
    if update_golden:
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def test_every_text_belongs_to_a_change():
    assert {file.stem for file in FOLDER.iterdir()} == set(DIFFS)


def test_the_page_shows_what_a_number_in_place_of_an_autoscaler_comes_to():
    assert f"```text\n{DIFFS['hpa-to-number']()}```\n" in PAGE.read_text(encoding="utf-8")


def test_the_spec_as_it_is_changes_nothing():
    assert diff(serving(ready()), {}) == (
        "search/minilm: the spec is as it is in the cluster\n"
        "export:       none: artifact 9ea5a6079139 answers\n"
        "roll out:     none: no serving pod is replaced\n"
        "left alone:   Deployment/minilm, Service/minilm, PodDisruptionBudget/minilm\n"
    )


def test_another_revision_is_exported_and_then_rolled_out():
    assert diff(serving(ready()), OTHER) == (
        "search/minilm:\n"
        f"  ~ spec.model.revision: {COMMIT} -> {'d' * 40}\n"
        "export:       RequestChanged: what is to be exported has changed\n"
        "trace:        1x32, 8x128, each unless the store has it\n"
        "then:         with the new artifact, one more first: replaces server-node-1 (node-1)\n"
        "left alone:   Deployment/minilm, Service/minilm, PodDisruptionBudget/minilm\n"
    )


def test_of_more_buckets_only_the_new_ones_are_traced():
    buckets = [{"batchSize": b, "sequenceLength": s} for b, s in ((1, 32), (8, 128), (4, 64))]
    told = diff(serving(ready()), {"export": {"buckets": buckets}})
    assert '+ spec.export.buckets: {"batchSize": 4, "sequenceLength": 64}\n' in told
    assert "export:       BucketsMissing: the artifact has no bucket 4x64\n" in told
    assert "trace:        4x64, each unless the store has it\n" in told
    assert "not traced:   1x32, 8x128: in the store, compared with the tolerance again\n" in told


def test_fewer_buckets_need_no_export_but_another_index():
    told = diff(serving(ready()), {"export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}})
    assert '- spec.export.buckets: {"batchSize": 8, "sequenceLength": 128}\n' in told
    assert "export:       none: artifact" in told
    assert "roll out:     at once, one more first: replaces server-node-1 (node-1)\n" in told


def test_other_resources_replace_pods_and_export_nothing():
    change = {"serving": {"resources": {"cpu": "4"}, "rollout": {"strategy": "InPlace"}}}
    told = diff(serving(ready()), change)
    assert "export:       none: artifact 9ea5a6079139 answers\n" in told
    assert (
        "roll out:     at once, the old one goes first: replaces server-node-1 (node-1)\n" in told
    )
    assert "left alone:   Service/minilm, PodDisruptionBudget/minilm\n" in told


def test_more_replicas_replace_nothing():
    told = diff(serving(ready()), {"serving": {"replicas": 3}})
    assert "scale:        from 1 to 3 replicas\n" in told
    assert "roll out:     none: no serving pod is replaced\n" in told


def test_settings_that_are_not_the_operators_replace_nothing():
    images = SETTINGS.cpu.model_copy(update={"server_image": "mirror/server:9"})
    assert "roll out:     none" in diff(serving(ready()), {}, SETTINGS.with_(cpu=images))


def test_a_default_store_that_is_not_known_here_is_that_of_the_artifacts():
    told = diff(serving(ready()), {}, Settings())
    assert "export:       none: artifact 9ea5a6079139 answers\n" in told


def test_a_spec_that_goes_back_to_a_kept_artifact_needs_no_export():
    world = edited(ready(), OTHER)
    assert "export:       none: artifact 9ea5a6079139 answers\n" in diff(
        world, {"model": {"revision": COMMIT}}
    )


def test_while_suspended_nothing_is_exported_or_rolled_out():
    told = diff(serving(edited(ready(), SUSPEND)), OTHER)
    assert "export:       not before spec.suspend is false: what is to be exported" in told
    told = diff(serving(edited(ready(), SUSPEND)), {"serving": {"resources": {"cpu": "4"}}})
    assert "roll out:     not now: SuspendedByUser\n" in told


def test_what_begins_suspended_is_not_scaled_either():
    told = diff_of_new(World(resource({**BY_LOAD, **SUSPEND})))
    assert "not before spec.suspend is false: nothing is exported yet\n" in told
    assert "creates:" not in told


def test_an_export_that_runs_goes_on():
    told = diff(exporting(), {"serving": {"replicas": 2}})
    assert "export:   goes on, attempt 1: nothing is exported yet\n" in told
    assert "then:     starts 2 serving pods with the artifact\n" in told


def test_an_export_that_is_not_asked_for_any_more_is_ended():
    told = diff(exporting(), OTHER)
    assert "ends:     the export that runs: Job/minilm-export-bc5dd20e-1\n" in told


def test_a_failure_that_the_change_does_not_touch_stays():
    told = diff(ended(failed("NotFinite", "NaN")), {"serving": {"replicas": 2}})
    assert "export:   no: NotFinite: NaN\n" in told


def test_an_artifact_that_was_rejected_stays_so():
    told = diff(rolled_back(*[pods.crashed(PROVED_WRONG)] * 2), {})
    assert "rejected:     ProofFailed: artifact 2ac2f3c02c50 failed" in told


def test_a_new_resource_is_exported_whole():
    new = World()
    assert diff_of_new(new) == (
        "search/minilm is new\n"
        "export:   NothingExported: nothing is exported yet\n"
        "trace:    1x32, 8x128, each unless the store has it\n"
        "then:     starts 1 serving pod with the artifact\n"
    )
    seen = foresee(None, new.resource, new.observe(), Settings())
    found = changes.document(None, document(new), seen)
    assert (found["fields"], found["traced"]) == (None, ["1x32", "8x128"])


def test_what_decides_on_the_replicas_is_for_programs_too():
    world = autoscaled()
    after, seen = foreseen(world, SEVEN)
    found = changes.document(document(world), document(after), seen)
    assert (found["replicas"], found["autoscaler"], found["waits"]) == ([4, 7], None, None)
    assert (found["created"], found["changed"]) == ([], [])
    assert found["deleted"] == ["HorizontalPodAutoscaler/minilm"]
    assert found["leftAlone"] == ["Service/minilm", "PodDisruptionBudget/minilm"]


def test_an_operator_without_a_store_is_believed():
    world = World(settings=Settings())
    world.turn()
    told = diff(world, {"serving": {"replicas": 2}}, Settings())
    assert "export:   no: StoreNotSet: no store" in told


def test_for_programs_it_is_the_same():
    world = serving(ready())
    after, seen = foreseen(world, {"serving": {"replicas": 3, "resources": {"cpu": "4"}}})
    found = changes.document(document(world), document(after), seen)
    assert (found["replacedAtOnce"], found["replicas"], found["export"]) == (
        ["server-node-1"],
        [1, 3],
        None,
    )
    assert found["fields"] == [
        "~ spec.serving.replicas: 1 -> 3",
        '+ spec.serving.resources: {"cpu": "4"}',
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1}, {"a": 2, "b": "x"}, ["~ s.a: 1 -> 2", "+ s.b: x"]),
        ({"a": {"b": True}}, {"a": None}, ['- s.a: {"b": true}']),
        ({"a": [1, 2]}, {"a": [2, 3]}, ["- s.a: 1", "+ s.a: 3"]),
        ({"a": 1}, {"a": 1}, []),
    ],
)
def test_fields_that_differ_are_told_one_by_one(before, after, lines):
    assert [*changes.fields(before, after, "s")] == lines


MANIFEST = {
    "kind": "TracedModel",
    "metadata": {"name": "a"},
    "spec": {"target": "CPU", "list": [1]},
}


def applied(before):
    text = before if isinstance(before, str) else json.dumps(before)
    return {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": text}}}


def test_what_is_new_is_applied_by_the_server():
    assert rehearsal(MANIFEST, None) == Rehearsal("kubectl")


def test_what_was_applied_by_a_client_loses_what_the_manifest_leaves_out():
    live = applied({**MANIFEST, "spec": {"target": "Inf1", "suspend": True}, "old": 1})
    assert rehearsal(MANIFEST, live) == Rehearsal(
        "kubectl-client-side-apply",
        {**MANIFEST, "old": None, "spec": {"suspend": None, "target": "CPU", "list": [1]}},
    )


@pytest.mark.parametrize("before", ["{", "[]"])
def test_a_record_of_a_client_that_cannot_be_read_is_none(before):
    assert rehearsal(MANIFEST, applied(before)) == Rehearsal("kubectl")


def test_what_was_applied_by_a_server_is_applied_as_the_same_manager():
    entries = [
        {"manager": "tracedmodel-operator", "operation": "Apply", "subresource": "status"},
        {"manager": "kubectl-edit", "operation": "Update"},
        {"manager": "argocd-controller", "operation": "Apply"},
    ]
    live = {"metadata": {"managedFields": entries}}
    assert rehearsal(MANIFEST, live) == Rehearsal("argocd-controller")
