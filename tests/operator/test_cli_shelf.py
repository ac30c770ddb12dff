"""The tables of artifacts and of buckets."""

import re

import pytest

import pods
from people import METRICS
from resources import World, report, row
from screens import inf1, snapshot, text_of
from states import OTHER, PROVED_WRONG, edited, finished, ready, rolled_back
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator.cli import shapes, shelf


def test_the_served_artifact_is_what_the_spec_asks_for():
    assert text_of(shelf.shelf(snapshot(ready()))) == (
        "ARTIFACT       AGE   STATE    BUCKETS      REVISION       GOES BACK TO IT\n"
        "9ea5a6079139   5m    served   1x32,8x128   c9745ed1d9f2   the spec as it is\n"
    )


def test_an_older_artifact_says_which_revision_goes_back_to_it():
    world = finished(edited(ready(), OTHER), report(revision="d" * 40))
    world.serve(ready=1)
    world.settle()
    _, *lines = text_of(shelf.shelf(snapshot(world))).splitlines()
    states = [re.split(r" {2,}", line)[2::3] for line in lines]
    returns = "the spec that it was exported for: revision c9745ed1d9f2"
    assert sorted(states) == [["kept", returns], ["served", "the spec as it is"]]


def test_an_artifact_that_servers_could_not_prove_says_why_and_waits_for_a_retry():
    shown = text_of(shelf.shelf(snapshot(rolled_back(*[pods.crashed(PROVED_WRONG)] * 2))))
    assert "a retry alone; ProofFailed: artifact 2ac2f3c02c50 failed on node-1 and node-2" in shown
    documents = shelf.as_documents(snapshot(rolled_back(*[pods.crashed(PROVED_WRONG)] * 2)))
    assert sorted(one["state"] for one in documents) == ["rejected", "served"]
    assert ["rejected" in one for one in documents].count(True) == 1


def test_an_artifact_with_other_buckets_names_them():
    world = edited(ready(), {"export": {"buckets": [{"batchSize": 4, "sequenceLength": 64}]}})
    assert "the spec as it is with buckets 1x32, 8x128" in text_of(shelf.shelf(snapshot(world)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": {"task": "FillMask"}}, "task FeatureExtraction"),
        ({"export": {"precision": "BFloat16"}}, "precision Float32"),
        ({"target": "Inf1"}, "target CPU"),
        ({"model": {"source": "hf://acme/other"}}, "another model, store, compiler or requested-at"),
    ],
)  # fmt: skip
def test_what_differs_from_the_spec_is_named(change, told):
    shown = text_of(shelf.shelf(snapshot(edited(ready(), change))))
    assert f"the spec that it was exported for: {told}" in shown


def test_of_a_spec_that_is_not_understood_nothing_is_said():
    seen = snapshot(ready())
    seen.item["spec"]["target"] = "Inf9"
    assert text_of(shelf.shelf(seen)).splitlines()[1].endswith("-")


def test_what_the_last_rollout_served_is_the_last_good_one():
    world = finished(edited(ready(), OTHER), report(revision="d" * 40))
    states = {one.index.digest[:4]: one.state() for one in shelf.kept(snapshot(world))}
    assert states == {"9ea5": "last good", "2ac2": "served"}


def test_the_waste_of_all_servers_is_taken_together():
    busy = METRICS.replace('padding"} 25.0', 'padding"} 125.0')
    assert shapes.waste([METRICS, busy]) == {"1x32": 0.5}
    assert shapes.waste(["", ""]) == {}


def test_every_bucket_is_a_line_of_figures():
    shown = text_of(shapes.shapes(ready().resource.status, {"1x32": 0.25}))
    assert shown == (
        "BUCKET       P50       P99   EAGER P50   SPEED-UP   ERROR   AGREEMENT     SIZE   COMPILED   PADDING\n"
        "1x32     5.00 ms   6.00 ms     8.00 ms      1.60x   1e-06           1   230 kB          -       25%\n"
        "8x128    5.00 ms   6.00 ms     8.00 ms      1.60x   1e-06           1   230 kB          -         -\n"
    )


def test_what_is_not_known_is_a_dash():
    _, line, _ = text_of(shapes.shapes(inf1().resource.status, {})).splitlines()
    assert line.split() == ["1x32", "-", "-", "-", "-", "-", "-", "230", "kB", "96%", "-"]


def test_large_graphs_are_told_in_megabytes():
    world = World()
    world.turn()
    finished(world, report(rows=(row(Bucket(1, 32), size=87_000_000), row(Bucket(8, 128)))))
    assert "87.0 MB" in text_of(shapes.shapes(world.resource.status, {}))


def test_for_programs_the_waste_is_a_share():
    one, other = shapes.as_documents(ready().resource.status, {"1x32": 1 / 3})
    assert (one["paddingShare"], one["maxAbsoluteError"]) == (0.3333, "1e-06")
    assert "paddingShare" not in other


def test_without_an_artifact_there_are_no_buckets():
    status = World().resource.status
    assert shapes.as_documents(status, {}) == []
    assert len(text_of(shapes.shapes(status, {})).splitlines()) == 1
