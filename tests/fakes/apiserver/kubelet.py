"""Pods as controllers make them and kubelets tell of them."""

from __future__ import annotations

from typing import Any

from apiserver.outcomes import Crashes, End, PodOutcome, Runs, Unschedulable, Waits

Object = dict[str, Any]
NODE = "node-1"


def pod_of(owner: Object, name: str, labels: dict[str, str], *, scheduled: bool) -> Object:
    """Return a pod by the template of its owner."""
    template = owner["spec"]["template"]
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    own = {
        "name": name,
        "namespace": metadata["namespace"],
        "labels": {**(template["metadata"].get("labels") or {}), **labels},
        "ownerReferences": [reference],
    }
    annotations = template["metadata"].get("annotations")
    own |= {"annotations": annotations} if annotations else {}
    spec = {**template["spec"], **({"nodeName": NODE} if scheduled else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": spec}


def status_of(pod: Object, outcome: PodOutcome, now: str) -> Object:
    """Return the status of a pod in a state."""
    if isinstance(outcome, Unschedulable):
        return {"phase": "Pending", "conditions": [_unscheduled(outcome, now)]}
    started = pod.get("status", {}).get("startTime") or now
    statuses = [_container(c, outcome, now) for c in pod["spec"]["containers"]]
    ready = isinstance(outcome, Runs) and outcome.ready
    conditions = [_condition("PodScheduled", now, true=True), _condition("Ready", now, true=ready)]
    return {
        "phase": _phase(outcome),
        "startTime": started,
        "conditions": conditions,
        "containerStatuses": statuses,
    }


def _phase(outcome: PodOutcome) -> str:
    if isinstance(outcome, End):
        return "Failed" if outcome.code else "Succeeded"
    return "Pending" if isinstance(outcome, Waits) else "Running"


def _condition(kind: str, now: str, *, true: bool) -> Object:
    return {"type": kind, "status": "True" if true else "False", "lastTransitionTime": now}


def _unscheduled(outcome: Unschedulable, now: str) -> Object:
    why = {"reason": "Unschedulable", "message": outcome.message}
    return {**_condition("PodScheduled", now, true=False), **why}


def _container(container: Object, outcome: PodOutcome, now: str) -> Object:
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": isinstance(outcome, Runs) and outcome.ready,
        "restartCount": 0,
    }
    match outcome:
        case End():
            return {**status, "state": {"terminated": _terminated(outcome, now)}}
        case Waits():
            waiting = {"reason": outcome.reason, "message": outcome.message}
            return {**status, "state": {"waiting": waiting}}
        case Crashes():
            waiting = {
                "reason": "CrashLoopBackOff",
                "message": "back-off restarting failed container",
            }
            last = {"terminated": _terminated(outcome.end, now)}
            crashed = {"restartCount": outcome.restarts, "lastState": last}
            return {**status, **crashed, "state": {"waiting": waiting}}
    return {**status, "state": {"running": {"startedAt": now}}}


def _terminated(end: End, now: str) -> Object:
    ended = {"exitCode": end.code, "reason": end.word, "startedAt": now, "finishedAt": now}
    return ended | ({"message": end.message} if end.message else {})
