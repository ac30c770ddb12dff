"""What ``kubectl tracedmodel`` shows of the states that people meet: each as a snapshot, five minutes after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from rich.text import Text

import pods
from apiserver.autoscalers import hpa_of
from resources import SETTINGS, World, failed, report, row
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


def by_keda(**status: Any) -> World:
    """A model that KEDA scales; ``status`` is what it says of its ScaledObject."""
    settings = SETTINGS.with_(autoscaling="KEDA")
    scaling = {"minReplicas": 1, "maxReplicas": 9}
    world = finished(launched(settings, serving={"autoscaling": scaling}), report())
    world.serve()
    world.settle()
    scaled = world.objects["ScaledObject", world.resource.metadata.name]
    scaled["metadata"]["uid"] = "u-2"
    scaled["status"] = status
    autoscaler = hpa_of(scaled)
    autoscaler["metadata"]["creationTimestamp"] = scaled["metadata"]["creationTimestamp"]
    world.objects["HorizontalPodAutoscaler", autoscaler["metadata"]["name"]] = autoscaler
    return world


def of_keda(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    """Return a condition as KEDA writes it: without a time."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


KEDA_READY = of_keda(
    "Ready",
    "True",
    "ScaledObjectReady",
    "ScaledObject is defined correctly and is ready for scaling",
)
KEDA_ACTIVE = of_keda(
    "Active", "True", "ScalerActive", "Scaling is performed because triggers are active"
)
KEDA_IDLE = of_keda(
    "Active", "False", "ScalerNotActive", "Scaling is not performed because triggers are not active"
)
KEDA_PAUSED = of_keda("Paused", "True", "ScaledObjectPaused", "ScaledObject is paused")
KEDA_FAILS = of_keda(
    "Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly"
)


def by_keda_that_works() -> World:
    """KEDA knows the load."""
    world = by_keda(conditions=[KEDA_READY, KEDA_ACTIVE])
    made = world.objects["HorizontalPodAutoscaler", "keda-hpa-minilm"]
    made["status"] = {"desiredReplicas": 1}
    return world


def by_keda_without_prometheus() -> World:
    """KEDA is told nothing."""
    health = {"s0-prometheus": {"numberOfFailures": 7, "status": "Failing"}}
    world = by_keda(conditions=[KEDA_FAILS, KEDA_IDLE], health=health)
    told = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetExternalMetric",
        "message": "the HPA was unable to compute the replica count",
        "lastTransitionTime": "2026-01-02T03:05:05Z",
    }
    made = world.objects["HorizontalPodAutoscaler", "keda-hpa-minilm"]
    made["status"] = {"conditions": [told]}
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
    "keda": lambda: snapshot(by_keda_that_works()),
    "keda-failing": lambda: snapshot(by_keda_without_prometheus()),
}
