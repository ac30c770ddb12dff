"""What scales the servers, as links of the chain: HorizontalPodAutoscalers, and KEDA's ScaledObjects above theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import BAD, BUSY, FAINT, GOOD
from tracedmodel_operator.cli.tree import Node
from tracedmodel_operator.kinds import AUTOSCALER, SCALED_OBJECT

Object = Mapping[str, Any]


def autoscalers(snapshot: Snapshot) -> Iterator[Node]:
    """Return what scales the servers; what KEDA makes stands below its ScaledObject."""
    made = snapshot.of_kind(AUTOSCALER.name)
    scaled = snapshot.of_kind(SCALED_OBJECT.name)
    names = {item["metadata"]["name"] for item in scaled}
    for item in scaled:
        own = [one for one in made if _maker(one) == item["metadata"]["name"]]
        yield _scaled_object(item, tuple(map(_autoscaler, own)))
    yield from (_autoscaler(item) for item in made if _maker(item) not in names)


def _maker(item: Object) -> str:
    """Return the ScaledObject of which KEDA made an autoscaler."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner["name"] for owner in owners if owner["kind"] == SCALED_OBJECT.name), "")


def _autoscaler(item: Object) -> Node:
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    wants = status.get("desiredReplicas", "-")
    told = [one for one in status.get("conditions") or () if _hinders(one)]
    why = f"wants {wants} of {spec.get('minReplicas', 1)} to {spec['maxReplicas']}"
    state, tone, since = "Scales", GOOD, metadata.get("creationTimestamp")
    if told:
        state, tone, since = "Hindered", BAD, told[0].get("lastTransitionTime")
        why = f"{told[0]['reason']}: {told[0].get('message', '')}"
    return Node(AUTOSCALER.name, metadata["name"], state, tone, since, why)


def _hinders(condition: Object) -> bool:
    telling = condition["type"] in ("AbleToScale", "ScalingActive")
    # With no replica wanted, an autoscaler is off by its own design.
    return bool(
        telling and condition["status"] == "False" and condition.get("reason") != "ScalingDisabled"
    )


def _scaled_object(item: Object, made: tuple[Node, ...]) -> Node:
    metadata = item["metadata"]
    state, tone, why = _scales(item)
    # KEDA's conditions have no times.
    since = metadata.get("creationTimestamp") if tone == GOOD else None
    since = metadata.get("deletionTimestamp") or since
    return Node(SCALED_OBJECT.name, metadata["name"], state, tone, since, why, made)


def _scales(item: Object) -> tuple[str, str, str]:
    """Return what KEDA says of a ScaledObject, what matters first."""
    told = {one["type"]: one for one in (item.get("status") or {}).get("conditions") or ()}
    ready, paused, active = (told.get(kind) or {} for kind in ("Ready", "Paused", "Active"))
    if item["metadata"].get("deletionTimestamp"):
        return "Ending", BUSY, "KEDA has to let it go"
    if not ready.get("reason"):
        return "NotSeen", BUSY, "KEDA has not looked at it yet: does it run?"
    if ready["status"] != "True":
        why = f"{ready['reason']}: {ready.get('message', '')}"
        return "Hindered", BAD, "; ".join([why, *_failing(item)])
    if paused.get("status") == "True":
        return "Paused", BUSY, f"{paused.get('reason')}: {paused.get('message', '')}"
    bounds = (
        f"{item['spec'].get('minReplicaCount', 0)} to {item['spec'].get('maxReplicaCount', 100)}"
    )
    if active.get("status") == "False":
        return "Idle", FAINT, f"{bounds} replicas; no trigger is active"
    return "Scales", GOOD, f"{bounds} replicas"


def _failing(item: Object) -> Iterator[str]:
    """Say which triggers fail, by the names of their metrics."""
    for metric, health in sorted(((item.get("status") or {}).get("health") or {}).items()):
        if health.get("status") == "Failing":
            yield f"{metric} failed {health.get('numberOfFailures', 0)} times in a row"
