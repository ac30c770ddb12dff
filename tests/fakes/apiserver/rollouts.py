"""The Deployment controller's arithmetic: which pods to make and to remove, and what the status says."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
HASH = "pod-template-hash"


def template_hash(deployment: Object) -> str:
    """Return what tells the pods of one template from those of another."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def is_ready(pod: Object) -> bool:
    """Return whether a pod serves."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@dataclass
class Step:
    """What to do next: numbers of pods to make, and pods to remove."""

    make: int = 0
    remove: list[Object] = field(default_factory=list)


def next_step(deployment: Object, pods: list[Object]) -> Step:
    """Return the next step of a rollout, within what surge and unavailability allow."""
    spec = deployment["spec"]
    wanted, current = spec["replicas"], template_hash(deployment)
    new = [pod for pod in pods if pod["metadata"]["labels"].get(HASH) == current]
    old = [pod for pod in pods if pod not in new]
    surge, unavailable = _allowed(spec, wanted)
    ready = sum(map(is_ready, pods))
    remove = [pod for pod in old if not is_ready(pod)] + new[wanted:]
    spare = ready - max(0, wanted - unavailable)
    remove += [pod for pod in old if is_ready(pod)][: max(0, spare)]
    room = min(wanted - len(new), wanted + surge - len(pods) + len(remove))
    return Step(max(0, room), remove)


def _allowed(spec: Object, wanted: int) -> tuple[int, int]:
    if spec["strategy"]["type"] == "Recreate":
        return 0, wanted
    steps = spec["strategy"]["rollingUpdate"]
    surge = _count(steps["maxSurge"], wanted, math.ceil)
    unavailable = _count(steps["maxUnavailable"], wanted, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _count(amount: str | int, of: int, rounded: Any) -> int:
    if isinstance(amount, int):
        return amount
    return int(rounded(int(amount.rstrip("%")) * of / 100))


def status_of(deployment: Object, pods: list[Object], now: str, *, late: bool) -> Object:
    """Return the status of a Deployment with some pods; what is zero is left out, here as null."""
    wanted, current = deployment["spec"]["replicas"], template_hash(deployment)
    updated = sum(pod["metadata"]["labels"].get(HASH) == current for pod in pods)
    ready = sum(map(is_ready, pods))
    counts = {
        "replicas": len(pods),
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(wanted, len(pods)) - ready),
    }
    before = deployment.get("status", {}).get("conditions") or ()
    _, unavailable = _allowed(deployment["spec"], wanted)
    done = len(pods) == updated == ready == wanted
    conditions = [
        _available(before, now, true=ready >= wanted - unavailable),
        _progressing(deployment, before, now, late=late and not done, done=done),
    ]
    return {
        **{key: count or None for key, count in counts.items()},
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": conditions,
    }


def _available(before: Any, now: str, *, true: bool) -> Object:
    if true:
        why = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        why = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return _condition("Available", before, now, why, true=true)


def _progressing(deployment: Object, before: Any, now: str, *, late: bool, done: bool) -> Object:
    subject = f'ReplicaSet "{deployment["metadata"]["name"]}-{template_hash(deployment)}"'
    if late:
        why = ("ProgressDeadlineExceeded", f"{subject} has timed out progressing.")
    elif done:
        why = ("NewReplicaSetAvailable", f"{subject} has successfully progressed.")
    else:
        why = ("ReplicaSetUpdated", f"{subject} is progressing.")
    return _condition("Progressing", before, now, why, true=not late)


def _condition(kind: str, before: Any, now: str, why: tuple[str, str], *, true: bool) -> Object:
    reason, message = why
    said = {"type": kind, "status": "True" if true else "False", "reason": reason}
    said["message"] = message
    old: Object = next((c for c in before if c["type"] == kind), {})
    if old.items() >= said.items():
        return dict(old)
    changed = now if old.get("status") != said["status"] else old["lastTransitionTime"]
    return {**said, "lastUpdateTime": now, "lastTransitionTime": changed}
