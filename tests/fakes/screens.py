"""What ``kubectl tracedmodel`` shows of the states that people meet: each as a snapshot, five minutes after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from rich.text import Text

import pods
from resources import World, failed, report, row
from states import (
    NO_NODE,
    OTHER,
    PROVED_WRONG,
    SUSPEND,
    changed_but_unseen,
    document,
    edited,
    ended,
    exporting,
    finished,
    launched,
    past_rollout_deadline,
    ready,
    remade,
    rolled_back,
    rolling,
)
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator.cli.snapshot import Snapshot

AFTER = timedelta(minutes=5)


def snapshot(world: World, *more: dict[str, Any]) -> Snapshot:
    """Return what would be read of a world."""
    objects = [*world.objects.values(), *more]
    return Snapshot.of(document(world), objects, world.now + AFTER)


def text_of(lines: Iterable[Text]) -> str:
    """Return lines as they are where there is no terminal."""
    return "".join(f"{line.plain}\n" for line in lines)


def inf1() -> World:
    """A model on two NeuronCores whose figures only servers have."""
    world = launched(target="Inf1", serving={"neuronCores": 4})
    unproved = {"error": None, "agreement": None, "p50": None, "p99": None, "eager_p50": None}
    buckets = (Bucket(1, 32), Bucket(8, 128))
    rows = tuple(row(bucket, **unproved, compiled_percent=96) for bucket in buckets)
    finished(world, report(rows=rows))
    world.serve(ready=1)
    world.settle()
    return world


def in_a_namespace_of_many() -> list[dict[str, Any]]:
    """Resources in several states, as a list has them."""
    worlds = {"good": ready(), "busy": exporting(), "bad": ended(failed("NotFinite"))}
    found = []
    for name, world in worlds.items():
        item = document(world)
        created = {"name": name, "creationTimestamp": "2026-01-01T03:04:05Z"}
        found.append({**item, "metadata": {**item["metadata"], **created}})
    return found


SCREENS: dict[str, Callable[[], Snapshot]] = {
    "unseen": lambda: snapshot(World()),
    "exporting": lambda: snapshot(exporting({"phase": "Running"})),
    "unschedulable": lambda: snapshot(exporting(pods.unschedulable(NO_NODE))),
    "failed": lambda: snapshot(ended(failed("NotFinite", "bucket 1x32 gives NaN"))),
    "backing-off": lambda: snapshot(ended(failed("StoreUnreachable", "s3://models: no route"))),
    "rolling-out": lambda: snapshot(remade(pods.READY)),
    "proof-failed": lambda: snapshot(rolling(pods.crashed(PROVED_WRONG, 2))),
    "past-deadline": lambda: snapshot(past_rollout_deadline()),
    "rolled-back": lambda: snapshot(rolled_back(*[pods.crashed(PROVED_WRONG)] * 2)),
    "ready": lambda: snapshot(ready()),
    "suspended": lambda: snapshot(edited(edited(ready(), SUSPEND), OTHER)),
    "changed": lambda: snapshot(changed_but_unseen()),
    "inf1": lambda: snapshot(inf1()),
}
